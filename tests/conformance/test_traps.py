"""The traps at the end of docs/envoy-mapping.md (§7): each has a case that would fail if meshgen fell into it.

A case is a recording of istiod (tests/oracle, whose calls tests/conformance holds equal), a golden case with its Envoy output, or
a test, a unit's or one on the real Envoy.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

TRAPS = {
    1: ("49-rule-order",),
    2: ("16-two-vs-one-host",),
    3: ("49-rule-order", "test_nothing_is_generated_behind_a_rule_that_takes_every_request"),
    4: ("03-path-match",),
    5: ("03-path-match",),
    6: ("02-header-match",),
    7: ("05-without-headers", "test_a_claim_that_must_be_absent_is_matched_inverted"),
    8: ("06-source-gateways-match",),
    9: ("06-source-gateways-match",),
    10: ("11-timeouts-retries", "test_a_request_past_its_timeout_gets_504"),
    11: ("11-timeouts-retries",),
    12: ("11-timeouts-retries", "test_a_rule_with_no_attempts_hands_the_failure_on"),
    13: ("11-timeouts-retries", "test_numbers_among_retry_conditions_are_statuses_where_http_has_them"),
    14: ("07-weighted-split",),
    15: ("10-header-operations",),
    16: ("10-header-operations", "test_a_host_among_the_request_headers_is_a_rewrite", "test_pseudo_headers_are_never_removed"),
    17: ("02-header-match", "34-authz-allow-deny"),
    18: ("01-hosts-aliases", "04-query-method-authority"),
    19: ("01-hosts-aliases",),
    20: ("13-mirrors", "test_mirrored_requests_reach_the_shadow_and_the_client_gets_the_answer_of_the_first"),
    21: ("13-mirrors", "12-faults", "test_the_share_of_a_mirror_has_three_spellings"),
    22: ("08-rewrite",),
    23: ("19-https-redirect", "test_plain_http_is_redirected_to_https"),
    24: ("28-registry-only", "29-allow-any", "test_an_undeclared_host_is_let_through_or_refused"),
    25: ("25-subset-port-level", "golden/envoy/traffic-policy-of-a-subset-port"),
    26: ("24-connection-pool-outlier", "test_requests_beyond_the_connection_and_the_queue_are_refused"),
    27: ("24-connection-pool-outlier", "test_an_endpoint_that_keeps_failing_is_ejected"),
    28: ("23-locality", "test_without_outlier_detection_nothing_fails_over"),
    29: ("24-connection-pool-outlier",),
    30: ("14-cors", "test_policies_stand_before_cors_on_a_gateway"),
    31: ("39-request-authentication", "test_a_missing_token_is_refused_where_one_is_required"),
    32: ("37-ext-authz", "test_filters_come_in_the_order_of_their_decision"),
    33: ("36-authz-tcp", "test_on_tcp_an_allow_rule_with_an_http_field_is_gone_and_a_deny_rule_without_it_is_wider"),
    34: ("35-authz-conditions", "47-gateway-authz"),
    35: ("34-authz-allow-deny", "33-peer-authentication"),
    36: ("50-client-headers",),
    37: ("44-path-normalization",),
    38: ("16-two-vs-one-host", "test_envoys_protos_read_every_bootstrap_and_every_file"),
    39: ("17-gateway-wildcards", "test_the_exact_host_wins_then_the_longest_ending"),
    40: ("21-sni-passthrough", "18-gateway-tls"),
    41: ("18-gateway-tls", "test_a_host_of_another_certificate_is_not_served"),
    42: ("33-peer-authentication", "test_plaintext_meets_a_closed_connection_if_strict_and_the_rules_if_permissive"),
    43: ("33-peer-authentication", "test_mesh_tls_offers_what_makes_an_istio_peer_choose_its_http_chain"),
    44: ("27-service-entry",),
    45: ("26-tls-origination", "test_the_proxy_speaks_tls_for_its_client_and_checks_who_answers"),
    46: ("09-redirect-direct", "golden/native/alone"),
    47: ("45-protocols", "test_http2_settings_are_left_out_of_a_cluster_that_speaks_http1"),
    48: ("test_a_local_limit_refuses_what_is_over_it_and_counts_by_path_and_header",),
    49: ("38-dry-run", "test_a_denial_holds_and_one_on_trial_is_counted_only"),
    50: ("46-tcp-routes", "golden/envoy/traffic-policy-of-a-subset"),
}
"""By the number of the trap: its cases."""


@cache
def _known_tests() -> frozenset[str]:
    texts = (path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    return frozenset(name for text in texts for name in re.findall(r"^def (test_[a-z0-9_]+)", text, re.MULTILINE))


def test_every_trap_of_the_page_is_in_the_table():
    page = (ROOT / "docs/envoy-mapping.md").read_text()
    traps = page.partition("## 7. ")[2].partition("\n## ")[0]
    assert [int(number) for number in re.findall(r"^([0-9]+)\. ", traps, re.MULTILINE)] == list(TRAPS)


@pytest.mark.parametrize("case", sorted({case for cases in TRAPS.values() for case in cases}))
def test_the_case_of_a_trap_is_there_and_shows_what_is_decided(case: str):
    if case.startswith("test_"):
        assert case in _known_tests()
    elif case.startswith("golden/"):
        assert any((ROOT / case).glob("case.toml"))
    else:
        assert any((ROOT / "tests/oracle" / case / "istiod").glob("*.calls.json"))
