"""The Lua programs of a mesh: of TrafficExtensions, and those that EnvoyFilters put into Envoy's Lua filter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from meshgen.diagnostics import Origin
from meshgen.istio.envoy_filter import EnvoyFilter
from meshgen.istio.traffic_extension import TrafficExtension
from meshgen.mesh import Mesh


@dataclass(frozen=True, slots=True)
class LuaProgram:
    """A program, whose it is, and where it was written."""

    code: str
    title: str
    origin: Origin


def lua_programs(mesh: Mesh) -> Iterator[LuaProgram]:
    """All of them, in the order of the objects."""
    for extension in mesh.of_kind(TrafficExtension):
        if extension.spec.lua is not None:
            origin = extension.origin_of("spec", "lua", "inlineCode")
            yield LuaProgram(extension.spec.lua.inline_code, f"traffic extension `{extension.name}`", origin)
    for found in mesh.of_kind(EnvoyFilter):
        for position, patch in enumerate(found.spec.config_patches or ()):
            code = _inline(patch.patch.value if patch.patch is not None else None)
            if code is not None:
                origin = found.origin_of("spec", "configPatches", position, "patch", "value")
                yield LuaProgram(code, f"Envoy filter `{found.name}`", origin)


def _inline(value: object) -> str | None:
    """The code of a Lua filter, in its present form or the deprecated one (`inline_code`)."""
    config = _at(value, "typed_config", "typedConfig")
    if not str(_at(config, "@type")).endswith("envoy.extensions.filters.http.lua.v3.Lua"):
        return None
    code = _at(_at(config, "default_source_code", "defaultSourceCode"), "inline_string", "inlineString")
    code = _at(config, "inline_code", "inlineCode") if code is None else code
    return code if isinstance(code, str) else None


def _at(value: object, *names: str) -> object:
    return next((value[name] for name in names if name in value), None) if isinstance(value, dict) else None
