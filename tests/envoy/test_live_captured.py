"""A sidecar behind iptables, as the cluster has it: where a captured connection was going decides.

Iptables leave a record with the kernel, which Envoy's `original_dst` filter reads. Here the client says it in its first line, and
the `proxy_protocol` filter reads that. All else is what meshgen emits.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from certificates import Authority
from harness import EchoServer, RunningEnvoy, start_envoy
from mesh_text import mesh_of
from meshes import bootstrap, endpoint, service
from sockets import ByteServer, read_until, restored, says

from meshgen.emit.envoy.listeners import ORIGINAL_DST, PROXY_PROTOCOL
from meshgen.mesh import Proxy, Role

pytestmark = pytest.mark.envoy

Json = dict[str, Any]

ELSEWHERE = "10.9.9.9"  # where nobody is: what is sent there arrives by what the mesh knows
OUTBOUND = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: fixed, namespace: shop}}
spec:
  hosts: [fixed.example]
  ports: [{{number: 80, name: http, protocol: HTTP}}]
  resolution: STATIC
  endpoints: [{{address: 127.0.0.1, ports: {{http: {web}}}}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: named, namespace: shop}}
spec:
  hosts: [named.example]
  ports: [{{number: 80, name: http, protocol: HTTP}}]
  resolution: DNS
  endpoints: [{{address: localhost, ports: {{http: {web}}}}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: turns, namespace: shop}}
spec:
  hosts: [turns.example]
  ports: [{{number: 80, name: http, protocol: HTTP}}]
  resolution: DNS_ROUND_ROBIN
  endpoints: [{{address: localhost, ports: {{http: {web}}}}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: own, namespace: shop}}
spec:
  hosts: [own.example]
  ports: [{{number: {web}, name: http, protocol: HTTP}}]
  resolution: NONE
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: bytes, namespace: shop}}
spec:
  hosts: [bytes.example]
  addresses: [10.96.0.9]
  ports: [{{number: 7000, name: tcp, protocol: TCP}}]
  resolution: STATIC
  endpoints: [{{address: 127.0.0.1, ports: {{tcp: {greeter}}}}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: sealed, namespace: shop}}
spec:
  hosts: [sealed.example]
  ports: [{{number: 443, name: tls, protocol: TLS}}]
  resolution: STATIC
  endpoints: [{{address: 127.0.0.1, ports: {{tls: {sealed}}}}}]
"""
INBOUND = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: catalog, namespace: shop}}
spec:
  action: DENY
  selector: {{matchLabels: {{app: catalog}}}}
  rules: [{{to: [{{operation: {{paths: [/secret], ports: ['{web}']}}}}]}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: planned, namespace: shop, annotations: {{istio.io/dry-run: 'true'}}}}
spec:
  action: DENY
  selector: {{matchLabels: {{app: catalog}}}}
  rules: [{{to: [{{operation: {{paths: [/planned], ports: ['{web}']}}}}]}}]
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {{name: catalog, namespace: shop}}
spec:
  selector: {{matchLabels: {{app: catalog}}}}
  mtls: {{mode: PERMISSIVE}}
  portLevelMtls: {{'{strict}': {{mode: STRICT}}}}
"""


def captured(found: Json) -> Json:
    """The bootstrap with its virtual listeners on ports that the kernel chooses, and the client in iptables' place."""
    for listener in found["static_resources"]["listeners"]:
        if listener["name"] in {"virtualOutbound", "virtualInbound"}:
            filters = [each for each in listener.get("listener_filters", []) if each["name"] != ORIGINAL_DST["name"]]
            listener["listener_filters"] = [PROXY_PROTOCOL, *filters]
            listener["address"] = {"socket_address": {"address": "127.0.0.1", "port_value": 0}}
    return found


def sidecar_of(name: str) -> Proxy:
    labels = {"app": name, "version": "v1"}
    return Proxy(name=name, namespace="shop", role=Role.SIDECAR, labels=labels, service_account=name, address="127.0.0.1")


