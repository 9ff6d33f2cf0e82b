"""Matches and actions that the recorded cases do not have."""

from __future__ import annotations

import pytest
from small_proxies import CATALOG_SERVICE, EDGE, WEBAPP, emitted, host, numbers, routes, rule

from meshgen.emit.envoy.retries import split_retry_on

TO = "route: [{destination: {host: catalog}}]"


def hashing(settings: str) -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: catalog, namespace: shop}}
spec: {{host: catalog, trafficPolicy: {{loadBalancer: {{consistentHash: {settings}}}}}}}
---
"""


def test_a_claim_is_matched_in_the_verified_token_and_not_among_headers():
    (found,) = routes(rule(f"{{match: [{{headers: {{'@request.auth.claims[realm][roles]': {{exact: admin}}}}}}], {TO}}}"))
    (matcher,) = found["match"]["dynamic_metadata"]
    assert "headers" not in found["match"]
    assert [part["key"] for part in matcher["path"]] == ["payload", "realm", "roles"]
    assert matcher["value"]["or_match"]["value_matchers"] == [
        {"string_match": {"exact": "admin"}},
        {"list_match": {"one_of": {"string_match": {"exact": "admin"}}}},
    ]


def test_a_claim_that_must_be_absent_is_matched_inverted():
    (found,) = routes(rule(f"{{match: [{{withoutHeaders: {{'@request.auth.claims.group': {{exact: x}}}}}}], {TO}}}"))
    assert found["match"]["dynamic_metadata"][0]["invert"] is True


def test_nothing_is_generated_behind_a_rule_that_takes_every_request():
    found = routes(rule(f"{{name: all, match: [{{uri: {{prefix: /}}}}], {TO}}}, {{name: never, {TO}}}"))
    assert [route["name"] for route in found] == ["all"]


def test_a_match_by_scheme_does_not_hide_the_rules_behind_it():
    found = routes(rule(f"{{name: a, match: [{{scheme: {{exact: https}}}}], {TO}}}, {{name: b, {TO}}}"))
    assert [route["name"] for route in found] == ["a", "b"]


def test_the_name_and_statistics_of_a_match_are_kept():
    (found,) = routes(rule(f"{{name: r, match: [{{name: m, statPrefix: shop, uri: {{exact: /x}}}}], {TO}}}"))
    assert (found["name"], found["stat_prefix"]) == ("r.m", "shop")


@pytest.mark.parametrize(
    ("headers", "authority"),
    [
        ("{request: {set: {Host: a.example}}}", "a.example"),
        ("{request: {add: {':authority': b.example}}}", "b.example"),
        ("{request: {set: {host: a.example}, add: {Host: b.example}}}", "a.example"),
    ],
)
def test_a_host_among_the_request_headers_is_a_rewrite(headers: str, authority: str):
    (found,) = routes(rule(f"{{headers: {headers}, {TO}}}"))
    assert found["route"]["host_rewrite_literal"] == authority
    assert "request_headers_to_add" not in found


def test_the_rewritten_authority_goes_before_every_header():
    (found,) = routes(rule(f"{{rewrite: {{authority: r.example}}, headers: {{request: {{set: {{Host: h.example}}}}}}, {TO}}}"))
    assert found["route"]["host_rewrite_literal"] == "r.example"


def test_pseudo_headers_are_never_removed():
    (found,) = routes(rule(f"{{headers: {{request: {{remove: [Host, ':path', x-a]}}}}, {TO}}}"))
    assert found["request_headers_to_remove"] == ["x-a"]


@pytest.mark.parametrize(
    ("redirect", "port"),
    [
        ("{scheme: https, port: 443}", None),
        ("{scheme: http, port: 80}", None),
        ("{port: 80}", None),
        ("{port: 443}", 443),
        ("{derivePort: FROM_REQUEST_PORT}", 8000),
        ("{derivePort: FROM_PROTOCOL_DEFAULT}", None),
    ],
)
def test_a_redirect_names_a_port_only_where_it_is_not_the_default(redirect: str, port: int | None):
    (found,) = routes(rule(f"{{redirect: {redirect}}}"))
    assert found["redirect"].get("port_redirect") == port


def test_a_redirect_with_a_code_that_envoy_lacks_is_left_out_and_reported():
    text = rule(f"{{name: odd, match: [{{uri: {{exact: /x}}}}], redirect: {{uri: /y, redirectCode: 300}}}}, {{name: rest, {TO}}}")
    snapshot, diagnostics = emitted(CATALOG_SERVICE + text, WEBAPP)
    assert [route["name"] for route in host(snapshot, "catalog.shop.svc.cluster.local:8000")["routes"]] == ["rest"]
    assert [(found.code.number, found.origin.path) for found in diagnostics if found.code.number != "MG0902"] == [
        ("MG0914", ("spec", "http", 0, "redirect", "redirectCode"))
    ]


@pytest.mark.parametrize(
    ("spelling", "fraction"),
    [
        ("", {"numerator": 100}),
        ("mirrorPercent: 30", {"numerator": 30}),
        ("mirror_percent: 30", {"numerator": 30}),
        ("mirrorPercentage: {value: 12.5}", {"numerator": 125_000, "denominator": "MILLION"}),
    ],
)
def test_the_share_of_a_mirror_has_three_spellings(spelling: str, fraction: object):
    (found,) = routes(rule(f"{{mirror: {{host: shadow}}, {spelling}{',' if spelling else ''} {TO}}}"))
    assert found["route"]["request_mirror_policies"][0]["runtime_fraction"]["default_value"] == fraction


def test_an_old_whole_percentage_of_a_delay_is_kept():
    (found,) = routes(rule(f"{{fault: {{delay: {{percent: 20, fixedDelay: 2s}}}}, {TO}}}"))
    delay = found["typed_per_filter_config"]["envoy.filters.http.fault"]["delay"]
    assert delay == {"fixed_delay": "2s", "percentage": {"numerator": 20}}


@pytest.mark.parametrize(
    ("settings", "policy"),
    [
        ("{useSourceIp: true}", {"connection_properties": {"source_ip": True}}),
        ("{httpQueryParameterName: q}", {"query_parameter": {"name": "q"}}),
        (
            "{httpCookie: {name: c, ttl: 0s, attributes: [{name: SameSite, value: Lax}]}}",
            {"cookie": {"name": "c", "ttl": "0s", "attributes": [{"name": "SameSite", "value": "Lax"}]}},
        ),
    ],
)
def test_requests_are_hashed_by_what_the_destination_rule_says(settings: str, policy: object):
    (found,) = routes(hashing(settings) + rule(f"{{{TO}}}"))
    assert found["route"]["hash_policy"] == [policy]


def test_a_retry_of_hashed_requests_may_meet_the_same_host():
    (hashed,) = routes(hashing("{useSourceIp: true}") + rule(f"{{{TO}}}"))
    (plain,) = routes(rule(f"{{{TO}}}"))
    assert "retry_host_predicate" not in hashed["route"]["retry_policy"]
    assert "retry_host_predicate" in plain["route"]["retry_policy"]


def test_the_mesh_may_switch_retries_off_and_a_rule_on_again():
    off = "{defaultHttpRetryPolicy: {attempts: 0}}"
    (default,) = routes(rule(f"{{{TO}}}"), config=off)
    (own,) = routes(rule(f"{{retries: {{attempts: 1}}, {TO}}}"), config=off)
    assert "retry_policy" not in default["route"]
    assert own["route"]["retry_policy"]["num_retries"] == 1


@pytest.mark.parametrize(
    ("text", "conditions", "codes"),
    [
        (" 5xx , reset", "5xx,reset", []),
        ("503", "retriable-status-codes", [503]),
        ("retriable-status-codes,503", "retriable-status-codes", [503]),
        ("799", "799", []),
    ],
)
def test_numbers_among_retry_conditions_are_statuses_where_http_has_them(text: str, conditions: str, codes: list[int]):
    assert split_retry_on(text) == (conditions, codes)


def test_cors_origins_of_the_old_form_are_exact():
    (found,) = routes(rule(f"{{corsPolicy: {{allowOrigin: [https://a.example]}}, {TO}}}"))
    policy = found["typed_per_filter_config"]["envoy.filters.http.cors"]
    assert policy["allow_origin_string_match"] == [{"exact": "https://a.example"}]


def test_a_wildcard_rule_governs_only_services_without_a_narrower_one():
    text = """
