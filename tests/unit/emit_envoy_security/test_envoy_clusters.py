"""What a destination rule makes of a cluster, beyond what the recorded cases have."""

from __future__ import annotations

from typing import Any

import pytest
from mesh_text import mesh_of
from small_mesh import CATALOG, endpoint, gateway, sidecar

from meshgen.emit.envoy.clusters import HTTP_OPTIONS, clusters
from meshgen.emit.envoy.endpoints import load_assignments
from meshgen.istio.mesh_config import MeshConfig
from meshgen.mesh import Capture, Proxy

NAME = "outbound|8000||catalog.shop.svc.cluster.local"
Json = dict[str, Any]


def rule(policy: str, rest: str = "") -> str:
    return f"""
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: catalog, namespace: shop}}
spec:
  host: catalog
  trafficPolicy: {policy}
{rest}
"""


def cluster(policy: str = "{}", *, proxy: Proxy | None = None, config: MeshConfig | None = None, more: str = "") -> Json:
    mesh = mesh_of(CATALOG + rule(policy) + more, config=config)
    found = clusters(mesh, mesh.view(proxy or sidecar()))
    return next(cluster for cluster in found if cluster["name"] == NAME)  # type: ignore[return-value]


def http_options(value: Json) -> Json:
    return {key: item for key, item in value["typed_extension_protocol_options"][HTTP_OPTIONS].items() if key != "@type"}


def test_a_retry_budget_has_istios_defaults_for_what_it_leaves_out():
    threshold = cluster("{retryBudget: {percent: 35}}")["circuit_breakers"]["thresholds"][0]
    assert threshold["retry_budget"] == {"budget_percent": {"value": 35}, "min_retry_concurrency": 3}


def test_statuses_that_count_as_errors_are_matched_by_the_http_options():
    detection = http_options(cluster("{outlierDetection: {outlierDetectionHttpErrorCodes: [429, 503]}}"))["outlier_detection"]
    rules = detection["error_matcher"]["or_match"]["rules"]
    assert [rule["http_response_headers_match"]["headers"][0]["string_match"]["exact"] for rule in rules] == ["429", "503"]


def test_http2_settings_are_left_out_of_a_cluster_that_speaks_http1():
    policy = "{connectionPool: {http: {maxConcurrentStreams: 7, http2KeepAlive: {interval: 30s, timeout: 5s}%s}}}"
    assert "typed_extension_protocol_options" not in cluster(policy % "") or "http2" not in str(cluster(policy % ""))
    upgraded = http_options(cluster(policy % ", h2UpgradePolicy: UPGRADE"))["explicit_http_config"]["http2_protocol_options"]
    assert upgraded == {"max_concurrent_streams": 7, "connection_keepalive": {"interval": "30s", "timeout": "5s"}}


def test_the_client_protocol_is_kept_where_a_rule_asks_for_it():
    options = http_options(cluster("{connectionPool: {http: {useClientProtocol: true}}}"))
    assert set(options) == {"use_downstream_protocol_config"}


def test_a_proxy_protocol_header_goes_before_plaintext_and_before_tls():
    plain = cluster("{proxyProtocol: {version: V2}, tls: {mode: DISABLE}}")["transport_socket"]["typed_config"]
    assert (plain["config"], plain["transport_socket"]["name"]) == ({"version": "V2"}, "envoy.transport_sockets.raw_buffer")
    tls = cluster("{proxyProtocol: {version: V1}, tls: {mode: SIMPLE, sni: a.example}}")["transport_socket"]["typed_config"]
    assert tls["transport_socket"]["name"] == "envoy.transport_sockets.tls"


@pytest.mark.parametrize(
    ("policy", "offered"),
    [
        ("{}", ["istio-http/1.1", "istio", "http/1.1"]),
        ("{connectionPool: {http: {h2UpgradePolicy: UPGRADE}}}", ["istio-h2", "istio", "h2"]),
        ("{connectionPool: {http: {useClientProtocol: true}}}", ["istio-http/1.1", "istio-h2", "istio"]),
    ],
)
def test_mesh_tls_offers_what_makes_an_istio_peer_choose_its_http_chain(policy: str, offered: list[str]):
    matches = cluster(policy)["transport_socket_matches"]
    assert matches[0]["transport_socket"]["typed_config"]["common_tls_context"]["alpn_protocols"] == offered


