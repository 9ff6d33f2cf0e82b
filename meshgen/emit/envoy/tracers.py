"""Tracers of Envoy for the tracing providers of MeshConfig, and for the collectors that ProxyConfig names by address."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from meshgen.emit.envoy.collectors import DATADOG, ZIPKIN, datadog_address, zipkin_address
from meshgen.emit.envoy.extension import extension
from meshgen.emit.envoy.names import outbound_cluster
from meshgen.istio.hosts import fully_qualified
from meshgen.istio.mesh_proxy import ProxySettings
from meshgen.json import JsonObject, JsonValue, drop_none
from meshgen.mesh import Mesh, Proxy
from meshgen.values import duration_to_envoy

TRACERS: Final = frozenset({"zipkin", "opentelemetry", "datadog", "skywalking"})
"""The kinds of providers that are carried over; Envoy has no tracer for OpenCensus, Lightstep and Stackdriver any more."""

_SPANS: Final = "/api/v2/spans"


def tracer(provider: Mapping[str, Any], proxy: Proxy) -> JsonObject | None:
    """The tracer of Envoy for a provider; None for a kind that is not carried over."""
    if "zipkin" in provider:
        return _zipkin(provider["zipkin"])
    if "opentelemetry" in provider:
        return _opentelemetry(provider["opentelemetry"], proxy)
    if "datadog" in provider:
        host, cluster = collector_of(provider["datadog"])
        return _datadog(cluster, host, proxy)
    return _skywalking(provider["skywalking"], proxy) if "skywalking" in provider else None


def legacy_tracer(settings: ProxySettings, proxy: Proxy) -> JsonObject | None:
    """The tracer for what ProxyConfig names by address, which counts where no provider is named."""
    address = zipkin_address(settings)
    if address:
        return _zipkin_config({"uri": f"http://{address}{_SPANS}", "cluster": ZIPKIN, "timeout": "5s"}, {})
    return _datadog(DATADOG, "", proxy) if datadog_address(settings) else None


def collector_of(settings: Mapping[str, Any]) -> tuple[str, str]:
    """A provider's host and cluster; its `service` may be `namespace/host`."""
    namespace, slash, host = str(settings.get("service", "")).rpartition("/")
    host = fully_qualified(host, namespace) if slash else host
    return host, outbound_cluster(int(settings.get("port") or 0), "", host)


def is_known(mesh: Mesh, proxy: Proxy, provider: Mapping[str, Any]) -> bool:
    """Whether the collector is a service that the proxy's namespace sees: Envoy refuses a listener that names another."""
    services = [
        collector_of(settings)[0] for settings in provider.values() if isinstance(settings, dict) and settings.get("service")
    ]
    return all(mesh.service(host, proxy.namespace) is not None for host in services)


def _uri(settings: Mapping[str, Any], http: Mapping[str, Any], default: str) -> JsonObject:
    host, cluster = collector_of(settings)
    timeout = duration_to_envoy(str(http["timeout"])) if http.get("timeout") else "5s"
    return {"uri": f"http://{host}{http.get('path') or default}", "cluster": cluster, "timeout": timeout}


