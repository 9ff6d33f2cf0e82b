"""Envoy's own protos as the strict reader of plain JSON: an unknown field or a bad enum fails, and every message has one form."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any, TypeAlias

import orjson
from google.protobuf import any_pb2, json_format, message, symbol_database

Json: TypeAlias = Any
"""JSON of any shape, as a recording or protobuf has it."""

_MODULES = (
    "envoy.config.bootstrap.v3.bootstrap_pb2",
    "envoy.config.cluster.v3.cluster_pb2",
    "envoy.config.endpoint.v3.endpoint_pb2",
    "envoy.config.listener.v3.listener_components_pb2",
    "envoy.config.listener.v3.listener_pb2",
    "envoy.config.metrics.v3.metrics_service_pb2",
    "envoy.config.metrics.v3.stats_pb2",
    "envoy.config.route.v3.route_pb2",
    "envoy.config.trace.v3.datadog_pb2",
    "envoy.config.trace.v3.opentelemetry_pb2",
    "envoy.config.trace.v3.skywalking_pb2",
    "envoy.config.trace.v3.zipkin_pb2",
    "envoy.extensions.access_loggers.file.v3.file_pb2",
    "envoy.extensions.access_loggers.filters.cel.v3.cel_pb2",
    "envoy.extensions.access_loggers.grpc.v3.als_pb2",
    "envoy.extensions.access_loggers.open_telemetry.v3.logs_service_pb2",
    "envoy.extensions.clusters.aggregate.v3.cluster_pb2",
    "envoy.extensions.clusters.dns.v3.dns_cluster_pb2",
    "envoy.extensions.clusters.dynamic_forward_proxy.v3.cluster_pb2",
    "envoy.extensions.compression.gzip.compressor.v3.gzip_pb2",
    "envoy.extensions.filters.http.bandwidth_limit.v3.bandwidth_limit_pb2",
    "envoy.extensions.filters.http.buffer.v3.buffer_pb2",
    "envoy.extensions.filters.http.compressor.v3.compressor_pb2",
    "envoy.extensions.filters.http.cors.v3.cors_pb2",
    "envoy.extensions.filters.http.ext_authz.v3.ext_authz_pb2",
    "envoy.extensions.filters.http.ext_proc.v3.ext_proc_pb2",
    "envoy.extensions.filters.http.fault.v3.fault_pb2",
    "envoy.extensions.filters.http.grpc_stats.v3.config_pb2",
    "envoy.extensions.filters.http.grpc_web.v3.grpc_web_pb2",
    "envoy.extensions.filters.http.jwt_authn.v3.config_pb2",
    "envoy.extensions.filters.http.local_ratelimit.v3.local_rate_limit_pb2",
    "envoy.extensions.filters.http.lua.v3.lua_pb2",
    "envoy.extensions.filters.http.ratelimit.v3.rate_limit_pb2",
    "envoy.extensions.filters.http.rbac.v3.rbac_pb2",
    "envoy.extensions.filters.http.router.v3.router_pb2",
    "envoy.extensions.filters.http.set_filter_state.v3.set_filter_state_pb2",
    "envoy.extensions.filters.http.tap.v3.tap_pb2",
    "envoy.extensions.filters.http.wasm.v3.wasm_pb2",
    "envoy.extensions.filters.listener.http_inspector.v3.http_inspector_pb2",
    "envoy.extensions.filters.listener.original_dst.v3.original_dst_pb2",
    "envoy.extensions.filters.listener.proxy_protocol.v3.proxy_protocol_pb2",
    "envoy.extensions.filters.listener.tls_inspector.v3.tls_inspector_pb2",
    "envoy.extensions.filters.network.connection_limit.v3.connection_limit_pb2",
    "envoy.extensions.filters.network.ext_authz.v3.ext_authz_pb2",
    "envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2",
    "envoy.extensions.filters.network.rbac.v3.rbac_pb2",
    "envoy.extensions.filters.network.tcp_proxy.v3.tcp_proxy_pb2",
    "envoy.extensions.formatter.req_without_query.v3.req_without_query_pb2",
    "envoy.extensions.http.header_formatters.preserve_case.v3.preserve_case_pb2",
    "envoy.extensions.load_balancing_policies.client_side_weighted_round_robin.v3.client_side_weighted_round_robin_pb2",
    "envoy.extensions.load_balancing_policies.wrr_locality.v3.wrr_locality_pb2",
    "envoy.extensions.network.dns_resolver.cares.v3.cares_dns_resolver_pb2",
    "envoy.extensions.path.match.uri_template.v3.uri_template_match_pb2",
    "envoy.extensions.request_id.uuid.v3.uuid_pb2",
    "envoy.extensions.resource_monitors.downstream_connections.v3.downstream_connections_pb2",
    "envoy.extensions.resource_monitors.fixed_heap.v3.fixed_heap_pb2",
    "envoy.extensions.retry.host.previous_hosts.v3.previous_hosts_pb2",
    "envoy.extensions.retry.priority.previous_priorities.v3.previous_priorities_config_pb2",
    "envoy.extensions.tracers.opentelemetry.resource_detectors.v3.dynatrace_resource_detector_pb2",
    "envoy.extensions.tracers.opentelemetry.resource_detectors.v3.environment_resource_detector_pb2",
    "envoy.extensions.tracers.opentelemetry.samplers.v3.dynatrace_sampler_pb2",
    "envoy.extensions.transport_sockets.proxy_protocol.v3.upstream_proxy_protocol_pb2",
    "envoy.extensions.transport_sockets.raw_buffer.v3.raw_buffer_pb2",
    "envoy.extensions.transport_sockets.tls.v3.secret_pb2",
    "envoy.extensions.transport_sockets.tls.v3.tls_pb2",
    "envoy.extensions.upstreams.http.v3.http_protocol_options_pb2",
    "envoy.service.discovery.v3.discovery_pb2",
)
_LOADED = {name: importlib.import_module(name) for name in _MODULES}


def _type(module: str, name: str) -> type[message.Message]:
    found: type[message.Message] = getattr(_LOADED[module], name)
    return found


CLUSTER = _type("envoy.config.cluster.v3.cluster_pb2", "Cluster")
LOAD_ASSIGNMENT = _type("envoy.config.endpoint.v3.endpoint_pb2", "ClusterLoadAssignment")
LISTENER = _type("envoy.config.listener.v3.listener_pb2", "Listener")
ROUTES = _type("envoy.config.route.v3.route_pb2", "RouteConfiguration")
SECRET = _type("envoy.extensions.transport_sockets.tls.v3.secret_pb2", "Secret")
BOOTSTRAP = _type("envoy.config.bootstrap.v3.bootstrap_pb2", "Bootstrap")
DISCOVERY_RESPONSE = _type("envoy.service.discovery.v3.discovery_pb2", "DiscoveryResponse")
_BASE = importlib.import_module("envoy.config.core.v3.base_pb2")
_FILTER = _type("envoy.config.listener.v3.listener_components_pb2", "Filter")


_NEWER = {
    "retry_budget": "budget_interval",  # Envoy 1.39
    "tracing": "no_context_propagation",  # Envoy 1.38
}
"""By the message that has it: fields that a running Envoy reads and the newest xds-protos do not know."""


def without_newer(value: Json) -> Json:
    """Without the fields of `_NEWER`, so that the protos judge the rest."""
    if isinstance(value, list):
        return [without_newer(item) for item in value]
    if not isinstance(value, dict):
        return value
    if str(value.get("@type", "")).endswith(".OpenTelemetryAccessLogConfig"):
        value = _less(_less(value, "grpc_service"), "log_name")  # in the place of `common_config`
    return {key: without_newer(_less(item, _NEWER.get(key))) for key, item in value.items()}


def _less(value: Json, name: str | None) -> Json:
    return {key: item for key, item in value.items() if key != name} if name and isinstance(value, dict) else value


def canonical(value: Json, kind: type[message.Message]) -> Json:
    """The one form of a message; raises json_format.ParseError for what its proto does not have."""
    # Not ParseDict, which moves each `@type` to the end of the very values that it is given.
    parsed = json_format.Parse(orjson.dumps(value), kind())
    return json_format.MessageToDict(parsed, preserving_proto_field_name=True)


def canonical_filter(value: Json) -> Json:
    """The one form of an HTTP or network filter (`name`, `typed_config`), both of which have the same fields here."""
    return canonical(value, _FILTER)


def canonical_socket(value: Json) -> Json:
    """The one form of a transport socket."""
    return canonical(value, _BASE.TransportSocket)


def deprecated_fields(value: Json, kind: type[message.Message]) -> set[str]:
    """The fields of a message, and of all messages in it, that Envoy's protos call deprecated: a running Envoy warns of each."""
    return set(_deprecated(json_format.Parse(orjson.dumps(value), kind())))


def _deprecated(value: message.Message) -> Iterator[str]:
    if isinstance(value, any_pb2.Any):
        inner = symbol_database.Default().GetSymbol(value.TypeName())()
        value.Unpack(inner)
        value = inner
    for field, content in value.ListFields():
        if field.GetOptions().deprecated:
            yield field.full_name
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            content = [each for each in content.values() if isinstance(each, message.Message)]  # noqa: PLW2901 - its values
        for each in [content] if isinstance(content, message.Message) else content:
            yield from _deprecated(each)