def test_a_credential_name_is_applied_at_gateways_and_in_selected_sidecars_only():
    policy = "{tls: {mode: MUTUAL, credentialName: client}}"
    assert "transport_socket" not in cluster(policy)
    context = cluster(policy, proxy=gateway())["transport_socket"]["typed_config"]["common_tls_context"]
    assert context["tls_certificate_sds_secret_configs"][0]["name"] == "kubernetes://client"


def test_passthrough_balancing_needs_a_restored_destination():
    policy = "{loadBalancer: {simple: PASSTHROUGH}}"
    assert cluster(policy)["type"] == "ORIGINAL_DST"
    assert (cluster(policy, proxy=sidecar(capture=Capture.LOOPBACK))["type"], cluster(policy, proxy=gateway())["type"]) == (
        "EDS",
        "EDS",
    )


def test_unknown_endpoints_of_a_strict_service_are_marked_for_the_delivery():
    strict = """
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
"""
    assert cluster(more=strict)["metadata"]["filter_metadata"]["meshgen"]["peers"] == "STRICT"
    assert "peers" not in cluster()["metadata"]["filter_metadata"]["meshgen"]


# --- endpoints ------------------------------------------------------------------------------------------------------
PLACES = "".join(
    endpoint(address, place)
    for address, place in (("10.0.0.1", "eu/a"), ("10.0.0.2", "eu/b"), ("10.0.0.3", "us/a"), ("10.0.0.4", "asia/a"))
)


def places(balancing: str, locality: str, text: str = PLACES, outliers: str = "{}") -> dict[str, tuple[int, int]]:
    mesh = mesh_of(CATALOG + text + rule(f"{{loadBalancer: {{localityLbSetting: {balancing}}}, outlierDetection: {outliers}}}"))
    assignment: Any = load_assignments(mesh, mesh.view(sidecar(locality=locality)))[0]
    return {
        "/".join(place["locality"].values()): (place.get("priority", 0), place.get("load_balancing_weight", 0))
        for place in assignment["endpoints"]
        if place["lb_endpoints"]
    }


def test_failover_prefers_the_same_zone_then_the_region_then_the_region_that_it_names():
    assert places("{failover: [{from: eu, to: asia}]}", "eu/a") == {
        "eu/a": (0, 1),
        "eu/b": (1, 1),
        "asia/a": (2, 1),
        "us/a": (3, 1),
    }


def test_without_outlier_detection_nothing_fails_over():
    mesh = mesh_of(CATALOG + PLACES + rule("{loadBalancer: {localityLbSetting: {failover: [{from: eu, to: asia}]}}}"))
    assignment: Any = load_assignments(mesh, mesh.view(sidecar(locality="eu/a")))[0]
    assert [place.get("priority", 0) for place in assignment["endpoints"]] == [0, 0, 0, 0]


def test_distribute_empties_localities_that_it_does_not_list_and_splits_a_wildcards_share():
    setting = "{distribute: [{from: 'eu/*', to: {'eu/*': 70, us/a: 30}}]}"
    assert places(setting, "eu/a") == {"eu/a": (0, 35), "eu/b": (0, 35), "us/a": (0, 30)}


def test_distribute_without_an_entry_for_the_proxys_place_changes_nothing():
    assert set(places("{distribute: [{from: 'us/*', to: {us/a: 100}}]}", "eu/a")) == {"eu/a", "eu/b", "us/a", "asia/a"}


def test_a_label_with_a_value_in_failover_priority_is_compared_with_that_value():
    text = endpoint("10.0.0.1", "eu/a", tier="gold") + endpoint("10.0.0.2", "us/a", tier="tin")
    assert places("{failoverPriority: ['tier=gold']}", "us/a", text) == {"eu/a": (0, 1), "us/a": (1, 1)}


def test_a_mesh_wide_setting_counts_where_the_rule_has_none():
    text = CATALOG + PLACES + rule("{outlierDetection: {}}")
    mesh = mesh_of(text)
    assignment: Any = load_assignments(mesh, mesh.view(sidecar(locality="us/a")))[0]
    priorities = {place["locality"]["region"]: place.get("priority", 0) for place in assignment["endpoints"]}
    assert priorities == {"us": 0, "eu": 1, "asia": 1}
