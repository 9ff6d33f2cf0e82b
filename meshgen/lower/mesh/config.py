"""MeshConfig: what the Mesh says, else what istiod's own settings in the tree say, else istiod's defaults."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import msgspec

from meshgen.diagnostics import Diagnostic, JsonPath, Origin, Related
from meshgen.diagnostics.catalogue.load import UNKNOWN_FIELD
from meshgen.diagnostics.catalogue.mesh import CONFIG_SAID_TWICE, INVALID_CONFIG, MESH_CONFIG_UNREAD, UNKNOWN_CONFIG_FIELD
from meshgen.intent.decode import IntentObject
from meshgen.intent.mesh import Mesh
from meshgen.istio.decode import struct_diagnostics, struct_violations
from meshgen.istio.deprecated_mesh import deprecated_settings
from meshgen.istio.mesh_config import MeshConfig
from meshgen.istio.mesh_defaults import PROFILES
from meshgen.json import JsonObject, JsonValue, merge_patch
from meshgen.kubernetes import MeshConfigMap
from meshgen.lower.mesh.providers import say_providers
from meshgen.lower.mesh.proxy import say_proxy
from meshgen.lower.mesh.said import Said, say_basics, say_observation, say_trust
from meshgen.lower.result import Report


@dataclass(frozen=True, slots=True)
class MeshSettings:
    """The settings of istiod, and what of them the Mesh says, in MeshConfig's words."""

    config: MeshConfig = field(default_factory=MeshConfig)
    said: JsonObject = field(default_factory=dict)


def mesh_settings(mesh: IntentObject[Mesh] | None, natives: Iterable[MeshConfigMap], report: Report) -> MeshSettings:
    """The settings of istiod. A Mesh decides alone; without one what a cluster's istiod reads does.

    Of several ConfigMaps that of `istio-system` counts, where istiod usually lives, else the first by namespace; of revisions
    (`istio-canary`) the one without, else the first by name. What an IstioOperator says counts as a ConfigMap.
    """
    usual = MeshConfig().root_namespace
    found = sorted(natives, key=lambda each: (each.metadata.namespace != usual, each.metadata.namespace, each.metadata.name))
    configs = [_native(each, report) for each in found]
    if mesh is not None:
        report.extend(_unread(each, mesh) for each in found)
        return _of_intent(mesh, report)
    return MeshSettings(config=configs[0]) if configs else MeshSettings()


def _unread(config_map: MeshConfigMap, mesh: IntentObject[Mesh]) -> Diagnostic:
    message = f"the MeshConfig of `{config_map.metadata.name}` does not count: {mesh.spoken} says all of it"
    related = [Related(mesh.origin, "declared here")]
    return MESH_CONFIG_UNREAD.at(
        config_map.origin, message, help="take its settings into the Mesh, and remove it", related=related
    )


def _native(config_map: MeshConfigMap, report: Report) -> MeshConfig:
    """The MeshConfig as written; istiod passes over fields that it does not know, and starts with its defaults else."""
    value = _without_nulls(config_map.mesh)
    for old in deprecated_settings(value):
        report.append(old.code.at(config_map.origin.at(*old.path), f"MeshConfig: {old.message}", help=old.help))
    try:
        return msgspec.convert(value, MeshConfig)
    except msgspec.ValidationError:
        report.extend(struct_diagnostics(value, MeshConfig, config_map.origin))
    for violation in struct_violations(value, MeshConfig):
        if violation.code is UNKNOWN_FIELD:
            value = _without(value, violation.path)
    try:
        return msgspec.convert(value, MeshConfig)
    except msgspec.ValidationError:
        return MeshConfig()


def _without(value: JsonValue, path: JsonPath) -> JsonValue:
    """The value without the part under the path."""
    if isinstance(value, dict):
        return {
            key: _without(item, path[1:]) if key == path[0] else item
            for key, item in value.items()
            if key != path[0] or len(path) > 1
        }
    if isinstance(value, list):
        return [_without(item, path[1:]) if index == path[0] else item for index, item in enumerate(value)]
    return value


def _without_nulls(value: JsonValue) -> JsonValue:
    """The value without nulls, which stand for an absent field in a protobuf message."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _of_intent(mesh: IntentObject[Mesh], report: Report) -> MeshSettings:
    said = Said()
    for say in (say_basics, say_trust, say_observation, say_providers, say_proxy):
        say(said, mesh.model)
    config = mesh.model.config
    if config:
        report.extend(_contradictions(mesh, said, config))
        said = Said(merge_patch(said.value, config), {**said.places, **_config_places(config)})
    for old in deprecated_settings(said.value):
        report.append(old.code.at(_origin(mesh, said, old.path), f"MeshConfig: {old.message}", help=old.help))
    profile = mesh.model.install.profile if mesh.model.install is not None else None
    value = merge_patch(PROFILES.get(profile.removeprefix("openshift-"), {}), said.value) if profile else said.value
    try:
        return MeshSettings(msgspec.convert(value, MeshConfig), said.value)
    except msgspec.ValidationError:
        for violation in struct_violations(said.value, MeshConfig):
            code = UNKNOWN_CONFIG_FIELD if violation.code is UNKNOWN_FIELD else INVALID_CONFIG
            report.append(code.at(_origin(mesh, said, violation.path), violation.message, help=violation.help))
        return MeshSettings()


def _config_places(config: JsonObject) -> dict[JsonPath, JsonPath]:
    return {path: ("config", *path) for path, _ in _leaves(config, ())}


def _leaves(value: JsonValue, path: JsonPath) -> Iterator[tuple[JsonPath, JsonValue]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    else:
        yield path, value


def _contradictions(mesh: IntentObject[Mesh], said: Said, config: JsonObject) -> Iterator[Diagnostic]:
    """Fields that `config` says otherwise than the Mesh does in its own words."""
    for path, value in _leaves(config, ()):
        held: JsonValue = said.value
        for name in path:
            held = held.get(str(name)) if isinstance(held, dict) else None
        place = said.place_of(path)
        if held is not None and held != value and place is not None:
            name = ".".join(str(part) for part in path)
            message = f"`config` and `{place[0]}` both say `{name}`, and not the same"
            related = [Related(_spoken(mesh, place), "said here, too")]
            yield CONFIG_SAID_TWICE.at(
                mesh.at("spec", "config", *path), message, help="leave it out of `config`", related=related
            )


def _origin(mesh: IntentObject[Mesh], said: Said, path: JsonPath) -> Origin:
    place = said.place_of(path)
    return mesh.at("spec", "config", *path) if place is None else _spoken(mesh, place)


def _spoken(mesh: IntentObject[Mesh], place: JsonPath) -> Origin:
    """The origin of a part of the Mesh; providers may be written as a map or as MeshConfig's list."""
    spec = mesh.value.get("spec")
    if place[0] == "providers" and len(place) > 1 and isinstance(spec, dict) and isinstance(spec.get("providers"), list):
        index = list(mesh.model.providers or {}).index(str(place[1]))
        return mesh.item("spec", "providers", index, *place[3:])
    return mesh.at("spec", *place)
