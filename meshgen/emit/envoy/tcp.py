"""`tcp_proxy` filters of TCP and TLS routes, and what a destination rule asks of connections (envoy-mapping.md §2.5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from meshgen.emit.envoy.extension import extension
from meshgen.emit.envoy.names import BLACK_HOLE, PASSTHROUGH, outbound_cluster
from meshgen.istio.destination_rule import DestinationRule
from meshgen.istio.hosts import fully_qualified
from meshgen.istio.shared import Destination
from meshgen.istio.virtual_service import RouteDestination
from meshgen.json import JsonObject, JsonValue
from meshgen.mesh import Mesh, Proxy, ProxyView, Service
from meshgen.values import duration_to_envoy

NAME: Final = "envoy.filters.network.tcp_proxy"


def tcp_proxy(fields: JsonObject, stat_prefix: str) -> JsonObject:
    """The filter that ends a TCP chain."""
    return extension(NAME, "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy", {"stat_prefix": stat_prefix, **fields})


def to_cluster(name: str, access_log: Sequence[JsonValue] = ()) -> JsonObject:
    """All connections to one cluster."""
    fields: JsonObject = {"cluster": name}
    return tcp_proxy(fields | ({"access_log": list(access_log)} if access_log else {}), name)


def fallthrough_cluster(view: ProxyView) -> str:
    """Where connections and requests to unknown addresses go: through, through the Sidecar's `egressProxy`, or nowhere."""
    if view.outbound_mode == "REGISTRY_ONLY":
        return BLACK_HOLE
    policy = view.sidecar.spec.outbound_traffic_policy if view.sidecar is not None else None
    if view.sidecar is None or policy is None or policy.egress_proxy is None:
        return PASSTHROUGH
    wanted = policy.egress_proxy
    host = fully_qualified(wanted.host, view.sidecar.namespace)
    service = view.service(host)
    only = service.ports[0].number if service is not None and len(service.ports) == 1 else 0
    return outbound_cluster((wanted.port.number if wanted.port is not None else None) or only, wanted.subset or "", host)


def tcp_routes(
    mesh: Mesh, proxy: Proxy, routes: Sequence[RouteDestination], port: int, name: str, access_log: Sequence[JsonValue]
) -> JsonObject:
    """The filter for a rule's destinations; weights decide where there are several.

    Timeouts and hashing come from the first destination's rule, at its top level only, as in istiod.

    Args:
        mesh: the mesh.
        proxy: the proxy.
        routes: at least one destination.
        port: the listener's service port, which a destination without port means unless its service has only one.
        name: `<virtual service>.<namespace>`, for statistics of weighted routes.
        access_log: access logs of the filter.
    """
    first = routes[0].destination
    rule = mesh.destination_rule(first.host, proxy)
    fields = connection_fields(rule.spec if rule else None)
    if access_log:
        fields["access_log"] = list(access_log)
    if len(routes) == 1:
        cluster = _cluster(mesh, proxy, first, port)
        return tcp_proxy({**fields, "cluster": cluster}, cluster)
    weights: list[JsonValue] = [
        {"name": _cluster(mesh, proxy, route.destination, port), "weight": route.weight} for route in routes if route.weight
    ]
    return tcp_proxy({**fields, "weighted_clusters": {"clusters": weights}}, name)


def tcp_service(mesh: Mesh, proxy: Proxy, service: Service, port: int, access_log: Sequence[JsonValue]) -> JsonObject:
    """The filter for a service that no virtual service speaks of."""
    rule = mesh.destination_rule(service.host, proxy, service.namespace)
    number = service.ports[0].number if len(service.ports) == 1 else port
    cluster = outbound_cluster(number, "", service.host)
    fields: JsonObject = {**connection_fields(rule.spec if rule else None), "cluster": cluster}
    return tcp_proxy(fields | ({"access_log": list(access_log)} if access_log else {}), cluster)


def connection_fields(rule: DestinationRule | None) -> JsonObject:
    """What a destination rule asks of connections: idle timeout, longest life, hashing by source address, tunnelling."""
    if rule is None or rule.traffic_policy is None:
        return {}
    policy = rule.traffic_policy
    pool = policy.connection_pool.tcp if policy.connection_pool else None
    found: JsonObject = {}
    if pool is not None and pool.idle_timeout:
        found["idle_timeout"] = duration_to_envoy(pool.idle_timeout)
    if pool is not None and pool.max_connection_duration:
        found["max_downstream_connection_duration"] = duration_to_envoy(pool.max_connection_duration)
    balancer = policy.load_balancer
    if balancer is not None and balancer.consistent_hash is not None and balancer.consistent_hash.use_source_ip:
        found["hash_policy"] = [{"source_ip": {}}]
    if policy.tunnel is not None:
        found["tunneling_config"] = {
            "hostname": f"{policy.tunnel.target_host}:{policy.tunnel.target_port}",
            "use_post": policy.tunnel.protocol == "POST",
        }
    return found


def _cluster(mesh: Mesh, proxy: Proxy, destination: Destination, port: int) -> str:
    number = destination.port.number if destination.port is not None else None
    if not number:
        service = mesh.service(destination.host, proxy.namespace)
        number = service.ports[0].number if service is not None and len(service.ports) == 1 else port
    return outbound_cluster(number, destination.subset or "", destination.host)
