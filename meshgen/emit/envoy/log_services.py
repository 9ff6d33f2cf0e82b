"""Access logs that are sent to a service: Envoy's own protocol (ALS) and OpenTelemetry (envoy-mapping.md §6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from meshgen.emit.envoy.collectors import LOG_SERVICE, takes_logs
from meshgen.emit.envoy.extension import extension
from meshgen.emit.envoy.tracers import collector_of
from meshgen.emit.envoy.versions import OTEL_LOG_SERVICE
from meshgen.envoy_version import EnvoyVersion
from meshgen.istio.mesh_config import MeshConfig
from meshgen.json import JsonObject, JsonValue

LOG_PROVIDERS: Final = frozenset({"envoyFileAccessLog", "envoyHttpAls", "envoyTcpAls", "envoyOtelAls"})
"""The kinds of providers that are carried over."""

_ACCESS_LOGGERS: Final = "envoy.extensions.access_loggers"
_ADDITIONAL: Final = (
    ("additional_request_headers_to_log", "additionalRequestHeadersToLog"),
    ("additional_response_headers_to_log", "additionalResponseHeadersToLog"),
    ("additional_response_trailers_to_log", "additionalResponseTrailersToLog"),
)
_NAMES: Final = {
    "envoyHttpAls": "http_envoy_accesslog",
    "envoyTcpAls": "tcp_envoy_accesslog",
    "envoyOtelAls": "otel_envoy_accesslog",
}
"""What istiod calls a log that has no name."""


def service_log(provider: Mapping[str, Any], line: str, version: EnvoyVersion) -> JsonObject | None:
    """The log of a provider that takes logs over gRPC; None for any other kind. `line` is Istio's own format."""
    for kind in _NAMES:
        if kind in provider:
            settings = provider[kind] or {}
            host, cluster = collector_of(settings)
            name = str(settings.get("logName") or _NAMES[kind])
            common = _common({"cluster_name": cluster, "authority": host}, name, settings.get("filterStateObjectsToLog"))
            built = _OF_KIND[kind](common, settings, line)
            return _in_new_form(built) if kind == "envoyOtelAls" and OTEL_LOG_SERVICE.holds_in(version) else built
    return None


def addressed_log(config: MeshConfig) -> Iterator[JsonObject]:
    """The log to the service that ProxyConfig names, where MeshConfig.enableEnvoyAccessLogService asks for it."""
    if takes_logs(config):
        yield _http(_common({"cluster_name": LOG_SERVICE}, _NAMES["envoyHttpAls"], None), {}, "")


def _common(target: JsonObject, name: str, states: object) -> JsonObject:
    kept: list[JsonValue] = [str(state) for state in states] if isinstance(states, list | tuple) else []
    common: JsonObject = {"log_name": name, "grpc_service": {"envoy_grpc": target}, "transport_api_version": "V3"}
    return common | ({"filter_state_objects_to_log": kept} if kept else {})


def _http(common: JsonObject, settings: Mapping[str, Any], line: str) -> JsonObject:  # noqa: ARG001 (as each kind has it)
    headers: JsonObject = {name: list(settings[key]) for name, key in _ADDITIONAL if settings.get(key)}
    kind = f"{_ACCESS_LOGGERS}.grpc.v3.HttpGrpcAccessLogConfig"
    return extension("envoy.access_loggers.http_grpc", kind, {"common_config": common, **headers})


def _tcp(common: JsonObject, settings: Mapping[str, Any], line: str) -> JsonObject:  # noqa: ARG001 (as each kind has it)
    kind = f"{_ACCESS_LOGGERS}.grpc.v3.TcpGrpcAccessLogConfig"
    return extension("envoy.access_loggers.tcp_grpc", kind, {"common_config": common})


def _open_telemetry(common: JsonObject, settings: Mapping[str, Any], line: str) -> JsonObject:
    wanted = settings.get("logFormat") or {}
    text = str(wanted.get("text") or "") or line
    fields: JsonObject = {
        "common_config": common,
        "disable_builtin_labels": True,
        "body": {"string_value": text if text.endswith("\n") else text + "\n"},
    }
    labels = wanted.get("labels") or {}
    if labels:
        values: list[JsonValue] = [
            {"key": str(key), "value": {"string_value": str(value)}} for key, value in sorted(labels.items())
        ]
        fields["attributes"] = {"values": values}
    return extension(
        "envoy.access_loggers.open_telemetry", f"{_ACCESS_LOGGERS}.open_telemetry.v3.OpenTelemetryAccessLogConfig", fields
    )


def _in_new_form(log: JsonObject) -> JsonObject:
    """A log for OpenTelemetry with its collector beside the other fields."""
    config = log["typed_config"]
    assert isinstance(config, dict)  # noqa: S101 - `extension` made it
    common = config.pop("common_config")
    assert isinstance(common, dict)  # noqa: S101 - `_common` made it
    kept = {key: common[key] for key in ("grpc_service", "log_name")}
    return {**log, "typed_config": {**config, **kept}}


_OF_KIND: Final = {"envoyHttpAls": _http, "envoyTcpAls": _tcp, "envoyOtelAls": _open_telemetry}
