"""What a proxy's role makes of the same mesh, and what is said where a role cannot do it."""

from __future__ import annotations

import pytest
from mesh_text import mesh_of

from meshgen.emit.envoy.limits import limits
from meshgen.emit.envoy.translate import emit_envoy
from meshgen.istio.networks import NetworkGateway, Networks
from meshgen.mesh import Mesh, Proxy, Role, derive_proxies, link

CATALOG = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: catalog, namespace: shop}
spec:
  hosts: [catalog.shop.svc.cluster.local]
  location: MESH_INTERNAL
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints:
  - {address: 10.1.0.1, network: north, serviceAccount: catalog}
  - {address: 10.2.0.1, network: south, serviceAccount: catalog}
  - {address: 10.2.0.2, network: south}
"""
NETWORKS = Networks(own="north", behind_gateways=frozenset({"north", "south"}))


def gateway(mode: str) -> str:
    return f"""
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: edge, namespace: shop}}
spec:
  selector: {{app: edge}}
  servers: [{{hosts: ["*.local"], port: {{number: 15443, name: tls, protocol: TLS}}, tls: {{mode: {mode}, credentialName: a}}}}]
"""


def proxy(role: Role) -> Proxy:
    return Proxy(name="edge", namespace="shop", role=role, labels={"app": "edge"})


def codes(mesh: Mesh, role: Role) -> list[str]:
    return sorted({found.code.number for found in limits(mesh, mesh.view(proxy(role)))})


def on_networks(text: str, networks: Networks) -> Mesh:
    known = mesh_of(text)
    return link(known.objects, known.facts, known.config, networks)


@pytest.mark.parametrize(
    ("mode", "role"), [("AUTO_PASSTHROUGH", Role.EAST_WEST), ("ISTIO_MUTUAL", Role.EGRESS), ("SIMPLE", Role.INGRESS)]
)
def test_the_servers_of_a_gateway_say_its_role(mode: str, role: Role):
    (found,) = [found for found in derive_proxies(mesh_of(CATALOG + gateway(mode))) if found.is_gateway]
    assert found.role is role


@pytest.mark.parametrize("mode", ["AUTO_PASSTHROUGH", "ISTIO_MUTUAL"])
def test_an_edge_has_no_certificate_of_a_mesh(mode: str):
    assert codes(mesh_of(CATALOG + gateway(mode)), Role.EDGE) == ["MG0916"]
    assert codes(mesh_of(CATALOG + gateway("SIMPLE")), Role.EDGE) == []


def test_an_edge_speaks_plaintext_to_services_of_a_mesh_and_says_where_those_do_not():
    strict = "\n---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: default, namespace: shop}\n"
    assert codes(mesh_of(CATALOG + strict + "spec: {mtls: {mode: STRICT}}"), Role.EDGE) == ["MG0916"]
    clusters = emit_envoy(mesh_of(CATALOG), proxy(Role.EDGE))[0].clusters
    assert [cluster["name"] for cluster in clusters if "transport_socket_matches" in cluster] == []


def test_endpoints_behind_a_gateway_are_reached_through_it_or_said():
    assert codes(on_networks(CATALOG, NETWORKS), Role.INGRESS) == ["MG0917"]
    gateways = {"south": (NetworkGateway("192.0.2.2"),)}
    known = Networks(own="north", behind_gateways=NETWORKS.behind_gateways, gateways=gateways)
    assert codes(on_networks(CATALOG, known), Role.INGRESS) == ["MG0918"]


def test_an_east_west_gateway_without_a_gateway_passes_nothing_on():
    assert codes(mesh_of(CATALOG), Role.EAST_WEST) == ["MG0919"]
    assert codes(mesh_of(CATALOG + gateway("AUTO_PASSTHROUGH")), Role.EAST_WEST) == []


def test_zones_need_to_know_where_the_proxy_is():
    rule = "\n---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: catalog, namespace: shop}\n"
    zones = "spec: {host: catalog.shop.svc.cluster.local, trafficPolicy: {loadBalancer: {zoneAwareLbSetting: {enabled: true}}}}"
    assert codes(mesh_of(CATALOG + rule + zones), Role.SIDECAR) == ["MG0920"]
