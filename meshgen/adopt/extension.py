"""WasmPlugins, TrafficExtensions and EnvoyFilters → Extensions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from meshgen.adopt.reader import Native, Proposal, Surroundings, Table, each, fields, scope, table_of
from meshgen.intent.extension import Extension
from meshgen.json import JsonObject, JsonValue
from meshgen.lower.envoy_patches import proxy_versions

_DIRECTIONS = {"SERVER": "inbound", "CLIENT": "outbound", "CLIENT_AND_SERVER": "both"}
_PHASES = {"AUTHN": "authentication", "AUTHZ": "authorization", "STATS": "stats"}
_FAILURES = {"FAIL_CLOSE": "closed", "FAIL_OPEN": "open", "FAIL_RELOAD": "reload"}
_PULLS = {"IfNotPresent": "ifNotPresent", "Always": "always"}
_TYPES = {"HTTP": "http", "NETWORK": "network"}
_RELEASES = range(20, 60)
"""Minor releases of Istio whose patterns of proxy versions are known again."""


def _word(key: str, words: dict[str, str]) -> Any:  # noqa: ANN401 (a converter)
    """The word for an enum's value under a key; nothing for the value that stands for nothing."""
    return lambda value: {key: words[value]} if value in words else {}


def _traffic(match: Any) -> JsonObject:  # noqa: ANN401 (TrafficSelector)
    said: JsonObject = {"direction": _DIRECTIONS[match.mode]} if match.mode in _DIRECTIONS else {}
    if match.ports:
        said["ports"] = [port.number for port in match.ports]
    return said


def _environment(machine: Any) -> JsonValue:  # noqa: ANN401 (VmConfig)
    return {
        variable.name: {"fromHost": True} if variable.value_from == "HOST" else {"value": variable.value or ""}
        for variable in machine.env or ()
    }


_COMMON: Table = {
    "match": ("traffic", each(_traffic)),
    "priority": ("order", lambda priority: -priority),  # Istio takes the greater priority first
    "phase": ("", _word("phase", _PHASES)),
}
_WASM: Table = {
    "url": "url",
    "sha256": "sha256",
    "image_pull_policy": ("", _word("pullPolicy", _PULLS)),
    "image_pull_secret": "pullSecret",
    "verification_key": "verificationKey",
    "plugin_name": "plugin",
    "plugin_config": "config",
    "vm_config": ("environment", _environment),
    "fail_strategy": ("", _word("fail", _FAILURES)),
    "type": ("", _word("type", _TYPES)),
}


def extension(native: Native, beside: Surroundings) -> Iterator[Proposal]:
    """The Extension that gives a WasmPlugin or a TrafficExtension."""
    spec = native.spec
    said = {**scope(native, beside), **fields(spec, _COMMON)}
    if native.kind == "WasmPlugin":
        said["wasm"] = {**fields(spec, _WASM), "object": "WasmPlugin"}
    else:
        said |= fields(spec, {"wasm": ("wasm", table_of(_WASM)), "lua": ("lua", lambda lua: {"code": lua.inline_code})})
    yield _proposal(native, said)


def envoy_filter(native: Native, beside: Surroundings) -> Iterator[Proposal]:
    """The Extension that gives an EnvoyFilter, with its patches as they are."""
    spec = native.spec
    raw = msgspec.to_builtins(spec.config_patches or ())
    versions = {_proxy_version(patch) for patch in spec.config_patches or ()}
    pattern = versions.pop() if len(versions) == 1 else ""
    release = _release(pattern)
    if release is not None:
        raw = [_unbound(patch) for patch in raw]
    envoy: JsonObject = {
        "proxyVersions": "any" if release is None else release,
        "raw": [_in_order(_without_nulls(patch)) for patch in raw],
        "priority": spec.priority or 0,
    }
    yield _proposal(native, {**scope(native, beside), "envoy": envoy})


def _proposal(native: Native, said: JsonObject) -> Proposal:
    return Proposal(
        kind=Extension,
        name=native.name,
        namespace=native.namespace,
        spec=said,
        objects=(native,),
        labels=native.labels,
        annotations=native.annotations,
    )


def _proxy_version(patch: Any) -> str:  # noqa: ANN401 (EnvoyConfigObjectPatch)
    match = patch.match
    return (match.proxy.proxy_version if match is not None and match.proxy is not None else None) or ""


def _release(pattern: str) -> str | None:
    """The release for whose proxies a pattern was written; None where it is no single one's."""
    found = re.search(r"1\\?\.([0-9]+)", pattern)
    if found is None or int(found[1]) not in _RELEASES:
        return None
    minor = int(found[1])
    return f"1.{minor}" if pattern == proxy_versions(minor, minor) else None


def _unbound(patch: Any) -> Any:  # noqa: ANN401 (JSON)
    """A patch without its proxy version, which is said once for all."""
    proxy = {key: value for key, value in patch["match"]["proxy"].items() if key != "proxyVersion"}
    match = {key: value for key, value in patch["match"].items() if key != "proxy"}
    if proxy:
        match["proxy"] = proxy
    bare = {key: value for key, value in patch.items() if key != "match"}
    return {**({"match": match} if match else {}), **bare}


def _in_order(patch: JsonObject) -> JsonObject:
    return {key: patch[key] for key in ("applyTo", "match", "patch") if key in patch}


def _without_nulls(value: Any) -> Any:  # noqa: ANN401 (JSON)
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list | tuple) else value
