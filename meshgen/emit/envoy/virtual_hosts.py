"""A sidecar's virtual hosts: which names a service answers to, and whose rules it follows (envoy-mapping.md §3.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from meshgen.emit.envoy.actions import RouteScope
from meshgen.emit.envoy.routes import NO_TIMEOUT, default_routes, http_routes
from meshgen.emit.envoy.shared import once
from meshgen.emit.envoy.targets import asks_for_labels
from meshgen.istio.hosts import SERVICE_SUFFIX, is_wildcard, most_specific, overlaps
from meshgen.istio.object import IstioObject
from meshgen.istio.virtual_service import VirtualService
from meshgen.json import JsonObject
from meshgen.mesh import Mesh, Proxy, Resolution, Scope, Service
from meshgen.values import Protocol

Found = IstioObject[VirtualService]

BLOCK_ALL: Final[JsonObject] = {
    "name": "block_all",
    "domains": ["*"],
    "include_request_attempt_count": True,
    "routes": [{"name": "block_all", "match": {"prefix": "/"}, "direct_response": {"status": 502}}],
}


def allow_any(cluster: str) -> JsonObject:
    """The virtual host of all that the mesh does not know, where it may be called."""
    return {
        "name": "allow_any",
        "domains": ["*"],
        "include_request_attempt_count": True,
        "routes": [{"name": "allow_any", "match": {"prefix": "/"}, "route": {"cluster": cluster, **NO_TIMEOUT}}],
    }


def route_configuration(name: str, virtual_hosts: Sequence[JsonObject]) -> JsonObject:
    """A `RouteConfiguration` with istiod's settings."""
    return {
        "name": name,
        "virtual_hosts": list(virtual_hosts),
        # In a static configuration Envoy's default is true: a route to a cluster that does not exist would stop it from loading.
        "validate_clusters": False,
        "ignore_port_in_host_matching": True,
        "max_direct_response_body_size_bytes": 1_048_576,
    }


def virtual_host(host: str, port: int, domains: Sequence[str], routes: Sequence[JsonObject]) -> JsonObject:
    """One `VirtualHost`, named `<host>:<port>`."""
    return {
        "name": f"{host}:{port}",
        "domains": list(domains),
        "routes": list(routes),
        "include_request_attempt_count": True,
    }


def sidecar_virtual_hosts(mesh: Mesh, proxy: Proxy, visible: Scope, port: int, *, decorated: bool) -> list[JsonObject]:
    """The virtual hosts of a sidecar's HTTP listener on a service port, sorted by name, without the catch-all.

    Sidecars of a namespace that see the same share the result; others share each virtual host that is the same.
    """
    labels = tuple(sorted(proxy.labels.items())) if asks_for_labels(mesh) or _routes_ask_for_labels(mesh) else ()
    key = ("virtual hosts", id(visible), port, proxy.namespace, decorated, labels)
    return once(mesh, key, visible, lambda: _virtual_hosts(mesh, proxy, visible, port, decorated=decorated))


def _routes_ask_for_labels(mesh: Mesh) -> bool:
    """Whether some route looks at a client's labels, so that sidecars of one namespace may differ."""

    def ask() -> bool:
        rules = (rule for found in mesh.of_kind(VirtualService) for rule in found.spec.http or ())
        return any(match.source_labels for rule in rules for match in rule.match or ())

    return once(mesh, ("routes by labels",), None, ask)


def _virtual_hosts(mesh: Mesh, proxy: Proxy, visible: Scope, port: int, *, decorated: bool) -> list[JsonObject]:
    services = dict(_on_port(visible.services, port))
    scope = RouteScope(mesh=mesh, proxy=proxy, port=port, gateways=frozenset({"mesh"}), services=services, decorated=decorated)
    taken = _Taken(mesh, services)
    owners = _owners(visible)
    for found in visible.virtual_services:
        taken.add_virtual_service(found, scope, owners)
    taken.add_defaults(scope)
    return sorted(taken.virtual_hosts, key=lambda host: str(host["name"]))


def _on_port(services: Iterable[Service], port: int) -> Iterator[tuple[str, Service]]:
    """Services that have the port, with this port alone: that is all the listener knows of them."""
    for service in services:
        found = service.port(port)
        if found is not None:
            yield service.host, service if len(service.ports) == 1 else replace(service, ports=(found,))


def _owners(visible: Scope) -> Mapping[str, Found]:
    """Virtual services by their hosts, the first of each host."""
    owners: dict[str, Found] = {}
    for found in visible.virtual_services:
        for host in found.spec.hosts or ():
            owners.setdefault(host, found)
    return owners


