"""HTTP/2 and gRPC through a real Envoy, what TLS clients may speak, and a gRPC service that decides who comes in."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from certificates import Authority
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest, CheckResponse
from google.rpc.status_pb2 import Status
from harness import EchoServer, Response, free_port, http_request, start_envoy
from mesh_text import mesh_of
from meshes import bootstrap, echo_endpoint, endpoint, gateway, service, sidecar
from releases import envoy_of

from meshgen.envoy_version import NEWEST_ENVOY, parse_envoy_version

pytestmark = pytest.mark.envoy

METHOD = "/shop.Catalog/Find"


@contextmanager
def grpc_server(service_name: str, methods: dict[str, Any], address: str = "127.0.0.1") -> Iterator[int]:
    """A gRPC server on loopback; its methods take bytes, or what their handlers say. Yields its port."""
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service_name, methods),))
    port = server.add_insecure_port(f"{address}:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait()


def find(request: bytes, context: grpc.ServicerContext) -> bytes:
    """Says what it was asked and how long the client waits at most; `missing` is not there."""
    if request == b"missing":
        context.abort(grpc.StatusCode.NOT_FOUND, "no such book")
    return b"found " + request


def ask(channel: grpc.Channel, request: bytes, **metadata: str) -> bytes:
    call = channel.unary_unary(METHOD)
    answer: bytes = call(request, timeout=10, metadata=list(metadata.items()))
    return answer


# --- a gateway ------------------------------------------------------------------------------------------------------------
EDGE = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: edge, namespace: shop}}
spec:
  selector: {{istio: edge}}
  servers:
  - port: {{number: {port}, name: https, protocol: HTTPS}}
    bind: 127.0.0.1
    hosts: [grpc.example, web.example]
    tls: {{mode: SIMPLE, credentialName: all}}
  - port: {{number: {port}, name: https-maybe, protocol: HTTPS}}
    bind: 127.0.0.1
    hosts: [maybe.example]
    tls: {{mode: OPTIONAL_MUTUAL, credentialName: all}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: grpc, namespace: shop}}
spec:
  hosts: [grpc.example]
  gateways: [edge]
  http:
  - match: [{{headers: {{x-version: {{exact: old}}}}}}]
    fault: {{abort: {{grpcStatus: UNAVAILABLE, percentage: {{value: 100}}}}}}
    route: [{{destination: {{host: books}}}}]
  - route: [{{destination: {{host: books}}}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: web, namespace: shop}}
spec:
  hosts: [web.example, maybe.example]
  gateways: [edge]
  http: [{{route: [{{destination: {{host: web}}}}]}}]
"""


@dataclass
class Edge:
    port: int
    authority: Authority
    directory: Path

    def context(self, *, certificate: bool = False) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=self.authority.pem.decode())
        if certificate:
            files = self.authority.credential(self.directory / "client", "client.example")
            context.load_cert_chain(files / "tls.crt", files / "tls.key")
        return context

    def get(self, host: str, *, certificate: bool = False) -> Response:
        return http_request(self.port, host=host, tls=self.context(certificate=certificate))

    @contextmanager
    def channel(self) -> Iterator[grpc.Channel]:
        credentials = grpc.ssl_channel_credentials(self.authority.pem)
        names = (("grpc.ssl_target_name_override", "grpc.example"), ("grpc.default_authority", "grpc.example"))
        with grpc.secure_channel(f"127.0.0.1:{self.port}", credentials, options=names) as channel:
            yield channel


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    port, directory, authority = free_port(), tmp_path_factory.mktemp("edge"), Authority()
    authority.credential(directory / "all", "grpc.example", "web.example", "maybe.example")
    with ExitStack() as stack:
        books = stack.enter_context(grpc_server("shop.Catalog", {"Find": grpc.unary_unary_rpc_method_handler(find)}))
        web = stack.enter_context(EchoServer("web"))
        mesh = mesh_of(
            EDGE.format(port=port),
            service("books", 80, protocol="grpc"),
            service("web", 80),
            *endpoint("books", "127.0.0.1", books, protocol="grpc"),
            *echo_endpoint("web", web),
        )
        stack.enter_context(start_envoy(bootstrap(mesh, gateway(), directory), directory))
        yield Edge(port, authority, directory)


