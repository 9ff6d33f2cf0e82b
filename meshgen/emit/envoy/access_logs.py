"""Access logs: MeshConfig.accessLogFile and Telemetry (envoy-mapping.md §6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from meshgen.emit.envoy.extension import extension
from meshgen.emit.envoy.log_services import addressed_log, service_log
from meshgen.emit.envoy.tracers import is_known
from meshgen.envoy_version import EnvoyVersion
from meshgen.istio.mesh_config import MeshConfig
from meshgen.istio.mesh_defaults import providers_by_name
from meshgen.istio.telemetry import AccessLogging, ModeMatch
from meshgen.json import JsonObject, JsonValue
from meshgen.mesh import Mesh, Proxy

_FIELDS: Final = (
    ("start_time", "%START_TIME%"),
    ("method", "%REQ(:METHOD)%"),
    ("path", "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"),
    ("protocol", "%PROTOCOL%"),
    ("response_code", "%RESPONSE_CODE%"),
    ("response_flags", "%RESPONSE_FLAGS%"),
    ("response_code_details", "%RESPONSE_CODE_DETAILS%"),
    ("connection_termination_details", "%CONNECTION_TERMINATION_DETAILS%"),
    ("upstream_transport_failure_reason", "%UPSTREAM_TRANSPORT_FAILURE_REASON%"),
    ("bytes_received", "%BYTES_RECEIVED%"),
    ("bytes_sent", "%BYTES_SENT%"),
    ("duration", "%DURATION%"),
    ("upstream_service_time", "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%"),
    ("x_forwarded_for", "%REQ(X-FORWARDED-FOR)%"),
    ("user_agent", "%REQ(USER-AGENT)%"),
    ("request_id", "%REQ(X-REQUEST-ID)%"),
    ("authority", "%REQ(:AUTHORITY)%"),
    ("upstream_host", "%UPSTREAM_HOST%"),
    ("upstream_cluster", "%UPSTREAM_CLUSTER_RAW%"),
    ("upstream_local_address", "%UPSTREAM_LOCAL_ADDRESS%"),
    ("downstream_local_address", "%DOWNSTREAM_LOCAL_ADDRESS%"),
    ("downstream_remote_address", "%DOWNSTREAM_REMOTE_ADDRESS%"),
    ("requested_server_name", "%REQUESTED_SERVER_NAME%"),
    ("route_name", "%ROUTE_NAME%"),
)
"""What an access log says, in Istio's order; the cluster's own name, since clusters may carry another one for statistics."""

_QUOTED: Final = {
    "upstream_transport_failure_reason",
    "x_forwarded_for",
    "user_agent",
    "request_id",
    "authority",
    "upstream_host",
}
_STANDARD = "envoy"


def text_format() -> str:
    """The line that Istio logs by default."""
    words = dict(_FIELDS)
    request = f'"{words["method"]} {words["path"]} {words["protocol"]}"'
    rest = [f'"{value}"' if name in _QUOTED else value for name, value in _FIELDS[4:]]
    return " ".join([f"[{words['start_time']}]", request, *rest]) + "\n"


def access_logs(mesh: Mesh, proxy: Proxy, *, server: bool) -> tuple[JsonObject, ...]:
    """The access logs of a proxy's listeners that serve (`server`) or send."""
    config = mesh.config
    telemetries = mesh.telemetries(proxy.namespace, proxy.labels)
    levels = [found.spec.access_logging for found in telemetries if found.spec.access_logging]
    defaults = config.default_providers.access_logging or ()
    if not levels and not defaults:
        return (*((_standard(config),) if config.access_log_file else ()), *addressed_log(config))
    providers = providers_by_name(config)
    logs: list[JsonObject] = []
    for name, expression in _in_effect(levels, defaults, server=server).items():
        provider = providers.get(name)
        if provider is not None and not is_known(mesh, proxy, provider):
            continue
        log = _standard(config) if name == _STANDARD and provider is None else _log(provider, proxy.envoy_version)
        if log is not None:
            logs.append(_filtered(log, expression))
    return tuple(logs)


def _in_effect(levels: Sequence[tuple[AccessLogging, ...]], defaults: Sequence[str], *, server: bool) -> Mapping[str, str]:
    """Providers with their filters: each level replaces or refines those of the one before it, the mesh's defaults first."""
    known = tuple(defaults)
    filters: dict[str, str] = dict.fromkeys(defaults, "")
    for level in levels:
        named = tuple(dict.fromkeys(ref.name for entry in level for ref in entry.providers or ()))
        known = named or known
        kept = {} if named else dict(filters)
        for entry in level:
            if not mode_fits(entry.match, server=server):
                continue
            for name in tuple(ref.name for ref in entry.providers or ()) or known:
                if entry.disabled:
                    kept.pop(name, None)
                else:
                    kept[name] = (entry.filter.expression if entry.filter else None) or ""
        filters = kept
    return filters


def mode_fits(match: ModeMatch | None, *, server: bool) -> bool:
    """Whether a telemetry entry speaks of serving or of sending."""
    mode = match.mode if match else None
    return mode in {None, "CLIENT_AND_SERVER"} or mode == ("SERVER" if server else "CLIENT")


def _filtered(log: JsonObject, expression: str) -> JsonObject:
    if not expression:
        return log
    cel = extension(
        "envoy.access_loggers.extension_filters.cel",
        "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
        {"expression": expression},
    )
    return {**log, "filter": {"extension_filter": cel}}


def only_without_route(logs: Sequence[JsonObject]) -> list[JsonValue]:
    """Logs for a listener: connections that no filter chain took."""
    no_route: JsonObject = {"response_flag_filter": {"flags": ["NR"]}}
    found: list[JsonValue] = []
    for log in logs:
        own = log.get("filter")
        both: JsonObject = {"and_filter": {"filters": [no_route, own]}}
        found.append({**log, "filter": both if own else no_route})
    return found


def _standard(config: MeshConfig) -> JsonObject:
    """Istio's own log: MeshConfig.accessLogFile, its format and encoding; standard output for the provider `envoy`."""
    path = config.access_log_file or "/dev/stdout"
    if config.access_log_encoding == "JSON":
        return _file(path, {"json_format": dict(_FIELDS)})
    text = config.access_log_format
    return _file(path, _text(text + "\n" if text and not text.endswith("\n") else text or text_format()))


def _log(provider: Mapping[str, Any] | None, version: EnvoyVersion) -> JsonObject | None:
    """The log of an extension provider; None for a provider that is missing or of a kind that is not carried over."""
    if provider is None:
        return None
    if "envoyFileAccessLog" not in provider:
        return service_log(provider, text_format(), version)
    settings = provider["envoyFileAccessLog"] or {}
    omits = {"omit_empty_values": True} if settings.get("omitEmptyValues") else {}
    path = str(settings.get("path") or "/dev/stdout")
    wanted = settings.get("logFormat") or {}
    if wanted.get("labels"):
        return _file(path, {"json_format": {str(key): value for key, value in wanted["labels"].items()}, **omits})
    text = str(wanted.get("text") or "") or text_format()
    return _file(path, {**_text(text if text.endswith("\n") else text + "\n"), **omits})


def _text(line: str) -> JsonObject:
    return {"text_format_source": {"inline_string": line}}


def _file(path: str, log_format: JsonObject) -> JsonObject:
    return extension(
        "envoy.access_loggers.file",
        "envoy.extensions.access_loggers.file.v3.FileAccessLog",
        {"path": path, "log_format": log_format},
    )
