"""JSON merge patches of intents on the objects that were made of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import msgspec
from msgspec.structs import replace

from meshgen.diagnostics import JsonPath, Origin, Severity
from meshgen.diagnostics.catalogue.load import NEWER_THAN_TARGET
from meshgen.diagnostics.catalogue.lower import INVALID_PATCH
from meshgen.intent.decode import IntentObject
from meshgen.intent.kind import Intent, Patch
from meshgen.istio.decode import violations
from meshgen.istio.kinds import KINDS
from meshgen.istio.object import IstioObject
from meshgen.istio.struct import IstioStruct
from meshgen.istio.versions import DEFAULT_TARGET, IstioVersion
from meshgen.json import JsonObject, JsonValue, merge_patch
from meshgen.kubernetes import KubernetesObject
from meshgen.lower.result import Made, Report, hint_of_given


def patched(
    made: Sequence[Made], intents: Sequence[IntentObject[Intent]], report: Report, release: IstioVersion = DEFAULT_TARGET
) -> list[Made]:
    """The objects with all patches applied, in the order of the intents and of their patches."""
    objects = list(made)
    patching: dict[int, list[int]] = {id(intent): [] for intent in intents if intent.model.patches}
    for number, each in enumerate(objects) if patching else ():
        for maker in {id(intent) for intent in each.intents} & patching.keys():
            patching[maker].append(number)
    for intent in intents:
        for position, patch in enumerate(intent.model.patches or ()):
            path = ("spec", "patches", position)
            own = [(number, objects[number].object) for number in patching[id(intent)]]
            index = _target(own, intent, patch, path, report)
            if index is not None:
                after = _apply(objects[index].object, intent, patch, path, report, release)
                objects[index] = replace(objects[index], object=after)
    return objects


def _target(
    own: Sequence[tuple[int, Target]], intent: IntentObject[Intent], patch: Patch, path: JsonPath, report: Report
) -> int | None:
    """The index of the object that a patch is for; None (and a finding) where there is none, or more than one."""
    fitting = [(i, o) for i, o in own if o.kind == patch.kind and patch.name in {None, o.name}]
    if len(fitting) == 1:
        return fitting[0][0]
    title = intent.spoken
    if fitting:
        names = ", ".join(f"`{o.name}`" for _, o in fitting)
        message, hint = f"{title} gives several objects of the kind `{patch.kind}`", f"add `name:`, one of {names}"
    else:
        named = f" named `{patch.name}`" if patch.name is not None else ""
        message = f"{title} gives no `{patch.kind}`{named}"
        hint = hint_of_given(patch.kind, [o for _, o in own])
    report.append(INVALID_PATCH.at(intent.at(*path, "kind"), message, help=hint))
    return None


Target: TypeAlias = IstioObject[IstioStruct] | KubernetesObject


def _apply(
    before: Target, intent: IntentObject[Intent], patch: Patch, path: JsonPath, report: Report, release: IstioVersion
) -> Target:
    """The patched object, or the object as it was (and findings) where the patch does not fit."""
    istio = isinstance(before, IstioObject)
    problems = list(_outside(patch.patch, ("spec",) if istio else tuple(before.to_json())))
    if problems:
        for key, message in problems:
            report.append(
                INVALID_PATCH.at(intent.at(*path, "patch", *key), message, help="patch `spec`, or labels and annotations")
            )
        return before
    value = merge_patch(before.to_json(), patch.patch)
    if not isinstance(before, IstioObject):
        return replace(before, object=value, origins=_merged_origins(before, intent, patch, path))
    found = [each for each in violations(value, KINDS[before.kind], release) if each.code.severity is Severity.ERROR]
    for violation in found:
        place = intent.at(*path, "patch", *violation.path)
        code = NEWER_THAN_TARGET if violation.code is NEWER_THAN_TARGET else INVALID_PATCH
        report.append(code.at(place, f"after the patch {violation.message}", help=violation.help))
    return before if found else _rebuilt(before, value, intent, patch, path)


def _rebuilt(
    before: IstioObject[IstioStruct], value: JsonObject, intent: IntentObject[Intent], patch: Patch, path: JsonPath
) -> IstioObject[IstioStruct]:
    metadata: Any = value["metadata"]  # checked with the rest
    return replace(
        before,
        spec=msgspec.convert(value.get("spec") or {}, type(before.spec)),
        labels=metadata.get("labels") or {},
        annotations=metadata.get("annotations") or {},
        origins=_merged_origins(before, intent, patch, path),
    )


def _merged_origins(before: Target, intent: IntentObject[Intent], patch: Patch, path: JsonPath) -> dict[JsonPath, Origin]:
    return {**before.origins, **dict(_origins(patch.patch, intent, (*path, "patch"), ()))}


_METADATA = ("labels", "annotations")


def _outside(patch: JsonObject, fields: Sequence[str]) -> Iterator[tuple[JsonPath, str]]:
    """What a patch must leave alone: the object's kind and name, and what is no field beside metadata."""
    for key, value in patch.items():
        if key == "metadata" and isinstance(value, dict):
            yield from (((key, each), f"a patch cannot change `metadata.{each}`") for each in value if each not in _METADATA)
        elif key in {"apiVersion", "kind"} or key not in {*fields, "metadata"}:
            yield (key,), f"a patch cannot change `{key}`"
        elif not isinstance(value, dict):
            yield (key,), f"a patch of `{key}` is a map"


def _origins(
    patch: JsonValue, intent: IntentObject[Intent], path: JsonPath, inside: JsonPath
) -> Iterator[tuple[JsonPath, Origin]]:
    """The places of all that a patch replaces, by their paths in the object."""
    if isinstance(patch, dict) and patch:
        for key, value in patch.items():
            yield from _origins(value, intent, (*path, key), (*inside, key))
    else:
        yield inside, intent.at(*path)
