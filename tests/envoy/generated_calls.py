"""Requests for a generated mesh: one that each of its rules takes, and neighbours that just miss."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from generated import ISSUERS, NAMESPACE, PATH_REGEXES, REGEXES, Port

Json = dict[str, Any]
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request.

    `entry` is where it goes: `edge`, `edge-tls`, `edge-tcp`, `webapp` (its own sidecar) or `orders` (past every client's).
    """

    entry: str
    host: str
    path: str = "/"
    method: str = "GET"
    headers: Pairs = ()
    identity: str = ""
    """Whose workload certificate is sent, as `namespace/account`; none if empty."""
    tls: bool = False
    sni: str = ""
    alpn: tuple[str, ...] | None = None
    token: str = ""
    """A name of `TOKENS`, put where `carrier` says."""
    carrier: str = "authorization"
    source: str = "127.0.0.5"
    """Not 127.0.0.1, for which Envoy writes the machine's own address into x-forwarded-for."""


# Claims of the tokens that are signed with the key that the mesh trusts.
TOKENS: dict[str, Json] = {
    "ann": {"iss": ISSUERS[0], "sub": "ann", "aud": "shop"},
    "admin": {"iss": ISSUERS[0], "sub": "ann", "aud": ["bank", "shop"], "groups": ["staff", "admins"], "azp": "portal"},
    "nested": {
        "iss": ISSUERS[0],
        "sub": "eve",
        "aud": "bank",
        "realm": {"roles": ["r1", "r3"]},
        "scope": "read write",
        "scp": "a b",
    },
    "nobody": {"iss": ISSUERS[0], "aud": "shop", "groups": "admins", "scope": "write"},
    "bob": {"iss": ISSUERS[1], "sub": "bob", "aud": "https://shop/", "realm": {"roles": "r2"}},
    "expired": {"iss": ISSUERS[0], "sub": "ann", "aud": "shop", "exp": 1_000_000_000},
    "unknown": {"iss": "https://evil.example", "sub": "ann", "aud": "shop"},
}
BAD_TOKENS = ("forged", "garbage")
IDENTITIES = ("shop/webapp", "shop/edge", "bank/teller")
SOURCES = ("127.0.0.5", "127.0.0.2", "127.1.2.3")
CARRIERS = ("authorization", "x-token", "x-token Token", "param", "cookie")


def calls_for(mesh: list[Json], seed: int, most: int) -> list[Call]:
    """At most that many requests; the same for the same mesh and seed."""
    rng = random.Random(seed)
    found: dict[Call, None] = {}
    for hit in [*_hits(mesh, rng)]:
        found[hit] = None
        for _ in range(5 if _is_http(hit) else 1):  # what goes through a connection unread decides nothing
            found[_miss(hit, rng)] = None
        found[_miss(_miss(hit, rng), rng)] = None
    calls = list(found)
    return rng.sample(calls, min(most, len(calls)))


def _is_http(call: Call) -> bool:
    return call.entry != "edge-tcp" and not call.host.endswith(("vault.example", "deep.example", "other.example"))


# --- what rules take -------------------------------------------------------------------------------------------------
def _hits(mesh: list[Json], rng: random.Random) -> Iterator[Call]:
    for each in mesh:
        spec = each.get("spec", {})
        if each["kind"] == "VirtualService" and "http" in spec:
            for route in spec["http"]:
                for match in route.get("match", [{}]):
                    yield _of_match(_at(spec["hosts"][0], spec["gateways"], rng), match, route, rng)
        elif each["kind"] == "VirtualService":
            yield from _of_connections(spec, rng)
        elif each["kind"] == "AuthorizationPolicy":
            for rule in spec["rules"]:
                yield _of_rule(_guarded(spec, rng), rule, rng)
    yield from _strangers(rng)


def _at(host: str, gateways: list[str], rng: random.Random) -> Call:
    name = host.replace("*", "a")
    if "mesh" in gateways:
        return Call(entry="webapp", host=name)
    if host == "partner.example":
        return Call(entry="edge-tls", host=name, tls=True, sni=name, identity=rng.choice(IDENTITIES))
    return rng.choice([Call(entry="edge", host=name), Call(entry="edge-tls", host=name, tls=True, sni=name)])


def _text(match: Json) -> str:
    if "regex" in match:
        return {**REGEXES, **PATH_REGEXES, "GET|HEAD": "HEAD", ".*example": "shop.example"}[match["regex"]]
    return str(match.get("exact", match.get("prefix", "any")))


