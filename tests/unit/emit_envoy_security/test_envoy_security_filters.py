"""Policies as filters, beyond what the recorded cases have."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec
import pytest
from mesh_text import mesh_of
from small_mesh import CATALOG, sidecar

from meshgen.emit.envoy.clusters import clusters
from meshgen.emit.envoy.filters import ext_authz, jwt_authn, rbac
from meshgen.istio.mesh_config import MeshConfig

CATALOG_PROXY = sidecar("catalog")
Json: TypeAlias = Any


def policy(rules: str, action: str = "ALLOW", name: str = "p") -> str:
    return f"""
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: {name}, namespace: shop}}
spec: {{action: {action}, rules: {rules}}}
"""


def config_of(*providers: dict[str, Any]) -> MeshConfig:
    return msgspec.convert({"extensionProviders": providers}, MeshConfig)


def policies(text: str, *, tcp: bool = False, config: MeshConfig | None = None) -> dict[str, Any]:
    make = rbac.network_filters if tcp else rbac.http_filters
    found: Any = make(mesh_of(text, config=config), CATALOG_PROXY)
    return dict(found[0]["typed_config"]["rules"].get("policies", {}))


def principal(source: str) -> Json:
    found = policies(policy(f"[{{from: [{{source: {source}}}]}}]"))["ns[shop]-policy[p]-rule[0]"]["principals"]
    return found[0]["and_ids"]["ids"]


def _first(matchers: Json) -> Json:
    return matchers[0]["or_ids"]["ids"][0]


@pytest.mark.parametrize(
    ("value", "matcher"),
    [
        ("*", {"safe_regex": {"regex": ".+"}}),
        ("cluster.local/ns/shop/*", {"prefix": "spiffe://cluster.local/ns/shop/"}),
        ("*/sa/web.app", {"safe_regex": {"regex": r"spiffe://.*/sa/web\.app"}}),
        ("other/ns/a/sa/b", {"exact": "spiffe://other/ns/a/sa/b"}),
    ],
)
def test_a_principal_is_matched_as_istio_matches_it(value: str, matcher: dict[str, Any]):
    assert _first(principal(f"{{principals: ['{value}']}}")) == {"authenticated": {"principal_name": matcher}}


def test_trust_domains_are_prefixes_of_the_identity():
    found = principal("{trustDomains: ['shop.example', '*']}")[0]["or_ids"]["ids"]
    assert [entry["authenticated"]["principal_name"]["prefix"] for entry in found] == ["spiffe://shop.example/", "spiffe://"]


def test_a_service_account_without_a_namespace_is_of_the_policys_own():
    regex = _first(principal("{serviceAccounts: [web]}"))["authenticated"]["principal_name"]["safe_regex"]["regex"]
    assert regex == "spiffe://.+/ns/shop/(.+/|)sa/web(/.+)?"


@pytest.mark.parametrize(
    ("value", "issuer", "subject"),
    [
        ("*", {"safe_regex": {"regex": ".+"}}, {"safe_regex": {"regex": ".+"}}),
        ("https://a/b/sub", {"exact": "https://a/b"}, {"exact": "sub"}),
        ("https://a/b/*", {"exact": "https://a/b"}, {"safe_regex": {"regex": ".+"}}),
        ("*/sub", {"safe_regex": {"regex": ".+"}}, {"exact": "sub"}),
        ("*ub", {"safe_regex": {"regex": ".+"}}, {"suffix": "ub"}),
    ],
)
def test_a_request_principal_is_issuer_and_subject_split_at_the_last_slash(value: str, issuer: Json, subject: Json):
    claims = _first(principal(f"{{requestPrincipals: ['{value}']}}"))["and_ids"]["ids"]
    assert [claim["sourced_metadata"]["metadata_matcher"]["value"]["string_match"] for claim in claims] == [issuer, subject]


def test_both_address_families_are_single_hosts_without_a_length():
    found = principal("{ipBlocks: [10.0.0.9, '2001:db8::1'], notRemoteIpBlocks: ['2001:db8::/32']}")
    assert {"remote_ip": {"address_prefix": "2001:db8::", "prefix_len": 32}} in found[0]["not_id"]["or_ids"]["ids"]
    lengths = [entry["direct_remote_ip"]["prefix_len"] for entry in found[1]["or_ids"]["ids"]]
    assert lengths == [32, 128]


def test_an_unknown_condition_makes_its_rule_void_and_so_an_allow_policy_deny():
    text = policy("[{when: [{key: request.colour, values: [red]}]}, {to: [{operation: {paths: [/ok]}}]}]")
    assert list(policies(text)) == ["ns[shop]-policy[p]-rule[1]"]


def test_metadata_of_other_filters_can_be_a_condition():
    key = "experimental.envoy.filters.http.wasm[role]"
    found = policies(policy(f"[{{when: [{{key: '{key}', values: ['[admin]', user]}}]}}]"))["ns[shop]-policy[p]-rule[0]"]
    rules = found["permissions"][0]["and_rules"]["rules"][0]["or_rules"]["rules"]
    matchers = [entry["sourced_metadata"]["metadata_matcher"] for entry in rules]
    assert {entry["filter"] for entry in matchers} == {"envoy.filters.http.wasm"}
    assert "list_match" in matchers[0]["value"]
    assert matchers[1]["value"] == {"string_match": {"exact": "user"}}


HTTP_RULES = "[{to: [{operation: {methods: [GET]}}]}, {to: [{operation: {ports: ['9000']}}]}]"


def test_on_tcp_an_allow_rule_with_an_http_field_is_gone_and_a_deny_rule_without_it_is_wider():
    assert list(policies(policy(HTTP_RULES), tcp=True)) == ["ns[shop]-policy[p]-rule[1]"]
    denied = policies(policy(HTTP_RULES, "DENY"), tcp=True)
    assert denied["ns[shop]-policy[p]-rule[0]"]["permissions"] == [{"and_rules": {"rules": [{"any": True}]}}]


def test_filters_come_in_the_order_of_their_decision():
    text = policy(HTTP_RULES, "ALLOW", "a") + policy(HTTP_RULES, "DENY", "b") + policy(HTTP_RULES, "AUDIT", "c")
    found: Any = rbac.http_filters(mesh_of(text), CATALOG_PROXY)
    assert [entry["typed_config"]["rules"]["action"] for entry in found] == ["LOG", "DENY", "ALLOW"]


def test_a_workload_that_no_policy_picks_has_no_filter():
    assert rbac.http_filters(mesh_of(policy(HTTP_RULES)), sidecar("other", namespace="elsewhere")) == ()


# --- CUSTOM ---------------------------------------------------------------------------------------------------------
def _custom(provider: str, name: str) -> str:
    return f"""
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: {name}, namespace: shop}}
spec: {{action: CUSTOM, provider: {{name: {provider}}}, rules: [{{to: [{{operation: {{paths: [/{name}]}}}}]}}]}}
"""


def test_a_provider_whose_name_starts_like_anothers_is_asked_for_its_own_requests_only():
    service = {"service": "catalog.shop.svc.cluster.local", "port": 8000}
    config = config_of(
        {"name": "ea", "envoyExtAuthzGrpc": service},
        {"name": "ea-two", "envoyExtAuthzHttp": {**service, "failOpen": True, "headersToUpstreamOnAllow": ["x-*", "*-id"]}},
    )
    found: Any = ext_authz.http_filters(
        mesh_of(CATALOG + _custom("ea", "one") + _custom("ea-two", "two"), config=config), CATALOG_PROXY
    )
    asked = [entry["typed_config"] for entry in found if entry["name"] == "envoy.filters.http.ext_authz"]
    ids = [next(iter(entry["typed_config"]["shadow_rules"]["policies"])) for entry in found[::2]]
    prefixes = [entry["filter_enabled_metadata"]["value"]["string_match"]["prefix"] for entry in asked]
    assert [[policy_id.startswith(prefix) for policy_id in ids] for prefix in prefixes] == [[True, False], [False, True]]
    assert asked[1]["failure_mode_allow"] is True
    patterns = asked[1]["http_service"]["authorization_response"]["allowed_upstream_headers"]["patterns"]
    assert patterns == [{"prefix": "x-", "ignore_case": True}, {"suffix": "-id", "ignore_case": True}]


def test_a_provider_that_is_written_wrongly_refuses_what_its_policy_picks():
    config = config_of({"name": "ea", "envoyExtAuthzGrpc": {"service": "catalog"}})
    found: Any = ext_authz.http_filters(mesh_of(CATALOG + _custom("ea", "one"), config=config), CATALOG_PROXY)
    assert [entry["name"] for entry in found] == ["envoy.filters.http.rbac"]
    assert found[0]["typed_config"]["rules"]["action"] == "DENY"


# --- tokens ---------------------------------------------------------------------------------------------------------
def _tokens(*rules: str) -> str:
    return f"""
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {{name: t, namespace: shop}}
spec: {{jwtRules: [{", ".join(rules)}]}}
"""


def _jwt(text: str) -> Json:
    found: Any = jwt_authn.http_filter(mesh_of(text), CATALOG_PROXY)
    return found["typed_config"]


def test_remote_keys_are_fetched_through_a_cluster_that_checks_the_hosts_certificate():
    text = _tokens("{issuer: a, jwksUri: 'https://login.example/keys', timeout: 2s}")
    remote = _jwt(text)["providers"]["origins-0"]["remote_jwks"]
    assert remote["http_uri"] == {"uri": "https://login.example/keys", "cluster": "jwks|443|login.example", "timeout": "2s"}
    mesh = mesh_of(text)
    found: Any = next(entry for entry in clusters(mesh, mesh.view(CATALOG_PROXY)) if entry["name"] == "jwks|443|login.example")
    context = found["transport_socket"]["typed_config"]
    assert (found["type"], context["sni"]) == ("STRICT_DNS", "login.example")
    assert "login.example" in str(context["common_tls_context"])


def test_remote_keys_of_a_service_of_the_mesh_come_through_its_own_cluster():
    text = CATALOG + _tokens("{issuer: a, jwksUri: 'http://catalog.shop.svc.cluster.local:8000/keys'}")
    cluster = "outbound|8000||catalog.shop.svc.cluster.local"
    assert _jwt(text)["providers"]["origins-0"]["remote_jwks"]["http_uri"]["cluster"] == cluster
    mesh = mesh_of(text)
    assert not [entry for entry in clusters(mesh, mesh.view(CATALOG_PROXY)) if str(entry["name"]).startswith("jwks|")]


def test_a_required_token_may_not_be_missing():
    optional, required = "{issuer: a, jwks: '{}'}", "{issuer: b, jwks: '{}', presence: REQUIRED}"
    requires = _jwt(_tokens(required))["rules"][0]["requires"]["requires_any"]["requirements"]
    assert requires == [{"provider_name": "origins-0"}]
    each = _jwt(_tokens(optional, required))["rules"][0]["requires"]["requires_any"]["requirements"][-1]["requires_all"]
    assert each["requirements"][1] == {"provider_name": "origins-1"}


def test_where_tokens_and_claims_come_from_and_go_to():
    text = _tokens("{issuer: a, jwks: '{}', fromCookies: [session], fromParams: [t], spaceDelimitedClaims: [scope, roles]}")
    provider = _jwt(text)["providers"]["origins-0"]
    assert (provider["from_cookies"], provider["from_params"]) == (["session"], ["t"])
    assert provider["normalize_payload_in_metadata"]["space_delimited_claims"] == ["permission", "scope", "roles"]
