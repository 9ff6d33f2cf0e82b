"""Plain JSON values: what emitters return and parsers give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

JsonValue: TypeAlias = bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"] | None
JsonObject: TypeAlias = dict[str, JsonValue]


def drop_none(values: Mapping[str, JsonValue]) -> JsonObject:
    """A copy without the keys whose value is None; empty lists, maps, zeros and false stay, since they mean something."""
    return {key: value for key, value in values.items() if value is not None}
