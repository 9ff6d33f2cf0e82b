"""Values of EnvoyFilter patches: one spelling of their keys, and protobuf's merge on plain JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from meshgen.json import JsonObject, JsonValue

_CAMEL = re.compile(r"[a-z]+(?:[A-Z][a-z0-9]*)+")
_CAPITAL = re.compile(r"[A-Z]")
_FREE_MAPS: Final = frozenset({"filter_metadata", "json_format", "request_properties"})

# Of these fields a message has at most one: a patch that brings one takes its siblings away.
_EXCLUSIVE: Final = (
    frozenset({"route", "redirect", "direct_response", "filter_action", "non_forwarding_action"}),
    frozenset({"cluster", "weighted_clusters", "cluster_header", "cluster_specifier_plugin", "inline_cluster_specifier_plugin"}),
    frozenset({"prefix", "path", "safe_regex", "connect_matcher", "path_separated_prefix", "path_match_policy"}),
    frozenset({"host_rewrite_literal", "auto_host_rewrite", "host_rewrite_header", "host_rewrite_path_regex"}),
    frozenset({"rds", "route_config", "scoped_routes"}),
    frozenset({"type", "cluster_type"}),
)


def snake_case(value: JsonValue) -> JsonValue:
    """Protobuf's JSON takes `typedConfig` and `typed_config`; we write the second only."""
    if isinstance(value, list):
        return [snake_case(item) for item in value]
    if not isinstance(value, dict):
        return value
    found: JsonObject = {}
    for key, item in value.items():
        name = _CAPITAL.sub(lambda capital: f"_{capital[0].lower()}", key) if _CAMEL.fullmatch(key) else key
        found[name] = item if name in _FREE_MAPS else snake_case(item)
    return found


def merged(base: Mapping[str, JsonValue], patch: Mapping[str, JsonValue], *, replace_lists: bool = False) -> JsonObject:
    """`base` with `patch` merged in: messages field by field, lists appended (or replaced), everything else replaced.

    A typed configuration of another type takes the old one's place.
    """
    if "@type" in patch and base.get("@type") != patch["@type"]:
        return dict(patch)
    found = _without_siblings(base, patch)
    for key, item in patch.items():
        known = found.get(key)
        if isinstance(known, dict) and isinstance(item, dict):
            found[key] = merged(known, item, replace_lists=replace_lists)
        elif isinstance(known, list) and isinstance(item, list) and not replace_lists:
            found[key] = [*known, *item]
        else:
            found[key] = item
    return found


def _without_siblings(base: Mapping[str, JsonValue], patch: Mapping[str, JsonValue]) -> JsonObject:
    found = dict(base)
    for group in _EXCLUSIVE:
        brought = group & patch.keys()
        if brought:
            for sibling in group - brought:
                found.pop(sibling, None)
    return found
