"""Two sidecars, each a real Envoy: mutual TLS with SPIFFE identities, and who is let in."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from certificates import Authority
from harness import EchoServer, Response, free_port, http_request, start_envoy
from mesh_text import mesh_of
from meshes import bootstrap, endpoint, service, sidecar

from meshgen.mesh import Mesh

pytestmark = pytest.mark.envoy

SERVER = "127.0.0.21"
DOMAIN = "cluster.local/ns/shop/sa"
POLICIES = """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {{name: catalog, namespace: shop}}
spec:
  selector: {{matchLabels: {{app: catalog}}}}
  mtls: {{mode: {mode}}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: catalog, namespace: shop}}
spec:
  selector: {{matchLabels: {{app: catalog}}}}
  rules:
  - from: [{{source: {{principals: [{domain}/webapp]}}}}]
    to: [{{operation: {{methods: [GET]}}}}]
  - to: [{{operation: {{paths: [/open]}}}}]
"""


@dataclass
class Callers:
    """A client's port for each identity that calls, and the application behind the server's sidecar."""

    mode: str
    ports: dict[str, int]
    echo: EchoServer

    def get(self, caller: str, path: str = "/", method: str = "GET") -> Response:
        return http_request(self.ports[caller], path, method=method, host="catalog")

    def plain(self, path: str = "/") -> Response:
        """Past the mesh: plaintext straight to the server's sidecar."""
        return http_request(self.echo.port, path, address=SERVER, host="catalog")


def _mesh(mode: str, port: int, echo: EchoServer) -> Mesh:
    documents = [service("catalog", port, target=echo.port), *endpoint("catalog", SERVER, echo.port, mutual_tls=True)]
    return mesh_of(POLICIES.format(mode=mode, domain=DOMAIN), *documents)


@pytest.fixture(scope="module", params=["STRICT", "PERMISSIVE"])
def callers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callers]:
    """The server `catalog`, and as its clients `webapp`, `stranger`, and `forged`, whose root is another."""
    authority, other = Authority(), Authority("another root")
    root = tmp_path_factory.mktemp(request.param.lower())
    with ExitStack() as stack:
        echo = stack.enter_context(EchoServer("catalog"))

        def start(name: str, signer: Authority, address: str, port: int) -> None:
            certificates = signer.workload(root / name, f"{DOMAIN}/{name}")
            configuration = bootstrap(_mesh(request.param, port, echo), sidecar(name, address), certificates)
            stack.enter_context(start_envoy(configuration, root / name))

        ports = {"webapp": free_port(), "stranger": free_port(), "forged": free_port()}
        start("catalog", authority, SERVER, free_port())
        for name, port in ports.items():
            start(name, other if name == "forged" else authority, "127.0.0.2", port)
        yield Callers(request.param, ports, echo)


def test_a_named_caller_is_let_in_over_mutual_tls(callers: Callers):
    answer = callers.get("webapp", "/items")
    assert (answer.status, answer.json()["path"]) == (200, "/items")
    received = callers.echo.received[-1]
    assert f"URI=spiffe://{DOMAIN}/webapp" in (received.header("x-forwarded-client-cert") or "")


def test_a_named_caller_is_refused_what_its_rule_does_not_name(callers: Callers):
    answer = callers.get("webapp", "/items", method="DELETE")
    assert (answer.status, answer.body) == (403, b"RBAC: access denied")


def test_a_caller_that_no_rule_names_is_refused(callers: Callers):
    before = len(callers.echo.received)
    assert callers.get("stranger", "/items").status == 403
    assert callers.get("stranger", "/open").status == 200
    assert [request.path for request in callers.echo.received[before:]] == ["/open"]


def test_a_certificate_of_another_root_ends_in_no_connection(callers: Callers):
    assert callers.get("forged", "/open").status == 503


def test_plaintext_meets_a_closed_connection_if_strict_and_the_rules_if_permissive(callers: Callers):
    if callers.mode == "STRICT":
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            callers.plain("/open")
    else:
        assert (callers.plain("/open").status, callers.plain("/items").status) == (200, 403)


def test_a_second_sidecar_on_the_same_sockets_does_not_start(tmp_path: Path):
    port = free_port()
    with EchoServer("catalog") as echo:
        mesh = _mesh("PERMISSIVE", port, echo)
        for name in ("webapp", "stranger"):
            Authority().workload(tmp_path / name, f"{DOMAIN}/{name}")
        first, second = (bootstrap(mesh, sidecar(name), tmp_path / name) for name in ("webapp", "stranger"))
        with (
            start_envoy(first, tmp_path / "webapp"),
            pytest.raises(AssertionError, match="Address already in use"),
            start_envoy(second, tmp_path / "stranger"),
        ):
            pass
