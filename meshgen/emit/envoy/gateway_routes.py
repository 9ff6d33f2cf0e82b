"""The route tables of a gateway: hosts that servers and virtual services share (envoy-mapping.md §2.3, §3.1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from meshgen.emit.envoy.actions import RouteScope
from meshgen.emit.envoy.gateway_servers import GatewayServer
from meshgen.emit.envoy.routes import catch_alls_last, http_routes
from meshgen.emit.envoy.virtual_hosts import route_configuration, virtual_host
from meshgen.istio.gateway import Gateway
from meshgen.istio.hosts import narrower
from meshgen.istio.object import IstioObject
from meshgen.istio.virtual_service import VirtualService
from meshgen.json import JsonObject
from meshgen.mesh import Mesh, ProxyView, Service

Found = IstioObject[VirtualService]


@dataclass(slots=True)
class _Host:
    """A virtual host while virtual services are added to it."""

    port: int
    routes: list[JsonObject] = field(default_factory=list)
    owners: list[tuple[str, ...]] = field(default_factory=list)  # whose routes these are: equal owners, equal routes
    require_tls: bool = False


class GatewayRoutes:
    """The route tables of one gateway workload."""

    def __init__(self, mesh: Mesh, view: ProxyView, *, decorated: bool) -> None:
        self._mesh = mesh
        self._proxy = view.proxy
        self._services: Mapping[str, Service] = {service.host: service for scope in view.scopes for service in scope.services}
        self._decorated = decorated

    def table(self, name: str, servers: Sequence[GatewayServer]) -> JsonObject:
        """One `RouteConfiguration`. A table without hosts answers 404 to all."""
        hosts: dict[str, _Host] = {}
        built: dict[tuple[str, ...], list[JsonObject]] = {}
        for server in servers:
            self._add_server(server, hosts, built)
        if not hosts:
            port = servers[0].server.port.number
            return route_configuration(name, [{"name": f"blackhole:{port}", "domains": ["*"]}])
        return route_configuration(name, sorted(_collapsed(hosts), key=lambda host: str(host["name"])))

    def _add_server(self, server: GatewayServer, hosts: dict[str, _Host], built: dict[tuple[str, ...], list[JsonObject]]) -> None:
        port = server.server.port.number
        redirects = server.server.tls is not None and bool(server.server.tls.https_redirect)
        for found in self._mesh.virtual_services_on(server.gateway, self._proxy):
            shared = shared_hosts(server.hosts, found)
            if not shared:
                continue
            owner = (server.gateway.namespace, server.gateway.name, found.namespace, found.name)
            if owner not in built:
                built[owner] = http_routes(found, self._scope(server, server.gateway, port))
            if not built[owner]:
                continue
            for name in shared:
                host = hosts.setdefault(name, _Host(port))
                host.routes.extend(built[owner])
                host.owners.append(owner)
                host.require_tls = host.require_tls or redirects
        if redirects:  # also hosts that nobody routes are sent to HTTPS
            for name in server.hosts:
                hosts.setdefault(name.rpartition("/")[2], _Host(port)).require_tls = True

    def _scope(self, server: GatewayServer, gateway: IstioObject[Gateway], port: int) -> RouteScope:
        return RouteScope(
            mesh=self._mesh,
            proxy=self._proxy,
            port=port,
            gateways=frozenset({f"{gateway.namespace}/{gateway.name}"}),
            services=self._services,
            tls=server.terminates,
            decorated=self._decorated,
        )


def shared_hosts(server_hosts: Sequence[str], found: Found) -> list[str]:
    """The hosts of a server and a virtual service, the narrower where one covers the other, each once."""
    shared: dict[str, None] = {}
    for host in server_hosts:
        owner, slash, name = host.rpartition("/")
        if slash and owner != found.namespace:
            continue
        for other in found.spec.hosts or ():
            common = narrower(name, other)
            if common is not None:
                shared.setdefault(common)
    return list(shared)


def _collapsed(hosts: Mapping[str, _Host]) -> Iterator[JsonObject]:
    """Hosts with the same routes as one virtual host, under the first name."""
    groups: dict[tuple[object, ...], list[str]] = {}
    for name in sorted(hosts):
        host = hosts[name]
        key = (tuple(host.owners), host.require_tls) if host.owners else (name,)
        groups.setdefault(key, []).append(name)
    for names in groups.values():
        first = hosts[names[0]]
        built = virtual_host(names[0], first.port, names, catch_alls_last(first.routes))
        yield built | {"require_tls": "ALL"} if first.require_tls else built
