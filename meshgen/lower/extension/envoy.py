"""Extensions that are Envoy's alone: tap, external processing, filters by name, raw patches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from meshgen.diagnostics import JsonPath
from meshgen.diagnostics.catalogue.extension import OTHER_PROXY_VERSIONS
from meshgen.diagnostics.catalogue.load import INVALID_INTENT_VALUE
from meshgen.intent.envoy import POSITIONS, Envoy, EnvoyFilterConfig, ExternalProcessor, ProcessingMode, Tap
from meshgen.istio.decode import violations
from meshgen.istio.envoy_filter import EnvoyConfigObjectPatch, EnvoyFilter
from meshgen.istio.kinds import KINDS
from meshgen.json import JsonObject, JsonValue, drop_none
from meshgen.lower import envoy_patches as patches
from meshgen.lower.envoy_patches import CONNECTION_MANAGER, Where, proxy_versions, typed
from meshgen.lower.extension.place import Place, grpc_service, header_match
from meshgen.values import constant, duration_to_envoy

_TAP: Final = "envoy.filters.http.tap"
_TAP_TYPE: Final = "envoy.extensions.filters.http.tap.v3.Tap"
_PROCESSOR: Final = "envoy.filters.http.ext_proc"
_PROCESSOR_TYPE: Final = "envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor"


# --- tap ------------------------------------------------------------------------------------------------------------
def tap_patches(place: Place, tap: Tap) -> Iterator[EnvoyConfigObjectPatch]:
    """The tap filter, which waits for the admin interface or writes files."""
    common: JsonObject
    if tap.id is not None:
        common = {"admin_config": {"config_id": tap.id}}
    else:
        common = {"static_config": _tap_config(tap, {"file_per_tap": {"path_prefix": tap.file}})}
    value: JsonObject = {"name": _TAP, "typed_config": typed(_TAP_TYPE, {"common_config": common})}
    beside, position = place.beside
    for where in place.listeners("inbound"):
        yield patches.insert_http_filter(where, value, beside=beside, position=position)


def tap_request(tap: Tap) -> JsonObject | None:
    """What is posted to `/tap` of the admin interface; None where the tap writes files by itself."""
    if tap.id is None:
        return None
    return {"config_id": tap.id, "tap_config": _tap_config(tap, {"streaming_admin": {}})}


def _tap_config(tap: Tap, sink: JsonObject) -> JsonObject:
    name = "jsonBodyAsString" if tap.format is None else tap.format
    written = constant(name)
    output = drop_none({
        "sinks": [{"format": written, **sink}],
        "max_buffered_rx_bytes": tap.max_request_bytes,
        "max_buffered_tx_bytes": tap.max_response_bytes,
    })
    headers: list[JsonValue] = [{"name": name, **header_match(match)} for name, match in (tap.headers or {}).items()]
    match: JsonObject = {"http_request_headers_match": {"headers": headers}} if headers else {"any_match": True}
    return {"match": match, "output_config": output}


# --- external processing --------------------------------------------------------------------------------------------
def processor_patches(place: Place, processor: ExternalProcessor) -> Iterator[EnvoyConfigObjectPatch]:
    """The filter that asks a gRPC service."""
    upstream = place.upstream(processor.service, "spec", "externalProcessor", "service")
    if upstream is None:
        return
    config = drop_none({
        "grpc_service": grpc_service(upstream, processor.timeout),
        "failure_mode_allow": None if processor.fail is None else processor.fail == "open",
        "processing_mode": None if processor.mode is None else _mode(processor.mode),
        "request_attributes": _list(processor.request_attributes),
        "response_attributes": _list(processor.response_attributes),
        "message_timeout": None if processor.message_timeout is None else duration_to_envoy(processor.message_timeout),
        "max_message_timeout": None
        if processor.max_message_timeout is None
        else duration_to_envoy(processor.max_message_timeout),
        "stat_prefix": processor.stat_prefix,
        "allow_mode_override": processor.allow_mode_override,
        "disable_immediate_response": processor.disable_immediate_response,
        "observability_mode": processor.observe,
        "status_on_error": None if processor.fail_status is None else {"code": processor.fail_status},
    })
    value: JsonObject = {"name": _PROCESSOR, "typed_config": typed(_PROCESSOR_TYPE, config)}
    beside, position = place.beside
    for where in place.listeners("inbound"):
        yield patches.insert_http_filter(where, value, beside=beside, position=position)


_MODES: Final = {
    "request_headers": "request_header_mode",
    "response_headers": "response_header_mode",
    "request_body": "request_body_mode",
    "response_body": "response_body_mode",
    "request_trailers": "request_trailer_mode",
    "response_trailers": "response_trailer_mode",
}


def _mode(mode: ProcessingMode) -> JsonObject:
    given = {name: getattr(mode, field) for field, name in _MODES.items()}
    return {name: constant(value) for name, value in given.items() if value is not None}


def _list(values: tuple[str, ...] | None) -> list[JsonValue] | None:
    return None if values is None else list(values)


# --- filters and patches --------------------------------------------------------------------------------------------
def envoy_patches(place: Place, envoy: Envoy) -> Iterator[tuple[EnvoyConfigObjectPatch, JsonPath]]:
    """Filters and raw patches with their places, each for the proxies that it was written for."""
    versions = envoy.proxy_versions
    pattern = None if versions.is_any else proxy_versions(versions.first.minor, versions.last.minor)
    target = place.index.target
    if not versions.first[:2] <= target[:2] <= versions.last[:2]:
        message = (
            f"{place.intent.spoken} was written for proxies of Istio {versions.to_short({})}, and the target is {target.release}"
        )
        hint = "look whether it still holds, then change `proxyVersions`"
        at = place.intent.at("spec", "envoy", "proxyVersions")
        place.say(OTHER_PROXY_VERSIONS.at(at, message, help=hint))
    for position, filter_ in _in_order(envoy.filters or ()):
        for where in place.listeners("inbound"):
            bound = Where(context=where.context, port=where.port, proxy_version=pattern)
            yield _filter_patch(bound, filter_), ("spec", "envoy", "filters", position)
    yield from _raw_patches(place, envoy, pattern)


def _in_order(filters: tuple[EnvoyFilterConfig, ...]) -> list[tuple[int, EnvoyFilterConfig]]:
    """The order of patches that gives the filters in their own order: what goes in front or after comes last first."""
    numbered = list(enumerate(filters))
    before = [each for each in numbered if each[1].after is None and not each[1].first]
    return [*before, *(each for each in reversed(numbered) if each not in before)]


def _filter_patch(where: Where, given: EnvoyFilterConfig) -> EnvoyConfigObjectPatch:
    value: JsonObject = {"name": given.name, "typed_config": typed(given.type, given.config)}
    if given.first:
        return patches.first_http_filter(where, value)
    position: patches.Position = "INSERT_AFTER" if given.after is not None else "INSERT_BEFORE"
    if given.layer == "network":
        return patches.insert_network_filter(
            where, value, beside=given.after or given.before or CONNECTION_MANAGER, position=position
        )
    name = given.after or given.before or "router"
    return patches.insert_http_filter(where, value, beside=POSITIONS.get(name, name), position=position)


def _raw_patches(place: Place, envoy: Envoy, pattern: str | None) -> Iterator[tuple[EnvoyConfigObjectPatch, JsonPath]]:
    raw = [_bound(patch, pattern) for patch in envoy.raw or ()]
    if not raw:
        return
    model = place.intent.model
    metadata: JsonObject = {"name": model.name, "namespace": model.namespace}
    value: JsonObject = {
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "EnvoyFilter",
        "metadata": metadata,
        "spec": {"configPatches": list[JsonValue](raw)},
    }
    found = list(violations(value, KINDS["EnvoyFilter"]))
    for each in found:
        at = place.intent.at("spec", "envoy", "raw", *each.path[2:])
        place.say(INVALID_INTENT_VALUE.at(at, each.message, help=each.help))
    if found:
        return
    spec = msgspec.convert(value["spec"], EnvoyFilter)
    for position, patch in enumerate(spec.config_patches or ()):
        yield patch, ("spec", "envoy", "raw", position)


def _bound(patch: JsonObject, pattern: str | None) -> JsonObject:
    """A patch that names no proxies is for those that all of them were written for."""
    if pattern is None:
        return patch
    match = patch.get("match", {})
    proxy = match.get("proxy", {}) if isinstance(match, dict) else None
    if not isinstance(match, dict) or not isinstance(proxy, dict) or "proxyVersion" in proxy:
        return patch
    return {**patch, "match": {**match, "proxy": {**proxy, "proxyVersion": pattern}}}


__all__ = ["envoy_patches", "processor_patches", "tap_patches", "tap_request"]
