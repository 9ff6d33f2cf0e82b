"""Specs as plain JSON."""

from __future__ import annotations

import msgspec

from meshgen.istio.struct import IstioStruct
from meshgen.json import JsonObject, JsonValue


def to_json(spec: IstioStruct) -> JsonObject:
    """A spec as plain JSON, whole numbers without a fraction."""
    value: JsonObject = msgspec.json.decode(msgspec.json.encode(spec))
    return {key: _whole(item) for key, item in value.items()}


def _whole(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
