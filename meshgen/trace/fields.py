"""Reading fields of protobuf messages in their JSON form: an absent field, or one of another type, has its default.

Names are proto field names (snake_case); `snake_case` turns the camelCase form into them. Wrappers (`UInt32Value`) may be
written as the bare value or as `{"value": 5}`, 64-bit integers as strings (protobuf's JSON mapping).
"""

from __future__ import annotations

import re
from typing import Any

from meshgen.json import JsonObject, JsonValue

# Fields whose keys are names that somebody chose, so they are kept as they are; the values are messages.
_MAPS = frozenset({"policies", "providers", "requirement_map", "typed_extension_protocol_options", "named_endpoints"})
_MAPS_OF_ANY = frozenset({"typed_per_filter_config", "typed_filter_metadata"})
# Fields that hold a google.protobuf.Struct: everything below belongs to somebody else.
_STRUCTS = frozenset({"filter_metadata", "default_subset", "static_layer"})
_DEEPEST = 200  # JSON levels: a message in a list is two
_CAMEL = re.compile(r"(?<=[a-z0-9])[A-Z]")


def message(parent: JsonObject, *path: str) -> JsonObject:
    """The message at a path of fields, or an empty one."""
    value: JsonValue = parent
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def messages(parent: JsonObject, name: str) -> list[JsonObject]:
    """A repeated message field."""
    value = parent.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def string(parent: JsonObject, name: str, default: str = "") -> str:
    """A string or enum field."""
    value = unwrap(parent.get(name))
    return value if isinstance(value, str) else default


def strings(parent: JsonObject, name: str) -> list[str]:
    """A repeated string field."""
    value = parent.get(name)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def number(parent: JsonObject, name: str, default: float = 0) -> float:
    """A numeric field; 64-bit integers may be strings."""
    value = unwrap(parent.get(name))
    if isinstance(value, bool):
        return default
    if isinstance(value, (int, float)):
        return value
    try:
        return float(value) if isinstance(value, str) else default
    except ValueError:
        return default


def integer(parent: JsonObject, name: str, default: int = 0) -> int:
    """An integer field."""
    value = number(parent, name, default)
    return int(value) if abs(value) < 2**64 else default


def boolean(parent: JsonObject, name: str, *, default: bool = False) -> bool:
    """A boolean field."""
    value = unwrap(parent.get(name))
    return value if isinstance(value, bool) else default


def unwrap(value: JsonValue) -> JsonValue:
    """The value of a wrapper such as UInt32Value, else the value itself."""
    if isinstance(value, dict) and set(value) == {"value"}:
        return value["value"]
    return value


def percent(parent: JsonObject, default: float = 0) -> float:
    """Percent (0 to 100) of a `FractionalPercent`, alone or as the default of a runtime fraction."""
    fraction = message(parent, "default_value") if "default_value" in parent else parent
    if not fraction:
        return default
    scale = {"TEN_THOUSAND": 100, "MILLION": 10_000}.get(string(fraction, "denominator"), 1)
    return min(number(fraction, "numerator") / scale, 100)


def typed(any_message: JsonObject) -> tuple[str, JsonObject]:
    """Type name and content of a google.protobuf.Any; a TypedStruct gives the type that it stands for and its value."""
    name = string(any_message, "@type").rpartition("/")[2]
    if name.endswith("TypedStruct"):
        return string(any_message, "type_url").rpartition("/")[2], message(any_message, "value")
    return name, any_message


def typed_config(extension: JsonObject) -> tuple[str, JsonObject]:
    """Type name and content of a filter's, matcher's or transport socket's `typed_config`."""
    return typed(message(extension, "typed_config"))


def snake_case(value: Any, depth: int = 0) -> Any:  # noqa: ANN401 - JSON of a stranger
    """The same message with camelCase field names as proto field names; names that users chose stay.

    What is nested deeper than protobuf itself reads (100 messages) is left out.
    """
    if depth > _DEEPEST:
        return None
    if isinstance(value, list):
        return [snake_case(item, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    result: dict[str, Any] = {}
    for name, item in value.items():
        field = _CAMEL.sub(lambda match: "_" + match.group().lower(), name) if isinstance(name, str) else str(name)
        result[field] = _content(field, item, depth + 1)
    return result


def _socket_match(entry: Any, depth: int) -> Any:  # noqa: ANN401 - JSON of a stranger
    """A `TransportSocketMatch`, whose `match` is a Struct."""
    converted = snake_case(entry, depth + 1)
    return {**converted, "match": entry["match"]} if isinstance(entry, dict) and "match" in entry else converted


def _content(field: str, item: Any, depth: int) -> Any:  # noqa: ANN401 - JSON of a stranger
    if field in _STRUCTS:
        return item
    if field == "transport_socket_matches" and isinstance(item, list):
        return [_socket_match(entry, depth) for entry in item]
    if field in _MAPS or field in _MAPS_OF_ANY:
        return {key: snake_case(entry, depth) for key, entry in item.items()} if isinstance(item, dict) else item
    return snake_case(item, depth)
