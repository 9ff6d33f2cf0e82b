"""The two shapes that every Envoy extension takes: a name with a typed configuration, and a percentage."""

from __future__ import annotations

from meshgen.emit.envoy.names import TYPE
from meshgen.json import JsonObject, JsonValue


def typed(message: str, fields: JsonObject | None = None) -> JsonObject:
    """A `google.protobuf.Any` in JSON: the message's full name without its prefix, then its fields."""
    return {"@type": TYPE + message, **(fields or {})}


def extension(name: str, message: str, fields: JsonObject | None = None) -> JsonObject:
    """A filter, matcher or predicate: `{name, typed_config}`."""
    return {"name": name, "typed_config": typed(message, fields)}


def millionths(percent: float) -> JsonObject:
    """A `FractionalPercent` of a percentage from 0 to 100, cut at four decimals as istiod cuts it."""
    numerator = int(percent * 10_000)
    return {"numerator": numerator, "denominator": "MILLION"} if numerator else {"denominator": "MILLION"}


def metadata(kind: str, namespace: str, name: str, path: str) -> JsonObject:
    """What the simulator reads to name the mesh object that decided (`snapshot.Snapshot`)."""
    source: JsonValue = {"kind": kind, "namespace": namespace, "name": name, "path": path}
    return {"filter_metadata": {"meshgen": source}}