def _of_match(call: Call, match: Json, route: Json, rng: random.Random) -> Call:
    headers = [(name, _text(wanted)) for name, wanted in match.get("headers", {}).items()]
    if "corsPolicy" in route and rng.random() < 0.7:
        headers.append(("origin", rng.choice(["http://a.example", "http://b.example", "https://x"])))
    path = _text(match.get("uri", {"exact": "/"}))
    if "prefix" in match.get("uri", {}):
        path += rng.choice(["", "/tail", "x"])
    parameters = "&".join(f"{name}={_text(wanted)}" for name, wanted in match.get("queryParams", {}).items())
    method = _text(match["method"]) if "method" in match else rng.choice(["GET", "POST"])
    if any(name == "origin" for name, _ in headers) and rng.random() < 0.5:
        method, headers = "OPTIONS", [*headers, ("access-control-request-method", "GET")]
    host = _text(match["authority"]) if "authority" in match else call.host
    return replace(
        call,
        path=path + (f"?{parameters}" if parameters else ""),
        method={"P": "PUT"}.get(method, method),
        headers=tuple((name, value) for name, value in headers),
        host=host,
        token=rng.choice(["", "", "ann", "admin"]),
    )


def _of_connections(spec: Json, rng: random.Random) -> Iterator[Call]:
    for name in ("vault.example", "a.deep.example", "b.a.deep.example", "deep.example", "other.example", "shop.example"):
        yield Call(entry="edge-tls", host=name, tls=True, sni=name, path=f"/{rng.randrange(9)}")
    if "tcp" in spec:
        yield Call(entry="edge-tcp", host="ledger", path="/book")
        yield Call(entry="edge-tcp", host="ledger", path="/book", source="127.1.2.3")


def _guarded(spec: Json, rng: random.Random) -> Call:
    if spec["selector"]["matchLabels"] == {"istio": "edge"}:
        return _at(rng.choice(["shop.example", "*.wild.example", "partner.example"]), ["edge"], rng)
    calls = [Call(entry="orders", host="orders"), Call(entry="webapp", host="orders")]
    return rng.choice([*calls, _mutual("shop/webapp"), _mutual("bank/teller")])


def _mutual(identity: str) -> Call:
    """As a sidecar would call the server's sidecar."""
    sni = f"outbound_.{int(Port.MESH_HTTP)}_._.orders.shop.svc.cluster.local"
    return Call(entry="orders", host="orders", identity=identity, tls=True, sni=sni, alpn=("istio-http/1.1",))


def _of_rule(call: Call, rule: Json, rng: random.Random) -> Call:
    for source in rule.get("from", [])[:1]:
        call = _of_source(call, source["source"], rng)
    for operation in rule.get("to", [])[:1]:
        call = _of_operation(call, operation["operation"])
    for condition in rule.get("when", []):
        call = _of_condition(call, condition["key"], condition.get("values", ["?"])[0])
    return call


def _of_source(call: Call, source: Json, rng: random.Random) -> Call:
    if "requestPrincipals" in source or "notRequestPrincipals" in source:
        carrier = rng.choice([*CARRIERS, "authorization", "authorization"])
        call = replace(call, token=rng.choice(["ann", "admin", "bob"]), carrier=carrier)
    if "principals" in source or "namespaces" in source:
        wanted = (*source.get("principals", []), *source.get("namespaces", []))
        call = _as(call, "bank/teller" if any("bank" in each for each in wanted) else "shop/webapp")
    if "remoteIpBlocks" in source:
        forwarded = rng.choice(["9.9.9.9", "10.1.1.1, 127.0.0.1", "10.1.1.1"])
        call = replace(call, headers=(*call.headers, ("x-forwarded-for", forwarded)))
    return call


def _as(call: Call, identity: str) -> Call:
    if call.entry == "orders":
        return _mutual(identity)
    return replace(call, identity=identity) if call.tls else call


def _of_operation(call: Call, operation: Json) -> Call:
    if "paths" in operation:
        wanted = operation["paths"][0]
        star = "/z" if wanted.startswith("*") else "z"
        path = wanted.replace("{**}", "p/q").replace("{*}", "p").replace("*", star)
        call = replace(call, path=path if path.startswith("/") else f"/{path}")
    if "methods" in operation:
        call = replace(call, method=operation["methods"][0].replace("P*", "PUT").replace("*", "GET"))
    if "hosts" in operation and call.entry == "orders":
        call = replace(call, host=operation["hosts"][0].replace("*", "x"))
    return call


def _of_condition(call: Call, key: str, value: str) -> Call:
    if key.startswith("request.headers["):
        return replace(call, headers=(*call.headers, (key[16:-1], value.replace("*", "q"))))
    if key.startswith("request.auth"):
        return replace(call, token="nested" if "[realm]" in key or "[scope]" in key else "admin")
    return call


