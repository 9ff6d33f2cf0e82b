"""Each role on the real Envoy: an edge turns away what its limits say, an egress and an east-west gateway take mesh TLS."""

from __future__ import annotations

import ssl
from contextlib import ExitStack
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path

import pytest
from certificates import Authority
from harness import EchoServer, free_port, http_request, start_envoy
from mesh_text import mesh_of
from meshes import bootstrap, endpoint, service, sidecar

from meshgen.istio.networks import NetworkGateway, Networks
from meshgen.mesh import Proxy, Role, link

SERVER = "127.0.0.23"
SILENT = """
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: catalog, namespace: shop}
spec: {workloadSelector: {labels: {app: catalog}}, egress: [{hosts: ["~/*"]}]}
"""
pytestmark = pytest.mark.envoy


def proxy(role: Role) -> Proxy:
    return Proxy(name="edge", namespace="shop", role=role, labels={"app": "edge"}, address="127.0.0.1")


def gateway(port: int, server: str) -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: edge, namespace: shop}}
spec: {{selector: {{app: edge}}, servers: [{{bind: 127.0.0.1, hosts: ["*"], port: {{number: {port}, {server}}}]}}
"""


def catalog(port: int) -> str:
    return f"""
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: catalog, namespace: shop}}
spec:
  hosts: [catalog.example]
  ports: [{{number: 80, name: http, protocol: HTTP}}]
  resolution: STATIC
  endpoints: [{{address: 127.0.0.1, ports: {{http: {port}}}}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: shop, namespace: shop}}
spec: {{hosts: ["*"], gateways: [edge], http: [{{route: [{{destination: {{host: catalog.example}}}}]}}]}}
"""


def test_an_edge_refuses_what_an_ingress_gateway_passes_on(tmp_path: Path):
    with EchoServer() as echo:
        for role, underscore, slashes in ((Role.EDGE, 400, 307), (Role.INGRESS, 200, 200)):
            port = free_port()
            mesh = mesh_of(gateway(port, "name: http, protocol: HTTP}") + catalog(echo.port))
            directory = tmp_path / role.value
            directory.mkdir()
            with start_envoy(bootstrap(mesh, proxy(role)), directory):
                assert http_request(port, "/a", host="shop.example").status == 200
                assert http_request(port, "/a", host="shop.example", headers=[("x_user", "a")]).status == underscore
                assert http_request(port, "/a%2fb", host="shop.example").status == slashes


def test_an_egress_gateway_takes_clients_of_the_mesh_and_no_others(tmp_path: Path):
    authority, port = Authority(), free_port()
    authority.workload(tmp_path, "cluster.local/ns/shop/sa/edge")
    context = ssl.create_default_context(cafile=str(tmp_path / "workload/root-cert.pem"))
    context.check_hostname = False
    server = "name: https, protocol: HTTPS}, tls: {mode: ISTIO_MUTUAL}"
    with EchoServer() as echo:
        mesh = mesh_of(gateway(port, server) + catalog(echo.port))
        with start_envoy(bootstrap(mesh, proxy(Role.EGRESS), tmp_path), tmp_path):
            with pytest.raises((OSError, HTTPException)):
                http_request(port, "/a", host="catalog.example", tls=context)
            context.load_cert_chain(tmp_path / "workload/cert-chain.pem", tmp_path / "workload/key.pem")
            assert http_request(port, "/a", host="catalog.example", tls=context).status == 200


def test_mesh_traffic_reaches_another_network_through_its_gateway(tmp_path: Path):
    authority, door, port = Authority(), free_port(), free_port()
    certificates = authority.workload(tmp_path, "cluster.local/ns/shop/sa/catalog")
    with EchoServer() as echo, ExitStack() as stack:
        documents = [service("catalog", port, target=echo.port), *endpoint("catalog", SERVER, echo.port, mutual_tls=True)]
        documents[1]["metadata"]["labels"]["topology.istio.io/network"] = "south"
        known = mesh_of(gateway(door, "name: tls, protocol: TLS}, tls: {mode: AUTO_PASSTHROUGH}") + SILENT, *documents)
        gateways = {"south": (NetworkGateway("127.0.0.1", door),)}
        networks = Networks(own="north", behind_gateways=frozenset(gateways), gateways=gateways)
        mesh = link(known.objects, known.facts, known.config, networks)
        proxies = (
            sidecar("catalog", SERVER),
            replace(proxy(Role.EAST_WEST), network="south"),
            replace(sidecar("webapp", "127.0.0.22"), network="north"),
        )
        envoys = []
        for each in proxies:
            directory = tmp_path / each.name
            directory.mkdir()
            envoys.append(stack.enter_context(start_envoy(bootstrap(mesh, each, certificates), directory)))
        assert http_request(port, "/a", host="catalog").status == 200
        passed = f"cluster.outbound_.{port}_._.catalog.shop.svc.cluster.local.upstream_cx_total"
        assert envoys[1].stat(passed) == 1