class _Taken:
    """The virtual hosts of one route configuration while they are made: no name and no domain twice."""

    def __init__(self, mesh: Mesh, services: dict[str, Service]) -> None:
        self._mesh = mesh
        self.virtual_hosts: list[JsonObject] = []
        self._services = services
        self._left = dict(services)
        self._names: set[str] = set()
        self._domains: set[str] = set()

    def add_virtual_service(self, found: Found, scope: RouteScope, owners: Mapping[str, Found]) -> None:
        """The hosts of a virtual service that are services here, and on port 80 the others too."""
        if not self._concerns(found, scope.port):
            return
        routes = http_routes(found, scope)
        if not routes:
            return
        hosts, services = self._split(found, owners)
        for service in services:
            self._left.pop(service.host, None)
        spoken = [service for service in services if any(_speaks_http(port.protocol) for port in service.ports)]
        if not spoken and scope.port != 80:
            return
        for host in hosts:
            self._add(host, scope.port, [host.lower()], routes)
        for service in spoken:
            self._add_service(service, scope, routes)

    def _concerns(self, found: Found, port: int) -> bool:
        """Whether it may give a virtual host at all; a host that is no service has one only on port 80."""
        return port == 80 or any(is_wildcard(host) or host in self._services for host in found.spec.hosts or ())

    def add_defaults(self, scope: RouteScope) -> None:
        """The services without a virtual service."""
        for service in self._left.values():
            for port in service.ports:
                if _speaks_http(port.protocol):
                    self._add_service(service, scope, default_routes(service, port, scope))

    def _split(self, found: Found, owners: Mapping[str, Found]) -> tuple[list[str], list[Service]]:
        """The virtual service's hosts that are no service, and the services that it governs."""
        hosts: list[str] = []
        services: dict[str, Service] = {}
        for host in sorted(found.spec.hosts or (), key=is_wildcard):
            exact = self._services.get(host)
            if exact is not None:
                services[host] = exact
            elif not is_wildcard(host):
                hosts.append(host)
            else:
                near = [service for service in self._services.values() if overlaps(service.host, host)]
                services |= {service.host: service for service in near if most_specific(service.host, owners) is found}
                if not near:
                    hosts.append(host)
        return hosts, list(services.values())

    def _add_service(self, service: Service, scope: RouteScope, routes: Sequence[JsonObject]) -> None:
        domains, aliases = service_domains(service, scope.proxy.namespace)
        self._add(service.host, scope.port, domains, routes, aliases)

    def _add(
        self, host: str, port: int, domains: Sequence[str], routes: Sequence[JsonObject], aliases: Sequence[str] = ()
    ) -> None:
        name = f"{host}:{port}"
        if name in self._names:
            return
        self._names.add(name)
        free: list[str] = []
        for domain in domains:
            # A short name of one service never takes another service's full name away.
            if domain.lower() in self._domains or (domain in aliases and domain in self._services):
                continue
            self._domains.add(domain.lower())
            free.append(domain)
        if free:
            key = ("virtual host", host, port, *free, id(routes))
            self.virtual_hosts.append(once(self._mesh, key, routes, lambda: virtual_host(host, port, free, routes)))


def _speaks_http(protocol: Protocol) -> bool:
    return protocol.is_http or protocol is Protocol.UNSUPPORTED


def service_domains(service: Service, namespace: str) -> tuple[list[str], list[str]]:
    """The domains that a client of a namespace may write for a service, and which of them are short names."""
    domains: list[str] = []
    short: list[str] = []
    for host in (service.host, *service.aliases):
        names = short_names(host, namespace)
        domains += [host, f"{host}.", *names]
        short += names
    if service.resolution is Resolution.HEADLESS:
        domains += [f"*.{domain}" for domain in domains]
    addresses = service.addresses if service.resolution is not Resolution.HEADLESS else ()
    domains += [f"[{address}]" if ":" in address else address for address in addresses]
    return domains, short


def short_names(host: str, namespace: str) -> list[str]:
    """The names that cluster DNS's search path gives to a service: `catalog`, `catalog.shop`, `catalog.shop.svc`.

    >>> short_names("catalog.shop.svc.cluster.local", "edge")
    ['catalog.shop', 'catalog.shop.svc']
    """
    name, dot, owner = host.removesuffix(SERVICE_SUFFIX).partition(".")
    if not host.endswith(SERVICE_SUFFIX) or not dot or "." in owner or is_wildcard(host):
        return []
    if owner == namespace:
        return [name, f"{name}.{owner}.svc", f"{name}.{owner}"]
    return [f"{name}.{owner}", f"{name}.{owner}.svc"]


def sniffed_virtual_host(virtual_hosts: Sequence[JsonObject], service: Service, port: int) -> list[JsonObject]:
    """The one virtual host of a port whose protocol is sniffed: the connection's address already said which service is meant."""
    name = f"{service.host}:{port}"
    return [{**host, "domains": ["*"]} for host in virtual_hosts if host["name"] == name]
