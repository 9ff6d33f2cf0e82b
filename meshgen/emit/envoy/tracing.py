"""Tracing: Telemetry and MeshConfig.extensionProviders (envoy-mapping.md §6). Without a provider nothing is emitted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshgen.emit.envoy.access_logs import mode_fits
from meshgen.emit.envoy.extension import extension
from meshgen.emit.envoy.names import outbound_cluster
from meshgen.istio.hosts import fully_qualified
from meshgen.istio.mesh_config import MeshConfig
from meshgen.istio.mesh_defaults import providers_by_name
from meshgen.istio.telemetry import CustomTag
from meshgen.json import JsonObject, JsonValue, drop_none
from meshgen.mesh import Mesh, Proxy, Role

_DEFAULT_SAMPLING = 1.0


def tracing(mesh: Mesh, proxy: Proxy, *, server: bool) -> JsonObject | None:
    """`HttpConnectionManager.tracing`; None where no provider takes spans."""
    provider, disabled = next(iter(mesh.config.default_providers.tracing or ()), ""), False
    sampling: float | None = None
    tags: Mapping[str, CustomTag] = {}
    for telemetry in mesh.telemetries(proxy.namespace, proxy.labels):
        for entry in telemetry.spec.tracing or ():
            if not mode_fits(entry.match, server=server):
                continue
            provider = entry.providers[0].name if entry.providers else provider
            sampling = entry.random_sampling_percentage if entry.random_sampling_percentage is not None else sampling
            tags = entry.custom_tags if entry.custom_tags is not None else tags
            disabled = entry.disable_span_reporting if entry.disable_span_reporting is not None else disabled
    found = providers_by_name(mesh.config).get(provider)
    backend = _provider(found) if found is not None and provider and not disabled else None
    if backend is None or found is None:
        return None
    block: JsonObject = {
        "provider": backend,
        "client_sampling": {"value": 100.0},
        "random_sampling": {"value": _sampling(sampling, mesh.config)},
        "overall_sampling": {"value": 100.0},
        **drop_none({"max_path_tag_length": _tag_length(found)}),
    }
    if tags:
        block["custom_tags"] = [tag for name in sorted(tags) if (tag := _tag(name, tags[name])) is not None]
    return block | ({"spawn_upstream_span": True} if proxy.role is Role.GATEWAY else {})


def sampled_by_request_id(mesh: Mesh, proxy: Proxy, *, server: bool) -> bool:
    """Whether the request id decides if a request is traced, as it does unless Telemetry says otherwise."""
    wanted = True
    for telemetry in mesh.telemetries(proxy.namespace, proxy.labels):
        for entry in telemetry.spec.tracing or ():
            own = entry.use_request_id_for_trace_sampling
            if own is not None and mode_fits(entry.match, server=server):
                wanted = own
    return wanted


def _sampling(wanted: float | None, config: MeshConfig) -> float:
    if wanted is not None:
        return wanted
    settings = config.default_config.tracing
    return (settings.sampling if settings is not None else None) or _DEFAULT_SAMPLING


def _tag(name: str, tag: CustomTag) -> JsonObject | None:
    if tag.literal is not None:
        return {"tag": name, "literal": {"value": tag.literal.value}}
    if tag.header is not None:
        return {"tag": name, "request_header": _named(tag.header.name, tag.header.default_value)}
    if tag.environment is not None:
        return {"tag": name, "environment": _named(tag.environment.name, tag.environment.default_value)}
    return {"tag": name, "value": tag.formatter.value} if tag.formatter is not None else None


def _named(name: str, default: str | None) -> JsonObject:
    return drop_none({"name": name, "default_value": default or None})


def _tag_length(provider: Mapping[str, Any]) -> JsonValue:
    for settings in provider.values():
        if isinstance(settings, dict) and settings.get("maxTagLength"):
            return int(settings["maxTagLength"])
    return None


def _cluster(settings: Mapping[str, Any]) -> tuple[str, str]:
    """A provider's host and cluster; its `service` may be `namespace/host`."""
    namespace, slash, host = str(settings.get("service", "")).rpartition("/")
    host = fully_qualified(host, namespace) if slash else host
    return host, outbound_cluster(int(settings.get("port") or 0), "", host)


def _provider(provider: Mapping[str, Any]) -> JsonObject | None:
    """The tracer of Envoy for a provider; None for a kind that is not carried over."""
    if "zipkin" in provider:
        return _zipkin(provider["zipkin"])
    if "opentelemetry" in provider:
        return _opentelemetry(provider["opentelemetry"])
    return None


def _zipkin(settings: Mapping[str, Any]) -> JsonObject:
    host, cluster = _cluster(settings)
    path = str(settings.get("path") or "/api/v2/spans")
    service: JsonObject = {"http_uri": {"uri": f"http://{host}{path}", "cluster": cluster, "timeout": "5s"}}
    fields: JsonObject = {
        "collector_service": service,
        "collector_endpoint_version": "HTTP_JSON",
        "trace_id_128bit": not settings.get("enable64bitTraceId"),
        "shared_span_context": False,
    }
    return extension("envoy.tracers.zipkin", "envoy.config.trace.v3.ZipkinConfig", fields)


def _opentelemetry(settings: Mapping[str, Any]) -> JsonObject:
    host, cluster = _cluster(settings)
    http = settings.get("http")
    fields: JsonObject
    if http:
        uri: JsonObject = {
            "uri": f"http://{host}{http.get('path', '')}",
            "cluster": cluster,
            "timeout": str(http.get("timeout") or "5s"),
        }
        fields = {"http_service": {"http_uri": uri}}
    else:
        fields = {"grpc_service": {"envoy_grpc": {"cluster_name": cluster, "authority": host}}}
    return extension("envoy.tracers.opentelemetry", "envoy.config.trace.v3.OpenTelemetryConfig", fields)
