"""Servers that share a port, which the recorded cases have little of."""

from __future__ import annotations

from small_proxies import EDGE, Json, emitted, http_filters, listener, manager, names, numbers, table

ROUTES = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: shop}
spec:
  hosts: ["*.shop.example"]
  gateways: [edge/older, edge/younger]
  http: [{route: [{destination: {host: catalog.shop.svc.cluster.local, port: {number: 8000}}}]}]
  tls:
  - match: [{sniHosts: [pass.shop.example]}]
    route: [{destination: {host: catalog.shop.svc.cluster.local, port: {number: 8000}}}]
---
"""


def gateway(name: str, *servers: str) -> str:
    listed = ", ".join(servers)
    return f"""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: {name}, namespace: edge}}
spec: {{selector: {{istio: edge}}, servers: [{listed}]}}
---
"""


HTTPS = "{port: {number: 443, name: https, protocol: HTTPS}, hosts: [a.shop.example], tls: {mode: SIMPLE, credentialName: a}}"
PLAIN = "{port: {number: 443, name: web, protocol: HTTP}, hosts: [b.shop.example]}"
PASS = "{port: {number: 443, name: tls, protocol: TLS}, hosts: [pass.shop.example], tls: {mode: PASSTHROUGH}}"


def matches(found: Json) -> Json:
    return [chain.get("filter_chain_match", {}) for chain in found["filter_chains"]]


def test_plain_http_joins_a_port_that_is_served_with_tls_as_a_chain_of_its_own():
    snapshot, diagnostics = emitted(ROUTES + gateway("older", HTTPS) + gateway("younger", PLAIN), EDGE)
    found = listener(snapshot, "0.0.0.0_443")
    assert matches(found) == [{"server_names": ["a.shop.example"]}, {}]
    assert ["transport_socket" in chain for chain in found["filter_chains"]] == [True, False]
    assert manager(found["filter_chains"][1])["rds"]["route_config_name"] == "http.443"
    assert diagnostics == ()


def test_a_passthrough_server_that_comes_after_plain_http_is_dropped_and_reported():
    snapshot, diagnostics = emitted(ROUTES + gateway("older", HTTPS, PLAIN) + gateway("younger", PASS), EDGE)
    assert len(listener(snapshot, "0.0.0.0_443")["filter_chains"]) == 2
    assert numbers(diagnostics) == ["MG0912"]
    assert "younger" not in diagnostics[0].message
    assert diagnostics[0].origin.path == ("spec", "servers", 0)


def test_a_passthrough_server_beside_a_terminating_one_is_told_apart_by_its_sni():
    snapshot, diagnostics = emitted(ROUTES + gateway("older", HTTPS, PASS), EDGE)
    found = listener(snapshot, "0.0.0.0_443")
    assert matches(found) == [{"server_names": ["a.shop.example"]}, {"server_names": ["pass.shop.example"]}]
    assert [one["name"] for one in found["listener_filters"]] == ["envoy.filters.listener.tls_inspector"]
    assert diagnostics == ()


def test_the_younger_of_two_tls_servers_for_one_host_is_dropped_and_reported():
    _, diagnostics = emitted(ROUTES + gateway("older", HTTPS) + gateway("younger", HTTPS), EDGE)
    assert numbers(diagnostics) == ["MG0912"]
    assert "`a.shop.example`" in diagnostics[0].message


def test_servers_with_addresses_of_their_own_have_listeners_and_tables_of_their_own():
    one = "{port: {number: 80, name: one, protocol: HTTP}, hosts: ['*'], bind: 10.0.0.1}"
    two = "{port: {number: 80, name: two, protocol: HTTP}, hosts: ['*'], bind: 10.0.0.2}"
    snapshot, diagnostics = emitted(ROUTES + gateway("older", one, two), EDGE)
    assert names(snapshot) == ["10.0.0.1_80", "10.0.0.2_80"]
    assert [found["name"] for found in snapshot.routes] == ["http.80.10.0.0.1", "http.80.10.0.0.2"]
    assert diagnostics == ()


def test_a_gateway_without_any_routed_host_answers_404_from_an_empty_table():
    server = "{port: {number: 80, name: http, protocol: HTTP}, hosts: [nobody.example]}"
    snapshot, _ = emitted(gateway("older", server), EDGE)
    assert table(snapshot, "http.80")["virtual_hosts"] == [{"name": "blackhole:80", "domains": ["*"]}]


def test_hosts_with_the_same_routes_share_one_virtual_host_unless_only_one_redirects():
    both = "{port: {number: 80, name: a, protocol: HTTP}, hosts: [a.shop.example, b.shop.example]}"
    one = "{port: {number: 80, name: c, protocol: HTTP}, hosts: [c.shop.example], tls: {httpsRedirect: true}}"
    snapshot, _ = emitted(ROUTES + gateway("older", both, one), EDGE)
    hosts = {found["name"]: found for found in table(snapshot, "http.80")["virtual_hosts"]}
    assert hosts["a.shop.example:80"]["domains"] == ["a.shop.example", "b.shop.example"]
    assert hosts["c.shop.example:80"]["require_tls"] == "ALL"
    assert hosts.keys() == {"a.shop.example:80", "c.shop.example:80"}


def test_a_workload_listens_on_the_target_of_the_service_port_that_a_gateway_names():
    service = """
apiVersion: v1
kind: Service
metadata: {name: edge, namespace: edge}
spec: {clusterIP: 10.96.0.9, selector: {istio: edge}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
"""
    server = "{port: {number: 80, name: http, protocol: HTTP}, hosts: [a.shop.example]}"
    snapshot, _ = emitted(service + ROUTES + gateway("older", server), EDGE)
    assert names(snapshot) == ["0.0.0.0_8080"]
    assert [found["name"] for found in table(snapshot, "http.8080")["virtual_hosts"]] == ["a.shop.example:80"]


def test_policies_stand_before_cors_on_a_gateway():
    policy = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny, namespace: edge}
spec: {action: DENY, rules: [{to: [{operation: {paths: [/admin]}}]}]}
---
"""
    server = "{port: {number: 80, name: http, protocol: HTTP}, hosts: [a.shop.example]}"
    snapshot, _ = emitted(policy + ROUTES + gateway("older", server), EDGE)
    assert http_filters(listener(snapshot, "0.0.0.0_80")["filter_chains"][0]) == [
        "envoy.filters.http.rbac",
        "envoy.filters.http.grpc_stats",
        "envoy.filters.http.fault",
        "envoy.filters.http.cors",
        "envoy.filters.http.router",
    ]


def test_the_proxy_protocol_and_trusted_hops_come_from_the_gateway_topology():
    config = "{defaultConfig: {gatewayTopology: {numTrustedProxies: 2, proxyProtocol: {}}}}"
    server = "{port: {number: 80, name: http, protocol: HTTP}, hosts: [a.shop.example]}"
    snapshot, _ = emitted(ROUTES + gateway("older", server), EDGE, config)
    found = listener(snapshot, "0.0.0.0_80")
    assert found["listener_filters"][0]["name"] == "envoy.filters.listener.proxy_protocol"
    assert manager(found["filter_chains"][0])["xff_num_trusted_hops"] == 2
