"""Pairs of meshes with small alphabets, so that rules overlap, and requests that hit their predicates or just miss them."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from meshgen.trace import Capture, Request

Json = dict[str, Any]
Headers = tuple[tuple[str, str], ...]

CORE: list[Json] = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}},
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "pay"}},
]


def workload(name: str, namespace: str) -> Json:
    template = {"metadata": {"labels": {"app": name}}, "spec": {"serviceAccountName": name}}
    spec = {"selector": {"matchLabels": {"app": name}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def service(name: str, address: str, ports: list[Json], selector: Json | None = None, namespace: str = "shop") -> Json:
    spec = {"clusterIP": address, "selector": selector or {"app": name}, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace}, "spec": spec}


HTTP = {"name": "http", "port": 80, "targetPort": 8080}
TCP = {"name": "tcp-db", "port": 5432, "targetPort": 5432}
EDGE = {"istio": "ingressgateway"}
CORE += [
    workload("catalog", "shop"),
    workload("web", "pay"),
    workload("batch", "pay"),
    service("catalog", "10.96.0.1", [HTTP, TCP]),
]
CORE.append(service("web", "10.96.0.2", [HTTP], namespace="pay"))
CORE.append({
    "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "edge", "namespace": "istio-system"},
    "spec": {"selector": {"matchLabels": EDGE},
             "template": {"metadata": {"labels": EDGE}, "spec": {"serviceAccountName": "edge"}}},
})  # fmt: skip
CORE.append({
    "apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": {"name": "catalog", "namespace": "shop"},
    "spec": {"host": "catalog", "subsets": [{"name": name, "labels": {"version": name}} for name in ("v1", "v2")]},
})  # fmt: skip


def istio(group: str, kind: str, name: str, spec: Json, namespace: str = "shop") -> Json:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": f"{group}.istio.io/v1", "kind": kind, "metadata": metadata, "spec": spec}


def some(strategy: st.SearchStrategy[Any], least: int = 1, most: int = 2) -> st.SearchStrategy[list[Any]]:
    return st.lists(strategy, min_size=least, max_size=most)


texts = st.sampled_from(["a", "ab", "abc", "b", "1", "12"])
string_matches = st.one_of(
    texts.map(lambda text: {"exact": text}),
    texts.map(lambda text: {"prefix": text}),
    st.sampled_from(["a.*", "[a-b]+", "(1|ab)", "b?", r"\d+"]).map(lambda text: {"regex": text}),
)
path_matches = st.one_of(
    st.sampled_from(["/", "/a", "/a/b", "/api", "/api/"]).map(lambda text: {"prefix": text}),
    st.sampled_from(["/", "/a", "/a/b", "/api", "/api/1"]).map(lambda text: {"exact": text}),
    st.sampled_from(["/a.*", "/api/[0-9]+", "/[^/]+", ".*/b"]).map(lambda text: {"regex": text}),
)
header_names = st.sampled_from(["x-a", "x-b"])
matches = st.fixed_dictionaries(
    {},
    optional={
        "uri": path_matches,
        "headers": st.dictionaries(header_names, string_matches | st.just({}), min_size=1, max_size=2),
        "withoutHeaders": st.dictionaries(header_names, string_matches | st.just({}), min_size=1, max_size=1),
        "method": st.sampled_from(["GET", "POST"]).map(lambda text: {"exact": text}),
        "queryParams": st.dictionaries(st.just("k"), string_matches.filter(lambda match: "prefix" not in match), min_size=1),
        "ignoreUriCase": st.booleans(),
    },
).filter(lambda match: "uri" in match or "ignoreUriCase" not in match)


def to(host: str, subset: str, weight: int) -> Json:
    return {"destination": {"host": host, "subset": subset, "port": {"number": 80}}, "weight": weight}


destinations = st.one_of(
    st.sampled_from(["v1", "v2"]).map(lambda name: [to("catalog", name, 100)]),
    st.sampled_from([10, 50]).map(lambda weight: [to("catalog", "v1", 100 - weight), to("catalog", "v2", weight)]),
)
routed = st.fixed_dictionaries(
    {"route": destinations},
    optional={
        "timeout": st.sampled_from(["1s", "2s"]),
        "rewrite": st.sampled_from([{"uri": "/new"}, {"uri": "/"}, {"authority": "x.example"}]),
        "retries": st.sampled_from([{"attempts": 0}, {"attempts": 2, "perTryTimeout": "1s", "retryOn": "5xx"}]),
        "fault": st.sampled_from([
            {"abort": {"httpStatus": 503, "percentage": {"value": 100}}},
            {"delay": {"fixedDelay": "2s", "percentage": {"value": 10}}},
        ]),
        "mirror": st.just({"host": "catalog", "subset": "v2", "port": {"number": 80}}),
        "headers": st.sampled_from([{"request": {"set": {"x-c": "1"}}}, {"response": {"remove": ["x-d"]}}]),
        "corsPolicy": st.sampled_from([
            {"allowOrigins": [{"exact": "https://a.example"}], "allowMethods": ["GET"]},
            {"allowOrigins": [{"prefix": "https://"}]},
            {"allowOrigins": [{"regex": "https://[ab].example"}], "allowCredentials": True},
        ]),
    },
)
answered = st.sampled_from([{"directResponse": {"status": 418}}, {"redirect": {"uri": "/moved"}}])
rules = st.builds(
    lambda action, match: {**action, **({"match": match} if match else {})}, routed | answered, st.lists(matches, max_size=2)
)


def virtual_service(http: list[Json], hosts: list[str], gateways: list[str], name: str) -> Json:
    spec: Json = {"hosts": hosts, "http": http, **({"gateways": gateways} if gateways else {})}
    return istio("networking", "VirtualService", name, spec)


inside = st.builds(lambda http: virtual_service(http, ["catalog"], [], "catalog"), some(rules, most=4))
outside = st.builds(
    lambda http, hosts: virtual_service(http, hosts, ["edge"], "edge"),
    some(rules, most=3),
    some(st.sampled_from(["a.example", "b.example", "*.example"]), most=2).map(lambda found: list(dict.fromkeys(found))),
)
gateways = st.builds(
    lambda plain, secure, redirects: istio("networking", "Gateway", "edge", {
        "selector": EDGE,
        "servers": [
            {"port": {"number": 8080, "name": "http", "protocol": "HTTP"}, "hosts": plain, "tls": {"httpsRedirect": redirects}},
            {"port": {"number": 8443, "name": "https", "protocol": "HTTPS"}, "hosts": secure,
             "tls": {"mode": "SIMPLE", "credentialName": "c"}},
            {"port": {"number": 8444, "name": "tls", "protocol": "TLS"}, "hosts": secure, "tls": {"mode": "PASSTHROUGH"}},
        ],
    }),
    st.sampled_from([["*"], ["a.example"], ["a.example", "b.example"]]),
    st.sampled_from([["a.example"], ["a.example", "b.example"], ["*.example"]]),
    st.booleans(),
)  # fmt: skip
sni_routes = st.builds(
    lambda names, subsets: istio("networking", "VirtualService", "tls", {
        "hosts": names, "gateways": ["edge"],
        "tls": [{"match": [{"port": 8444, "sniHosts": names}],
                 "route": [{"destination": {"host": "catalog", "subset": subset, "port": {"number": 5432}}, "weight": weight}
                           for subset, weight in subsets]}],
    }),
    st.sampled_from([["a.example"], ["b.example"], ["a.example", "b.example"]]),
    st.sampled_from([[("v1", 100)], [("v1", 50), ("v2", 50)], [("v2", 100)]]),
)  # fmt: skip
tcp_routes = st.builds(
    lambda subset: {"match": [{"port": 5432}], "route": [{"destination": {"host": "catalog", "subset": subset}}]},
    st.sampled_from(["v1", "v2"]),
)

principals = st.sampled_from([
    "cluster.local/ns/shop/sa/catalog", "cluster.local/ns/pay/sa/web", "*/sa/web", "cluster.local/ns/pay/*", "*"
])  # fmt: skip
namespaces = st.sampled_from(["pay", "shop", "p*"])
blocks = st.sampled_from(["10.1.0.0/16", "10.1.2.0/24", "10.1.2.3", "192.0.2.0/24"])
issuers = st.sampled_from(["https://one.example/*", "https://two.example/*", "*"])
sources = st.fixed_dictionaries(
    {},
    optional={
        "principals": some(principals), "notPrincipals": some(principals, most=1),
        "namespaces": some(namespaces), "notNamespaces": some(namespaces, most=1),
        "ipBlocks": some(blocks), "notIpBlocks": some(blocks, most=1),
        "requestPrincipals": some(issuers, most=1), "notRequestPrincipals": some(issuers, most=1),
        "remoteIpBlocks": some(blocks, most=1),
    },
).filter(bool)  # fmt: skip
methods = st.sampled_from(["GET", "POST", "P*"])
policy_paths = st.sampled_from(["/a", "/a*", "/api/*", "*/b", "/api/1"])
operations = st.fixed_dictionaries(
    {},
    optional={
        "methods": some(methods), "notMethods": some(methods, most=1), "paths": some(policy_paths),
        "notPaths": some(policy_paths, most=1), "hosts": some(st.sampled_from(["a.example", "*.example", "catalog*"]), most=1),
        "ports": some(st.sampled_from(["8080", "5432"]), most=1),
    },
).filter(bool)  # fmt: skip
conditions = st.sampled_from([
    {"key": "request.headers[x-a]", "values": ["a*"]},
    {"key": "request.headers[x-b]", "notValues": ["1"]},
    {"key": "request.auth.claims[group]", "values": ["admin"]},
    {"key": "request.auth.claims[group]", "notValues": ["admin", "dev"]},
    {"key": "source.ip", "values": ["10.1.0.0/16"]},
    {"key": "connection.sni", "values": ["a.example"]},
])
policy_rules = st.fixed_dictionaries(
    {},
    optional={
        "from": some(sources.map(lambda source: {"source": source}), most=2),
        "to": some(operations.map(lambda operation: {"operation": operation}), most=2),
        "when": some(conditions, most=1),
    },
)


def policy(action: str, found: list[Json], app: str, name: str) -> Json:
    labels, namespace = (EDGE, "istio-system") if app == "edge" else ({"app": app}, "shop" if app == "catalog" else "pay")
    spec: Json = {"action": action, "selector": {"matchLabels": labels}, **({"rules": found} if found else {})}
    return istio("security", "AuthorizationPolicy", name, spec, namespace)


policies = st.lists(
    st.tuples(
        st.sampled_from(["ALLOW", "ALLOW", "DENY"]), st.lists(policy_rules, max_size=2), st.sampled_from(["catalog", "edge"])
    ),
    max_size=3,
).map(lambda found: [policy(*each, f"p{number}") for number, each in enumerate(found) if each[0] == "ALLOW" or each[1]])


def authentication(app: str, found: list[str]) -> Json:
    rules = [{"issuer": issuer, "jwks": '{"keys": []}'} for issuer in found]
    labels, namespace = (EDGE, "istio-system") if app == "edge" else ({"app": app}, "shop")
    return istio(
        "security", "RequestAuthentication", "tokens", {"selector": {"matchLabels": labels}, "jwtRules": rules}, namespace
    )


authentications = st.lists(
    st.builds(
        authentication,
        st.sampled_from(["catalog", "edge"]),
        st.sampled_from([["https://one.example"], ["https://two.example"], ["https://one.example", "https://two.example"]]),
    ),
    max_size=2,
    unique_by=lambda each: each["metadata"]["namespace"],
)
peers = st.sampled_from(["STRICT", "PERMISSIVE", "DISABLE", ""]).map(
    lambda mode: [istio("security", "PeerAuthentication", "default", {"mtls": {"mode": mode}})] if mode else []
)
client_tls = st.sampled_from(["", "", "DISABLE", "ISTIO_MUTUAL"])
kinds: dict[str, st.SearchStrategy[Any]] = {
    "inside": inside, "outside": outside, "gateway": gateways, "sni": sni_routes, "tcp": tcp_routes, "policies": policies,
    "authentications": authentications, "peers": peers, "client": client_tls,
}  # fmt: skip


def documents(parts: Json) -> list[Json]:
    inside_ = {**parts["inside"], "spec": {**parts["inside"]["spec"], "tcp": [parts["tcp"]]}}
    core = [json.loads(json.dumps(each)) for each in CORE]
    if parts["client"]:
        core[-1]["spec"]["trafficPolicy"] = {"tls": {"mode": parts["client"]}}
    flat = [inside_, parts["outside"], parts["gateway"], parts["sni"]]
    gateway = parts["gateway"]["metadata"]
    gateway["namespace"] = "shop"
    return [*core, *flat, *parts["policies"], *parts["authentications"], *parts["peers"]]


@st.composite
def pairs(draw: st.DrawFn) -> tuple[list[Json], list[Json]]:
    """A mesh, and the same with some of its parts changed."""
    before = {name: draw(strategy) for name, strategy in kinds.items()}
    changed = draw(st.lists(st.sampled_from(sorted(kinds)), min_size=1, max_size=2, unique=True))
    after = {**before, **{name: draw(kinds[name]) for name in changed}}
    return documents(before), documents(after)


PATHS = ["/", "/a", "/a/", "/a/b", "/ab", "/A", "/api", "/api/", "/api/1", "/api/12", "/api/x", "/apix", "/x/b", "/b", "/a/b/c"]
VALUES = ["", "a", "ab", "abc", "abcd", "b", "1", "12", "13", "x"]
IDENTITIES = [
    "cluster.local/ns/shop/sa/catalog",
    "cluster.local/ns/pay/sa/web",
    "cluster.local/ns/pay/sa/x",
    "cluster.local/ns/x/sa/y",
]
ADDRESSES = ["10.1.2.3", "10.1.2.4", "10.1.3.1", "10.2.0.1", "192.0.2.7", "127.0.0.6"]
HOSTS = ["a.example", "b.example", "c.example", "catalog", "catalog.shop.svc.cluster.local", "web.pay", "catalog:80", "unknown"]
ORIGINS = ["https://a.example", "https://c.example", "http://a.example"]

headers = st.lists(
    st.tuples(header_names, st.sampled_from(VALUES))
    | st.sampled_from(ORIGINS).map(lambda origin: ("origin", origin))
    | st.just(("access-control-request-method", "GET")),
    max_size=3,
    unique_by=lambda pair: pair[0],
).map(tuple)
tokens = st.none() | st.builds(
    lambda issuer, claims: {issuer: {"iss": issuer, **claims}},
    st.sampled_from(["https://one.example", "https://two.example", "https://three.example"]),
    st.fixed_dictionaries(
        {}, optional={"sub": st.just("me"), "group": st.sampled_from(["admin", "dev", ["admin", "x"], ["x"], "x"])}
    ),
)
places = st.sampled_from([
    ("gateway", 8080, "none", "http"), ("gateway", 8443, "tls", "http"), ("gateway", 8444, "tls", "tcp"),
    ("gateway", 8444, "tls", "http"), ("out", 80, "none", "http"), ("out", 5432, "none", "tcp"), ("out", 80, "tls", "tcp"),
    ("in", 8080, "none", "http"), ("in", 8080, "mtls", "http"), ("in", 8080, "tls", "http"), ("in", 5432, "mtls", "tcp"),
    ("in", 5432, "none", "tcp"), ("in", 9999, "mtls", "http"), ("in", 9999, "none", "http"), ("in", 9999, "mtls", "tcp"),
    ("in", 8080, "none", "tcp"), ("in", 8080, "mtls", "tcp"),
])  # fmt: skip


def request(
    place: tuple[str, int, str, str], method: str, host: str, path: str, sent: Headers, who: tuple[str, str], token: Json | None
) -> tuple[str, Request]:
    where, port, tls, protocol = place
    capture = {"gateway": Capture.NONE, "out": Capture.OUTBOUND, "in": Capture.INBOUND}[where]
    address = "10.96.0.1" if where == "out" and port == 5432 else None
    identity, source = who
    return where, Request(
        method=method, host=host, path=path, headers=sent, port=port, address=address, capture=capture, protocol=protocol,
        tls=tls, principal=identity if tls == "mtls" else "", source_ip=source, claims=token or {},
        sni=host.partition(":")[0] if tls == "tls" else None,
    )  # fmt: skip


requests = st.builds(
    request,
    places,
    st.sampled_from(["GET", "GET", "POST", "PUT", "OPTIONS", "HEAD"]),
    st.sampled_from(HOSTS),
    st.builds(str.__add__, st.sampled_from(PATHS), st.sampled_from(["", "", "?k=a", "?k=12", "?k", "?j=1"])),
    headers,
    st.tuples(st.sampled_from(IDENTITIES), st.sampled_from(ADDRESSES)),
    tokens,
)
