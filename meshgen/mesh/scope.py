"""What a proxy sees: Sidecar resources, and the default where there is none.

Follows istiod's `model/sidecar.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from meshgen.istio.hosts import overlaps, subset_of
from meshgen.istio.object import IstioObject
from meshgen.istio.sidecar import IstioEgressListener, Sidecar
from meshgen.istio.virtual_service import VirtualService
from meshgen.mesh.names import destinations_of
from meshgen.mesh.selection import SelectorIndex
from meshgen.mesh.service import Port, Resolution, Service

T = TypeVar("T", Service, IstioObject[VirtualService])

_ALL = "*"
_NOTHING = "~"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What one sidecar listener (or a whole gateway) may see. The order of each tuple is istiod's.

    Every host and gateway name in `virtual_services` is absolute, and delegates are merged in.
    """

    port: int | None  # a Sidecar egress listener's port; None for the catch-all listener
    bind: str  # a Sidecar egress listener's bind; empty for the default
    services: tuple[Service, ...]  # those that get listeners and virtual hosts; only the matching port with a `port`
    virtual_services: tuple[IstioObject[VirtualService], ...]


class SidecarIndex:
    """Answers `which Sidecar shapes this workload`.

    One of its namespace that selects it, else its namespace's default, else the root namespace's default.
    """

    def __init__(self, sidecars: Sequence[IstioObject[Sidecar]], root: str) -> None:
        self._root = root
        self._selecting: SelectorIndex[IstioObject[Sidecar]] = SelectorIndex()
        self._defaults: dict[str, IstioObject[Sidecar]] = {}
        for sidecar in sorted(sidecars, key=lambda found: found.order):
            selector = sidecar.spec.workload_selector
            if selector is not None and selector.labels:
                self._selecting.add(sidecar, sidecar.namespace, selector.labels)
            else:
                self._defaults.setdefault(sidecar.namespace, sidecar)

    def of(self, namespace: str, labels: Mapping[str, str]) -> IstioObject[Sidecar] | None:
        """The one that acts, if any."""
        selecting = self._selecting.picking(namespace, labels)
        return selecting[0] if selecting else self._defaults.get(namespace) or self._defaults.get(self._root)


@dataclass(frozen=True, slots=True)
class Seen(Generic[T]):
    """What a namespace sees of one kind, so that a listener that names namespaces looks at no other."""

    all: tuple[T, ...]
    _by_owner: Mapping[str, list[tuple[int, T]]]  # each with its place among all

    @classmethod
    def of(cls, found: Sequence[T]) -> Seen[T]:
        """By the namespaces that own it."""
        by_owner: dict[str, list[tuple[int, T]]] = {}
        for place, each in enumerate(found):
            by_owner.setdefault(each.namespace, []).append((place, each))
        return cls(tuple(found), by_owner)

    def owned_by(self, owners: Iterable[str]) -> Iterable[T]:
        """What these namespaces own, in the order of all; everything for `*`."""
        wanted = frozenset(owners)
        if _ALL in wanted:
            return self.all
        found = [entry for owner in wanted for entry in self._by_owner.get(owner, ())]
        return [each for _, each in sorted(found, key=lambda entry: entry[0])]


def whole_scope(services: Iterable[Service], virtual_services: tuple[IstioObject[VirtualService], ...]) -> Scope:
    """The scope of a proxy without a Sidecar resource: all that its namespace sees."""
    return Scope(port=None, bind="", services=unite_by_host(services), virtual_services=virtual_services)


def listener_scope(
    listener: IstioEgressListener,
    namespace: str,
    services: Seen[Service],
    virtual_services: Seen[IstioObject[VirtualService]],
) -> Scope:
    """The scope of one egress listener; `services` and `virtual_services` are what the namespace sees."""
    hosts = _hosts_by_namespace(listener.hosts, namespace)
    port = (listener.port.number if listener.port else None) or None
    # An HTTP_PROXY port serves all ports of all hosts.
    wanted = None if listener.port and (listener.port.protocol or "").upper() == "HTTP_PROXY" else port
    return Scope(
        port=port,
        bind=listener.bind or "",
        services=_one_namespace_each(_imported(hosts, services.owned_by(hosts), wanted), namespace),
        virtual_services=tuple(found for found in virtual_services.owned_by(hosts) if _imports_routes(hosts, found)),
    )


def _hosts_by_namespace(hosts: Iterable[str], namespace: str) -> dict[str, list[str]]:
    """`namespace/dnsName` by namespace; empty where one of them is `~/*`, which takes the listener's hosts away."""
    found: dict[str, list[str]] = {}
    for host in hosts:
        owner, slash, name = host.partition("/")
        if owner == _NOTHING:
            return {}
        if slash:
            found.setdefault(namespace if owner == "." else owner, []).append(name)
    return found


def _imported(hosts: Mapping[str, list[str]], services: Iterable[Service], port: int | None) -> Iterator[Service]:
    for service in services:
        names = (*hosts.get(service.namespace, ()), *hosts.get(_ALL, ()))
        if any(name == _ALL or subset_of(service.host, name) for name in names):
            ports = service.ports if port is None else tuple(p for p in service.ports if p.number == port)
            if ports == service.ports:
                yield service
            elif ports:
                yield replace(service, ports=ports)


def _imports_routes(hosts: Mapping[str, list[str]], found: IstioObject[VirtualService]) -> bool:
    """Whether a listener's hosts bring in a virtual service: its hosts match in either direction."""
    names = (*hosts.get(found.namespace, ()), *hosts.get(_ALL, ()))
    return any(overlaps(host, name) for name in names for host in found.spec.hosts or ())


def _one_namespace_each(services: Iterable[Service], namespace: str) -> tuple[Service, ...]:
    """Of several services of one host only one namespace's, the client's own first."""
    listed = tuple(services)
    owner: dict[str, str] = {}
    for service in listed:
        if service.host not in owner or service.namespace == namespace:
            owner[service.host] = service.namespace
    return tuple(service for service in listed if owner[service.host] == service.namespace)


def unite_by_host(services: Iterable[Service]) -> tuple[Service, ...]:
    """Each host once: the first, or a core Service over a ServiceEntry; ports of one namespace's service are united."""
    found: dict[str, Service] = {}
    for service in services:
        if service.resolution is Resolution.ALIAS:
            continue
        known = found.get(service.host)
        if known is None or (service.kubernetes and not known.kubernetes):
            found[service.host] = service
        elif known.namespace == service.namespace and known.ports != service.ports:
            found[service.host] = replace(known, ports=_united_ports(known.ports, service.ports))
    return tuple(found.values())


def _united_ports(first: tuple[Port, ...], second: tuple[Port, ...]) -> tuple[Port, ...]:
    numbers = {port.number for port in first}
    return (*first, *(port for port in second if port.number not in numbers))


def destination_ports(found: IstioObject[VirtualService]) -> dict[str, set[int]]:
    """The hosts that a virtual service sends to, with the ports that it names; 0 where it names none."""
    wanted: dict[str, set[int]] = {}
    for destination in destinations_of(found.spec):
        number = destination.port.number if destination.port is not None else 0
        wanted.setdefault(destination.host, set()).add(number or 0)
    return wanted


def with_ports(service: Service, numbers: set[int]) -> Service | None:
    """A service with only the ports that a virtual service names, whole where 0 is among them; None where none is left."""
    if 0 in numbers:
        return service
    ports = tuple(port for port in service.ports if port.number in numbers)
    return replace(service, ports=ports) if ports else None