def test_grpc_goes_through_over_http2_on_both_sides_with_its_own_status(edge: Edge):
    with edge.channel() as channel:
        assert ask(channel, b"dune") == b"found dune"
        with pytest.raises(grpc.RpcError) as missing:
            ask(channel, b"missing")
        assert (missing.value.code(), missing.value.details()) == (grpc.StatusCode.NOT_FOUND, "no such book")
        with pytest.raises(grpc.RpcError) as broken:
            ask(channel, b"dune", **{"x-version": "old"})
        assert broken.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [(["h2", "http/1.1"], "h2"), (["http/1.1", "h2"], "h2"), (["http/1.1"], "http/1.1"), (["other"], None)],
)
def test_a_tls_client_speaks_the_best_that_both_know(offered: list[str], chosen: str | None, edge: Edge):
    context = edge.context()
    context.set_alpn_protocols(offered)
    with (
        socket.create_connection(("127.0.0.1", edge.port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="web.example") as secure,
    ):
        assert secure.selected_alpn_protocol() == chosen


def test_a_certificate_that_is_optional_is_handed_on_where_it_is_shown(edge: Edge):
    without = edge.get("maybe.example")
    shown = edge.get("maybe.example", certificate=True)
    assert (without.status, shown.status) == (200, 200)
    names = [dict(answer.json()["headers"]).get("x-forwarded-client-cert", "") for answer in (without, shown)]
    assert "client.example" not in names[0]
    assert "DNS=client.example" in names[1]


# --- a gRPC authorizer ----------------------------------------------------------------------------------------------------
GUARDED = """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: books, namespace: shop}
spec: {mtls: {mode: DISABLE}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: books, namespace: shop}
spec:
  action: CUSTOM
  provider: {name: guard}
  selector: {matchLabels: {app: books}}
  rules: [{to: [{operation: {notPaths: [/open]}}]}]
"""
PROVIDER = """
extensionProviders:
- name: guard
  envoyExtAuthzGrpc: {{service: guard.shop.svc.cluster.local, port: 9000, timeout: {timeout}}}
"""


def check(request: CheckRequest, _: grpc.ServicerContext) -> CheckResponse:
    """Lets in who brings a ticket."""
    has_ticket = "x-ticket" in request.attributes.request.http.headers
    return CheckResponse(status=Status(code=0 if has_ticket else 7))


def guarded(stack: ExitStack, directory: Path, timeout: str, release: str = "") -> tuple[str, int]:
    """A web server behind a sidecar that asks a guard; the sidecar's address and port."""
    handler = grpc.unary_unary_rpc_method_handler(check, CheckRequest.FromString, CheckResponse.SerializeToString)
    guard = stack.enter_context(grpc_server("envoy.service.auth.v3.Authorization", {"Check": handler}))
    web = stack.enter_context(EchoServer("web"))
    address = "127.0.0.61"
    mesh = mesh_of(
        GUARDED,
        service("books", 80, target=web.port),
        service("guard", 9000, protocol="grpc"),
        *endpoint("books", address, web.port),
        *endpoint("guard", "127.0.0.1", guard, protocol="grpc"),
        config=PROVIDER.format(timeout=timeout),
    )
    proxy = replace(sidecar("books", address, version="v1"), envoy_version=parse_envoy_version(release) or NEWEST_ENVOY)
    binary = envoy_of(release) if release else None
    stack.enter_context(start_envoy(bootstrap(mesh, proxy), directory, binary=binary))
    return address, web.port


def test_a_grpc_service_decides_who_comes_in(tmp_path: Path):
    with ExitStack() as stack:
        address, port = guarded(stack, tmp_path, "5s")
        assert http_request(port, "/", address=address, headers=[("x-ticket", "1")]).status == 200
        assert http_request(port, "/", address=address).status == 403
        assert http_request(port, "/open", address=address).status == 200


@pytest.mark.releases
@pytest.mark.parametrize("release", ["1.36", "1.37", "1.38"])
def test_an_authorizer_without_a_limit_is_waited_for_by_every_release(release: str, tmp_path: Path):
    with ExitStack() as stack:
        address, port = guarded(stack, tmp_path, "0s", release)
        assert http_request(port, "/", address=address, headers=[("x-ticket", "1")]).status == 200
        assert http_request(port, "/", address=address).status == 403
