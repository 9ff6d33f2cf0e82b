"""`emit_envoy`: everything that one proxy needs, as plain JSON."""

from __future__ import annotations

from collections.abc import Iterable

from meshgen.diagnostics import Diagnostic, sort_diagnostics
from meshgen.emit.envoy.bootstrap_settings import bootstrap_settings
from meshgen.emit.envoy.clusters import clusters
from meshgen.emit.envoy.custom_bootstrap import custom_bootstrap
from meshgen.emit.envoy.dns import with_dns_cluster_type
from meshgen.emit.envoy.endpoints import load_assignments
from meshgen.emit.envoy.finish import finished
from meshgen.emit.envoy.gateway_listeners import GatewayListeners
from meshgen.emit.envoy.gateway_routes import GatewayRoutes
from meshgen.emit.envoy.gateway_servers import MergedServers
from meshgen.emit.envoy.inbound import InboundListeners
from meshgen.emit.envoy.limits import limits
from meshgen.emit.envoy.patch_values import merged
from meshgen.emit.envoy.patches import Resources, bootstrap_patches, patched
from meshgen.emit.envoy.sidecar_listeners import OutboundListeners, RouteTable
from meshgen.emit.envoy.snapshot import Snapshot
from meshgen.emit.envoy.tcp import fallthrough_cluster
from meshgen.emit.envoy.tls import secrets
from meshgen.emit.envoy.tracing import tracing
from meshgen.emit.envoy.traffic_limits import traffic_limits
from meshgen.emit.envoy.virtual_hosts import (
    BLOCK_ALL,
    allow_any,
    route_configuration,
    sidecar_virtual_hosts,
    sniffed_virtual_host,
)
from meshgen.json import JsonObject
from meshgen.mesh import Capture, Mesh, Proxy, ProxyView


def emit_envoy(mesh: Mesh, proxy: Proxy) -> tuple[Snapshot, tuple[Diagnostic, ...]]:
    """The Envoy resources of a proxy, and what of the mesh they do not carry over (MG09xx).

    Equal inputs give equal bytes; nothing is read but the arguments.
    """
    view = mesh.view(proxy)
    resources = patched(unpatched(mesh, view), mesh.envoy_filters(proxy), proxy)
    all_clusters = [with_dns_cluster_type(cluster) for cluster in resources.clusters]
    bootstrap, left_out = custom_bootstrap(mesh, proxy)
    bootstrap = merged(bootstrap, bootstrap_patches(mesh.envoy_filters(proxy), proxy))
    snapshot = Snapshot(
        proxy=proxy,
        listeners=_by_name(resources.listeners),
        routes=_by_name(resources.routes),
        clusters=_by_name(all_clusters),
        endpoints=load_assignments(mesh, view),
        bootstrap=merged(bootstrap_settings(mesh, view, resources.listeners), bootstrap),
        secrets=secrets(mesh, resources.listeners, resources.clusters),
    )
    return snapshot, sort_diagnostics((*limits(mesh, view), *traffic_limits(mesh, view), *left_out))


def emit_inbound(mesh: Mesh, proxy: Proxy) -> Snapshot:
    """What a sidecar has for requests to its own application alone, which no other service of the mesh makes larger."""
    view = mesh.view(proxy)
    listeners = tuple(InboundListeners(mesh, view).listeners())
    emitted = Resources(listeners=listeners, routes=(), clusters=clusters(mesh, view, outbound=False))
    resources = patched(finished(mesh, view, emitted), mesh.envoy_filters(proxy), proxy)
    return Snapshot(
        proxy=proxy,
        listeners=_by_name(resources.listeners),
        routes=_by_name(resources.routes),
        clusters=_by_name(resources.clusters),
        endpoints=(),
    )


def unpatched(mesh: Mesh, view: ProxyView) -> Resources:
    """What EnvoyFilters find."""
    listeners, routes = _gateway(mesh, view) if view.proxy.is_gateway else _sidecar(mesh, view)
    return finished(mesh, view, Resources(listeners=tuple(listeners), routes=tuple(routes), clusters=clusters(mesh, view)))


def _gateway(mesh: Mesh, view: ProxyView) -> tuple[list[JsonObject], list[JsonObject]]:
    servers = MergedServers(view)
    tables = GatewayRoutes(mesh, view, decorated=tracing(mesh, view.proxy, server=False) is not None)
    routes = [tables.table(name, merged) for name, merged in servers.route_tables().items()]
    return GatewayListeners(mesh, view, servers).listeners(), routes


def _sidecar(mesh: Mesh, view: ProxyView) -> tuple[list[JsonObject], list[JsonObject]]:
    outbound = OutboundListeners(mesh, view)
    decorated = tracing(mesh, view.proxy, server=False) is not None
    routes = [_route_table(mesh, view, table, decorated=decorated) for table in outbound.route_tables()]
    return [*outbound.listeners(), *InboundListeners(mesh, view).listeners()], routes


def _route_table(mesh: Mesh, view: ProxyView, table: RouteTable, *, decorated: bool) -> JsonObject:
    hosts = sidecar_virtual_hosts(mesh, view.proxy, table.scope, table.port, decorated=decorated)
    if table.service is not None:
        return route_configuration(table.name, sniffed_virtual_host(hosts, table.service, table.port))
    # Without interception a connection's address says nothing, so an unknown host cannot be let through.
    blocked = view.outbound_mode == "REGISTRY_ONLY" or view.proxy.capture is Capture.LOOPBACK
    return route_configuration(table.name, [*hosts, BLOCK_ALL if blocked else allow_any(fallthrough_cluster(view))])


def _by_name(resources: Iterable[JsonObject]) -> tuple[JsonObject, ...]:
    return tuple(sorted(resources, key=lambda resource: str(resource["name"])))