def _strangers(rng: random.Random) -> Iterator[Call]:
    for host in ("other.example", "wild.example", "a.b.wild.example", "catalog.shop", "nobody", "orders.shop.svc.cluster.local"):
        yield Call(entry=rng.choice(["edge", "webapp"]), host=host, path=rng.choice(["/", "/api"]))
    for identity in (*IDENTITIES, ""):
        yield _mutual(identity) if identity else Call(entry="orders", host="orders")
    yield Call(entry="orders", host="orders", tls=True, sni="orders")
    yield Call(entry="orders", host="orders", tls=True, sni="orders", identity="bank/teller", alpn=("http/1.1",))


# --- what just misses ------------------------------------------------------------------------------------------------
def _miss(call: Call, rng: random.Random) -> Call:
    ways = [_other_path, _other_path, _other_headers, _other_headers, _other_method, _other_host, _other_caller]
    return rng.choice(ways)(call, rng)


def _other_path(call: Call, rng: random.Random) -> Call:
    path, mark, query = call.path.partition("?")
    changed = rng.choice([
        f"{path}x", f"{path}/", f"{path}/items", path[:-1], path.upper(), path.swapcase(), f"/{path}", path.replace("a", "%61"),
        f"{path}/../a", f"{path}/./b", f"{path}//c", f"{path};v=1", path.replace("/", "%2F", 2), f"{path}%20b", f"{path}#f", "/",
        "/api/p/items",
    ])  # fmt: skip
    if rng.random() < 0.35:
        queries = ["k=1", "k=a", "k", "m=ab&k=A", f"{query}x", f"{query}&k=a", "K=a", "token=x", "k=%61"]
        changed, mark, query = path, "?", rng.choice(queries)
    return replace(call, path=(changed if changed.startswith("/") else f"/{changed}") + mark + query)


def _other_headers(call: Call, rng: random.Random) -> Call:
    headers = list(call.headers)
    kind = rng.randrange(4)
    if headers and kind == 0:
        headers.pop(rng.randrange(len(headers)))
    elif headers and kind == 1:
        place = rng.randrange(len(headers))
        name, value = headers[place]
        headers[place] = (name, rng.choice([f"{value}x", value.upper(), value[:-1], f" {value}", f"{value},{value}"]))
    elif headers and kind == 2:
        headers.append((rng.choice(headers)[0], rng.choice(["a", "1"])))
    else:
        headers.append(rng.choice([
            ("x-a", "a"), ("x-a", ""), ("x-b", "ab"), ("x-c", "1"), ("X-A", "A"), ("origin", "http://a.example"),
            ("x-forwarded-for", "9.9.9.9"), ("x-forwarded-proto", "https"), ("x-envoy-retry-on", "5xx"), ("x-user", "me"),
            ("x-forwarded-client-cert", "URI=spiffe://x"), ("x-envoy-original-path", "/fake"), ("x-role", "root"),
            ("x-payload", "e30"), ("authorization", "Basic YTpi"), ("x-envoy-upstream-rq-timeout-ms", "2000"), ("cookie", "a=b"),
            ("x-envoy-decorator-operation", "me"), ("x-envoy-peer-metadata", "e30"), ("x-request-id", "7"), ("te", "trailers"),
        ]))  # fmt: skip
    return replace(call, headers=tuple(headers))


def _other_method(call: Call, rng: random.Random) -> Call:
    return replace(call, method=rng.choice(["GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "get", "PATCH"]))


def _other_host(call: Call, rng: random.Random) -> Call:
    port = int({"edge": Port.EDGE_HTTP, "edge-tls": Port.EDGE_HTTPS}.get(call.entry, Port.MESH_HTTP))
    own = call.host
    host = rng.choice([f"{own}:{port}", f"{own}:81", own.upper(), f"x.{own}", f"{own}.", "shop.example", "a.wild.example"])
    if call.tls and call.entry == "edge-tls" and rng.random() < 0.5:
        names = ["shop.example", "A.wild.example", "vault.example", "", "deep.example", "b.wild.example"]
        return replace(call, sni=rng.choice(names))
    return replace(call, host=host)


def _other_caller(call: Call, rng: random.Random) -> Call:
    kind = rng.randrange(4)
    if kind == 0:
        return replace(call, source=rng.choice(SOURCES))
    if kind == 1:
        return replace(call, token=rng.choice([*TOKENS, *BAD_TOKENS, ""]))
    if kind == 2:
        return replace(call, token=call.token or rng.choice([*TOKENS]), carrier=rng.choice(CARRIERS))
    if call.entry == "orders":
        return replace(
            _mutual(rng.choice(IDENTITIES)), path=call.path, method=call.method, headers=call.headers, token=call.token
        )
    return replace(call, identity=rng.choice(["", *IDENTITIES])) if call.tls else replace(call, source=rng.choice(SOURCES))


def principal(identity: str) -> str:
    """The SPIFFE identity of `namespace/account`, without its scheme."""
    namespace, _, account = identity.partition("/")
    return NAMESPACE.replace("/ns/shop", f"/ns/{namespace}") + f"/{account}" if identity else ""
