"""Extension providers of the Mesh as MeshConfig has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from meshgen.json import JsonObject, JsonValue
from meshgen.lower.mesh.said import Said, given, plain
from meshgen.values import constant

if TYPE_CHECKING:  # a kind is imported where the mesh has it
    from meshgen.intent import mesh_providers as intent
    from meshgen.intent.mesh import Mesh


def say_providers(said: Said, mesh: Mesh) -> None:
    """`extensionProviders`, in the order in which they are written."""
    if mesh.providers is None:
        return
    providers: list[JsonValue] = []
    for index, (name, provider) in enumerate(mesh.providers.items()):
        kind, settings = _provider(provider)
        providers.append({"name": name, **settings})
        said.places["extensionProviders", index] = ("providers", name, *(("istio",) if kind == "istio" else ()))
    said.put("extensionProviders", providers, "providers")


def _provider(provider: intent.Provider) -> tuple[str, JsonObject]:
    """The kind of a provider, and what MeshConfig has beside its name."""
    if provider.istio is not None:
        return "istio", provider.istio
    if (authorizer := provider.external_authorizer) is not None:
        if authorizer.http is not None:
            return "externalAuthorizer", {"envoyExtAuthzHttp": _http_authorizer(authorizer.http)}
        assert authorizer.grpc is not None  # noqa: S101 (the model has one of them)
        return "externalAuthorizer", {"envoyExtAuthzGrpc": _authorizer(authorizer.grpc)}
    if provider.access_log is not None:
        return "accessLog", _log(provider.access_log)
    if (server := provider.secret_server) is not None:
        return "secretServer", {"sds": given(name=server.name, service=server.service, port=server.port)}
    return _observer(provider)


def _observer(provider: intent.Provider) -> tuple[str, JsonObject]:
    """Tracers and metrics."""
    if (otel := provider.open_telemetry) is not None:
        return "openTelemetry", {"opentelemetry": _open_telemetry(otel)}
    if (zipkin := provider.zipkin) is not None:
        more = given(
            path=zipkin.path,
            timeout=zipkin.timeout,
            headers=_headers(zipkin.headers),
            enable64bitTraceId=zipkin.short_trace_ids,
            traceContextOption=None if zipkin.w3c_headers is None else _PROPAGATION[zipkin.w3c_headers],
        )
        return "zipkin", {"zipkin": {**_collector(zipkin), **more}}
    if provider.datadog is not None:
        return "datadog", {"datadog": _collector(provider.datadog)}
    if (walking := provider.sky_walking) is not None:
        return "skyWalking", {"skywalking": given(service=walking.service, port=walking.port)}
    if (stackdriver := provider.stackdriver) is not None:
        labels = None if stackdriver.log_labels is None else {"labels": stackdriver.log_labels}
        return "stackdriver", {"stackdriver": given(maxTagLength=stackdriver.max_tag_length, logging=labels)}
    return "prometheus", {"prometheus": {}}


_PROPAGATION = {True: "USE_B3_WITH_W3C_PROPAGATION", False: "USE_B3"}


def _collector(collector: intent.Collector) -> JsonObject:
    return given(service=collector.service, port=collector.port, maxTagLength=collector.max_tag_length)


def _open_telemetry(otel: intent.OpenTelemetry) -> JsonObject:
    detectors: JsonObject | None = None if otel.resource_detectors is None else {name: {} for name in otel.resource_detectors}
    grpc = otel.grpc
    return {
        **_collector(otel),
        **given(
            http=None if otel.http is None else _http_export(otel.http),
            grpc=None if grpc is None else given(timeout=grpc.timeout, initialMetadata=_headers(grpc.metadata)),
            resourceDetectors=detectors,
            serviceAttributeEnrichment=None if otel.service_attributes is None else constant(otel.service_attributes),
            dynatraceSampler=None if otel.sampler is None else _sampler(otel.sampler),
        ),
    }


def _http_export(export: intent.HttpExport) -> JsonObject:
    return given(path=export.path, timeout=export.timeout, headers=_headers(export.headers))


def _sampler(sampler: intent.DynatraceSampler) -> JsonObject:
    http = None if sampler.http is None else _http_export(sampler.http)
    api = given(service=sampler.service, port=sampler.port, http=http)
    return given(
        tenant=sampler.tenant,
        clusterId=sampler.cluster_id,
        rootSpansPerMinute=sampler.root_spans_per_minute,
        httpService=api or None,
    )


def _headers(headers: Mapping[str, intent.HeaderValue] | None) -> list[JsonValue] | None:
    if headers is None:
        return None
    return [given(name=name, value=header.value, envName=header.environment) for name, header in headers.items()]


def _authorizer(authorizer: intent.Authorizer) -> JsonObject:
    body = authorizer.body
    status = authorizer.status_on_error
    return given(
        service=authorizer.service,
        port=authorizer.port,
        timeout=authorizer.timeout,
        failOpen=authorizer.fail_open,
        clearRouteCache=authorizer.clear_route_cache,
        statusOnError=None if status is None else str(status),
        includeRequestBodyInCheck=None
        if body is None
        else given(maxRequestBytes=body.max_bytes, allowPartialMessage=body.allow_partial, packAsBytes=body.as_bytes),
    )


def _http_authorizer(authorizer: intent.HttpAuthorizer) -> JsonObject:
    return {
        **_authorizer(authorizer),
        **given(
            pathPrefix=authorizer.path_prefix,
            includeRequestHeadersInCheck=authorizer.headers_to_send,
            includeAdditionalHeadersInCheck=authorizer.add_headers,
            headersToUpstreamOnAllow=authorizer.headers_to_upstream,
            headersToDownstreamOnDeny=authorizer.headers_to_client_on_deny,
            headersToDownstreamOnAllow=authorizer.headers_to_client_on_allow,
        ),
    }


def _log(sink: intent.LogSink) -> JsonObject:
    if (file := sink.file) is not None:
        log_format = given(text=file.text, labels=file.json_fields) or None
        return {"envoyFileAccessLog": given(path=file.path, logFormat=log_format, omitEmptyValues=file.omit_empty)}
    if (otel := sink.open_telemetry) is not None:
        log_format = given(text=otel.text, labels=otel.labels) or None
        settings = given(service=otel.service, port=otel.port, logName=otel.name, logFormat=log_format)
        return {"envoyOtelAls": settings}
    if (http := sink.http) is not None:
        more = given(
            additionalRequestHeadersToLog=http.request_headers,
            additionalResponseHeadersToLog=http.response_headers,
            additionalResponseTrailersToLog=http.response_trailers,
        )
        return {"envoyHttpAls": {**_log_service(http), **more}}
    assert sink.tcp is not None  # noqa: S101 (the model has one of the four)
    return {"envoyTcpAls": _log_service(sink.tcp)}


def _log_service(log: intent.TcpLogService) -> JsonObject:
    settings = given(service=log.service, port=log.port, logName=log.name)
    return {**settings, **({"filterStateObjectsToLog": plain(log.filter_state)} if log.filter_state is not None else {})}
