"""A gateway's listeners (envoy-mapping.md §2.3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

from meshgen.emit.envoy.access_logs import access_logs, only_without_route
from meshgen.emit.envoy.filter_order import NETWORK_ORDER, Placed, Slot, ordered
from meshgen.emit.envoy.filters.extensions import http_extensions
from meshgen.emit.envoy.filters.policies import http_policies, network_policies
from meshgen.emit.envoy.filters.standard import http_filters
from meshgen.emit.envoy.gateway_routes import shared_hosts
from meshgen.emit.envoy.gateway_servers import GatewayServer, Merged, MergedServers
from meshgen.emit.envoy.hcm import Manager, gateway_settings, http_connection_manager, route_discovery
from meshgen.emit.envoy.inbound_matches import HTTP_ALPN, ISTIO_ALPN
from meshgen.emit.envoy.listeners import (
    ANY,
    PROXY_PROTOCOL,
    filter_chain,
    inspectors,
    socket_address,
)
from meshgen.emit.envoy.names import sni_dnat_cluster
from meshgen.emit.envoy.tcp import tcp_routes, to_cluster
from meshgen.emit.envoy.tls import downstream_tls
from meshgen.emit.envoy.tracing import sampled_by_request_id, tracing
from meshgen.istio.hosts import subset_of
from meshgen.istio.object import IstioObject
from meshgen.istio.virtual_service import L4MatchAttributes, TLSMatchAttributes, VirtualService
from meshgen.json import JsonObject, JsonValue
from meshgen.mesh import Mesh, ProxyView, Service
from meshgen.values import Protocol

Found = IstioObject[VirtualService]


class GatewayListeners:
    """The listeners of one gateway workload."""

    def __init__(self, mesh: Mesh, view: ProxyView, servers: MergedServers) -> None:
        self._mesh = mesh
        self._view = view
        self._proxy = view.proxy
        self._servers = servers

    def listeners(self) -> list[JsonObject]:
        """One for each socket that some chain serves."""
        built = (self._listener(merged) for merged in self._servers.sockets.values())
        return [listener for listener in built if listener is not None]

    def _listener(self, merged: Merged) -> JsonObject | None:
        bind = merged.bind or ANY
        name = f"{bind}_{merged.port}"
        taken: set[str] = set()
        chains = [chain for server in merged.others for chain in self._chains(server, taken)]
        if merged.http:
            # Plain HTTP: whatever TLS settings a server of such a port has, they are not for its own connections.
            chains.append(filter_chain([self._manager(merged.http[0], name)], handshake=True))
        if not chains:
            return None
        found: JsonObject = {
            "name": name,
            "address": socket_address(bind, merged.port),
            "traffic_direction": "OUTBOUND",
            "filter_chains": list(chains),
            "max_connections_to_accept_per_socket_event": 1,
        }
        filters = inspectors(chains)
        if self._mesh.config.default_config.gateway_topology.proxy_protocol is not None:
            filters.insert(0, PROXY_PROTOCOL)
        if filters:
            found["listener_filters"] = filters
        return found | ({"access_log": only_without_route(self._log)} if self._log else {})

    def _chains(self, server: GatewayServer, taken: set[str]) -> Iterator[JsonObject]:
        """The chains of a server that is not plain HTTP."""
        tls = server.server.tls
        if tls is not None and tls.mode == "AUTO_PASSTHROUGH":
            yield from self._auto_passthrough(server)
        elif server.passes_through:
            yield from self._passthrough(server, taken)
        elif server.routes and server.protocol is Protocol.HTTPS:
            name = server.server.name or f"{server.server.bind or ANY}_{server.port}"
            yield self._server_chain(server, [self._manager(server, name)])
        else:
            filters = self._tcp_filters(server)
            if filters:
                yield self._server_chain(server, filters)

    def _server_chain(self, server: GatewayServer, filters: Sequence[JsonValue]) -> JsonObject:
        match: JsonObject = {"server_names": list(server.sni_hosts)} if server.sni_hosts else {}
        chain = filter_chain(filters, match or None, handshake=True)
        if server.terminates and server.server.tls is not None:
            chain["transport_socket"] = downstream_tls(server.server.tls, self._mesh.config, alpn=HTTP_ALPN)
        return chain

    # --- HTTP ---------------------------------------------------------------------------------------------------
    def _manager(self, server: GatewayServer, listener: str) -> JsonObject:
        manager = Manager(
            stat_prefix=f"outbound_{listener}",
            routes=route_discovery(server.routes),
            filters=self._http_filters,
            settings=gateway_settings(self._mesh.config, self._proxy),
            proxy=self._proxy,
            access_log=self._log,
            tracing=self._tracing,
            sampled_by_id=sampled_by_request_id(self._mesh, self._proxy, server=False),
        )
        return http_connection_manager(manager, self._mesh.config)

    @cached_property
    def _http_filters(self) -> list[JsonValue]:
        placed = http_policies(self._mesh, self._proxy)
        return http_filters({**placed, **http_extensions(self._mesh, self._proxy, server=False)})

    @cached_property
    def _log(self) -> tuple[JsonObject, ...]:
        return access_logs(self._mesh, self._proxy, server=False)

    @cached_property
    def _tracing(self) -> JsonObject | None:
        return tracing(self._mesh, self._proxy, server=False)

    # --- TCP and TLS --------------------------------------------------------------------------------------------
    def _with_policies(self, last: JsonObject) -> list[JsonValue]:
        return ordered(NETWORK_ORDER, {**self._network_policies, Slot.TCP_PROXY: [last]})

    @cached_property
    def _network_policies(self) -> Placed:
        return network_policies(self._mesh, self._proxy)

    def _bound_to(self, server: GatewayServer) -> Iterator[Found]:
        """Virtual services of this gateway that share a host with the server."""
        for found in self._mesh.virtual_services_on(server.gateway, self._proxy):
            if shared_hosts(server.hosts, found):
                yield found

    def _tcp_filters(self, server: GatewayServer) -> list[JsonValue]:
        """The first TCP rule that fits the server takes all of its connections."""
        for found in self._bound_to(server):
            for rule in found.spec.tcp or ():
                if rule.route and (not rule.match or any(_fits(match, server) for match in rule.match)):
                    name = f"{found.name}.{found.namespace}"
                    last = tcp_routes(self._mesh, self._proxy, rule.route, server.server.port.number, name, self._log)
                    return self._with_policies(last)
        return []

    def _passthrough(self, server: GatewayServer, taken: set[str]) -> Iterator[JsonObject]:
        """A chain for each TLS match; an SNI host that an earlier chain has is not given twice."""
        for found in self._bound_to(server):
            for rule in found.spec.tls or ():
                for match in rule.match:
                    if not rule.route or not _fits(match, server) or taken.intersection(match.sni_hosts):
                        continue
                    taken.update(match.sni_hosts)
                    name = f"{found.name}.{found.namespace}"
                    last = tcp_routes(self._mesh, self._proxy, rule.route, server.server.port.number, name, self._log)
                    names: JsonObject = {"server_names": list(match.sni_hosts)}
                    yield filter_chain(self._with_policies(last), names if "*" not in match.sni_hosts else None, handshake=True)

    def _auto_passthrough(self, server: GatewayServer) -> Iterator[JsonObject]:
        """A chain for each service port and subset: mesh traffic that names its cluster, and nothing but mesh traffic."""
        for scope in self._view.scopes:
            for service in scope.services:
                if service.external or not _exposed(service, server.sni_hosts):
                    continue
                rule = self._mesh.destination_rule(service.host, self._proxy, service.namespace)
                subsets = ["", *(subset.name for subset in (rule.spec.subsets if rule else None) or ())]
                for port in service.ports:
                    if port.protocol is Protocol.UDP:
                        continue
                    for subset in subsets:
                        cluster = sni_dnat_cluster(port.number, subset, service.host)
                        match: JsonObject = {"server_names": [cluster], "application_protocols": list(ISTIO_ALPN)}
                        yield filter_chain([to_cluster(cluster, self._log)], match, handshake=True)


def _fits(match: TLSMatchAttributes | L4MatchAttributes, server: GatewayServer) -> bool:
    gateway = f"{server.gateway.namespace}/{server.gateway.name}"
    return (not match.port or match.port == server.server.port.number) and (not match.gateways or gateway in match.gateways)


def _exposed(service: Service, hosts: Sequence[str]) -> bool:
    return not hosts or any(subset_of(service.host, host) for host in hosts)
