"""What a trace says of what is sent: shares, tries, hashes, endpoints, TLS, limits, upgrades."""

from __future__ import annotations

from typing import Any

import pytest
from test_trace_steps import TYPES, address, chain, config, http_filter, manager, table, tcp

from meshgen.trace import Capture, Decision, Outcome, Request, trace
from meshgen.trace.decision import Hash, UpstreamTls

Json = dict[str, Any]


def action(**fields: object) -> Json:
    return {"name": "r", "match": {"prefix": "/"}, "route": {"cluster": "a", **fields}}


def decided(
    routes: Json, *clusters: Json, filters: tuple[Json, ...] = (), manager_fields: Json | None = None, **request: object
) -> Decision:
    envoy = config(
        chain(manager(routes, *filters, **(manager_fields or {}))), **({"clusters": list(clusters)} if clusters else {})
    )
    return trace(envoy, Request(**{"host": "x", **request}))


def endpoint(ip: str, metadata: Json | None = None, **fields: object) -> Json:
    return {
        "endpoint": {"address": address(ip, 80)},
        **({"metadata": {"filter_metadata": metadata}} if metadata else {}),
        **fields,
    }


def static(*groups: Json, **fields: object) -> Json:
    return {"name": "a", "type": "STATIC", "load_assignment": {"cluster_name": "a", "endpoints": list(groups)}, **fields}


# --- shares -------------------------------------------------------------------------------------------------------------
SPLIT = {
    "weighted_clusters": {
        "clusters": [
            {"name": "a", "weight": 90},
            {"name": "b", "weight": 10, "request_headers_to_add": [{"header": {"key": "x-new", "value": "1"}}]},
        ]
    }
}


def test_a_share_that_is_taken_has_its_cluster_and_its_headers():
    routes = table({"name": "r", "match": {"prefix": "/"}, "route": SPLIT})
    assert decided(routes).cluster == ""
    taken = decided(routes, taken="b")
    assert (taken.cluster, ("x-new", "1") in taken.request_headers) == ("b", True)
    assert decided(routes, taken="nobody").cluster == ""


def test_a_share_of_connections_is_taken():
    content = {key: value for key, value in tcp("").items() if key != "cluster"}
    envoy = config(chain({**content, **SPLIT}))
    assert trace(envoy, Request(protocol="tcp", taken="b")).cluster == "b"


# --- tries --------------------------------------------------------------------------------------------------------------
POLICY = {"retry_on": "5xx", "num_retries": 3, "per_try_timeout": "0.5s", "retriable_status_codes": [409]}


def test_a_retry_policy_is_told_with_its_times():
    policy = {
        **POLICY,
        "retry_back_off": {"base_interval": "0.1s"},
        "retry_host_predicate": [{"name": "envoy.retry_host_predicates.previous_hosts"}],
    }
    found = decided(table(action(timeout="2s", retry_policy=policy, hedge_policy={"hedge_on_per_try_timeout": True}))).retry
    assert found is not None
    assert (found.attempts, found.per_try_timeout, found.codes) == (3, 500_000_000, (409,))
    assert (found.back_off, found.longest_back_off, found.hedges, found.elsewhere) == (100_000_000, 1_000_000_000, True, True)


@pytest.mark.parametrize(
    ("headers", "timeout", "attempts", "per_try"),
    [
        ((), 2_000_000_000, 3, 500_000_000),
        ((("x-envoy-upstream-rq-timeout-ms", "100"),), 100_000_000, 3, None),
        ((("x-envoy-upstream-rq-timeout-ms", "0"),), None, 3, 500_000_000),
        ((("x-envoy-max-retries", "1"), ("x-envoy-upstream-rq-per-try-timeout-ms", "50")), 2_000_000_000, 1, 50_000_000),
    ],
)
def test_a_client_inside_overrides_the_route(
    headers: tuple[tuple[str, str], ...], timeout: int | None, attempts: int, per_try: int | None
):
    inside = {
        "use_remote_address": True,
        "internal_address_config": {"cidr_ranges": [{"address_prefix": "127.0.0.0", "prefix_len": 8}]},
    }
    decision = decided(table(action(timeout="2s", retry_policy=POLICY)), headers=headers, manager_fields=inside)
    assert decision.retry is not None
    assert (decision.timeout, decision.retry.attempts, decision.retry.per_try_timeout) == (timeout, attempts, per_try)
    assert not [name for name, _ in decision.request_headers if name in dict(headers)]


