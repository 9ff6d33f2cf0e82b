"""A trace never raises, whatever the request and whatever the configuration, and always says the same."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshgen.trace import Capture, Decision, EnvoyConfig, Request, to_json, trace

ORACLE = Path(__file__).parent.parent / "oracle"
RECORDS = [
    "08-rewrite/istiod/webapp.json",
    "18-gateway-tls/istiod/edge.json",
    "35-authz-conditions/istiod/catalog-v1.json",
    "37-ext-authz/istiod/catalog-v1.json",
    "39-request-authentication/istiod/catalog-v1.json",
    "47-gateway-authz/istiod/edge.json",
]
texts = st.text(max_size=12) | st.sampled_from(["/", "shop.example", "GET", "*", "a:80", "[::1]:x", "10.20.0.10", "\ud800"])
claims = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
requests = st.builds(
    Request,
    method=texts | st.sampled_from(["GET", "OPTIONS", "CONNECT"]),
    host=texts,
    path=texts | texts.map(lambda text: f"/{text}"),
    headers=st.lists(
        st.tuples(
            texts | st.sampled_from(["authorization", "origin", "x-forwarded-for", ":path", "host", "connection", "cookie"]),
            texts | texts.map(lambda text: f"Bearer {text}.{text}.{text}"),
        ),
        max_size=4,
    ).map(tuple),
    port=st.sampled_from([80, 443, 8000, 8080, 8082, 8443, 15001, 15006]) | st.integers(),
    address=st.none() | texts,
    capture=st.sampled_from(Capture),
    protocol=st.sampled_from(["http", "http2", "tcp"]) | texts,
    tls=st.sampled_from(["none", "tls", "mtls"]) | texts,
    sni=st.none() | texts,
    alpn=st.none() | st.lists(texts, max_size=2).map(tuple),
    principal=texts,
    source_ip=texts,
    source_port=st.integers(),
    claims=st.dictionaries(texts, st.dictionaries(texts, claims, max_size=3), max_size=2),
    now=st.none() | st.integers(),
    answers=st.dictionaries(texts, texts | st.integers(), max_size=2),
    nth=st.integers(),
)


@cache
def record(name: str) -> str:
    return (ORACLE / name).read_text()


@cache
def recorded(name: str) -> EnvoyConfig:
    return EnvoyConfig.from_record(json.loads(record(name)))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(RECORDS), requests)
def test_any_request_gets_a_decision_and_always_the_same(name: str, request: Request):
    decision = trace(recorded(name), request)
    assert isinstance(decision, Decision)
    fresh = EnvoyConfig.from_record(json.loads(record(name)))
    assert json.dumps(to_json(trace(fresh, request))) == json.dumps(to_json(decision))


def places(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in entries for place in places(item, (*path, key)))]


@cache
def all_places(name: str) -> list[tuple[Any, ...]]:
    return [place for place in places(json.loads(record(name))) if place]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.sampled_from(RECORDS), requests, st.data())
def test_configuration_with_wrong_types_gives_a_decision(name: str, request: Request, data: st.DataObject):
    broken = json.loads(record(name))
    for place in data.draw(st.lists(st.sampled_from(all_places(name)), min_size=1, max_size=8)):
        parent = broken
        for key in place[:-1]:
            parent = parent[key] if isinstance(parent, (dict, list)) and has(parent, key) else None
        if isinstance(parent, (dict, list)) and has(parent, place[-1]):
            parent[place[-1]] = data.draw(claims)
    port = data.draw(st.sampled_from([80, 8000, 8080, 8443]))
    assert isinstance(trace(EnvoyConfig.from_record(broken), request), Decision)
    plain = Request(host="shop.example", port=port, capture=data.draw(st.sampled_from(Capture)), tls=request.tls)
    assert to_json(trace(EnvoyConfig.from_record(broken), plain))["outcome"]


def has(parent: object, key: object) -> bool:
    if isinstance(parent, dict):
        return key in parent
    return isinstance(key, int) and key < len(parent)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(texts, claims, max_size=4), requests)
def test_any_json_at_all_is_read(junk: dict[str, Any], request: Request):
    for read in (EnvoyConfig.from_record, EnvoyConfig.from_bootstrap, EnvoyConfig.from_config_dump):
        assert isinstance(trace(read(junk), request), Decision)


def test_rules_nested_deeper_than_protobuf_reads_are_cut():
    rule: Any = {"any": True}
    for _ in range(240):  # json itself gives up beyond
        rule = {"not_rule": rule}
    kind = "type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC"
    policy = {"permissions": [rule], "principals": [{"any": True}]}
    rbac = {"typed_config": {"@type": kind, "rules": {"policies": {"p": policy}}}}
    address = {"socket_address": {"address": "0.0.0.0", "port_value": 80}}
    listener = {"name": "l", "address": address, "filter_chains": [{"filters": [rbac]}]}
    assert trace(EnvoyConfig.from_record({"listeners": [listener]}), Request(protocol="tcp")).listener == "l"
