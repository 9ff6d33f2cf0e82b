"""Endpoints on other networks, which are reached through those networks' east-west gateways.

Follows istiod's `xds/endpoints/ep_filters.go`: a gateway stands for all endpoints of its network in one locality that speak mesh
TLS, whose SNI tells it where to go on; an endpoint without cannot be reached and is left out. All weights are scaled so that a
network's weight can be divided among its gateways.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import lcm

from meshgen.mesh import Endpoint, Mesh, Proxy


def through_gateways(mesh: Mesh, proxy: Proxy, endpoints: tuple[Endpoint, ...]) -> tuple[Endpoint, ...]:
    """The endpoints as a proxy of its network reaches them: its own network's, and those without a gateway, directly."""
    gateways = mesh.network_gateways
    own = proxy.network or mesh.networks.own
    if not gateways or all(_is_near(endpoint, own, mesh) for endpoint in endpoints):
        return endpoints
    scale = lcm(*map(len, gateways.values()))
    near = (replace(each, weight=each.weight * scale) for each in endpoints if _is_near(each, own, mesh))
    return (*near, *_of_gateways(mesh, (each for each in endpoints if not _is_near(each, own, mesh)), scale))


def _is_near(endpoint: Endpoint, own: str, mesh: Mesh) -> bool:
    network = endpoint.network or mesh.networks.own
    return network == own or network not in mesh.network_gateways


def _of_gateways(mesh: Mesh, endpoints: Iterable[Endpoint], scale: int) -> Iterator[Endpoint]:
    weights: dict[tuple[str, str], int] = {}
    for endpoint in endpoints:
        if endpoint.mutual_tls:
            key = (endpoint.locality, endpoint.network or mesh.networks.own)
            weights[key] = weights.get(key, 0) + endpoint.weight
    for (locality, network), weight in weights.items():
        gateways = mesh.network_gateways[network]
        for gateway in gateways:
            yield Endpoint(
                address=gateway.address,
                port=gateway.port,
                locality=locality,
                network=network,
                weight=weight * scale // len(gateways),
                mutual_tls=True,
            )


def unreachable(mesh: Mesh, proxy: Proxy, endpoints: Iterable[Endpoint]) -> Iterator[str]:
    """The networks of endpoints that no gateway passes on, since they take no mesh TLS."""
    own = proxy.network or mesh.networks.own
    for endpoint in endpoints:
        if not endpoint.mutual_tls and not _is_near(endpoint, own, mesh):
            yield endpoint.network or mesh.networks.own
