"""Sidecars on loopback sockets, and Sidecar resources that the recorded cases do not have."""

from __future__ import annotations

from dataclasses import replace

from small_proxies import CATALOG, CATALOG_SERVICE, LOOPBACK, WEBAPP, emitted, listener, manager, names, numbers, table

from meshgen.diagnostics import Diagnostic
from meshgen.emit.envoy.sidecar_listeners import LoopbackAddresses

LEDGERS = """
apiVersion: v1
kind: Service
metadata: {name: ledger, namespace: shop}
spec: {clusterIP: 10.96.0.3, ports: [{name: tcp, port: 9000}]}
---
apiVersion: v1
kind: Service
metadata: {name: journal, namespace: shop}
spec: {clusterIP: 10.96.0.4, ports: [{name: tcp, port: 9000}]}
---
apiVersion: v1
kind: Service
metadata: {name: unknown, namespace: shop}
spec: {clusterIP: 10.96.0.5, ports: [{name: what, port: 9500}]}
---
"""


def sidecar(body: str) -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: catalog, namespace: shop}}
spec: {{workloadSelector: {{labels: {{app: catalog}}}}, {body}}}
---
"""


def reported(diagnostics: tuple[Diagnostic, ...]) -> list[str]:
    return [number for number in numbers(diagnostics) if number not in {"MG0902", "MG0907"}]


def test_tcp_services_of_one_port_have_loopback_addresses_of_their_own():
    snapshot, _ = emitted(LEDGERS, LOOPBACK)
    tcp = [name for name in names(snapshot) if name.endswith("_9000")]
    assert len(set(tcp)) == 2
    assert all(name.startswith("127.0.") and not name.startswith("127.0.0.") for name in tcp)


def test_a_loopback_address_does_not_move_when_another_service_comes():
    alone, both = LoopbackAddresses(), LoopbackAddresses()
    first = alone.of("ledger.shop.svc.cluster.local")
    both.of("a.shop.svc.cluster.local")
    assert both.of("ledger.shop.svc.cluster.local") == first == alone.of("ledger.shop.svc.cluster.local")


def test_hosts_whose_names_fall_on_one_address_still_get_two():
    addresses = LoopbackAddresses()
    found = [addresses.of(f"s{number}.shop.svc.cluster.local") for number in range(2000)]
    assert len(set(found)) == 2000
    assert not any(address.endswith((".0", ".255")) or address.startswith("127.0.0.") for address in found)


def test_sockets_on_loopback_are_real_and_restore_no_destination():
    snapshot, _ = emitted(CATALOG_SERVICE + LEDGERS, LOOPBACK)
    text = str(snapshot.listeners)
    assert "original_dst" not in text
    assert "bind_to_port" not in text
    assert "virtual" not in " ".join(names(snapshot))


def test_an_http_socket_on_loopback_tells_nothing_apart_but_a_sniffed_one_does():
    snapshot, _ = emitted(CATALOG_SERVICE + LEDGERS, LOOPBACK)
    (http,) = listener(snapshot, "127.0.0.1_8000")["filter_chains"]
    assert "filter_chain_match" not in http
    sniffed = next(found for found in snapshot.listeners if str(found["name"]).endswith("_9500"))
    (chain,) = sniffed["filter_chains"]
    assert chain["filter_chain_match"]["application_protocols"] == ["http/1.1", "h2c"]
    assert "tcp_proxy" in str(sniffed["default_filter_chain"])


def test_unknown_hosts_get_502_on_loopback_although_the_mesh_lets_them_through():
    snapshot, diagnostics = emitted(CATALOG_SERVICE, LOOPBACK)
    assert table(snapshot, "8000")["virtual_hosts"][-1]["name"] == "block_all"
    assert "MG0907" in numbers(diagnostics)


def test_tcp_services_that_nothing_tells_apart_are_reported_where_connections_are_captured():
    text = LEDGERS.replace("clusterIP: 10.96.0.3, ", "").replace("clusterIP: 10.96.0.4, ", "")
    snapshot, diagnostics = emitted(text, WEBAPP)
    (found,) = [found for found in diagnostics if found.code.number == "MG0915"]
    assert "`ledger.shop" in found.message
    assert "`journal.shop" in found.message
    assert len(listener(snapshot, "0.0.0.0_9000")["filter_chains"]) == 1
    assert "MG0915" not in numbers(emitted(text, LOOPBACK)[1])
    assert "MG0915" not in numbers(emitted(LEDGERS, WEBAPP)[1])


def test_a_workload_on_loopback_is_served_at_its_address_and_port():
    snapshot, diagnostics = emitted(CATALOG_SERVICE, LOOPBACK)
    found = listener(snapshot, "127.0.0.11_8080")
    assert [chain["filter_chain_match"].get("destination_port") for chain in found["filter_chains"]] == [None, None]
    assert reported(diagnostics) == []


def test_a_workload_on_loopback_without_an_address_is_reported():
    _, diagnostics = emitted(CATALOG_SERVICE, replace(LOOPBACK, address=""))
    assert reported(diagnostics) == ["MG0913"]


def test_ingress_names_the_socket_of_a_workload_on_loopback():
    ingress = "ingress: [{port: {number: 9080, name: http, protocol: HTTP}, bind: 127.0.0.5, defaultEndpoint: '127.0.0.1:8080'}]"
    snapshot, diagnostics = emitted(CATALOG_SERVICE + sidecar(ingress), replace(LOOPBACK, address=""))
    assert "127.0.0.5_9080" in names(snapshot)
    assert reported(diagnostics) == []


def test_ingress_terminates_tls_of_its_own_where_mutual_tls_is_off():
    off = """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: DISABLE}}
