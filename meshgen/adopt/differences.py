"""Where what an intent gives is not what was there before it, and whether a patch may give the rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import msgspec

from meshgen.adopt.meaning import meaning
from meshgen.adopt.reader import Native
from meshgen.diagnostics.origin import JsonPath, render_path
from meshgen.json import JsonObject, JsonValue

MAX_FIELDS = 3
"""Fields that a patch may give; an intent with more of them says too little by itself."""

Paths: TypeAlias = list[tuple[JsonPath, bool]]
"""Where two values differ; whether the place lies in a list, of which a merge patch would replace the whole."""


def differences(native: Native, given: Native) -> list[JsonPath]:
    """Paths at which the meanings of two objects differ, the shortest that hold all of it."""
    return [path for path, _ in _paths(meaning(native), meaning(given), (), inside=False)]


def _paths(one: Any, other: Any, path: JsonPath, *, inside: bool) -> Iterator[tuple[JsonPath, bool]]:  # noqa: ANN401 (JSON)
    if one == other:
        return
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            yield from _paths(one.get(key), other.get(key), (*path, key), inside=inside)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, (item, twin) in enumerate(zip(one, other, strict=True)):
            yield from _paths(item, twin, (*path, index), inside=True)
    else:
        yield path, inside


def spoken(paths: list[JsonPath]) -> str:
    """Paths for a person, the first few."""
    shown = ", ".join(f"`{render_path(path)}`" for path in paths[:3])
    return shown if len(paths) <= 3 else f"{shown} and {len(paths) - 3} more"


def patch_for(native: Native, given: Native) -> JsonObject | None:
    """A merge patch that makes the given object the native one; None where it would replace more than single fields."""
    found = list(_paths(meaning(native), meaning(given), (), inside=False))
    wanted: JsonObject = {"spec": msgspec.to_builtins(native.spec)}
    present: JsonObject = {"spec": msgspec.to_builtins(given.spec)}
    if not found or len(found) > MAX_FIELDS:
        return None
    patch: JsonObject = {}
    for path, inside in found:
        value, before = _at(wanted, path), _at(present, path)
        if inside or path[0] != "spec" or len(path) < 2 or not _is_single(value, before):
            return None
        place = patch
        for key in path[:-1]:
            place = place.setdefault(str(key), {})  # type: ignore[assignment]  # maps all the way down
        place[str(path[-1])] = _without_nulls(value)
    return patch


def _at(value: Any, path: JsonPath) -> Any:  # noqa: ANN401 (JSON)
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _is_single(value: object, before: object) -> bool:
    """Whether a patch of this value replaces nothing that intent says: a field without items, or one that is not there yet."""
    return before is None or not isinstance(before, list | tuple | dict) or not isinstance(value, list | tuple | dict)


def _without_nulls(value: object) -> JsonValue:
    if isinstance(value, dict):
        return {str(key): _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_without_nulls(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    message = f"{type(value).__name__} is no JSON"
    raise TypeError(message)
