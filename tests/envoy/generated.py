"""Whole meshes made by Hypothesis as Istio objects: routes, splits, rewrites, faults, gateways with SNI, policies and tokens.

A mesh stands at the symbolic ports of `Port`, which `envoy_judge.py` replaces; so a mesh with its calls is plain JSON that
can be kept.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any

from hypothesis import strategies as st
from meshes import endpoint, service

Json = dict[str, Any]


class Port(IntEnum):
    """Numbers that stand for the ports of one run."""

    EDGE_HTTP = 61001
    EDGE_HTTPS = 61002
    EDGE_TCP = 61003
    MESH_HTTP = 61004
    MESH_TCP = 61005
    MESH_TLS = 61006
    CATALOG_1 = 61011
    CATALOG_2 = 61012
    ORDERS = 61013
    LEDGER = 61014
    VAULT = 61015
    VAULT_2 = 61016


ORDERS_ADDRESS = "127.0.0.41"
NAMESPACE = "cluster.local/ns/shop/sa"
ISSUERS = ("https://login.example", "https://partner.example")
EDGE_HOSTS = ("shop.example", "*.wild.example", "partner.example")

# Regular expressions, each with a text that it takes as a whole.
REGEXES = {
    "a.*": "abc", "[a-z]+": "q", "v(1|2)": "v2", ".*z$": "xyz", r"\d{2,3}": "12", "(?i)beta": "BETA", "^x|y": "y", ".+": "w",
    "[[:alpha:]]+b": "Ab", r"\pL+": "e",
}  # fmt: skip
PATH_REGEXES = {
    "/v[0-9]+/.*": "/v1/x", "/[^/]+/items": "/a/items", "/(a|b)+": "/ab", r".*\.png": "/x.png", "/api.*": "/apiary",
    "(?i)/a": "/A",
}  # fmt: skip
REWRITES = (
    {"match": "^/api(.*)$", "rewrite": r"/new\1"},
    {"match": "a", "rewrite": "b"},
    {"match": "/(.)/(.*)", "rewrite": r"/\2/\1"},
)
DERIVED = ("REQUEST_PORT", "PROTOCOL_DEFAULT")


def pick(draw: st.DrawFn, *values: Any) -> Any:  # noqa: ANN401 - whatever is picked from
    """One of the values."""
    return draw(st.sampled_from(values))


def often(draw: st.DrawFn, percent: int) -> bool:
    """True that often."""
    return draw(st.integers(0, 99)) < percent


def some(draw: st.DrawFn, most: int, *values: Any) -> list[Any]:  # noqa: ANN401
    """None to `most` of the values, each once."""
    return draw(st.lists(st.sampled_from(values), max_size=most, unique_by=str))


def document(kind: str, name: str, spec: Json, group: str = "networking") -> Json:
    """An Istio object of namespace `shop`."""
    metadata = {"name": name, "namespace": "shop"}
    return {"apiVersion": f"{group}.istio.io/v1", "kind": kind, "metadata": metadata, "spec": spec}


# --- matches ---------------------------------------------------------------------------------------------------------
def text_match(draw: st.DrawFn) -> Json:
    """A StringMatch for a header or a parameter; empty asks only that it is there."""
    kind = pick(draw, "exact", "prefix", "regex", "any")
    if kind == "any":
        return {}
    return {kind: pick(draw, *REGEXES) if kind == "regex" else pick(draw, "a", "b", "ab", "A", "1", "a,b")}


def path_match(draw: st.DrawFn) -> Json:
    """A StringMatch for `uri`."""
    kind = pick(draw, "exact", "prefix", "prefix", "regex")
    if kind == "regex":
        return {kind: pick(draw, *PATH_REGEXES)}
    return {kind: pick(draw, "/", "/a", "/api", "/api/", "/api/items", "/Api", "/a%20b")}


def request_match(draw: st.DrawFn, hosts: list[str]) -> Json:
    """An HTTPMatchRequest."""
    host = hosts[0]
    ways: dict[str, tuple[int, Callable[[], Any]]] = {
        "uri": (75, lambda: path_match(draw)),
        "ignoreUriCase": (20, lambda: True),
        "headers": (45, lambda: {name: text_match(draw) for name in some(draw, 2, "x-a", "x-b", "x-c")} or {"x-a": {}}),
        "withoutHeaders": (20, lambda: {pick(draw, "x-a", "x-c"): text_match(draw)}),
        "queryParams": (25, lambda: {pick(draw, "k", "m"): text_match(draw)}),
        "method": (25, lambda: pick(draw, {"exact": "GET"}, {"exact": "POST"}, {"regex": "GET|HEAD"}, {"prefix": "P"})),
        "authority": (15, lambda: pick(draw, {"exact": host}, {"prefix": host[:3]}, {"regex": ".*example"})),
        "scheme": (10, lambda: {"exact": pick(draw, "http", "https")}),
        "port": (10, lambda: int(pick(draw, Port.EDGE_HTTP, Port.EDGE_HTTPS, Port.MESH_HTTP))),
        "sourceLabels": (10, lambda: {"app": pick(draw, "webapp", "other")}),
        "gateways": (10, lambda: [pick(draw, "edge", "mesh")]),
    }
    found = {name: make() for name, (percent, make) in ways.items() if often(draw, percent)}
    if "uri" not in found:
        found.pop("ignoreUriCase", None)
    return found or {"uri": {"prefix": "/"}}


# --- actions ---------------------------------------------------------------------------------------------------------
def header_operations(draw: st.DrawFn) -> Json:
    """Headers set, added and removed, of the request and of the answer."""
    values = ("1", "z", "%REQ(x-a)%", "50%%", "%PROTOCOL%", "a b")
    request: Json = {}
    if often(draw, 50):
        request["set"] = {name: pick(draw, *values) for name in some(draw, 2, "x-a", "x-n", "X-Upper")}
    if often(draw, 30):
        request["add"] = {name: pick(draw, *values) for name in some(draw, 2, "x-b", "x-m")}
    if often(draw, 30):
        request["remove"] = [pick(draw, "x-a", "x-c")]
    if often(draw, 10):
        request["set"] = {"Host": "header.example"}
    response = {"set": {"x-r": pick(draw, "1", "2")}} if often(draw, 40) else {"add": {"x-q": "3"}}
    return {"request": request, "response": response}


def destination(draw: st.DrawFn) -> Json:
    """A service of the mesh, by subset where it has some; one has no endpoints, one does not exist."""
    return pick(
        draw,
        *[{"host": "catalog", "subset": version} for version in ("v1", "v2")],
        *[{"host": "orders"}] * 3,
        {"host": "catalog"},
        {"host": "nobody"},
        {"host": "missing.example"},
        {"host": "catalog", "subset": "v9"},
    )  # fmt: skip


def with_port(target: Json) -> Json:
    """The destination with its port."""
    return {**target, "port": {"number": int(Port.MESH_HTTP)}}


def forward(draw: st.DrawFn) -> Json:
    """A route to one destination, or a split."""
    if often(draw, 65):
        routes: list[Json] = [{"destination": with_port(destination(draw))}]
    else:
        weights = pick(draw, (50, 50), (100, 0), (1, 99), (0, 1))
        first, second = destination(draw), destination(draw)
        second = {"host": "catalog", "subset": "v2"} if second == first else second  # `Request.taken` says which by the cluster
        first = {"host": "orders"} if second == first else first
        targets = zip((first, second), weights, strict=True)
        routes = [{"destination": with_port(target), "weight": weight} for target, weight in targets]
    for each in routes:
        if often(draw, 20):
            each["headers"] = header_operations(draw)
    found: Json = {"route": routes}
    if often(draw, 35):
        found["rewrite"] = rewrite(draw)
    if often(draw, 15):
        found["timeout"] = pick(draw, "3s", "2500ms")
    if often(draw, 15):
        found["retries"] = pick(draw, {"attempts": 0}, {"attempts": 2, "perTryTimeout": "2s"}, {"attempts": 1, "retryOn": "5xx"})
    if often(draw, 10):
        found["mirrors"] = [{"destination": with_port({"host": "catalog", "subset": "v1"})}]
    return found


def rewrite(draw: st.DrawFn) -> Json:
    """An HTTPRewrite with at least one part."""
    kind = pick(draw, "uri", "regex", "none")
    found: Json = {"uri": {"uri": pick(draw, "/", "/new", "/new/")}, "regex": {"uriRegexRewrite": pick(draw, *REWRITES)}}.get(
        kind, {}
    )
    return found if found and often(draw, 60) else {**found, "authority": "rewritten.example"}


def redirect(draw: st.DrawFn) -> Json:
    """An HTTPRedirect with at least one part."""
    found: Json = {}
    if often(draw, 60):
        found["uri"] = pick(draw, "/moved", "/moved?x=1")
    if often(draw, 40):
        found["authority"] = pick(draw, "other.example", "other.example:8443")
    if often(draw, 30):
        found["scheme"] = pick(draw, "https", "http")
    if often(draw, 30):
        found |= pick(draw, {"port": 8443}, {"port": 80}, *({"derivePort": f"FROM_{how}"} for how in DERIVED))
    if often(draw, 40):
        found["redirectCode"] = pick(draw, 301, 302, 303, 307, 308)
    return {"redirect": found or {"uri": "/elsewhere"}}


def http_route(draw: st.DrawFn, hosts: list[str], *, last: bool) -> Json:
    """An HTTPRoute; the last of a VirtualService may take everything."""
    kind = draw(st.integers(0, 9))
    if kind < 7:
        found = forward(draw)
    elif kind < 8:
        found = redirect(draw)
    else:
        status = pick(draw, 200, 204, 404, 418, 503)
        found = {"directResponse": {"status": status, **pick(draw, {}, {"body": {"string": "direct 100%"}})}}
    if often(draw, 15):
        percent = pick(draw, 100, 100, 0)
        found["fault"] = {"abort": {"httpStatus": pick(draw, 418, 503, 400), "percentage": {"value": percent}}}
    if often(draw, 15):
        found["corsPolicy"] = cors(draw)
    if often(draw, 30):
        found["headers"] = header_operations(draw)
    if not last or often(draw, 50):
        found["match"] = [request_match(draw, hosts) for _ in range(pick(draw, 1, 1, 2))]
    return found


def cors(draw: st.DrawFn) -> Json:
    """A CorsPolicy."""
    origins = some(draw, 2, {"exact": "http://a.example"}, {"prefix": "http://"}, {"regex": "https?://[a-z]+"}, {"exact": "*"})
    more = pick(
        draw,
        {},
        {"allowMethods": ["GET", "PUT"], "maxAge": "5s", "allowHeaders": ["x-a"]},
        {"allowCredentials": True, "exposeHeaders": ["x-r"]},
    )
    preflights = pick(draw, {}, {"unmatchedPreflights": "IGNORE"}, {"unmatchedPreflights": "FORWARD"})
    return {"allowOrigins": origins or [{"exact": "http://b.example"}], **more, **preflights}


# --- policies --------------------------------------------------------------------------------------------------------
PATHS = ("/a", "/a*", "*/items", "/api/{*}", "/{**}/items", "/api/*", "*", "/A", "/new*")
SOURCES: dict[str, tuple[str, ...]] = {
    "principals": (f"{NAMESPACE}/webapp", f"{NAMESPACE}/*", "*/edge", "*", "cluster.local/ns/bank/sa/teller"),
    "namespaces": ("shop", "bank", "*an*", "sh*", "*"),
    "serviceAccounts": ("shop/webapp", "teller", "webapp"),
    "ipBlocks": ("127.0.0.5", "127.0.0.0/24", "10.0.0.0/8"),
    "remoteIpBlocks": ("127.0.0.0/8", "9.9.9.9", "10.1.0.0/16"),
    "requestPrincipals": ("*", f"{ISSUERS[0]}/*", f"{ISSUERS[0]}/ann", "*/bob"),
}
OPERATIONS: dict[str, tuple[str, ...]] = {
    "hosts": ("orders", "shop.example", "*.example", "orders*", "*"),
    "ports": (str(int(Port.ORDERS)), str(int(Port.EDGE_HTTP)), "9"),
    "methods": ("GET", "POST", "P*", "*"),
    "paths": PATHS,
}
CONDITIONS: dict[str, tuple[str, ...]] = {
    "request.headers[x-a]": ("a", "a*", "*b", "*"),
    "request.headers[x-c]": ("1", "*"),
    "source.ip": ("127.0.0.5", "127.0.0.0/30"),
    "remote.ip": ("127.0.0.0/8", "9.9.9.9"),
    "source.namespace": ("shop", "bank"),
    "source.principal": (f"{NAMESPACE}/webapp", "*"),
    "request.auth.principal": (f"{ISSUERS[0]}/ann", "*"),
    "request.auth.audiences": ("shop", "bank"),
    "request.auth.presenter": ("portal", "*"),
    "request.auth.claims[groups]": ("admins", "*", "st*"),
    "request.auth.claims[realm][roles]": ("r1", "r2"),
    "request.auth.claims[scope]": ("read", "write*"),
    "destination.ip": ("127.0.0.1", ORDERS_ADDRESS),
    "destination.port": (str(int(Port.ORDERS)), str(int(Port.EDGE_HTTPS))),
    "connection.sni": ("shop.example", "outbound_*", "*"),
}


def selection(draw: st.DrawFn, table: dict[str, tuple[str, ...]], most: int) -> Json:
    """Fields of a source or an operation, some of them negated."""
    found: Json = {}
    for name in some(draw, most, *table):
        values = draw(st.lists(st.sampled_from(table[name]), min_size=1, max_size=2, unique=True))
        found[f"not{name[0].upper()}{name[1:]}" if often(draw, 30) else name] = values
    if {"serviceAccounts", "notServiceAccounts"} & found.keys():  # not beside principals and namespaces
        found = {name: values for name, values in found.items() if "rincipals" not in name or "equest" in name}
        found = {name: values for name, values in found.items() if "amespaces" not in name}
    return found


def access_rule(draw: st.DrawFn) -> Json:
    """A rule of an AuthorizationPolicy."""
    sources = [source for _ in range(pick(draw, 0, 1, 1, 2)) if (source := selection(draw, SOURCES, 2))]
    operations = [each for _ in range(pick(draw, 0, 1, 1, 2)) if (each := selection(draw, OPERATIONS, 2))]
    conditions = []
    for key in some(draw, 1, *CONDITIONS):
        values = draw(st.lists(st.sampled_from(CONDITIONS[key]), min_size=1, max_size=2, unique=True))
        conditions.append({"key": key, pick(draw, "values", "values", "notValues"): values})
    found: Json = {}
    if sources:
        found["from"] = [{"source": source} for source in sources]
    if operations:
        found["to"] = [{"operation": operation} for operation in operations]
    if conditions:
        found["when"] = conditions
    return found


def policies(draw: st.DrawFn, labels: Json) -> list[Json]:
    """AuthorizationPolicies, RequestAuthentication and mutual TLS of a workload."""
    who = "-".join(labels.values())
    target = {"selector": {"matchLabels": labels}}
    found = []
    for index in range(pick(draw, 0, 1, 1, 2, 3)):
        action = pick(draw, "ALLOW", "ALLOW", "DENY", "AUDIT")
        rules = [access_rule(draw) for _ in range(draw(st.integers(1, 3)))]
        found.append(document("AuthorizationPolicy", f"{who}-{index}", {**target, "action": action, "rules": rules}, "security"))
    if often(draw, 60):
        rules = [token_rule(draw, issuer) for issuer in ISSUERS[: pick(draw, 1, 2)]]
        found.append(document("RequestAuthentication", who, {**target, "jwtRules": rules}, "security"))
    return found


def token_rule(draw: st.DrawFn, issuer: str) -> Json:
    """A rule for tokens of an issuer; `JWKS` stands for the keys of this run."""
    found: Json = {"issuer": issuer, "jwks": "JWKS"}
    if often(draw, 30):
        found["audiences"] = draw(st.lists(st.sampled_from(["shop", "bank"]), min_size=1, max_size=2, unique=True))
    if often(draw, 30):
        found |= pick(
            draw,
            {"fromHeaders": [{"name": "x-token"}]},
            {"fromHeaders": [{"name": "x-token", "prefix": "Token "}, {"name": "authorization", "prefix": "Bearer "}]},
            {"fromParams": ["token"]},
            {"fromCookies": ["session"]},
        )  # fmt: skip
    if often(draw, 40):
        found["forwardOriginalToken"] = draw(st.booleans())
    if often(draw, 30):
        found["outputClaimToHeaders"] = [{"header": "x-user", "claim": "sub"}, {"header": "x-role", "claim": "realm.roles"}]
    if often(draw, 15):
        found["outputPayloadToHeader"] = "x-payload"
    if often(draw, 15):
        found["spaceDelimitedClaims"] = ["scp"]
    return found


# --- the mesh --------------------------------------------------------------------------------------------------------
def inventory() -> list[Json]:
    """Services with their endpoints: plain ones of two versions, one with a sidecar, TCP, TLS, and one without endpoints."""
    http, tcp = int(Port.MESH_HTTP), int(Port.MESH_TCP)
    found = [service("catalog", http), service("nobody", http), service("orders", http, target=int(Port.ORDERS))]
    found += [service("ledger", tcp, protocol="tcp")]
    found += [service(name, int(Port.MESH_TLS), protocol="tls") for name in ("vault", "vault-deep")]
    found += endpoint("catalog", "127.0.0.1", int(Port.CATALOG_1), version="v1")
    found += endpoint("catalog", "127.0.0.1", int(Port.CATALOG_2), version="v2")
    found += endpoint("orders", ORDERS_ADDRESS, int(Port.ORDERS), mutual_tls=True)
    found += endpoint("ledger", "127.0.0.1", int(Port.LEDGER), protocol="tcp")
    found += endpoint("vault", "127.0.0.1", int(Port.VAULT), protocol="tls")
    found += endpoint("vault-deep", "127.0.0.1", int(Port.VAULT_2), protocol="tls")
    for index, each in enumerate(found):
        if each["kind"] == "Service":
            each["spec"]["clusterIP"] = f"10.96.0.{index + 1}"
    return found


def edge_gateway(draw: st.DrawFn) -> Json:
    """A Gateway with HTTP, HTTPS by SNI with and without client certificates, TLS passed through, and TCP."""

    def server(port: Port, name: str, protocol: str, hosts: list[str], tls: Json | None = None) -> Json:
        found: Json = {"port": {"number": int(port), "name": name, "protocol": protocol}, "hosts": hosts, "bind": "127.0.0.1"}
        return {**found, "tls": tls} if tls is not None else found

    plain = {"httpsRedirect": True} if often(draw, 20) else None
    deep = ["vault.example", "*.deep.example"]
    servers = [
        server(Port.EDGE_HTTP, "http", "HTTP", list(EDGE_HOSTS[: pick(draw, 1, 2, 3)]), plain),
        server(Port.EDGE_HTTPS, "https-shop", "HTTPS", ["shop.example"], {"mode": "SIMPLE", "credentialName": "cert"}),
        server(Port.EDGE_HTTPS, "https-wild", "HTTPS", ["*.wild.example"], {"mode": "SIMPLE", "credentialName": "cert"}),
        server(Port.EDGE_HTTPS, "https-partner", "HTTPS", ["partner.example"], {"mode": "MUTUAL", "credentialName": "cert"}),
        server(Port.EDGE_HTTPS, "tls-vault", "TLS", deep[: pick(draw, 1, 2)], {"mode": "PASSTHROUGH"}),
        server(Port.EDGE_TCP, "tcp-ledger", "TCP", ["*"]),
    ]
    return document("Gateway", "edge", {"selector": {"istio": "edge"}, "servers": servers})


def connections(draw: st.DrawFn) -> list[Json]:
    """VirtualServices of TLS that is passed through and of TCP."""
    vaults = [{"destination": {"host": host, "port": {"number": int(Port.MESH_TLS)}}} for host in ("vault", "vault-deep")]
    sni = pick(draw, ["vault.example"], ["vault.example", "a.deep.example"], ["*.example"])
    tls = [
        {"match": [{"port": int(Port.EDGE_HTTPS), "sniHosts": sni}], "route": [vaults[draw(st.integers(0, 1))]]},
        {"match": [{"port": int(Port.EDGE_HTTPS), "sniHosts": ["*.deep.example"]}], "route": vaults[1:]},
    ]
    hosts = ["*.example"] if sni == ["*.example"] else ["vault.example", "*.deep.example"]
    ledger: Json = {"route": [{"destination": {"host": "ledger", "port": {"number": int(Port.MESH_TCP)}}}]}
    if often(draw, 40):
        ledger["match"] = [{"port": int(pick(draw, Port.EDGE_TCP, Port.EDGE_HTTP))}]
    found = [document("VirtualService", "vault", {"hosts": hosts, "gateways": ["edge"], "tls": tls})]
    return [*found, document("VirtualService", "ledger", {"hosts": ["*"], "gateways": ["edge"], "tcp": [ledger]})]


def mesh_config(draw: st.DrawFn) -> Json:
    """MeshConfig: how paths are normalised, and how many proxies stand before a gateway."""
    kinds = ("NONE", "BASE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES")
    found: Json = {"pathNormalization": {"normalization": pick(draw, *kinds)}}
    if often(draw, 40):
        found["defaultConfig"] = {"gatewayTopology": {"numTrustedProxies": pick(draw, 1, 2)}}
    return found


@st.composite
def meshes(draw: st.DrawFn) -> list[Json]:
    """The documents of a mesh."""
    subsets = [{"name": version, "labels": {"version": version}} for version in ("v1", "v2")]
    found = [*inventory(), edge_gateway(draw), *connections(draw)]
    found.append(document("DestinationRule", "catalog", {"host": "catalog", "subsets": subsets}))
    if often(draw, 25):
        mode = pick(draw, "DISABLE", "ISTIO_MUTUAL")
        found.append(document("DestinationRule", "orders", {"host": "orders", "trafficPolicy": {"tls": {"mode": mode}}}))
    for index, host in enumerate((*EDGE_HOSTS, "catalog", "orders")):
        if index < 3 or often(draw, 70):
            count = draw(st.integers(1, 3))
            routes = [http_route(draw, [host.lstrip("*.")], last=place == count - 1) for place in range(count)]
            gateways = ["edge"] if index < 3 else ["mesh"]
            found.append(document("VirtualService", f"v{index}", {"hosts": [host], "gateways": gateways, "http": routes}))
    if often(draw, 60):
        spec = {"selector": {"matchLabels": {"app": "orders"}}, "mtls": {"mode": pick(draw, "STRICT", "PERMISSIVE", "DISABLE")}}
        found.append(document("PeerAuthentication", "orders", spec, "security"))
    if often(draw, 50):
        found.append({"kind": "MeshConfig", "mesh": mesh_config(draw)})
    return [*found, *policies(draw, {"app": "orders"}), *policies(draw, {"istio": "edge"})]
