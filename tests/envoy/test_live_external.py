"""Hosts outside of the mesh on a real Envoy: reached or refused, TLS added, and the way through an egress gateway."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from certificates import Authority
from harness import EchoServer, Response, RunningEnvoy, free_port, http_request, start_envoy
from meshes import bootstrap, sidecar

from meshgen import compile_project
from meshgen.mesh import Mesh, Proxy, Role

pytestmark = pytest.mark.envoy

PROJECT = "apiVersion: meshgen/v1\nkind: Project\nmetadata: {name: external}\nspec: {sources: [mesh.yaml]}\n"
GATEWAY = "127.0.0.41"
EXTERNAL = """
apiVersion: meshgen/v1
kind: Mesh
metadata: {{name: mesh}}
spec: {{outbound: registryOnly}}
---
apiVersion: meshgen/v1
kind: Service
metadata: {{name: webapp, namespace: shop}}
spec:
  workload: {{selector: {{app: webapp}}}}
  calls: [plain.example.com, secure.example.com]
---
apiVersion: meshgen/v1
kind: ExternalService
metadata: {{name: plain, namespace: shop}}
spec:
  hosts: [plain.example.com]
  ports: [{{name: http, port: {port}}}]
  resolution: static
  endpoints: ["127.0.0.1:{plain}"]
  routes:
    - {{match: {{path: /gone}}, directResponse: 410}}
    - {{to: plain.example.com, headers: {{request: {{set: {{x-by: mesh}}}}}}}}
---
apiVersion: meshgen/v1
kind: ExternalService
metadata: {{name: secure, namespace: shop}}
spec:
  hosts: [secure.example.com]
  ports: [{{name: http, port: {port}}}]
  resolution: static
  endpoints: ["127.0.0.1:{secure}"]
  tls: {{mode: simple, caCertificates: {root}, subjectAltNames: [{name}]}}
---
apiVersion: meshgen/v1
kind: ExternalService
metadata: {{name: hidden, namespace: shop}}
spec:
  hosts: [hidden.example.com]
  ports: [{{name: http, port: {port}}}]
  resolution: static
  endpoints: ["127.0.0.1:{plain}"]
"""
EGRESS = """
apiVersion: meshgen/v1
kind: Gateway
metadata: {{name: egress, namespace: shop}}
spec: {{workload: {{selector: {{app: egress}}}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: egress, namespace: shop}}
spec:
  clusterIP: 10.96.0.1
  selector: {{app: egress}}
  ports: [{{name: tls-http, port: {port}, targetPort: {there}}}, {{name: tls-sni, port: {tls_port}, targetPort: {tls_there}}}]
---
apiVersion: v1
kind: Pod
metadata: {{name: egress-1, namespace: shop, labels: {{app: egress}}}}
spec: {{serviceAccountName: egress}}
status: {{podIP: {gateway}}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: egress-1, namespace: shop, labels: {{kubernetes.io/service-name: egress}}}}
ports: [{{name: tls-http, port: {there}}}, {{name: tls-sni, port: {tls_there}}}]
endpoints: [{{addresses: [{gateway}], conditions: {{ready: true}}, targetRef: {{kind: Pod, name: egress-1, namespace: shop}}}}]
---
apiVersion: meshgen/v1
kind: ExternalService
metadata: {{name: payments, namespace: shop}}
spec:
  hosts: [api.payments.example.com]
  ports: [{{name: http, port: {port}}}, {{name: https, port: {tls_port}}}]
  resolution: static
  endpoints: [{{address: 127.0.0.1, ports: {{http: {secure}, https: {secure}}}}}]
  tls: {{mode: simple, caCertificates: {root}, subjectAltNames: [api.payments.example.com], sni: api.payments.example.com}}
  through: egress
  routes: [{{to: api.payments.example.com, headers: {{request: {{set: {{x-leg: gateway}}}}}}}}]
