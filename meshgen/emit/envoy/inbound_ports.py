"""The ports of a workload that its sidecar stands before: of its services, or of a Sidecar's `ingress`."""

from __future__ import annotations

from dataclasses import dataclass

from meshgen.emit.envoy.shared import once
from meshgen.istio.object import IstioObject
from meshgen.istio.peer_authentication import PeerAuthentication
from meshgen.istio.shared import ServerTLSSettings
from meshgen.istio.sidecar import IstioIngressListener, Sidecar
from meshgen.mesh import Capture, Mesh, Proxy, ProxyView
from meshgen.values import Protocol, parse_protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundPort:
    """One port of the workload."""

    number: int  # what clients' connections are for: the workload's port
    service_port: int  # names the virtual host
    protocol: Protocol
    host: str
    bind: str = ""  # the address of a real socket; empty for the wildcard of captured connections
    bound: bool = False  # a real socket although connections are captured (`captureMode: NONE`)
    tls: ServerTLSSettings | None = None
    source: tuple[str, str, str, str] | None = None  # kind, namespace, name and path of what declared it


def inbound_ports(view: ProxyView) -> tuple[InboundPort, ...]:
    """By number; of services that share a workload port the first counts. A Sidecar's `ingress` replaces the services' ports."""
    found: dict[int, InboundPort] = {}
    if view.sidecar is not None and view.sidecar.spec.ingress:
        for index, listener in enumerate(view.sidecar.spec.ingress):
            declared = _ingress(view, view.sidecar, index, listener)
            found.setdefault(declared.number, declared)
        return tuple(found[number] for number in sorted(found))
    loopback = view.proxy.capture is Capture.LOOPBACK
    for service, port, target in view.inbound_services:
        if port.protocol is Protocol.UDP:
            continue
        kind = "Service" if service.kubernetes else "ServiceEntry"
        inbound = InboundPort(
            number=target,
            service_port=port.number,
            protocol=port.protocol,
            host=service.host,
            bind=view.proxy.address if loopback else "",
            source=(kind, service.namespace, service.name, "spec"),
        )
        found.setdefault(target, inbound)
    return tuple(found[number] for number in sorted(found))


def _ingress(view: ProxyView, sidecar: IstioObject[Sidecar], index: int, listener: IstioIngressListener) -> InboundPort:
    number = listener.port.number or 0
    captured = view.proxy.capture is Capture.IPTABLES and listener.capture_mode != "NONE"
    return InboundPort(
        number=number,
        service_port=number,
        protocol=parse_protocol(listener.port.protocol or ""),
        host=f"{sidecar.name}.{sidecar.namespace}",
        bind=listener.bind or view.proxy.address or ("" if captured else "0.0.0.0"),  # noqa: S104 - istiod's default too
        bound=not captured,
        tls=listener.tls,
        source=("Sidecar", sidecar.namespace, sidecar.name, f"spec.ingress[{index}]"),
    )


def port_level_ports(mesh: Mesh, proxy: Proxy) -> tuple[int, ...]:
    """Ports that a PeerAuthentication of this workload speaks of, in order."""
    policies = once(mesh, ("port level",), None, lambda: _with_port_level(mesh)).get(proxy.namespace, ())
    found: set[int] = set()
    for policy in policies:
        selector = policy.spec.selector.match_labels if policy.spec.selector else None
        if selector and all(proxy.labels.get(key) == value for key, value in selector.items()):
            found.update(int(port) for port in policy.spec.port_level_mtls or {})
    return tuple(sorted(found))


def _with_port_level(mesh: Mesh) -> dict[str, list[IstioObject[PeerAuthentication]]]:
    """The PeerAuthentications that speak of ports, by namespace."""
    found: dict[str, list[IstioObject[PeerAuthentication]]] = {}
    for policy in mesh.of_kind(PeerAuthentication):
        if policy.spec.port_level_mtls:
            found.setdefault(policy.namespace, []).append(policy)
    return found
