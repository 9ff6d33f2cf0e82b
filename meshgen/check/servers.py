"""Servers of Gateways that share a listener."""

from __future__ import annotations

from meshgen.istio.gateway import Gateway, Server
from meshgen.istio.object import IstioObject
from meshgen.mesh import Mesh

Listed = tuple[IstioObject[Gateway], int, Server]  # the Gateway, the server's index, the server


def servers_by_listener(mesh: Mesh) -> list[list[Listed]]:
    """Servers of all Gateways with one selector by port and bind, in istiod's order."""
    found: dict[tuple[tuple[tuple[str, str], ...], int, str], list[Listed]] = {}
    for gateway in sorted(mesh.of_kind(Gateway), key=lambda gateway: gateway.order):
        selector = tuple(sorted((gateway.spec.selector or {}).items()))
        for index, server in enumerate(gateway.spec.servers or ()):
            found.setdefault((selector, server.port.number, server.bind or ""), []).append((gateway, index, server))
    return list(found.values())


def servers_by_selector(mesh: Mesh) -> list[list[Listed]]:
    """Servers of all Gateways with one selector, in istiod's order."""
    found: dict[tuple[tuple[str, str], ...], list[Listed]] = {}
    for gateway in sorted(mesh.of_kind(Gateway), key=lambda gateway: gateway.order):
        selector = tuple(sorted((gateway.spec.selector or {}).items()))
        for index, server in enumerate(gateway.spec.servers or ()):
            found.setdefault(selector, []).append((gateway, index, server))
    return list(found.values())