@pytest.mark.parametrize(
    ("fields", "deadline", "timeout"),
    [
        ({"timeout": "2s"}, "1S", 2_000_000_000),
        ({"timeout": "2s", "max_grpc_timeout": "0s"}, "1S", 1_000_000_000),
        ({"timeout": "2s", "max_grpc_timeout": "0.5s"}, "1S", 500_000_000),
        ({"timeout": "2s", "max_grpc_timeout": "0s"}, "", None),
        ({"timeout": "2s", "max_stream_duration": {"grpc_timeout_header_max": "2s"}}, "1S", None),  # `timeout` is not looked at
    ],
)
def test_a_grpc_deadline_holds_where_the_route_takes_it_over(fields: Json, deadline: str, timeout: int | None):
    headers = (("content-type", "application/grpc"), *((("grpc-timeout", deadline),) if deadline else ()))
    assert decided(table(action(**fields)), headers=headers).timeout == timeout


# --- endpoints ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("policy", "headers", "hashes", "said"),
    [
        ({"header": {"header_name": "x-user"}}, (("x-user", "ann"),), (Hash(by="header `x-user`", value="ann"),), "`ann` picks"),
        ({"header": {"header_name": "x-user"}}, (), (Hash(by="header `x-user`"),), "the request brings no header `x-user`"),
        ({"cookie": {"name": "s"}}, (("cookie", "a=1; s=2"),), (Hash(by="cookie `s`", value="2"),), "`2` picks"),
        ({"cookie": {"name": "s", "ttl": "0s"}}, (), (Hash(by="cookie `s` (made for the client)"),), "brings no cookie"),
        ({"query_parameter": {"name": "id"}}, (), (Hash(by="query parameter `id`", value="7"),), "`7` picks"),
        ({"connection_properties": {"source_ip": True}}, (), (Hash(by="source address", value="127.0.0.1"),), "picks"),
    ],
)
def test_a_hash_says_what_picks_the_endpoint(
    policy: Json, headers: tuple[tuple[str, str], ...], hashes: tuple[Hash, ...], said: str
):
    cluster = static({"lb_endpoints": [endpoint("10.0.0.1")]}, lb_policy="RING_HASH")
    decision = decided(table(action(hash_policy=[policy])), cluster, headers=headers, path="/?id=7")
    assert decision.hashes == hashes
    step = next(step for step in decision.steps if step.stage == "hash")
    assert said in step.reason


def test_nothing_is_hashed_where_load_is_balanced_otherwise():
    cluster = static({"lb_endpoints": [endpoint("10.0.0.1")]})
    decision = decided(table(action(hash_policy=[{"header": {"header_name": "x"}}])), cluster)
    assert (decision.hashes, decision.balancing) == ((), "ROUND_ROBIN")


@pytest.mark.parametrize(
    ("fallback", "wanted", "found"),
    [
        ("NO_FALLBACK", "v1", ["10.0.0.1"]),
        ("NO_FALLBACK", "v3", []),
        ("ANY_ENDPOINT", "v3", ["10.0.0.1", "10.0.0.2"]),
        ("DEFAULT_SUBSET", "v3", ["10.0.0.2"]),
    ],
)
def test_a_subset_without_endpoints_falls_back_as_the_cluster_says(fallback: str, wanted: str, found: list[str]):
    group = {"lb_endpoints": [endpoint(f"10.0.0.{n}", {"envoy.lb": {"version": f"v{n}"}}) for n in (1, 2)]}
    subsets = {"fallback_policy": fallback, "default_subset": {"version": "v2"}, "subset_selectors": [{"keys": ["version"]}]}
    metadata = {"filter_metadata": {"envoy.lb": {"version": wanted}}}
    decision = decided(table(action(metadata_match=metadata)), static(group, lb_subset_config=subsets))
    assert [each.address for each in decision.endpoints] == found
    assert decision.status == (None if found else 503)


@pytest.mark.parametrize(("threshold", "outcome"), [(None, Outcome.ROUTED), (0, Outcome.UNAVAILABLE)])
def test_a_cluster_without_healthy_endpoints_panics_unless_it_may_not(threshold: int | None, outcome: Outcome):
    fields = {} if threshold is None else {"common_lb_config": {"healthy_panic_threshold": {"value": threshold}}}
    decision = decided(table(action()), static({"lb_endpoints": [endpoint("10.0.0.1", health_status="UNHEALTHY")]}, **fields))
    assert decision.outcome is outcome


