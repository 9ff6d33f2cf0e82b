"""Subset load balancing (`Cluster.lb_subset_config`): which endpoints a route's metadata picks, and the fallback."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from meshgen.trace.fields import message, messages, string, strings

if TYPE_CHECKING:
    from meshgen.json import JsonObject

_LB = "envoy.lb"


def in_subset(config: JsonObject, wanted: JsonObject, endpoints: Sequence[JsonObject]) -> list[JsonObject]:
    """The endpoints of the subset that the route asks for, else what `fallback_policy` gives.

    A route asks for a subset only with exactly the keys of one of the selectors.
    """
    asked = message(wanted, "filter_metadata", _LB)
    selectors = [set(strings(each, "keys")) for each in messages(config, "subset_selectors")]
    if asked and set(asked) in selectors:
        found = [each for each in endpoints if _has(each, asked)]
        if found:
            return found
    fallback = string(config, "fallback_policy", "NO_FALLBACK")
    if fallback == "ANY_ENDPOINT":
        return list(endpoints)
    if fallback == "DEFAULT_SUBSET":
        default = message(config, "default_subset")
        return [each for each in endpoints if _has(each, default)]
    return []


def _has(endpoint: JsonObject, wanted: JsonObject) -> bool:
    held = message(endpoint, "metadata", "filter_metadata", _LB)
    return all(held.get(key) == value for key, value in wanted.items())