def _headers(listed: object) -> list[JsonValue]:
    """Headers of requests to a collector; the value of an `envName` is that of Envoy's own environment."""
    return [
        {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"} for name, value in _pairs(listed)
    ]


def _pairs(listed: object) -> Iterator[tuple[str, str]]:
    for each in listed if isinstance(listed, list | tuple) else ():
        env = each.get("envName")
        yield str(each.get("name", "")), f"%ENVIRONMENT({env})%" if env else str(each.get("value") or "")


# --- one function a kind --------------------------------------------------------------------------------------------
def _zipkin(settings: Mapping[str, Any]) -> JsonObject:
    return _zipkin_config(_uri(settings, settings, _SPANS), settings)


def _zipkin_config(uri: JsonObject, settings: Mapping[str, Any]) -> JsonObject:
    headers = _headers(settings.get("headers"))
    fields: JsonObject = {
        "collector_service": {"http_uri": uri, **({"request_headers_to_add": headers} if headers else {})},
        "collector_endpoint_version": "HTTP_JSON",
        "trace_id_128bit": not settings.get("enable64bitTraceId"),
        "shared_span_context": False,
    }
    if settings.get("traceContextOption") == "USE_B3_WITH_W3C_PROPAGATION":
        fields["trace_context_option"] = "USE_B3_WITH_W3C_PROPAGATION"
    return extension("envoy.tracers.zipkin", "envoy.config.trace.v3.ZipkinConfig", fields)


def _opentelemetry(settings: Mapping[str, Any], proxy: Proxy) -> JsonObject:
    host, cluster = collector_of(settings)
    http, grpc = settings.get("http"), settings.get("grpc") or {}
    fields: JsonObject
    if http:
        headers = _headers(http.get("headers"))
        fields = {
            "http_service": {"http_uri": _uri(settings, http, ""), **({"request_headers_to_add": headers} if headers else {})}
        }
    else:
        service: JsonObject = {"envoy_grpc": {"cluster_name": cluster, "authority": host}}
        if grpc.get("timeout"):
            service["timeout"] = duration_to_envoy(str(grpc["timeout"]))
        sent: list[JsonValue] = [{"key": name, "value": value} for name, value in _pairs(grpc.get("initialMetadata"))]
        fields = {"grpc_service": service | ({"initial_metadata": sent} if sent else {})}
    if settings.get("serviceAttributeEnrichment") == "OTEL_SEMANTIC_CONVENTIONS":
        fields["service_name"] = proxy.labels.get("app.kubernetes.io/name") or proxy.labels.get("app") or proxy.name
    detectors: list[JsonValue] = [*_detectors(settings.get("resourceDetectors") or {})]
    if detectors:
        fields["resource_detectors"] = detectors
    if settings.get("dynatraceSampler"):
        fields["sampler"] = _dynatrace(settings["dynatraceSampler"])
    return extension("envoy.tracers.opentelemetry", "envoy.config.trace.v3.OpenTelemetryConfig", fields)


def _detectors(wanted: Mapping[str, Any]) -> Iterator[JsonValue]:
    for name, message in (("environment", "Environment"), ("dynatrace", "Dynatrace")):
        if wanted.get(name) is not None:
            kind = f"envoy.extensions.tracers.opentelemetry.resource_detectors.v3.{message}ResourceDetectorConfig"
            yield extension(f"envoy.tracers.opentelemetry.resource_detectors.{name}", kind)


def _dynatrace(settings: Mapping[str, Any]) -> JsonObject:
    api = settings.get("httpService") or {}
    http = api.get("http") or {}
    service: JsonObject | None = None
    if api:
        service = {"http_uri": _uri(api, http, "")}
        headers = _headers(http.get("headers"))
        if headers:
            service["request_headers_to_add"] = headers
    fields = drop_none({
        "tenant": settings.get("tenant"),
        "cluster_id": settings.get("clusterId"),
        "root_spans_per_minute": settings.get("rootSpansPerMinute") or None,
        "http_service": service,
    })
    kind = "envoy.extensions.tracers.opentelemetry.samplers.v3.DynatraceSamplerConfig"
    return extension("envoy.tracers.opentelemetry.samplers.dynatrace", kind, fields)


def _datadog(cluster: str, host: str, proxy: Proxy) -> JsonObject:
    name = f"{proxy.labels.get('app', proxy.name)}.{proxy.namespace}"
    fields = drop_none({"collector_cluster": cluster, "service_name": name, "collector_hostname": host or None})
    return extension("envoy.tracers.datadog", "envoy.config.trace.v3.DatadogConfig", fields)


def _skywalking(settings: Mapping[str, Any], proxy: Proxy) -> JsonObject:
    host, cluster = collector_of(settings)
    client: JsonObject = {"service_name": f"{proxy.labels.get('app', proxy.name)}.{proxy.namespace}", "instance_name": proxy.name}
    if settings.get("accessToken"):
        client["backend_token"] = str(settings["accessToken"])
    fields: JsonObject = {
        "grpc_service": {"envoy_grpc": {"cluster_name": cluster, "authority": host}},
        "client_config": client,
    }
    return extension("envoy.tracers.skywalking", "envoy.config.trace.v3.SkyWalkingConfig", fields)