def test_priorities_and_localities_are_told():
    near = {
        "priority": 0,
        "locality": {"region": "eu", "zone": "a"},
        "lb_endpoints": [endpoint("10.0.0.1", load_balancing_weight=3)],
    }
    far = {"priority": 1, "locality": {"region": "us"}, "lb_endpoints": [endpoint("10.0.0.2")]}
    decision = decided(table(action()), static(far, near))
    assert [(each.address, each.priority, each.locality, each.weight) for each in decision.endpoints] == [
        ("10.0.0.1", 0, "eu/a", 3),
        ("10.0.0.2", 1, "us", 1),
    ]
    assert "the 1 of the first priority take all" in next(s.reason for s in decision.steps if s.stage == "cluster")


# --- what is spoken upstream ----------------------------------------------------------------------------------------------
def socket(sni: str = "", certificate: str = "") -> Json:
    common: Json = {"tls_certificate_sds_secret_configs": [{"name": certificate}]} if certificate else {}
    kind = f"{TYPES}.transport_sockets.tls.v3.UpstreamTlsContext"
    return {"name": "tls", "typed_config": {"@type": kind, "sni": sni, "common_tls_context": common}}


PEERS = [
    {"name": "mutual", "match": {"tlsMode": "istio"}, "transport_socket": socket("peer", "default")},
    {"name": "plain", "match": {}, "transport_socket": {"name": "raw"}},
]
AUTO_SNI = {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": f"{TYPES}.upstreams.http.v3.HttpProtocolOptions",
        "upstream_http_protocol_options": {"auto_sni": True},
        "explicit_http_config": {"http2_protocol_options": {}},
    }
}


@pytest.mark.parametrize(
    ("fields", "metadata", "tls"),
    [
        ({}, None, None),
        ({"transport_socket": socket("s")}, None, UpstreamTls(sni="s")),
        ({"transport_socket": socket(certificate="file")}, None, UpstreamTls(has_certificate=True)),
        ({"transport_socket": socket(certificate="default")}, None, UpstreamTls(has_certificate=True, is_workload=True)),
        (
            {"transport_socket_matches": PEERS},
            {"envoy.transport_socket_match": {"tlsMode": "istio"}},
            UpstreamTls(sni="peer", has_certificate=True, is_workload=True),
        ),
        ({"transport_socket_matches": PEERS}, None, None),
        ({"transport_socket": socket(), "typed_extension_protocol_options": AUTO_SNI}, None, UpstreamTls(sni="x")),
    ],
)
def test_a_cluster_says_what_is_spoken_to_it(fields: Json, metadata: Json | None, tls: UpstreamTls | None):
    decision = decided(table(action()), static({"lb_endpoints": [endpoint("10.0.0.1", metadata)]}, **fields))
    assert decision.upstream_tls == tls
    assert decision.upstream_protocol == ("http2" if "typed_extension_protocol_options" in fields else "http")


# --- the connection -------------------------------------------------------------------------------------------------------
def test_http_1_0_is_asked_to_come_back_unless_it_is_accepted():
    assert decided(table(action()), protocol="http1.0").status == 426
    accepting = {"http_protocol_options": {"accept_http_10": True}}
    assert decided(table(action()), protocol="http1.0", manager_fields=accepting).outcome is Outcome.ROUTED


@pytest.mark.parametrize(
    ("allowed", "status"),
    [([], 403), ([{"upgrade_type": "websocket"}], None), ([{"upgrade_type": "websocket", "enabled": False}], 403)],
)
def test_a_websocket_needs_somebody_who_allows_it(allowed: list[Json], status: int | None):
    headers = (("connection", "Upgrade"), ("upgrade", "websocket"))
    for fields, route_fields in (({"upgrade_configs": allowed}, {}), ({}, {"upgrade_configs": allowed})):
        assert decided(table(action(**route_fields)), headers=headers, manager_fields=fields).status == status


def test_a_grpc_client_gets_its_failure_in_the_grpc_status():
    headers = (("content-type", "application/grpc"),)
    decision = decided({"name": "t", "virtual_hosts": []}, headers=headers)
    assert (decision.status, decision.grpc_status) == (200, 12)
    assert ("grpc-status", "12") in decision.response_headers


def test_mutual_and_plain_connections_into_a_sidecar_are_told():
    strict = chain(manager(table(action())), tls=True, transport_protocol="tls")
    strict["transport_socket"]["typed_config"]["require_client_certificate"] = True
    envoy = config(strict, chain(manager(table(action()))))
    mutual = trace(envoy, Request(host="x", tls="mtls", principal="a/ns/b/sa/c"))
    assert ("tls", "mutual", "the client is `a/ns/b/sa/c`") in [(s.stage, s.chosen, s.reason) for s in mutual.steps]
    assert mutual.tls == "mutual"
    plain = trace(envoy, Request(host="x", capture=Capture.INBOUND))
    assert (plain.tls, plain.outcome) == ("none", Outcome.ROUTED)
    assert ("tls", "plaintext") in [(s.stage, s.chosen) for s in plain.steps]