@dataclass
class Captured:
    """One sidecar: the port of its virtual listener."""

    envoy: RunningEnvoy
    port: int

    def connect(self, destination: str, port: int) -> socket.socket:
        return restored(self.port, destination, port)

    def get(self, host: str, destination: str, port: int, path: str = "/") -> bytes:
        """The first bytes of the answer to a GET; empty where the connection ends without one."""
        with self.connect(destination, port) as client:
            return asked(client, host, path)


def asked(client: socket.socket, host: str, path: str = "/") -> bytes:
    try:
        client.sendall(f"GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
        return read_until(client, b"\0")
    except ConnectionError:
        return b""


def status(answer: bytes) -> bytes:
    return answer[9:12]


@dataclass
class Outside:
    any: Captured
    known: Captured
    web: EchoServer
    greeter: ByteServer
    sealed: EchoServer
    authority: Authority


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    """The same client twice: what the mesh does not know is let through by one and refused by the other."""
    directory, authority = tmp_path_factory.mktemp("outbound"), Authority()
    certificates = authority.workload(directory, "cluster.local/ns/shop/sa/webapp")
    files = authority.credential(directory, "sealed.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files / "tls.crt", files / "tls.key")
    with ExitStack() as stack:
        web = stack.enter_context(EchoServer("web"))
        greeter = stack.enter_context(ByteServer(says(b"welcome")))
        sealed = stack.enter_context(EchoServer("sealed", tls=context))
        text = OUTBOUND.format(web=web.port, greeter=greeter.port, sealed=sealed.port)

        def start(mode: str) -> Captured:
            mesh = mesh_of(text, config=f"outboundTrafficPolicy: {{mode: {mode}}}")
            found = captured(bootstrap(mesh, sidecar_of("webapp"), certificates))
            envoy = stack.enter_context(start_envoy(found, directory / mode))
            return Captured(envoy, envoy.listener_port("virtualOutbound"))

        yield Outside(start("ALLOW_ANY"), start("REGISTRY_ONLY"), web, greeter, sealed, authority)


@pytest.mark.parametrize("host", ["fixed.example", "named.example", "turns.example"])
def test_a_declared_host_is_found_wherever_its_client_went(host: str, outside: Outside):
    assert b'"server": "web"' in outside.known.get(host, ELSEWHERE, 80)


def test_a_host_without_resolution_is_reached_where_its_client_went(outside: Outside):
    assert b'"server": "web"' in outside.known.get("own.example", "127.0.0.1", outside.web.port)


def test_an_undeclared_host_is_let_through_or_refused(outside: Outside):
    assert b'"server": "web"' in outside.any.get("own.example", "127.0.0.1", outside.web.port)
    assert b'"server": "web"' in outside.any.get("unknown.example", "127.0.0.1", outside.web.port)
    assert status(outside.known.get("unknown.example", "127.0.0.1", outside.web.port)) == b"502"


def test_undeclared_bytes_are_let_through_or_cut_off(outside: Outside):
    with outside.any.connect("127.0.0.1", outside.greeter.port) as client:
        assert client.recv(100) == b"welcome"
    before = outside.greeter.accepted
    with outside.known.connect("127.0.0.1", outside.greeter.port) as client:
        assert client.recv(100) == b""
    assert outside.greeter.accepted == before


def test_tcp_is_told_apart_by_its_address(outside: Outside):
    with outside.known.connect("10.96.0.9", 7000) as client:
        assert client.recv(100) == b"welcome"
        client.sendall(b"bytes")
        assert read_until(client, b"bytes") == b"bytes"
    with outside.known.connect("10.96.0.10", 7000) as client:
        assert client.recv(100) == b""


def test_tls_of_the_clients_own_is_told_apart_by_its_server_name(outside: Outside):
    context = ssl.create_default_context(cadata=outside.authority.pem.decode())
    with (
        outside.known.connect(ELSEWHERE, 443) as client,
        context.wrap_socket(client, server_hostname="sealed.example") as secure,
    ):
        assert b'"server": "sealed"' in asked(secure, "sealed.example")
    with outside.known.connect(ELSEWHERE, 443) as client, pytest.raises((ssl.SSLError, ConnectionError)):
        context.wrap_socket(client, server_hostname="other.example")


def test_a_loop_to_the_proxys_own_port_is_cut(outside: Outside):
    assert outside.any.get("fixed.example", "127.0.0.1", 15001) == b""


def port_of(name: str, port: int, *, protocol: str = "http") -> Json:
    """A Service of the workload `catalog` whose port is the workload's."""
    found = service(name, port, target=port, protocol=protocol)
    return {**found, "spec": {**found["spec"], "selector": {"app": "catalog"}}}


@dataclass
class Inside:
    server: Captured
    web: EchoServer
    strict: EchoServer
    other: EchoServer
    greeter: ByteServer
    client: ssl.SSLContext

    def secure(self, port: int, protocols: list[str]) -> bytes:
        """The answer over mutual TLS to a client that offers these protocols."""
        context = self.client
        context.set_alpn_protocols(protocols)
        with self.server.connect("127.0.0.1", port) as client, context.wrap_socket(client) as secure:
            return asked(secure, "catalog")


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    directory, authority = tmp_path_factory.mktemp("inbound"), Authority()
    certificates = authority.workload(directory, "cluster.local/ns/shop/sa/catalog")
    mine = authority.workload(directory / "caller", "cluster.local/ns/shop/sa/webapp") / "workload"
    context = ssl.create_default_context(cadata=authority.pem.decode())
    context.check_hostname = False
    context.load_cert_chain(mine / "cert-chain.pem", mine / "key.pem")
    with ExitStack() as stack:
        web, strict, other = (stack.enter_context(EchoServer(name)) for name in ("web", "strict", "other"))
        greeter = stack.enter_context(ByteServer(says(b"welcome")))
        mesh = mesh_of(
            INBOUND.format(strict=strict.port, web=web.port),
            port_of("catalog", web.port),
            port_of("closed", strict.port),
            port_of("greeter", greeter.port, protocol="tcp"),
            *endpoint("catalog", "127.0.0.1", web.port),
        )
        found = captured(bootstrap(mesh, sidecar_of("catalog"), certificates))
        envoy = stack.enter_context(start_envoy(found, directory))
        yield Inside(Captured(envoy, envoy.listener_port("virtualInbound")), web, strict, other, greeter, context)


def test_plain_and_mutual_tls_are_told_apart_on_one_port(inside: Inside):
    assert b'"server": "web"' in inside.server.get("catalog", "127.0.0.1", inside.web.port)
    secure = inside.secure(inside.web.port, ["istio-http/1.1", "istio", "http/1.1"])
    assert b'"server": "web"' in secure
    assert b"URI=spiffe://cluster.local/ns/shop/sa/webapp" in secure


def test_a_port_that_is_strict_takes_mutual_tls_alone(inside: Inside):
    assert inside.server.get("catalog", "127.0.0.1", inside.strict.port) == b""
    assert b'"server": "strict"' in inside.secure(inside.strict.port, ["istio-http/1.1"])


def test_bytes_and_ports_of_no_service_reach_the_application_too(inside: Inside):
    with inside.server.connect("127.0.0.1", inside.greeter.port) as client:
        client.sendall(b"first")  # a permissive port waits for what its client says, or it could not tell TLS
        assert read_until(client, b"first") == b"welcomefirst"
    assert b'"server": "other"' in inside.server.get("catalog", "127.0.0.1", inside.other.port)


def test_a_loop_to_the_servers_own_port_is_cut(inside: Inside):
    assert inside.server.get("catalog", "127.0.0.1", 15006) == b""


def test_a_denial_holds_and_one_on_trial_is_counted_only(inside: Inside):
    assert status(inside.server.get("catalog", "127.0.0.1", inside.web.port, "/secret")) == b"403"
    assert status(inside.server.get("catalog", "127.0.0.1", inside.web.port, "/planned")) == b"200"
    found = inside.server.envoy.admin("/stats?filter=shadow_denied").body.decode()
    assert [line.rpartition(": ")[2] for line in found.splitlines() if line.endswith(": 1")] == ["1"]
