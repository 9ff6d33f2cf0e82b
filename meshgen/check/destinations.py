"""Where virtual services send: every destination with its place, and what the registry says of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from meshgen.check.context import Context, split_cluster_host
from meshgen.diagnostics import JsonPath
from meshgen.istio.object import IstioObject
from meshgen.istio.shared import Destination
from meshgen.istio.virtual_service import HTTPRoute, VirtualService


@dataclass(frozen=True, slots=True)
class Place:
    """One destination of a virtual service."""

    holder: IstioObject[VirtualService]
    path: JsonPath  # of the destination, from the object's root
    destination: Destination
    host: str  # fully qualified


def destinations(context: Context) -> tuple[Place, ...]:
    """All destinations of all virtual services, mirrors included; walked once for all rules."""
    return context.once(_walk)


def _walk(context: Context) -> tuple[Place, ...]:
    return tuple(
        Place(holder, path, destination, context.mesh.fqdn(destination.host, holder.namespace))
        for holder in context.mesh.of_kind(VirtualService)
        for path, destination in _of_spec(holder.spec)
    )


def _of_spec(spec: VirtualService) -> Iterator[tuple[JsonPath, Destination]]:
    for index, route in enumerate(spec.http or ()):
        yield from _of_http(("spec", "http", index), route)
    for index, tls in enumerate(spec.tls or ()):
        for number, split in enumerate(tls.route or ()):
            yield ("spec", "tls", index, "route", number, "destination"), split.destination
    for index, tcp in enumerate(spec.tcp or ()):
        for number, split in enumerate(tcp.route or ()):
            yield ("spec", "tcp", index, "route", number, "destination"), split.destination


def _of_http(path: JsonPath, route: HTTPRoute) -> Iterator[tuple[JsonPath, Destination]]:
    for number, weighted in enumerate(route.route or ()):
        yield (*path, "route", number, "destination"), weighted.destination
    if route.mirror is not None:
        yield (*path, "mirror"), route.mirror
    for number, mirror in enumerate(route.mirrors or ()):
        yield (*path, "mirrors", number, "destination"), mirror.destination


class Standing(Enum):
    """What the registry says of a host."""

    KNOWN = 1
    UNKNOWN = 2
    UNDECIDED = 3  # the tree declares no Service of the host's namespace


def standing(context: Context, host: str) -> Standing:
    """Whether some service has this host, whoever sees it."""
    if context.mesh.services_of(host):
        return Standing.KNOWN
    parts = split_cluster_host(host)
    if parts is None or parts[1] in context.hosts_by_namespace:
        return Standing.UNKNOWN
    if parts[1] in context.mesh.unseen_namespaces or (context.namespaces and parts[1] not in context.namespaces):
        return Standing.UNKNOWN
    return Standing.UNDECIDED


def suggestion(context: Context, host: str) -> str:
    """What the author of an unknown host may have meant."""
    parts = split_cluster_host(host)
    if parts is None:
        wildcard = next((known for known in context.outside_hosts if known[:1] == "*" and host.endswith(known[1:])), None)
        if wildcard:
            return f"the ServiceEntry for `{wildcard}` is a destination only under that name"
        return context.near(host, context.outside_hosts) or "a host outside of the cluster needs a ServiceEntry"
    name, namespace = parts
    if namespace in context.mesh.unseen_namespaces:
        return f"no discovery selector picks namespace `{namespace}`: label it, or add a ServiceEntry for the host"
    elsewhere = context.namespaces_by_service.get(name, ())
    if elsewhere:
        return f"there is a `{name}` in namespace `{elsewhere[0]}`: write `{name}.{elsewhere[0]}.svc.cluster.local`"
    declared = context.hosts_by_namespace.get(namespace, ())
    return context.near(name, declared) or f"namespace `{namespace}` has no Service of that name"
