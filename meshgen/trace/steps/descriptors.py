"""Rate limit descriptors: what a route's `rate_limits` make of a request (envoy.config.route.v3.RateLimit)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import TYPE_CHECKING

from meshgen.trace.fields import boolean, integer, message, messages, string
from meshgen.trace.match import why_not_header, why_not_query

if TYPE_CHECKING:
    from meshgen.json import JsonObject, JsonValue
    from meshgen.trace.message import HttpMessage
    from meshgen.trace.walk import Walk

Descriptor = tuple[tuple[str, str], ...]
"""The entries of a descriptor, each a key and a value."""


def descriptors_of(walk: Walk, stage: int, own: list[JsonObject] | None = None) -> list[Descriptor]:
    """The descriptors of a request at a stage; `own` are rate limits that a filter brings, which come before the route's."""
    if walk.message is None:
        return []
    limits = own or _limits(walk)
    found = [_descriptor(walk, limit, walk.message) for limit in limits if integer(limit, "stage") == stage]
    return [each for each in found if each]


def words(descriptor: Descriptor) -> str:
    """`user=ann, path=/items`."""
    return ", ".join(f"{key}={value}" for key, value in descriptor)


def _limits(walk: Walk) -> list[JsonObject]:
    """Those of the route; those of the virtual host where it has none, or asks to include them."""
    matched = walk.matched
    if matched is None:
        return []
    action = message(matched.route or {}, "route")
    limits = messages(action, "rate_limits")
    if not limits or boolean(action, "include_vh_rate_limits"):
        limits = [*limits, *messages(matched.virtual_host or {}, "rate_limits")]
    return limits


def _descriptor(walk: Walk, limit: JsonObject, sent: HttpMessage) -> Descriptor:
    """Nothing where an action has nothing to say, as the whole descriptor is left out then."""
    entries: list[tuple[str, str]] = []
    for action in messages(limit, "actions"):
        found = list(_entries(walk, action, sent))
        if None in found:
            return ()
        entries += [entry for entry in found if entry is not None]
    return tuple(entries)


def _entries(walk: Walk, action: JsonObject, sent: HttpMessage) -> Iterator[tuple[str, str] | None]:
    """The entry of an action; None forbids the descriptor, and nothing at all is left out of it."""
    kind = next(iter(action), "")
    content = message(action, kind)
    if kind == "generic_key":
        yield string(content, "descriptor_key", "generic_key"), string(content, "descriptor_value")
    elif kind == "request_headers":
        value = sent.header(string(content, "header_name"))
        if value is not None:
            yield string(content, "descriptor_key"), value
        elif not boolean(content, "skip_if_absent"):
            yield None
    elif kind == "remote_address":
        yield "remote_address", walk.remote_ip
    elif kind == "masked_remote_address":
        yield "masked_remote_address", _masked(walk.remote_ip, content)
    elif kind == "source_cluster":
        yield "source_cluster", string(walk.config.node, "cluster")
    elif kind == "destination_cluster":
        route = (walk.matched.route if walk.matched else None) or {}
        yield "destination_cluster", string(message(route, "route"), "cluster")
    else:
        yield from _conditional(walk, kind, content, sent)


def _conditional(walk: Walk, kind: str, content: JsonObject, sent: HttpMessage) -> Iterator[tuple[str, str] | None]:
    if kind == "header_value_match":
        matches = all(why_not_header(each, sent) is None for each in messages(content, "headers"))
        wanted = boolean(content, "expect_match", default=True)
        key = string(content, "descriptor_key", "header_match")
        yield (key, string(content, "descriptor_value")) if matches == wanted else None
    elif kind == "query_parameter_value_match":
        matches = all(why_not_query(each, sent) is None for each in messages(content, "query_parameters"))
        wanted = boolean(content, "expect_match", default=True)
        key = string(content, "descriptor_key", "query_match")
        yield (key, string(content, "descriptor_value")) if matches == wanted else None
    elif kind == "query_parameters":
        values = sent.query_values(string(content, "query_parameter_name"))
        if values:
            yield string(content, "descriptor_key"), values[0]
        elif not boolean(content, "skip_if_absent"):
            yield None
    elif kind in ("metadata", "dynamic_metadata"):
        value = _metadata(walk, message(content, "metadata_key")) or string(content, "default_value")
        if value:
            yield string(content, "descriptor_key"), value
        elif not boolean(content, "skip_if_absent"):
            yield None
    else:
        walk.opaque.append(f"rate limit {kind}")
        yield None


def _metadata(walk: Walk, key: JsonObject) -> str:
    value: JsonValue = walk.metadata.get(string(key, "key"))
    for segment in messages(key, "path"):
        value = value.get(string(segment, "key")) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


def _masked(address: str, content: JsonObject) -> str:
    bits = integer(content, "v6_prefix_mask_len", 128) if ":" in address else integer(content, "v4_prefix_mask_len", 32)
    try:
        return str(ipaddress.ip_network(f"{address}/{bits}", strict=False))
    except ValueError:
        return address