---
"""
    tls = "tls: {mode: SIMPLE, serverCertificate: /c.pem, privateKey: /k.pem}"
    ingress = f"ingress: [{{port: {{number: 9443, name: https, protocol: HTTP}}, defaultEndpoint: '127.0.0.1:8080', {tls}}}]"
    snapshot, _ = emitted(off + sidecar(ingress), CATALOG)
    (chain,) = [
        chain
        for chain in listener(snapshot, "virtualInbound")["filter_chains"]
        if chain.get("filter_chain_match", {}).get("destination_port") == 9443
    ]
    assert chain["filter_chain_match"]["transport_protocol"] == "tls"
    assert "file-cert:/c.pem~/k.pem" in str(chain["transport_socket"])


def test_an_egress_listener_that_is_not_captured_is_a_real_socket_on_loopback():
    egress = "egress: [{captureMode: NONE, port: {number: 8000, name: http, protocol: HTTP}, hosts: ['./*']}]"
    snapshot, _ = emitted(CATALOG_SERVICE + sidecar(egress), CATALOG)
    found = listener(snapshot, "127.0.0.1_8000")
    assert "bind_to_port" not in found
    assert "default_filter_chain" not in found


def test_sockets_that_cannot_be_carried_over_are_reported():
    unix = "{port: {number: 8000, name: http, protocol: HTTP}, bind: 'unix:///tmp/x', hosts: ['./*']}"
    proxy = "{port: {number: 3128, name: proxy, protocol: HTTP_PROXY}, hosts: ['./*']}"
    snapshot, diagnostics = emitted(CATALOG_SERVICE + sidecar(f"egress: [{unix}, {proxy}]"), CATALOG)
    assert names(snapshot) == ["virtualInbound", "virtualOutbound"]
    assert [found.origin.path[1:] for found in diagnostics if found.code.number == "MG0906"] == [
        ("egress", 0, "bind"),
        ("egress", 1, "port"),
    ]


def test_only_ports_that_are_sniffed_wait_for_the_first_bytes():
    config = "{protocolDetectionTimeout: 100ms}"
    snapshot, _ = emitted(CATALOG_SERVICE, CATALOG, config)
    found = listener(snapshot, "virtualInbound")
    assert found["listener_filters_timeout"] == "0.1s"
    (http,) = [one for one in found["listener_filters"] if one["name"].endswith("http_inspector")]
    ranges = [one["destination_port_range"]["start"] for one in http["filter_disabled"]["or_match"]["rules"]]
    assert ranges == [8080, 15006]


def test_a_port_level_mode_of_a_port_without_a_service_has_chains_of_its_own():
    text = """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: catalog, namespace: shop}
spec: {selector: {matchLabels: {app: catalog}}, portLevelMtls: {"9999": {mode: STRICT}}}
---
"""
    snapshot, _ = emitted(CATALOG_SERVICE + text, CATALOG)
    chains = [
        chain["filter_chain_match"]
        for chain in listener(snapshot, "virtualInbound")["filter_chains"]
        if chain["filter_chain_match"].get("destination_port") == 9999
    ]
    assert {match["transport_protocol"] for match in chains} == {"tls"}


def test_sidecars_of_a_namespace_share_their_virtual_hosts_unless_labels_decide():
    text = (
        CATALOG_SERVICE
        + """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: catalog, namespace: shop}
spec:
  hosts: [catalog]
  http:
  - {name: for-webapp, match: [{sourceLabels: {app: webapp}}], route: [{destination: {host: catalog}}]}
  - {name: rest, route: [{destination: {host: catalog}}]}
"""
    )
    for_webapp = [route["name"] for route in table(emitted(text, WEBAPP)[0], "8000")["virtual_hosts"][0]["routes"]]
    for_catalog = [route["name"] for route in table(emitted(text, CATALOG)[0], "8000")["virtual_hosts"][0]["routes"]]
    assert (for_webapp, for_catalog) == (["for-webapp"], ["rest"])


def test_clients_that_connect_in_plain_reach_tables_by_port():
    snapshot, _ = emitted(CATALOG_SERVICE, WEBAPP)
    (chain,) = listener(snapshot, "0.0.0.0_8000")["filter_chains"]
    assert manager(chain)["rds"]["route_config_name"] == "8000"
