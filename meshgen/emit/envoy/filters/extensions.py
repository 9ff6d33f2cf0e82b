"""Lua and WebAssembly filters: TrafficExtension and WasmPlugin (envoy-mapping.md §2.2, §6).

Envoy cannot pull a module from a registry or check a signature: a module must lie in a file, and any other address is reported
(MG0910).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from meshgen.emit.envoy.extension import extension, typed
from meshgen.emit.envoy.filter_order import Slot
from meshgen.istio.object import IstioObject
from meshgen.istio.shared import TrafficSelector
from meshgen.istio.traffic_extension import TrafficExtension, WasmConfig
from meshgen.istio.wasm_plugin import WasmPlugin
from meshgen.json import JsonObject, drop_none
from meshgen.mesh import Mesh, Proxy, Role

_FILE = "file://"
_PHASES: Final = {
    "AUTHN": Slot.EXTENSION_AUTHN,
    "AUTHZ": Slot.EXTENSION_AUTHZ,
    "STATS": Slot.EXTENSION_STATS,
}
_FAILURES: Final = {"FAIL_OPEN": "FAIL_OPEN", "FAIL_RELOAD": "FAIL_RELOAD"}

Applied = IstioObject[TrafficExtension] | IstioObject[WasmPlugin]


def http_extensions(mesh: Mesh, proxy: Proxy, *, server: bool, port: int | None = None) -> Mapping[Slot, Sequence[JsonObject]]:
    """The extensions of a connection manager by their slot, each slot's by priority.

    Args:
        mesh: the mesh.
        proxy: the proxy.
        server: whether the manager serves the workload (`mode: SERVER`) or sends for it.
        port: the workload's port, which an extension may name; None outbound.
    """
    found: dict[Slot, list[JsonObject]] = {}
    for applied in in_effect(mesh, proxy):
        spec = applied.spec
        if not _concerns(spec.match, proxy, server=server, port=port):
            continue
        built = _http_filter(applied)
        if built is not None:
            found.setdefault(_PHASES.get(spec.phase or "", Slot.EXTENSION), []).append(built)
    return found


def in_effect(mesh: Mesh, proxy: Proxy) -> list[Applied]:
    """Extensions that pick this proxy: by priority, creation time, name and namespace."""
    found: list[Applied] = [applied for applied in mesh.of_kind(TrafficExtension) if _picks(applied, mesh, proxy)]
    found += [applied for applied in mesh.of_kind(WasmPlugin) if _picks(applied, mesh, proxy)]
    return sorted(found, key=lambda applied: (-(applied.spec.priority or 0), applied.order))


def _picks(applied: Applied, mesh: Mesh, proxy: Proxy) -> bool:
    if applied.namespace not in {mesh.config.root_namespace, proxy.namespace} or applied.spec.target_refs:
        return False
    wanted = (applied.spec.selector.match_labels if applied.spec.selector else None) or {}
    return all(proxy.labels.get(key) == value for key, value in wanted.items())


def _concerns(match: Sequence[TrafficSelector] | None, proxy: Proxy, *, server: bool, port: int | None) -> bool:
    return not match or any(_fits(one, proxy, server=server, port=port) for one in match)


def _fits(wanted: TrafficSelector, proxy: Proxy, *, server: bool, port: int | None) -> bool:
    mode = "SERVER" if server else "CLIENT"
    if proxy.role is Role.SIDECAR and wanted.mode not in {None, "UNDEFINED", "CLIENT_AND_SERVER", mode}:
        return False
    return not wanted.ports or port in {one.number for one in wanted.ports}


def _http_filter(applied: Applied) -> JsonObject | None:
    name = f"{applied.namespace}.{applied.name}"
    spec = applied.spec
    built: JsonObject | None = None
    if isinstance(spec, TrafficExtension) and spec.lua is not None:
        built = lua(name, spec.lua.inline_code)
    else:
        module = spec.wasm if isinstance(spec, TrafficExtension) else spec
        if module is not None and module.url.startswith(_FILE) and module.type != "NETWORK":
            built = _wasm(name, module)
    return built


def lua(name: str, code: str) -> JsonObject:
    """A Lua filter with its code inline."""
    return extension(name, "envoy.extensions.filters.http.lua.v3.Lua", {"default_source_code": {"inline_string": code}})


def _wasm(name: str, module: WasmConfig | WasmPlugin) -> JsonObject:
    code: JsonObject = {"local": {"filename": module.url.removeprefix(_FILE)}}
    vm: JsonObject = {"runtime": "envoy.wasm.runtime.v8", "code": code, **_environment(module)}
    config = drop_none({
        "name": name,
        "root_id": module.plugin_name,
        "vm_config": vm,
        "configuration": _string(module.plugin_config),
        "failure_policy": _FAILURES.get(module.fail_strategy or "", "FAIL_CLOSED"),
    })
    return extension(name, "envoy.extensions.filters.http.wasm.v3.Wasm", {"config": config})


def _environment(module: WasmConfig | WasmPlugin) -> JsonObject:
    variables = (module.vm_config.env if module.vm_config else None) or ()
    values: JsonObject = {one.name: one.value or "" for one in variables if one.value_from != "HOST"}
    hosts = [one.name for one in variables if one.value_from == "HOST"]
    found = drop_none({"key_values": values or None, "host_env_keys": list(hosts) or None})
    return {"environment_variables": found} if found else {}


def _string(settings: Mapping[str, object] | None) -> JsonObject | None:
    if settings is None:
        return None
    return typed("google.protobuf.StringValue", {"value": json.dumps(settings, sort_keys=True, separators=(",", ":"))})


def modules_elsewhere(mesh: Mesh, proxy: Proxy) -> Iterator[Applied]:
    """Extensions in effect whose code Envoy cannot get."""
    for applied in in_effect(mesh, proxy):
        spec = applied.spec
        module = spec.wasm if isinstance(spec, TrafficExtension) else spec
        if module is not None and (not module.url.startswith(_FILE) or module.type == "NETWORK"):
            yield applied
