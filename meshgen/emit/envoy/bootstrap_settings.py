"""What MeshConfig and ProxyConfig say of a whole Envoy, as parts of its bootstrap: statistics, runtime, overload, collectors.

Source: istiod's `pkg/bootstrap/config.go` and `envoy_bootstrap.json`; envoy-mapping.md §1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from meshgen.emit.envoy.collectors import METRICS_SERVICE, collector, metrics_service, split_address
from meshgen.emit.envoy.dns import with_dns_cluster_type
from meshgen.emit.envoy.extension import typed
from meshgen.emit.envoy.local_cluster import LOCAL_CLUSTER, local_cluster, wants_zones
from meshgen.emit.envoy.proxy_settings import connection_settings, listener_connection_limits, overload_manager
from meshgen.istio.mesh_config import MeshConfig
from meshgen.istio.mesh_proxy import ProxySettings
from meshgen.json import JsonObject, JsonValue
from meshgen.mesh import Mesh, Proxy, ProxyView

_KEPT_PREFIXES: Final = ("cluster_manager", "listener_manager", "server")
_KEPT_SUFFIXES: Final = ("rbac.allowed", "rbac.denied", "shadow_allowed", "shadow_denied")
"""Statistics that istiod keeps whatever the matcher says, of those that a stock Envoy has."""


def bootstrap_settings(mesh: Mesh, view: ProxyView, listeners: Iterable[JsonObject]) -> JsonObject:
    """What is merged into a proxy's bootstrap; empty where the configuration says nothing beyond istiod's defaults."""
    config, settings, proxy = mesh.config, mesh.config.default_config, view.proxy
    found: JsonObject = {}
    overload = overload_manager(config, proxy)
    if overload:
        found["overload_manager"] = overload
    runtime = _runtime(config, proxy, [str(listener["name"]) for listener in listeners])
    if runtime:
        found["layered_runtime"] = {"layers": [{"name": "proxy-config", "static_layer": runtime}]}
    sinks = list(_sinks(settings))
    if sinks:
        found["stats_sinks"] = sinks
    matcher = _stats_matcher(settings)
    if matcher:
        found["stats_config"] = {"stats_matcher": matcher}
    cluster = _service_name(settings, proxy)
    if cluster:
        found["node"] = {"cluster": cluster}
    own = local_cluster(mesh, view) if wants_zones(mesh, view) else None
    if own is not None:
        found["cluster_manager"] = {"local_cluster_name": LOCAL_CLUSTER}
    metrics = metrics_service(settings)
    # Those that Envoy looks for before clusters are discovered.
    static: list[JsonValue] = [own] if own is not None else []
    if metrics is not None:
        static.append(with_dns_cluster_type(collector(METRICS_SERVICE, metrics, config, proxy)))
    if static:
        found["static_resources"] = {"clusters": static}
    return found


def _runtime(config: MeshConfig, proxy: Proxy, listeners: list[str]) -> JsonObject:
    values: JsonObject = dict(config.default_config.runtime_values or {})
    return {**listener_connection_limits(connection_settings(config, proxy), listeners), **values}


def _service_name(settings: ProxySettings, proxy: Proxy) -> str:
    """`node.cluster`, the service that traces name, where ProxyConfig says another than `<app>.<namespace>`."""
    canonical = proxy.labels.get("service.istio.io/canonical-name") or proxy.labels.get("app") or proxy.name
    match settings.tracing_service_name:
        case "CANONICAL_NAME_ONLY":
            return canonical
        case "CANONICAL_NAME_AND_NAMESPACE":
            return f"{canonical}.{proxy.namespace}"
        case _:
            return ""


# --- statistics -----------------------------------------------------------------------------------------------------
def _sinks(settings: ProxySettings) -> Iterator[JsonValue]:
    if settings.statsd_udp_address:
        host, port = split_address(settings.statsd_udp_address)
        address: JsonObject = {"socket_address": {"address": host, "port_value": port, "protocol": "UDP"}}
        yield {
            "name": "envoy.stat_sinks.statsd",
            "typed_config": typed("envoy.config.metrics.v3.StatsdSink", {"address": address}),
        }
    if metrics_service(settings) is not None:
        service: JsonObject = {"envoy_grpc": {"cluster_name": METRICS_SERVICE}}
        fields: JsonObject = {"grpc_service": service, "transport_api_version": "V3"}
        sink = typed("envoy.config.metrics.v3.MetricsServiceConfig", fields)
        yield {"name": "envoy.stat_sinks.metrics_service", "typed_config": sink}


def _stats_matcher(settings: ProxySettings) -> JsonObject:
    """An inclusion list, where ProxyConfig names statistics; all are kept where it names none."""
    wanted = settings.proxy_stats_matcher
    if wanted is None:
        return {}
    patterns: list[JsonValue] = [{"prefix": each} for each in (*_KEPT_PREFIXES, *(wanted.inclusion_prefixes or ()))]
    patterns += [{"suffix": each} for each in (*_KEPT_SUFFIXES, *(wanted.inclusion_suffixes or ()))]
    patterns += [{"safe_regex": {"regex": each}} for each in wanted.inclusion_regexps or ()]
    return {"inclusion_list": {"patterns": patterns}}
