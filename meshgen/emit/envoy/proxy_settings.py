"""ProxyConfig's `connectionSettings` and `proxyHeaders`, as a proxy of a role has them (envoy-mapping.md §8).

Source: istiod's `core/connection_settings.go` and `util/proxy_headers.go`; for edges Envoy's page on edge proxies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from meshgen.emit.envoy.extension import extension
from meshgen.istio.mesh_config import MeshConfig
from meshgen.istio.mesh_proxy import ConnectionSettings, ProxyHeaders
from meshgen.json import JsonObject, JsonValue, drop_none
from meshgen.mesh import Proxy, Role
from meshgen.values import duration_to_envoy

_EDGE: Final = ConnectionSettings(
    listener_per_connection_buffer_limit_bytes=32768,
    cluster_per_connection_buffer_limit_bytes=32768,
    http_idle_timeout="1h",
    http_stream_idle_timeout="5m",
    http_request_timeout="5m",
    http_request_headers_timeout="60s",
    http_max_concurrent_streams=100,
    http2_initial_stream_window_size=65536,
    http2_initial_connection_window_size=1048576,
    http_headers_with_underscores_action="HEADERS_WITH_UNDERSCORES_REJECT_REQUEST",
    http_merge_slashes=True,
    http_path_with_escaped_slashes_action="UNESCAPE_AND_REDIRECT",
)
"""What Istio's profile EDGE says where the settings do not."""

_UNDERSCORES: Final = {
    "HEADERS_WITH_UNDERSCORES_ALLOW": "ALLOW",
    "HEADERS_WITH_UNDERSCORES_REJECT_REQUEST": "REJECT_REQUEST",
    "HEADERS_WITH_UNDERSCORES_DROP_HEADER": "DROP_HEADER",
}
_PRESERVED_CASE: Final[JsonObject] = {
    "stateful_formatter": extension(
        "preserve_case",
        "envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig",
    )
}


def connection_settings(config: MeshConfig, proxy: Proxy) -> ConnectionSettings:
    """The settings in effect: the mesh's, and for gateways of the profile EDGE and for edges what that profile says."""
    settings = config.default_config.connection_settings or ConnectionSettings()
    if proxy.role is Role.EDGE or (proxy.is_gateway and settings.profile == "EDGE"):
        said = {name: value for name in settings.__struct_fields__ if (value := getattr(settings, name)) is not None}
        settings = msgspec.structs.replace(_EDGE, **said)
    return settings


def proxy_headers(config: MeshConfig) -> ProxyHeaders:
    """What ProxyConfig says of headers that proxies add or hide."""
    return config.default_config.proxy_headers or ProxyHeaders()


# --- connection managers --------------------------------------------------------------------------------------------
def manager_limits(settings: ConnectionSettings) -> JsonObject:
    """The fields of a connection manager that the settings decide, paths among them."""
    found: JsonObject = _timeouts(settings)
    common = drop_none({
        "idle_timeout": _duration(settings.http_idle_timeout),
        "max_connection_duration": _duration(settings.http_max_connection_duration),
        "max_stream_duration": _duration(settings.http_max_stream_duration),
        "headers_with_underscores_action": _UNDERSCORES.get(settings.http_headers_with_underscores_action or ""),
    })
    streams = drop_none({
        "max_concurrent_streams": _unsigned(settings.http_max_concurrent_streams),
        "initial_stream_window_size": _unsigned(settings.http2_initial_stream_window_size),
        "initial_connection_window_size": _unsigned(settings.http2_initial_connection_window_size),
    })
    if common:
        found["common_http_protocol_options"] = common
    if streams:
        found["http2_protocol_options"] = streams
    if settings.http_merge_slashes is not None:
        found["merge_slashes"] = settings.http_merge_slashes
    slashes = settings.http_path_with_escaped_slashes_action
    if slashes not in {None, "PATH_WITH_ESCAPED_SLASHES_UNSPECIFIED"}:
        found["path_with_escaped_slashes_action"] = slashes
    return found


def _timeouts(settings: ConnectionSettings) -> JsonObject:
    return drop_none({
        "stream_idle_timeout": _duration(settings.http_stream_idle_timeout),
        "request_timeout": _duration(settings.http_request_timeout),
        "request_headers_timeout": _duration(settings.http_request_headers_timeout),
        "drain_timeout": _duration(settings.http_drain_timeout),
    })


def _duration(text: str | None) -> str | None:
    return duration_to_envoy(text) if text is not None else None


def _unsigned(value: int | None) -> int | None:
    return value if value is not None and value >= 0 else None


