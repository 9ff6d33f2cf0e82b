"""ClusterLoadAssignments: endpoints by locality, with weights, priorities and what tells Envoy to speak mutual TLS to them."""

from __future__ import annotations

from meshgen.emit.envoy.locality import LocalityGroup, group_by_locality, locality_setting, place, split_locality, zone_setting
from meshgen.emit.envoy.network_endpoints import through_gateways
from meshgen.emit.envoy.shared import once
from meshgen.emit.envoy.targets import Target, targets
from meshgen.json import JsonObject, JsonValue, drop_none
from meshgen.mesh import Endpoint, Mesh, Proxy, ProxyView


def load_assignments(mesh: Mesh, view: ProxyView) -> tuple[JsonObject, ...]:
    """One ClusterLoadAssignment for each EDS cluster of the proxy, sorted by name; no endpoints where none is known."""
    wanted, proxy = targets(mesh, view), view.proxy
    where = place(mesh, proxy)

    def one(target: Target) -> JsonObject:
        return once(mesh, ("endpoints", id(target), *where), target, lambda: load_assignment(mesh, proxy, target))

    def all_of_them() -> tuple[JsonObject, ...]:
        found = (one(target) for target in wanted if target.discovery == "EDS")
        return tuple(sorted(found, key=lambda assignment: str(assignment["cluster_name"])))

    return once(mesh, ("all endpoints", id(wanted), *where), wanted, all_of_them)


def load_assignment(mesh: Mesh, proxy: Proxy, target: Target) -> JsonObject:
    """The endpoints of one target, as this proxy is to see them."""
    one = target.discovery == "LOGICAL_DNS"  # Envoy takes one address there
    endpoints = target.endpoints[:1] if one else through_gateways(mesh, proxy, target.endpoints)
    setting, zones = locality_setting(target.policy, mesh.config), zone_setting(target.policy, mesh.config)
    groups = group_by_locality(endpoints, target.policy, setting, proxy, zones)
    assignment: JsonObject = {"cluster_name": target.name}
    if groups:
        assignment["endpoints"] = [_locality(group, sni_dnat=target.sni_dnat) for group in groups]
    return assignment


def _locality(group: LocalityGroup, *, sni_dnat: bool) -> JsonObject:
    region, zone, subzone = split_locality(group.locality)
    endpoints: list[JsonValue] = [_endpoint(endpoint, sni_dnat=sni_dnat) for endpoint in group.endpoints]
    return drop_none({
        "locality": drop_none({"region": region or None, "zone": zone or None, "sub_zone": subzone or None}),
        "lb_endpoints": endpoints,
        "load_balancing_weight": group.weight or None,
        "priority": group.priority or None,
    })


def _endpoint(endpoint: Endpoint, *, sni_dnat: bool) -> JsonObject:
    value: JsonObject = {"endpoint": {"address": address(endpoint.address, endpoint.port)}}
    if not endpoint.healthy:
        value["health_status"] = "UNHEALTHY"
    value["load_balancing_weight"] = endpoint.weight or 1
    if endpoint.mutual_tls and not sni_dnat:
        value["metadata"] = {"filter_metadata": {"envoy.transport_socket_match": {"tlsMode": "istio"}}}
    return value


def address(host: str, port: int) -> JsonObject:
    """An address: an IP or a host name with a port, or a Unix socket (`unix:///path`)."""
    if host.startswith("unix://"):
        return {"pipe": {"path": host.removeprefix("unix://")}}
    if host.startswith("/"):
        return {"pipe": {"path": host}}
    return {"socket_address": {"address": host, "port_value": port}}