# --- rate limits ----------------------------------------------------------------------------------------------------------
SERVICE = {"rate_limit_service": {"grpc_service": {"envoy_grpc": {"cluster_name": "limiter"}}}}
USER = {"request_headers": {"header_name": "x-user", "descriptor_key": "user"}}
NO_USER = {"descriptor_value": "no-user", "expect_match": False, "headers": [{"name": "x-user"}]}
DESCRIBED = {
    "rate_limits": [
        {"actions": [{"generic_key": {"descriptor_value": "all"}}, USER]},
        {"actions": [{"masked_remote_address": {"v4_prefix_mask_len": 24}}, {"destination_cluster": {}}, {"remote_address": {}}]},
        {"actions": [{"query_parameters": {"query_parameter_name": "id", "descriptor_key": "id"}}]},
        {"actions": [{"header_value_match": NO_USER}]},
        {"stage": 1, "actions": [{"source_cluster": {}}]},
    ]
}


def limited(headers: tuple[tuple[str, str], ...], answers: Json | None = None) -> Decision:
    filters = (http_filter("ratelimit.v3.RateLimit", SERVICE),)
    return decided(table(action(**DESCRIBED)), filters=filters, headers=headers, answers=answers or {})


def test_a_service_is_asked_about_the_descriptors_of_the_request():
    step = next(step for step in limited((("x-user", "ann"),)).steps if step.stage == "rate limit")
    assert (
        "generic_key=all, user=ann and masked_remote_address=127.0.0.0/24, destination_cluster=a, remote_address=127.0.0.1"
        in step.reason
    )
    assert "no-user" not in step.reason
    without = next(step for step in limited(()).steps if step.stage == "rate limit")
    assert "header_match=no-user" in without.reason
    assert "generic_key" not in without.reason


def test_a_service_that_refuses_gives_429():
    decision = limited((), {"limiter": "deny"})
    assert (decision.outcome, decision.status) == (Outcome.DENIED, 429)
    assert ("x-envoy-ratelimited", "true") in decision.response_headers


def test_a_request_without_descriptors_is_not_counted():
    decision = decided(table(action()), filters=(http_filter("ratelimit.v3.RateLimit", SERVICE),))
    assert next(step.chosen for step in decision.steps if step.stage == "rate limit") == "skipped"


# --- policies -------------------------------------------------------------------------------------------------------------
def test_a_policy_that_nearly_matched_says_what_was_missing():
    permission = {
        "and_rules": {"rules": [{"header": {"name": ":method", "string_match": {"exact": "GET"}}}, {"destination_port": 80}]}
    }
    port = {"or_rules": {"rules": [{"destination_port": 81}, {"destination_port_range": {"start": 90, "end": 99}}]}}
    excluded = {"not_rule": {"url_path": {"path": {"prefix": "/"}}}}
    inside = {"direct_remote_ip": {"address_prefix": "10.0.0.0", "prefix_len": 8}}
    policies = {
        "a": {"permissions": [permission], "principals": [{"any": True}]},
        "b": {"permissions": [port], "principals": [{"any": True}]},
        "c": {"permissions": [excluded], "principals": [{"any": True}]},
        "d": {"permissions": [{"any": True}], "principals": [{"authenticated": {"principal_name": {"exact": "spiffe://x"}}}]},
        "e": {"permissions": [{"any": True}], "principals": [{"not_id": {"any": True}}]},
        "f": {"permissions": [{"any": True}], "principals": [inside]},
    }  # fmt: skip
    rules = http_filter("rbac.v3.RBAC", {"rules": {"action": "ALLOW", "policies": policies}})
    step = decided(table(action()), filters=(rules,), method="POST").steps[-1]
    assert dict(step.nearly) == {
        "a": "other operations: method `POST` is not `GET`",
        "b": "other operations: port 80 is not 81; port 80 is not in [90, 99)",
        "c": "other operations: path with prefix `/` is excluded",
        "d": "other callers: the caller speaks plaintext, so nobody knows who it is",
        "e": "other callers: it matches nothing",
        "f": "other callers: peer address `127.0.0.1` is not in 10.0.0.0/8",
    }
