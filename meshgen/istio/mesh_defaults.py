"""MeshConfig beside its types: the providers that istiod brings along, and what a configuration says beyond the defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from meshgen.istio.mesh_config import MeshConfig
from meshgen.json import JsonObject, JsonValue

BUILT_IN_PROVIDERS: Mapping[str, JsonObject] = {
    "envoy": {"envoyFileAccessLog": {"path": "/dev/stdout"}},
    "prometheus": {"prometheus": {}},
    "stackdriver": {"stackdriver": {}},
}
"""Extension providers that every istiod has (`pkg/config/mesh/mesh.go`); one of the same name replaces them."""

_COLLECTOR: JsonObject = {"service": "opentelemetry-collector.observability.svc.cluster.local", "port": 4317}
PROFILES: Mapping[str, JsonObject] = {
    "demo": {
        "accessLogFile": "/dev/stdout",
        "extensionProviders": [
            {"name": "otel", "envoyOtelAls": _COLLECTOR},
            {"name": "skywalking", "skywalking": {"service": "tracing.istio-system.svc.cluster.local", "port": 11800}},
            {"name": "otel-tracing", "opentelemetry": _COLLECTOR},
            {"name": "jaeger", "opentelemetry": {"service": "jaeger-collector.istio-system.svc.cluster.local", "port": 4317}},
        ],
    },
    "preview": {"defaultConfig": {"proxyMetadata": {"ISTIO_META_DNS_CAPTURE": "true"}}},
    "ambient": {
        "defaultConfig": {"proxyMetadata": {"ISTIO_META_ENABLE_HBONE": "true"}},
        "serviceScopeConfigs": [
            {
                "servicesSelector": {"matchExpressions": [{"key": "istio.io/global", "operator": "In", "values": ["true"]}]},
                "scope": "GLOBAL",
            }
        ],
    },
}
"""What installation profiles say of MeshConfig (`manifests/helm-profiles` of Istio); what a Mesh says goes before it."""


def providers_by_name(config: MeshConfig) -> dict[str, JsonObject]:
    """The extension providers that a MeshConfig gives, as JSON: `{"otel": {"opentelemetry": {…}}}`."""
    found: dict[str, JsonObject] = {}
    for provider in config.extension_providers:
        settings: JsonObject = msgspec.to_builtins(provider)
        found[provider.name] = {key: value for key, value in settings.items() if key != "name"}
    return found


def known_providers(config: MeshConfig) -> set[str]:
    """The names of the extension providers that there are: those given, and those that come with istiod."""
    return {*BUILT_IN_PROVIDERS, *(provider.name for provider in config.extension_providers)}


def beyond_defaults(value: msgspec.Struct) -> JsonObject:
    """What a configuration says that istiod's defaults do not, as JSON in the order of the fields."""
    found: JsonObject = {}
    for field in msgspec.structs.fields(value):
        held, default = getattr(value, field.name), _default(field)
        if held == default:
            continue
        if isinstance(held, msgspec.Struct) and isinstance(default, msgspec.Struct):
            found[field.encode_name] = beyond_defaults(held)
        else:
            found[field.encode_name] = _plain(held)
    return found


def in_full(value: msgspec.Struct) -> JsonObject:
    """A configuration with the defaults that hold where it says nothing, as JSON in the order of the fields."""
    found: JsonObject = {}
    for field in msgspec.structs.fields(value):
        held = getattr(value, field.name)
        if held is not None:
            whole = isinstance(held, msgspec.Struct) and isinstance(_default(field), msgspec.Struct)
            found[field.encode_name] = in_full(held) if whole else _plain(held)
    return found


def _plain(value: object) -> JsonValue:
    """A value as JSON has it: to_builtins would leave tuples as they are."""
    plain: JsonValue = msgspec.json.decode(msgspec.json.encode(value))
    return plain


def _default(field: msgspec.structs.FieldInfo) -> Any:  # noqa: ANN401 (a field's default, of any type)
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default