"""


def _compiled(directory: Path, text: str) -> Mesh:
    source = directory / "mesh"
    source.mkdir(exist_ok=True)
    (source / "mesh.yaml").write_text(text)
    (source / "meshgen.yaml").write_text(PROJECT)
    result = compile_project(source)
    assert not result.failed, [diagnostic.message for diagnostic in result.diagnostics]
    return result.mesh


def _server_context(authority: Authority, directory: Path, host: str) -> ssl.SSLContext:
    files = authority.credential(directory, host)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files / "tls.crt", files / "tls.key")
    return context


@dataclass
class Client:
    """The sidecar of `webapp`, and what stands outside of the mesh."""

    port: int
    plain: EchoServer
    secure: EchoServer

    def get(self, host: str, path: str = "/") -> Response:
        return http_request(self.port, path, host=host)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    root, authority, port = tmp_path_factory.mktemp("external"), Authority(), free_port()
    with ExitStack() as stack:
        plain = stack.enter_context(EchoServer("plain"))
        context = _server_context(authority, root / "secure", "secure.example.com")
        secure = stack.enter_context(EchoServer("secure", tls=context))
        certificates = authority.workload(root / "webapp", "cluster.local/ns/shop/sa/webapp")
        names = {"root": root / "secure" / "ca.crt", "name": "secure.example.com"}
        mesh = _compiled(root, EXTERNAL.format(port=port, plain=plain.port, secure=secure.port, **names))
        stack.enter_context(start_envoy(bootstrap(mesh, sidecar("webapp"), certificates), root / "envoy"))
        yield Client(port, plain, secure)


def test_an_external_host_is_reached_by_its_own_rules(client: Client):
    answer = client.get("plain.example.com", "/posts")
    assert (answer.status, answer.json()["server"]) == (200, "plain")
    assert dict(answer.json()["headers"])["x-by"] == "mesh"
    assert client.get("plain.example.com", "/gone").status == 410


@pytest.mark.parametrize("host", ["unknown.example.com", "hidden.example.com"])
def test_a_host_that_nobody_declares_or_the_caller_does_not_name_is_refused(client: Client, host: str):
    before = len(client.plain.received)
    assert client.get(host).status == 502  # Istio's BlackHoleCluster
    assert len(client.plain.received) == before


def test_the_proxy_speaks_tls_for_its_client_and_checks_who_answers(client: Client):
    answer = client.get("secure.example.com", "/charge")
    assert (answer.status, answer.json()["server"], answer.json()["path"]) == (200, "secure", "/charge")


@dataclass
class Way:
    """Two Envoys in a row, the client's sidecar and the egress gateway, and the host that they lead to."""

    port: int
    tls_port: int
    there: int
    secure: EchoServer
    authority: Authority
    sidecar: RunningEnvoy
    gateway: RunningEnvoy


@pytest.fixture(scope="module")
def way(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    root, authority = tmp_path_factory.mktemp("egress"), Authority()
    ports = {name: free_port() for name in ("port", "tls_port", "there", "tls_there")}
    with ExitStack() as stack:
        context = _server_context(authority, root / "secure", "api.payments.example.com")
        secure = stack.enter_context(EchoServer("payments", tls=context))
        mesh = _compiled(root, EGRESS.format(gateway=GATEWAY, secure=secure.port, root=root / "secure" / "ca.crt", **ports))
        place = {"name": "egress", "namespace": "shop", "service_account": "egress", "address": GATEWAY}
        gateway = Proxy(role=Role.INGRESS, labels={"app": "egress"}, **place)
        envoys = []
        for proxy in (gateway, sidecar("webapp")):
            directory = root / proxy.name
            certificates = authority.workload(directory, f"cluster.local/ns/shop/sa/{proxy.service_account}")
            envoys.append(stack.enter_context(start_envoy(bootstrap(mesh, proxy, certificates), directory)))
        yield Way(ports["port"], ports["tls_port"], ports["there"], secure, authority, envoys[1], envoys[0])


def test_plain_requests_go_through_the_gateway_which_speaks_tls_to_the_host(way: Way):
    answer = http_request(way.port, "/charge", host="api.payments.example.com")
    assert (answer.status, answer.json()["server"]) == (200, "payments")
    headers = dict(answer.json()["headers"])
    assert (headers["x-leg"], answer.json()["host"]) == ("gateway", "api.payments.example.com")


def test_between_the_two_only_the_meshs_own_identities_pass(way: Way):
    with pytest.raises((OSError, http.client.HTTPException)):
        http_request(way.there, "/charge", address=GATEWAY, host="api.payments.example.com")
    stranger = ssl.create_default_context(cadata=way.authority.pem.decode())
    stranger.check_hostname = False
    stranger.verify_mode = ssl.CERT_NONE
    before = len(way.secure.received)
    with pytest.raises((OSError, http.client.HTTPException)):  # no client certificate
        http_request(way.there, "/charge", address=GATEWAY, host="api.payments.example.com", tls=stranger)
    assert len(way.secure.received) == before


def test_tls_of_the_clients_own_goes_through_as_it_is(way: Way):
    context = ssl.create_default_context(cadata=way.authority.pem.decode())
    answer = http_request(way.tls_port, "/charge", host="api.payments.example.com", tls=context)
    assert (answer.status, answer.json()["server"]) == (200, "payments")
    assert "x-leg" not in dict(answer.json()["headers"])