apiVersion: v1
kind: Service
metadata: {name: forum, namespace: shop}
spec: {clusterIP: 10.96.0.2, ports: [{name: http, port: 8000}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: all, namespace: shop}
spec: {hosts: ["*.shop.svc.cluster.local"], http: [{name: wide, route: [{destination: {host: catalog}}]}]}
---
"""
    snapshot, _ = emitted(CATALOG_SERVICE + text + rule(f"{{name: narrow, {TO}}}"), WEBAPP)
    assert host(snapshot, "catalog.shop.svc.cluster.local:8000")["routes"][0]["name"] == "narrow"
    assert host(snapshot, "forum.shop.svc.cluster.local:8000")["routes"][0]["name"] == "wide"


def test_fields_that_are_not_carried_over_are_reported_at_their_place():
    text = rule(f"{{fault: {{delay: {{exponentialDelay: 1s}}, abort: {{http2Error: CANCEL}}}}, {TO}}}")
    _, diagnostics = emitted(CATALOG_SERVICE + text, WEBAPP)
    assert [found.origin.path[3:] for found in diagnostics if found.code.number == "MG0906"] == [
        ("fault", "abort", "http2Error"),
        ("fault", "delay", "exponentialDelay"),
    ]


def test_a_proxy_without_anything_gets_an_empty_configuration_and_no_complaint():
    snapshot, diagnostics = emitted("{}", EDGE)
    assert (snapshot.listeners, snapshot.routes, numbers(diagnostics)) == ((), (), [])
