"""The steps of a trace that neither record nor a generated table shows: choice, reasons, sources, open questions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from meshgen.trace import Capture, EnvoyConfig, Outcome, Request, to_json, trace

Json = dict[str, Any]
TYPES = "type.googleapis.com/envoy.extensions"
HTTP = f"{TYPES}.filters.http"


def address(host: str, port: int) -> Json:
    return {"socket_address": {"address": host, "port_value": port}}


def manager(routes: Json | None = None, *filters: Json, **more: object) -> Json:
    kind = f"{TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager"
    return {"@type": kind, "route_config": routes or {}, "http_filters": list(filters), **more}


def chain(content: Json, name: str = "", tls: bool = False, **match: object) -> Json:
    made: Json = {"name": name, "filters": [{"name": "f", "typed_config": content}], "filter_chain_match": match}
    if tls:
        kind = f"{TYPES}.transport_sockets.tls.v3.DownstreamTlsContext"
        made["transport_socket"] = {"name": "tls", "typed_config": {"@type": kind}}
    return made


def tcp(cluster: str) -> Json:
    return {"@type": f"{TYPES}.filters.network.tcp_proxy.v3.TcpProxy", "cluster": cluster}


def config(*chains: Json, **more: object) -> EnvoyConfig:
    listener = {"name": "main", "address": address("0.0.0.0", 80), "filter_chains": list(chains)}
    clusters = [{"name": name, "type": "STRICT_DNS"} for name in ("a", "b", "c")]
    return EnvoyConfig.from_record({"listeners": [listener], "clusters": clusters, **more})


def table(*routes: Json, **more: object) -> Json:
    return {"name": "t", "virtual_hosts": [{"name": "v", "domains": ["*"], "routes": list(routes), **more}]}


def route(cluster: str, prefix: str = "/", **more: object) -> Json:
    return {"name": cluster, "match": {"prefix": prefix}, "route": {"cluster": cluster}, **more}


def http_filter(kind: str, content: Json, name: str = "filter") -> Json:
    return {"name": name, "typed_config": {"@type": f"{HTTP}.{kind}", **content}}


def chosen(envoy: EnvoyConfig, **request: object) -> str:
    return trace(envoy, Request(**{"host": "x", **request})).cluster


def test_the_first_route_wins_even_if_a_later_one_is_longer():
    envoy = config(chain(manager(table(route("a", "/items"), route("b", "/items/special")))))
    decision = trace(envoy, Request(host="x", path="/items/special"))
    assert (decision.cluster, decision.route and decision.route.index) == ("a", 0)


def test_every_route_before_the_chosen_one_says_why_it_did_not_match():
    first = {"name": "gold", "match": {"prefix": "/", "headers": [{"name": "x-tier", "string_match": {"exact": "gold"}}]}}
    envoy = config(chain(manager(table({**first, "route": {"cluster": "b"}}, route("c", "/y"), route("a")))))
    step = next(s for s in trace(envoy, Request(host="x", headers=(("x-tier", "Gold"),))).steps if s.stage == "route")
    assert step.chosen == "a"
    assert step.nearly == (
        ("gold", "header `x-tier`: `Gold` is not `gold`"),
        ("c", "path `/` does not start with `/y`"),
    )


def test_a_step_names_the_object_that_made_the_route():
    ours = {"filter_metadata": {"meshgen": {"kind": "Route", "namespace": "shop", "name": "web", "path": "spec.rules[0]"}}}
    path = "/apis/networking.istio.io/v1/namespaces/shop/virtual-service/web"
    theirs = {"filter_metadata": {"istio": {"config": path}}}
    for metadata, kind in ((ours, "Route"), (theirs, "VirtualService")):
        decision = trace(config(chain(manager(table(route("a", metadata=metadata))))), Request(host="x"))
        source = next(step.source for step in decision.steps if step.stage == "route")
        assert source is not None
        assert (source.kind, source.namespace, source.name) == (kind, "shop", "web")
        assert decision.route is not None
        assert decision.route.metadata == metadata


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("a.shop.example", "exact"),
        ("A.SHOP.example:8080", "exact"),
        ("b.shop.example", "long"),
        ("b.example", "short"),
        (".shop.example", "short"),
        ("shop.example", "short"),
        ("web.local", "prefix"),
        ("other", "rest"),
    ],
)
def test_domains_are_taken_exact_then_longest_suffix_then_prefix_then_star(host: str, expected: str):
    domains = {"rest": "*", "prefix": "web.*", "short": "*.example", "long": "*.shop.example", "exact": "a.shop.example"}
    hosts = [{"name": name, "domains": [domain], "routes": [route("a")]} for name, domain in domains.items()]
    envoy = config(chain(manager({"virtual_hosts": hosts, "ignore_port_in_host_matching": True})))
    assert trace(envoy, Request(host=host)).virtual_host == expected


def test_a_known_host_without_a_route_is_not_served_by_a_wider_one():
    hosts = [{"name": "n", "domains": ["x"], "routes": []}, {"name": "w", "domains": ["*"], "routes": [route("a")]}]
    decision = trace(config(chain(manager({"virtual_hosts": hosts}))), Request(host="x"))
    assert (decision.outcome, decision.status, decision.virtual_host) == (Outcome.NOT_FOUND, 404, "n")


def test_a_chain_for_the_port_hides_chains_without_one_even_if_it_fails():
    envoy = config(chain(tcp("a"), destination_port=80, source_prefix_ranges=[
        {"address_prefix": "10.0.0.0", "prefix_len": 8}]), chain(tcp("b")))  # fmt: skip
    assert chosen(envoy, protocol="tcp", source_ip="10.1.1.1") == "a"
    assert trace(envoy, Request(protocol="tcp", source_ip="9.9.9.9")).outcome is Outcome.CLOSED


def test_server_names_are_taken_exact_then_longest_wildcard_then_none():
    envoy = config(
        chain(tcp("a"), "exact", server_names=["web.shop.example"]),
        chain(tcp("b"), "wild", server_names=["*.shop.example"]),
        chain(tcp("c"), "rest"),
    )
    for sni, name in (("web.shop.example", "exact"), ("x.y.shop.example", "wild"), ("shop.example", "rest")):
        decision = trace(envoy, Request(protocol="tcp", tls="tls", sni=sni))
        assert decision.filter_chain == name
    assert trace(envoy, Request(protocol="tcp")).filter_chain == "rest"


def test_an_application_protocol_decides_before_the_chain_without_one():
    envoy = config(
        chain(tcp("a"), transport_protocol="tls", application_protocols=["istio"]), chain(tcp("b"), transport_protocol="tls")
    )
    assert chosen(envoy, protocol="tcp", tls="mtls") == "a"
    assert chosen(envoy, protocol="tcp", tls="tls", sni="x") == "b"


def test_plaintext_to_a_chain_that_terminates_tls_is_closed():
    decision = trace(config(chain(manager(table(route("a"))), tls=True)), Request(host="x"))
    assert decision.outcome is Outcome.CLOSED
    assert decision.steps[-1].reason == "the client speaks plaintext where TLS is terminated"


def test_a_captured_connection_is_handed_to_the_listener_of_its_destination():
    def listener(name: str, host: str, port: int, cluster: str, **more: object) -> Json:
        return {"name": name, "address": address(host, port), "filter_chains": [chain(tcp(cluster))], **more}

    listeners = [
        listener("out", "0.0.0.0", 15001, "a", use_original_dst=True, traffic_direction="OUTBOUND"),
        listener("any", "0.0.0.0", 80, "b", bind_to_port=False),
        listener("own", "10.0.0.1", 80, "c", bind_to_port=False),
    ]
    envoy = EnvoyConfig.from_record({"listeners": listeners, "clusters": [{"name": n, "type": "STRICT_DNS"} for n in "abc"]})
    captured = {"protocol": "tcp", "capture": Capture.OUTBOUND}
    assert chosen(envoy, **captured, port=80, address="10.0.0.1") == "c"
    assert chosen(envoy, **captured, port=80, address="10.0.0.2") == "b"
    assert chosen(envoy, **captured, port=81, address="10.0.0.1") == "a"
    assert trace(envoy, Request(protocol="tcp", port=80)).outcome is Outcome.NO_LISTENER


def test_a_split_has_the_share_of_each_cluster_and_no_single_cluster():
    clusters = {"clusters": [{"name": "a", "weight": 150}, {"name": "b", "weight": 50}, {"name": "c", "weight": 0}]}
    split = {"match": {"prefix": "/"}, "route": {"weighted_clusters": clusters}}
    decision = trace(config(chain(manager(table(split)))), Request(host="x"))
    assert decision.cluster == ""
    assert [(each.cluster, each.share) for each in decision.weights] == [("a", 0.75), ("b", 0.25), ("c", 0)]


def test_a_route_without_timeout_has_fifteen_seconds_and_zero_is_none():
    assert trace(config(chain(manager(table(route("a"))))), Request(host="x")).timeout == 15_000_000_000
    unlimited = {"match": {"prefix": "/"}, "route": {"cluster": "a", "timeout": "0s"}}
    assert trace(config(chain(manager(table(unlimited)))), Request(host="x")).timeout is None


def test_a_missing_cluster_and_an_empty_one_are_both_503():
    for clusters, reason in (([], "no such cluster"), ([{"name": "a", "type": "EDS"}], "EDS: no endpoints")):
        decision = trace(config(chain(manager(table(route("a")))), clusters=clusters), Request(host="x"))
        assert (decision.outcome, decision.status, decision.steps[-1].reason) == (Outcome.UNAVAILABLE, 503, reason)


def test_unhealthy_endpoints_are_used_only_in_panic():
    group = {"lb_endpoints": [{"endpoint": {"address": address("10.0.0.1", 1)}, "health_status": "UNHEALTHY"}]}
    cluster = {"name": "a", "type": "EDS"}
    calm = {**cluster, "common_lb_config": {"healthy_panic_threshold": {"value": 0}}}
    for clusters, served in ((cluster, True), (calm, False)):
        endpoints = [{"cluster_name": "a", "endpoints": [group]}]
        envoy = config(chain(manager(table(route("a")))), clusters=[clusters], endpoints=endpoints)
        assert bool(trace(envoy, Request(host="x")).endpoints) is served


def test_a_fault_that_meets_some_requests_is_told_and_does_not_end_the_request():
    fault = {"abort": {"http_status": 503, "percentage": {"numerator": 10_000, "denominator": "MILLION"}}}
    envoy = config(chain(manager(table(route("a")), http_filter("fault.v3.HTTPFault", fault))))
    decision = trace(envoy, Request(host="x"))
    assert decision.outcome is Outcome.ROUTED
    assert [(each.kind, each.percent, each.status) for each in decision.faults] == [("abort", 1, 503)]


def test_a_delay_without_percentage_never_fires():
    envoy = config(chain(manager(table(route("a")), http_filter("fault.v3.HTTPFault", {"delay": {"fixed_delay": "5s"}}))))
    assert trace(envoy, Request(host="x")).faults == ()


def test_allow_without_policies_denies_all_and_no_rules_allow_all():
    for content, status in (({"rules": {}}, 403), ({}, None), ({"rules": {"action": "DENY"}}, None)):
        envoy = config(chain(manager(table(route("a")), http_filter("rbac.v3.RBAC", content))))
        assert trace(envoy, Request(host="x")).status == status


def test_dry_run_rules_decide_nothing_and_are_told():
    policies = {"ns[shop]-policy[p]-rule[0]": {"permissions": [{"any": True}], "principals": [{"any": True}]}}
    content = {"shadow_rules": {"action": "DENY", "policies": policies}, "shadow_rules_stat_prefix": "dry_"}
    envoy = config(chain(manager(table(route("a")), http_filter("rbac.v3.RBAC", content))))
    decision = trace(envoy, Request(host="x"))
    assert decision.outcome is Outcome.ROUTED
    assert decision.shadow == (("dry_", "denied by ns[shop]-policy[p]-rule[0]"),)


def test_external_authorization_without_an_answer_leaves_the_decision_open():
    content = {"grpc_service": {"envoy_grpc": {"cluster_name": "authz"}}}
    envoy = config(chain(manager(table(route("a")), http_filter("ext_authz.v3.ExtAuthz", content))))
    open_decision = trace(envoy, Request(host="x"))
    assert (open_decision.outcome, open_decision.asked, open_decision.cluster) == (Outcome.NEEDS_ANSWER, ("authz",), "a")
    assert trace(envoy, Request(host="x", answers={"authz": "allow"})).outcome is Outcome.ROUTED
    assert trace(envoy, Request(host="x", answers={"authz": "deny"})).status == 403


def test_filters_that_nobody_can_foretell_are_named():
    envoy = config(chain(manager(table(route("a")), http_filter("lua.v3.Lua", {}, "shop.lua"))))
    assert trace(envoy, Request(host="x")).opaque == ("shop.lua",)
    assert trace(envoy, Request(host="x", answers={"shop.lua": 418})).status == 418


def test_a_local_rate_limit_needs_both_fractions_and_counts():
    bucket = {"token_bucket": {"max_tokens": 2}}
    full = {"default_value": {"numerator": 100}}
    for content, limited in ((bucket, False), ({**bucket, "filter_enabled": full, "filter_enforced": full}, True)):
        envoy = config(chain(manager(table(route("a")), http_filter("local_ratelimit.v3.LocalRateLimit", content))))
        assert trace(envoy, Request(host="x", nth=2)).outcome is Outcome.ROUTED
        assert (trace(envoy, Request(host="x", nth=3)).status == 429) is limited


JWT = {
    "providers": {"p": {"issuer": "i", "audiences": ["shop"], "payload_in_metadata": "payload"}},
    "rules": [{"match": {"prefix": "/"}, "requires": {"requires_any": {"requirements": [
        {"provider_name": "p"}, {"allow_missing": {}}]}}}],
}  # fmt: skip


def test_verified_claims_stand_for_a_token():
    envoy = config(chain(manager(table(route("a")), http_filter("jwt_authn.v3.JwtAuthentication", JWT))))
    for claims, status in (
        ({}, None),
        ({"i": {"aud": "shop"}}, None),
        ({"i": {"aud": "other"}}, 403),
        ({"evil": {"aud": "shop"}}, 401),
    ):
        assert trace(envoy, Request(host="x", claims=claims)).status == status, claims


def test_a_claim_can_choose_the_route_where_the_route_cache_is_cleared():
    claim = {"filter": "envoy.filters.http.jwt_authn", "path": [{"key": "payload"}, {"key": "role"}],
             "value": {"string_match": {"exact": "admin"}}}  # fmt: skip
    admin = {"name": "admin", "match": {"prefix": "/", "dynamic_metadata": [claim]}, "route": {"cluster": "b"}}
    clearing = {**JWT, "providers": {"p": {**JWT["providers"]["p"], "clear_route_cache": True}}}
    request = Request(host="x", claims={"i": {"aud": "shop", "role": "admin"}})
    for content, cluster in ((clearing, "b"), (JWT, "a")):
        filters = http_filter("jwt_authn.v3.JwtAuthentication", content)
        assert trace(config(chain(manager(table(admin, route("a")), filters))), request).cluster == cluster


def test_garbage_where_a_token_should_be_is_refused():
    envoy = config(chain(manager(table(route("a")), http_filter("jwt_authn.v3.JwtAuthentication", JWT))))
    decision = trace(envoy, Request(host="x", headers=(("authorization", "Bearer a.b"),)))
    assert (decision.status, decision.outcome) == (401, Outcome.DENIED)


def test_camel_case_configuration_is_read_alike_and_keeps_chosen_names():
    plain = manager(table(route("a")), http_filter("rbac.v3.RBAC", {"rules": {"policies": {"aB": {
        "permissions": [{"any": True}], "principals": [{"any": True}]}}}}))  # fmt: skip
    camel = json.loads(
        json
        .dumps(plain)
        .replace("virtual_hosts", "virtualHosts")
        .replace("route_config", "routeConfig")
        .replace("http_filters", "httpFilters")
        .replace("typed_config", "typedConfig")
    )
    steps = [trace(config(chain(each)), Request(host="x")).steps for each in (plain, camel)]
    assert steps[0] == steps[1]
    assert any("`aB`" in step.reason for step in steps[1])


def test_a_static_bootstrap_is_read_with_its_inline_routes():
    listener = {"name": "l", "address": address("127.0.0.1", 80), "filter_chains": [chain(manager(table(route("a"))))]}
    static = {"listeners": [listener], "clusters": [{"name": "a", "type": "STATIC", "load_assignment": {
        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address("10.0.0.9", 8080)}}]}]}}]}  # fmt: skip
    layers = [{"static_layer": {"envoy.reloadable_features.http_reject_path_with_fragment": False}}]
    bootstrap = {"static_resources": static, "node": {"id": "n"}, "layered_runtime": {"layers": layers}}
    envoy = EnvoyConfig.from_bootstrap(bootstrap)
    decision = trace(envoy, Request(host="x", path="/a#b"))
    assert (decision.path, [each.address for each in decision.endpoints]) == ("/a", ["10.0.0.9"])
    assert envoy.node == {"id": "n"}


@pytest.mark.parametrize(("more", "status"), [({}, None), ({"forward_not_matching_preflights": False}, 200)])
def test_a_preflight_of_another_origin_goes_upstream_unless_told(more: Json, status: int | None):
    policy = {"@type": f"{HTTP}.cors.v3.CorsPolicy", "allow_origin_string_match": [{"exact": "http://a"}], **more}
    guarded = route("a", typed_per_filter_config={"envoy.filters.http.cors": policy})
    envoy = config(chain(manager(table(guarded), http_filter("cors.v3.Cors", {}))))
    preflight = (("origin", "http://b"), ("access-control-request-method", "GET"))
    assert trace(envoy, Request(host="x", method="OPTIONS", headers=preflight)).status == status


@pytest.mark.parametrize(("wins", "value"), [(False, "table"), (True, "route")])
def test_the_last_level_of_header_operations_has_the_last_word(wins: bool, value: str):
    def adds(text: str) -> Json:
        option = {"header": {"key": "x-level", "value": text}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        return {"request_headers_to_add": [option]}

    routes = {**table(route("a", **adds("route")), **adds("host")), **adds("table")}
    envoy = config(chain(manager({**routes, "most_specific_header_mutations_wins": wins})))
    assert ("x-level", value) in trace(envoy, Request(host="x")).request_headers


def test_within_a_level_headers_are_looked_for_before_any_is_added_and_overwritten_before_others_are_added():
    def option(value: str, action: str) -> Json:
        return {"header": {"key": "x-new", "value": value}, "append_action": action}

    def sent(*options: Json, given: str = "") -> list[str]:
        envoy = config(chain(manager(table(route("a", request_headers_to_add=list(options))))))
        headers = (("x-new", given),) if given else ()
        return [value for name, value in trace(envoy, Request(host="x", headers=headers)).request_headers if name == "x-new"]

    assert sent(option("1", "OVERWRITE_IF_EXISTS_OR_ADD"), option("z", "ADD_IF_ABSENT")) == ["1", "z"]
    assert sent(option("1", "ADD_IF_ABSENT"), option("z", "OVERWRITE_IF_EXISTS")) == ["1"]
    assert sent(option("1", "APPEND_IF_EXISTS_OR_ADD"), option("z", "OVERWRITE_IF_EXISTS"), given="0") == ["z", "1"]


def test_a_decision_as_json_keeps_its_keys_and_is_json():
    decision = trace(config(chain(manager(table(route("a"))))), Request(host="x"))
    found = json.loads(json.dumps(to_json(decision)))
    assert list(found) == [
        "outcome", "listener", "routeConfig", "virtualHost", "route", "cluster", "clusterType", "upstream",
        "responseHeaders", "timeout", "balancing", "tls", "steps",
    ]  # fmt: skip
    assert found["timeout"] == "15s"
    assert found["upstream"]["headers"] == [["x-forwarded-proto", "http"], ["x-envoy-expected-rq-timeout-ms", "15000"]]
