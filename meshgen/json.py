"""Plain JSON values: what emitters return and parsers give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias, overload

JsonValue: TypeAlias = bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"] | None
JsonObject: TypeAlias = dict[str, JsonValue]


@overload
def merge_patch(value: JsonValue, patch: JsonObject) -> JsonObject: ...


@overload
def merge_patch(value: JsonValue, patch: JsonValue) -> JsonValue: ...


def merge_patch(value: JsonValue, patch: JsonValue) -> JsonValue:
    """A JSON merge patch (RFC 7396): maps are merged, null removes, all else replaces.

    >>> merge_patch({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"c": None}})
    {'a': 1, 'b': {'d': 3}}
    """
    if not isinstance(patch, dict):
        return patch
    merged = dict(value) if isinstance(value, dict) else {}
    for key, change in patch.items():
        if change is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), change)
    return merged


def drop_none(values: Mapping[str, JsonValue]) -> JsonObject:
    """A copy without the keys whose value is None; empty lists, maps, zeros and false stay, since they mean something."""
    return {key: value for key, value in values.items() if value is not None}
