"""Settings of a whole proxy, applied to what was built for it before EnvoyFilters patch it: buffers, names, header options.

Source: MeshConfig and ProxyConfig; each part is only looked at where its setting says more than istiod's default.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from meshgen.emit.envoy.names import parse_inbound, parse_outbound
from meshgen.emit.envoy.patches import Resources
from meshgen.emit.envoy.proxy_settings import (
    appends_forwarded_host,
    cluster_limits,
    connection_settings,
    counts_attempts,
    header_case,
    listener_limits,
    proxy_headers,
)
from meshgen.emit.envoy.shared import once
from meshgen.json import JsonObject, JsonValue
from meshgen.mesh import Mesh, Port, ProxyView, Service

_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
Change = Callable[[JsonObject], JsonObject]


def finished(mesh: Mesh, view: ProxyView, resources: Resources) -> Resources:
    """The resources with the settings that hold for all of a proxy."""
    listeners = [*map(_listener_change(mesh, view), resources.listeners)]
    return replace(
        resources,
        listeners=tuple(listeners),
        routes=_routes(mesh, resources.routes),
        clusters=_clusters(mesh, view, resources.clusters),
    )


# --- listeners ------------------------------------------------------------------------------------------------------
def _listener_change(mesh: Mesh, view: ProxyView) -> Change:
    limits = listener_limits(connection_settings(mesh.config, view.proxy))
    silent = mesh.config.disable_envoy_listener_log

    def change(listener: JsonObject) -> JsonObject:
        kept = {key: value for key, value in listener.items() if key != "access_log"} if silent else listener
        return {**kept, **limits} if limits else kept

    return change


# --- routes ---------------------------------------------------------------------------------------------------------
def _routes(mesh: Mesh, tables: tuple[JsonObject, ...]) -> tuple[JsonObject, ...]:
    counts, appends = counts_attempts(mesh.config), appends_forwarded_host(mesh.config)
    if counts and not appends:
        return tables

    def host(found: JsonObject) -> JsonObject:
        kept = {key: value for key, value in found.items() if counts or key != "include_request_attempt_count"}
        if appends:
            kept["routes"] = [_with_forwarded_host(route) for route in _objects(found.get("routes"))]
        return kept

    return tuple({**table, "virtual_hosts": [host(each) for each in _objects(table.get("virtual_hosts"))]} for table in tables)


def _with_forwarded_host(route: JsonObject) -> JsonObject:
    action = route.get("route")
    return {**route, "route": {**action, "append_x_forwarded_host": True}} if isinstance(action, dict) else route


def _objects(value: JsonValue) -> list[JsonObject]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


# --- clusters -------------------------------------------------------------------------------------------------------
def _clusters(mesh: Mesh, view: ProxyView, clusters: tuple[JsonObject, ...]) -> tuple[JsonObject, ...]:
    config = mesh.config
    limits = cluster_limits(connection_settings(config, view.proxy))
    case = header_case(proxy_headers(config))
    outbound, inbound = config.outbound_cluster_stat_name, config.inbound_cluster_stat_name
    if not (limits or case or outbound or inbound):
        return clusters
    inside = {number: (service, port) for service, port, number in view.inbound_services}

    def change(cluster: JsonObject) -> JsonObject:
        named = _stat_name(view, str(cluster["name"]), outbound, inbound, inside)
        return {**_with_case(cluster, case), **limits, **({"alt_stat_name": named} if named else {})}

    def one(cluster: JsonObject) -> JsonObject:
        return once(mesh, ("finished", id(cluster), view.proxy.role), cluster, lambda: change(cluster))

    return tuple(map(one, clusters))


def _with_case(cluster: JsonObject, case: JsonObject) -> JsonObject:
    """A cluster that speaks HTTP/1 with header names as the client wrote them."""
    extensions = cluster.get("typed_extension_protocol_options")
    known = extensions.get(_HTTP_OPTIONS) if isinstance(extensions, dict) else None
    options: JsonObject = dict(known) if isinstance(known, dict) else {"@type": f"type.googleapis.com/{_HTTP_OPTIONS}"}
    explicit = options.get("explicit_http_config")
    if not case or (isinstance(explicit, dict) and "http2_protocol_options" in explicit):
        return cluster
    downstream = options.get("use_downstream_protocol_config")
    if isinstance(downstream, dict):
        options["use_downstream_protocol_config"] = {**downstream, "http_protocol_options": case}
    else:
        options["explicit_http_config"] = {"http_protocol_options": case}
    return {**cluster, "typed_extension_protocol_options": {_HTTP_OPTIONS: options}}


def _stat_name(view: ProxyView, name: str, outbound: str, inbound: str, inside: dict[int, tuple[Service, Port]]) -> str:
    """A cluster's name in statistics by the mesh's pattern; empty where it has none."""
    parts, number = parse_outbound(name), parse_inbound(name)
    if parts is not None and outbound:
        service = view.service(parts.host)
        port = service.port(parts.port) if service is not None else None
        return _spelled(outbound, service, port, parts.subset) if service is not None and port is not None else ""
    if number is not None and inbound and number in inside:
        return _spelled(inbound, *inside[number], "")
    return ""


def _spelled(pattern: str, service: Service, port: Port, subset: str) -> str:
    short = f"{service.name}.{service.namespace}" if service.kubernetes else service.host
    words = {
        "%SERVICE_FQDN%": service.host,
        "%SERVICE_NAME%": service.name if service.kubernetes else service.host,
        "%SERVICE_PORT_NAME%": port.name,
        "%SERVICE_PORT%": str(port.number),
        "%TARGET_PORT%": str(port.target),
        "%SUBSET_NAME%": subset,
        "%SERVICE%": short,
    }
    for word, value in words.items():
        pattern = pattern.replace(word, value)
    return pattern
