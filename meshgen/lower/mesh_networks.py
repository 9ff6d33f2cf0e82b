"""MeshNetworks of the tree (`data.meshNetworks` of the ConfigMap `istio`): networks, and which of them are behind gateways."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import msgspec

from meshgen.diagnostics import Diagnostic
from meshgen.istio.decode import struct_diagnostics
from meshgen.istio.mesh_networks import MeshNetworks, NetworkEndpoints, NetworkGateway
from meshgen.istio.networks import NetworkGateway as Door
from meshgen.istio.networks import Networks
from meshgen.istio.violation import Violation
from meshgen.kubernetes import MeshNetworksMap
from meshgen.lower.result import Report

DEFAULT_CLUSTER: Final = "Kubernetes"
"""How istiod calls its own cluster where nobody names it."""

_USUAL_NAMESPACE: Final = "istio-system"


def with_mesh_networks(networks: Networks, maps: Sequence[MeshNetworksMap], cluster: str, report: Report) -> Networks:
    """What the Mesh says of networks, and what the tree's MeshNetworks add to it; `cluster` is the one that is compiled.

    Of several ConfigMaps the one counts whose MeshConfig does: that of `istio-system`, else the first by namespace and name.
    """
    found = min(maps, key=lambda each: (each.metadata.namespace != _USUAL_NAMESPACE, each.metadata.namespace, each.metadata.name))
    wrong = [*struct_diagnostics(found.value, MeshNetworks, found.origin)]
    report += wrong
    if wrong:
        return networks
    known = msgspec.convert(found.value, MeshNetworks).networks or {}
    report += _refused(found)
    own = next((name for name, network in known.items() if any(_is_of(each, cluster) for each in network.endpoints or ())), "")
    behind = {name for name, network in known.items() if network.gateways}
    gateways = {name: doors for name, network in known.items() if (doors := tuple(_doors(network.gateways or ())))}
    return replace(
        networks,
        own=networks.own or own,
        behind_gateways=networks.behind_gateways | behind,
        gateways={**gateways, **networks.gateways},
    )


def _doors(gateways: Sequence[NetworkGateway]) -> Iterator[Door]:
    """Those that say where they are; one that names a Service is where that Service is from outside (`Mesh.network_gateways`)."""
    for each in gateways:
        address = each.address or each.registry_service_name
        if address and each.port:
            yield Door(address, each.port)


def _is_of(endpoints: NetworkEndpoints, cluster: str) -> bool:
    return endpoints.from_registry == (cluster or DEFAULT_CLUSTER)


def _refused(found: MeshNetworksMap) -> Iterator[Diagnostic]:
    """What istiod refuses of values that have the right types."""
    for name, network in (msgspec.convert(found.value, MeshNetworks).networks or {}).items():
        for index, endpoints in enumerate(network.endpoints or ()):
            yield from _said(found, _of_endpoints(endpoints), "networks", name, "endpoints", index)
        for index, gateway in enumerate(network.gateways or ()):
            yield from _said(found, _of_gateway(gateway), "networks", name, "gateways", index)


def _said(found: MeshNetworksMap, violations: Iterator[Violation], *path: str | int) -> Iterator[Diagnostic]:
    for each in violations:
        yield each.code.at(found.origin.at(*path, *each.path), f"MeshNetworks: {each.message}", help=each.help)


def _of_endpoints(endpoints: NetworkEndpoints) -> Iterator[Violation]:
    if endpoints.from_cidr is None and endpoints.from_registry is None:
        yield Violation((), "endpoints of a network are of a registry or of addresses", "write `fromRegistry` or `fromCidr`")
    elif endpoints.from_cidr is not None and not _is_network(endpoints.from_cidr):
        yield Violation(("fromCidr",), f"`{endpoints.from_cidr}` is no range of addresses", "write it as `10.0.0.0/8`")


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return "/" in text


def _of_gateway(gateway: NetworkGateway) -> Iterator[Violation]:
    if not gateway.address and not gateway.registry_service_name:
        yield Violation((), "a gateway of a network has an address", "write `address` or `registryServiceName`")
    if not 1 <= (gateway.port or 0) <= 65535:
        yield Violation(("port",), "a gateway of a network has a port between 1 and 65535", "write `port: 15443`")
