"""`headers.request` and `headers.response` of routes and destinations (envoy-mapping.md §3.3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from meshgen.istio.virtual_service import HeaderOperations, Headers
from meshgen.json import JsonObject, JsonValue


@dataclass(frozen=True, slots=True)
class HeaderChanges:
    """What Envoy does to headers, and the authority that a request goes out with."""

    fields: JsonObject  # request_headers_to_add, request_headers_to_remove and their twins of the response; only those in use
    authority: str  # a `Host` among the request's headers is no header to Envoy but a rewrite


NO_CHANGES = HeaderChanges({}, "")


def header_changes(headers: Headers | None) -> HeaderChanges:
    """The changes of one `headers` block: sets first, then adds, each by name."""
    if headers is None:
        return NO_CHANGES
    request, response = headers.request or HeaderOperations(), headers.response or HeaderOperations()
    lists: list[tuple[str, list[JsonValue]]] = [
        ("request_headers_to_add", _added(request)),
        ("request_headers_to_remove", _removed(request.remove or ())),
        ("response_headers_to_add", _added(response)),
        ("response_headers_to_remove", _removed(response.remove or ())),
    ]
    return HeaderChanges({key: value for key, value in lists if value}, _authority(request))


def joined(first: JsonObject, second: JsonObject) -> JsonObject:
    """Both changes in one place, the second's after the first's."""
    found = dict(first)
    for key, value in second.items():
        earlier = found.get(key)
        found[key] = [*earlier, *value] if isinstance(earlier, list) and isinstance(value, list) else value
    return found


def _added(operations: HeaderOperations) -> list[JsonValue]:
    sets: list[JsonValue] = [
        {"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"} for header in _pairs(operations.set or {})
    ]
    adds: list[JsonValue] = [{"header": header} for header in _pairs(operations.add or {})]
    return [*sets, *adds]


def _pairs(headers: Mapping[str, str]) -> Iterable[JsonObject]:
    return [{"key": key, "value": value} for key, value in sorted(headers.items()) if not _is_internal(key)]


def _removed(names: Iterable[str]) -> list[JsonValue]:
    return [name for name in names if not _is_internal(name)]


def _is_internal(name: str) -> bool:
    """Envoy refuses to change these as headers."""
    return name.startswith(":") or name.lower() == "host"


def _authority(request: HeaderOperations) -> str:
    for headers in (request.set or {}, request.add or {}):
        for key, value in sorted(headers.items()):
            if key.lower() in {":authority", "host"} and value:
                return value
    return ""
