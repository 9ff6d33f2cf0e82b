"""The gateways between networks, as istiod finds them (`model/network.go`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from meshgen.istio.networks import NETWORK_LABEL, NetworkGateway, Networks
from meshgen.kubernetes import Service

PORT_LABEL = "networking.istio.io/gatewayPort"


def network_gateways(networks: Networks, services: Iterable[Service]) -> Mapping[str, tuple[NetworkGateway, ...]]:
    """By network; a gateway that MeshNetworks names as a Service has that Service's external addresses.

    A Service with the label of a network is a gateway of it, at each address that it has from outside.
    """
    known = {f"{each.metadata.name}.{each.metadata.namespace}.svc.cluster.local": each for each in services}
    found: dict[str, list[NetworkGateway]] = {}
    for network, gateways in networks.gateways.items():
        for gateway in gateways:
            service = known.get(gateway.address)
            addresses = external_addresses(service) if service is not None else (gateway.address,)
            found.setdefault(network, []).extend(NetworkGateway(address, gateway.port) for address in addresses)
    for service in known.values():
        network = service.metadata.labels.get(NETWORK_LABEL, "")
        if network:
            port = service.metadata.labels.get(PORT_LABEL, "")
            number = int(port) if port.isdigit() else NetworkGateway("").port
            found.setdefault(network, []).extend(NetworkGateway(address, number) for address in external_addresses(service))
    return {network: tuple(dict.fromkeys(gateways)) for network, gateways in sorted(found.items()) if gateways}


def external_addresses(service: Service) -> tuple[str, ...]:
    """Where a Service is reached from outside of its cluster: its load balancer, else its `externalIPs`."""
    entries = service.status.load_balancer.ingress
    return tuple(address for each in entries if (address := each.ip or each.hostname)) or service.spec.external_ips
