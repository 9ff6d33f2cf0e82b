"""HTTP connection managers with istiod's settings (envoy-mapping.md §2.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from meshgen.emit.envoy.extension import extension, typed
from meshgen.emit.envoy.filters.router import ROUTER, SILENT_ROUTER
from meshgen.emit.envoy.proxy_settings import (
    connection_settings,
    hides_debug_headers,
    manager_headers,
    manager_limits,
    proxy_headers,
)
from meshgen.istio.mesh_config import MeshConfig
from meshgen.json import JsonObject, JsonValue
from meshgen.mesh import Proxy, Role

NAME: Final = "envoy.filters.network.http_connection_manager"
SIDECAR_OUTBOUND: Final[JsonObject] = {"use_remote_address": False}
SIDECAR_INBOUND: Final[JsonObject] = {
    "use_remote_address": False,
    "server_name": "istio-envoy",
    # What a trusted client's sidecar says of its own client is passed on.
    "forward_client_cert_details": "APPEND_FORWARD",
    "set_current_client_cert_details": {"subject": True, "uri": True, "dns": True},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Manager:
    """One connection manager: where its routes are, what its filters are, whose settings it has."""

    stat_prefix: str
    routes: JsonObject  # {"rds": …} or {"route_config": …}
    filters: Sequence[JsonValue]
    settings: JsonObject  # SIDECAR_OUTBOUND, SIDECAR_INBOUND or gateway_settings()
    proxy: Proxy
    access_log: Sequence[JsonValue] = ()
    tracing: JsonObject | None = None
    sampled_by_id: bool = True


def gateway_settings(config: MeshConfig, proxy: Proxy) -> JsonObject:
    """A gateway trusts nobody's `x-forwarded-client-cert` and takes the connection's address for the client's.

    An edge does not say that it is Istio's.
    """
    found: JsonObject = {
        "use_remote_address": True,
        "server_name": "istio-envoy",
        "forward_client_cert_details": "SANITIZE_SET",
        "set_current_client_cert_details": {"subject": True, "cert": True, "uri": True, "dns": True},
        "http_protocol_options": {},
    }
    if proxy.role is Role.EDGE:
        del found["server_name"]
    topology = config.default_config.gateway_topology
    if topology.forward_client_cert_details not in {"", "UNDEFINED"}:
        found["forward_client_cert_details"] = topology.forward_client_cert_details
    if topology.num_trusted_proxies:
        found["xff_num_trusted_hops"] = topology.num_trusted_proxies
    return found


def http_connection_manager(manager: Manager, config: MeshConfig) -> JsonObject:
    """The network filter."""
    fields: JsonObject = {
        "stat_prefix": manager.stat_prefix,
        **manager.routes,
        "http_filters": _with_hidden_headers(manager.filters, config),
        **manager_headers(proxy_headers(config), manager.settings),
        **path_normalization(config),
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "proxy_100_continue": True,
        "stream_idle_timeout": "0s",  # Envoy's default of five minutes would end long streams
        "request_id_extension": _request_id(sampled_by_id=manager.sampled_by_id),
    }
    fields |= _limits(manager, config)
    if manager.access_log:
        fields["access_log"] = list(manager.access_log)
    if manager.tracing is not None:
        fields["tracing"] = manager.tracing
    return extension(NAME, "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", fields)


def _limits(manager: Manager, config: MeshConfig) -> JsonObject:
    """Timeouts, limits and paths of ProxyConfig's `connectionSettings`, which go before all else."""
    limits = manager_limits(connection_settings(config, manager.proxy))
    own, streams = manager.settings.get("http2_protocol_options"), limits.get("http2_protocol_options")
    if isinstance(own, dict) and isinstance(streams, dict):
        limits["http2_protocol_options"] = {**own, **streams}
    return limits


def _with_hidden_headers(filters: Sequence[JsonValue], config: MeshConfig) -> list[JsonValue]:
    return [SILENT_ROUTER if each == ROUTER else each for each in filters] if hides_debug_headers(config) else list(filters)


def _request_id(*, sampled_by_id: bool) -> JsonObject:
    fields: JsonObject = {"use_request_id_for_trace_sampling": sampled_by_id}
    return {"typed_config": typed("envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig", fields)}


def path_normalization(config: MeshConfig) -> JsonObject:
    """How paths are made canonical before routes and policies see them (MeshConfig.pathNormalization)."""
    wanted = config.path_normalization.normalization
    if wanted == "NONE":
        return {"normalize_path": False}
    found: JsonObject = {"normalize_path": True, "path_with_escaped_slashes_action": "KEEP_UNCHANGED"}
    if wanted in {"MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES"}:
        found["merge_slashes"] = True
    if wanted == "DECODE_AND_MERGE_SLASHES":
        found["path_with_escaped_slashes_action"] = "UNESCAPE_AND_FORWARD"
    return found


def route_discovery(name: str) -> JsonObject:
    """Routes by name; a delivery says where they come from (`delivery.py`)."""
    source: JsonObject = {"ads": {}, "resource_api_version": "V3"}
    return {"rds": {"route_config_name": name, "config_source": source}}
