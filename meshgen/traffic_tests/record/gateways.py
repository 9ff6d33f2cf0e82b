"""The doors of a mesh: hosts and ports at which clients outside are served."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from meshgen.istio.gateway import Gateway, Server
from meshgen.istio.hosts import narrower
from meshgen.istio.object import IstioObject
from meshgen.istio.virtual_service import VirtualService
from meshgen.mesh import Mesh, Proxy
from meshgen.traffic_tests.record.examples import Example, examples_of_routes

_HTTP = frozenset({"HTTP", "HTTP2", "GRPC", "GRPC-WEB", "HTTPS"})
_TERMINATED = frozenset({"SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL"})
CLIENT = "cluster.local/ns/outside/sa/client"
"""The identity of clients that must present one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """One host at one port of a Gateway."""

    gateway: IstioObject[Gateway]
    scheme: str
    host: str
    port: int
    redirects: bool
    certificate: str
    rules: tuple[IstioObject[VirtualService], ...]

    def examples(self) -> Iterator[Example]:
        """An example for each rule that is in force here."""
        for rule in self.rules:
            yield from examples_of_routes(rule.spec)


def doors_of(mesh: Mesh, proxy: Proxy) -> Iterator[Door]:
    """The doors of a gateway that speak HTTP, with TLS that they terminate or without."""
    ports = {workload: port.number for _, port, workload in mesh.view(proxy).inbound_services}
    for gateway in mesh.view(proxy).gateways:
        bound = mesh.virtual_services.on(f"{gateway.namespace}/{gateway.name}", proxy.namespace)
        for server in gateway.spec.servers or ():
            scheme = _scheme(server)
            for host in _hosts(server, bound) if scheme else ():
                tls = server.tls
                yield Door(
                    gateway=gateway,
                    scheme=scheme,
                    host=_concrete(host),
                    port=ports.get(server.port.number, server.port.number),
                    redirects=bool(tls and tls.https_redirect),
                    certificate=CLIENT if tls and tls.mode == "MUTUAL" else "",
                    rules=tuple(rule for rule in bound if any(narrower(host, each) for each in rule.spec.hosts or ())),
                )


def _scheme(server: Server) -> str:
    """`http` or `https`; empty for what is not asked by HTTP."""
    if server.port.protocol.upper() not in _HTTP:
        return ""
    if server.tls is None or (server.tls.mode is None and server.tls.https_redirect):
        return "http"
    return "https" if (server.tls.mode or "SIMPLE") in _TERMINATED else ""


def _hosts(server: Server, bound: Sequence[IstioObject[VirtualService]]) -> list[str]:
    """The hosts that rules and the server have in common."""
    found: list[str] = []
    for wanted in (host.rpartition("/")[2] for host in server.hosts):
        for rule in bound:
            common = (narrower(wanted, each) for each in rule.spec.hosts or ())
            found += [host for host in common if host is not None]
    return list(dict.fromkeys(found))


def _concrete(host: str) -> str:
    return "any.example.com" if host == "*" else f"any{host[1:]}" if host.startswith("*") else host
