"""Tracing: Telemetry and MeshConfig.extensionProviders (envoy-mapping.md §6). Without a provider nothing is emitted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from meshgen.emit.envoy.access_logs import mode_fits
from meshgen.emit.envoy.tracers import is_known, legacy_tracer, tracer
from meshgen.emit.envoy.versions import CONTEXT_PROPAGATION, FORMATTER_TAGS
from meshgen.istio.mesh_config import MeshConfig
from meshgen.istio.mesh_defaults import providers_by_name
from meshgen.istio.mesh_proxy import CustomTag as ProxyTag
from meshgen.istio.mesh_proxy import Tracing as ProxyTracing
from meshgen.istio.telemetry import CustomTag, Tracing
from meshgen.json import JsonObject, JsonValue, drop_none
from meshgen.mesh import Mesh, Proxy

_DEFAULT_SAMPLING = 1.0


def tracing(mesh: Mesh, proxy: Proxy, *, server: bool) -> JsonObject | None:
    """`HttpConnectionManager.tracing`; None where no provider takes spans."""
    wanted = _in_effect(mesh, proxy, server=server)
    name = wanted.providers[0].name if wanted.providers else next(iter(mesh.config.default_providers.tracing or ()), "")
    found = providers_by_name(mesh.config).get(name)
    backend = tracer(found, proxy) if found is not None and is_known(mesh, proxy, found) else None
    if not name and mesh.config.enable_tracing:
        backend = legacy_tracer(mesh.config.default_config, proxy)
    if backend is None or wanted.disable_span_reporting:
        return None
    settings = mesh.config.default_config.tracing or ProxyTracing()
    block: JsonObject = {
        "provider": backend,
        "client_sampling": {"value": 100.0},
        "random_sampling": {"value": _sampling(wanted.random_sampling_percentage, mesh.config)},
        "overall_sampling": {"value": 100.0},
        **drop_none({"max_path_tag_length": _tag_length(found or {}) or settings.max_path_tag_length}),
    }
    tags: Mapping[str, CustomTag | ProxyTag] = (settings.custom_tags or {}) if wanted.custom_tags is None else wanted.custom_tags
    wants_tags = settings.enable_istio_tags if wanted.enable_istio_tags is None else wanted.enable_istio_tags
    own = [] if wants_tags is False else _istio_tags(mesh, proxy)
    block["custom_tags"] = [*own, *(tag for name in sorted(tags) if (tag := _tag(name, tags[name], proxy)) is not None)]
    if wanted.disable_context_propagation and CONTEXT_PROPAGATION.holds_in(proxy.envoy_version):
        block["no_context_propagation"] = True
    return block | ({"spawn_upstream_span": True} if proxy.is_gateway or "skywalking" in (found or {}) else {})


def _in_effect(mesh: Mesh, proxy: Proxy, *, server: bool) -> Tracing:
    """What the levels of Telemetry say together; the last that says something of a field counts."""
    found = Tracing()
    for telemetry in mesh.telemetries(proxy.namespace, proxy.labels):
        for entry in telemetry.spec.tracing or ():
            if mode_fits(entry.match, server=server):
                fields = {name: value for name in entry.__struct_fields__ if (value := getattr(entry, name)) is not None}
                found = msgspec.structs.replace(found, **{name: value for name, value in fields.items() if value != ()})
    return found


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


def _istio_tags(mesh: Mesh, proxy: Proxy) -> list[JsonValue]:
    """What istiod says of a proxy in each of its spans."""
    tags = {
        "canonical_revision": _first(proxy, "service.istio.io/canonical-revision", "app.kubernetes.io/version", "version"),
        "canonical_service": _first(proxy, "service.istio.io/canonical-name", "app.kubernetes.io/name", "app") or proxy.name,
        "mesh_id": mesh.config.default_config.mesh_id or mesh.config.trust_domain,
        "namespace": proxy.namespace,
    }
    return [{"tag": f"istio.{name}", "literal": {"value": value or "latest"}} for name, value in tags.items()]


def _first(proxy: Proxy, *names: str) -> str:
    return next((proxy.labels[name] for name in names if proxy.labels.get(name)), "")


def _tag(name: str, tag: CustomTag | ProxyTag, proxy: Proxy) -> JsonObject | None:
    if tag.literal is not None:
        return {"tag": name, "literal": {"value": tag.literal.value}}
    if tag.header is not None:
        return {"tag": name, "request_header": _named(tag.header.name, tag.header.default_value)}
    if tag.environment is not None:
        return {"tag": name, "environment": _named(tag.environment.name, tag.environment.default_value)}
    if isinstance(tag, CustomTag) and tag.formatter is not None and FORMATTER_TAGS.holds_in(proxy.envoy_version):
        return {"tag": name, "value": tag.formatter.value}
    return None


def _named(name: str | None, default: str | None) -> JsonObject:
    return drop_none({"name": name, "default_value": default or None})


def _tag_length(provider: Mapping[str, Any]) -> JsonValue:
    for settings in provider.values():
        if isinstance(settings, dict) and settings.get("maxTagLength"):
            return int(settings["maxTagLength"])
    return None