def manager_headers(headers: ProxyHeaders, settings: JsonObject) -> JsonObject:
    """A connection manager's own settings with what ProxyConfig says of headers.

    Args:
        headers: what it says.
        settings: the manager's by its direction; its `forward_client_cert_details` is istiod's own where a sidecar serves.
    """
    found = dict(settings)
    serves = found.get("forward_client_cert_details") == "APPEND_FORWARD"
    if serves and headers.forwarded_client_cert not in {None, "UNDEFINED"}:
        found["forward_client_cert_details"] = headers.forwarded_client_cert
    details = headers.set_current_client_cert_details
    if details is not None and "set_current_client_cert_details" in found:
        found["set_current_client_cert_details"] = drop_none(msgspec.to_builtins(details))
    if headers.server is not None and headers.server.disabled:
        found.pop("server_name", None)
        found["server_header_transformation"] = "PASS_THROUGH"
    elif headers.server is not None and headers.server.value:
        found["server_name"] = headers.server.value
    if headers.request_id is not None and headers.request_id.disabled:
        found["generate_request_id"] = False
    if headers.x_forwarded_port is not None and headers.x_forwarded_port.enabled:
        found["append_x_forwarded_port"] = True
    if headers.preserve_http1_header_case:
        options = found.get("http_protocol_options")
        found["http_protocol_options"] = {**(options if isinstance(options, dict) else {}), **header_case(headers)}
    return found


def header_case(headers: ProxyHeaders) -> JsonObject:
    """`Http1ProtocolOptions.header_key_format`: header names as the other side wrote them, where that is asked for."""
    return {"header_key_format": _PRESERVED_CASE} if headers.preserve_http1_header_case else {}


def hides_debug_headers(config: MeshConfig) -> bool:
    """Whether the router sets no `x-envoy-…` header."""
    hidden = proxy_headers(config).envoy_debug_headers
    return bool(hidden is not None and hidden.disabled)


def counts_attempts(config: MeshConfig) -> bool:
    """Whether requests say how often they were tried (`x-envoy-attempt-count`)."""
    count = proxy_headers(config).attempt_count
    return not (count is not None and count.disabled)


def appends_forwarded_host(config: MeshConfig) -> bool:
    """Whether a rewritten host stays known as `x-forwarded-host`."""
    host = proxy_headers(config).x_forwarded_host
    return bool(host is not None and host.enabled)


# --- listeners, clusters, bootstraps --------------------------------------------------------------------------------
def listener_limits(settings: ConnectionSettings) -> JsonObject:
    """The fields of a listener that the settings decide."""
    return drop_none({"per_connection_buffer_limit_bytes": _unsigned(settings.listener_per_connection_buffer_limit_bytes)})


def cluster_limits(settings: ConnectionSettings) -> JsonObject:
    """The fields of a cluster that the settings decide."""
    return drop_none({"per_connection_buffer_limit_bytes": _unsigned(settings.cluster_per_connection_buffer_limit_bytes)})


_EDGE_CONNECTIONS: Final = 50_000
_EDGE_MEMORY: Final = 1 << 30
"""Of an edge that says nothing: Envoy's page on edge proxies has these figures."""


def overload_manager(config: MeshConfig, proxy: Proxy) -> JsonObject:
    """`Bootstrap.overload_manager`: what a proxy turns away before it runs out of memory or sockets; empty without limits.

    At 95 % of the heap it is shrunk, at 98 % new requests get 503, at 99 % no connection is accepted.
    """
    edge = proxy.role is Role.EDGE
    connections = proxy.limits.connections or connection_settings(config, proxy).global_downstream_connection_limit or 0
    connections = connections or (_EDGE_CONNECTIONS if edge else 0)
    memory = proxy.limits.memory or (_EDGE_MEMORY if edge else 0)
    monitors: list[JsonValue] = []
    actions: list[JsonValue] = []
    if memory > 0:
        monitors.append(_monitor("fixed_heap", "fixed_heap.v3.FixedHeapConfig", {"max_heap_size_bytes": memory}))
        steps = (("shrink_heap", 0.95), ("stop_accepting_requests", 0.98), ("stop_accepting_connections", 0.99))
        actions = [_at(name, threshold) for name, threshold in steps]
    if connections > 0:
        kind = "downstream_connections.v3.DownstreamConnectionsConfig"
        limit: JsonObject = {"max_active_downstream_connections": connections}
        monitors.append(_monitor("global_downstream_max_connections", kind, limit))
    if not monitors:
        return {}
    return {"refresh_interval": "0.25s", "resource_monitors": monitors, **({"actions": actions} if actions else {})}


def _monitor(name: str, kind: str, fields: JsonObject) -> JsonObject:
    return extension(f"envoy.resource_monitors.{name}", f"envoy.extensions.resource_monitors.{kind}", fields)


def _at(action: str, threshold: float) -> JsonObject:
    trigger: JsonObject = {"name": "envoy.resource_monitors.fixed_heap", "threshold": {"value": threshold}}
    return {"name": f"envoy.overload_actions.{action}", "triggers": [trigger]}


def listener_connection_limits(settings: ConnectionSettings, listeners: Sequence[str]) -> JsonObject:
    """Runtime values that bound the connections of each listener; its name's dots and colons are not changed by Envoy."""
    limit = settings.listener_connection_limit
    if limit is None or limit <= 0:
        return {}
    return {f"envoy.resource_limits.listener.{name}.connection_limit": limit for name in listeners}
