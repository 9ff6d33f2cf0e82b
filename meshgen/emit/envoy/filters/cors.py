"""`envoy.filters.http.cors`: present everywhere, told what to do by each route (envoy-mapping.md §3.3)."""

from __future__ import annotations

from typing import Final

from meshgen.emit.envoy.extension import extension, typed
from meshgen.emit.envoy.matches import string_match
from meshgen.istio.virtual_service import CorsPolicy
from meshgen.json import JsonObject, JsonValue, drop_none
from meshgen.values import SECOND, parse_duration

NAME: Final = "envoy.filters.http.cors"
CORS: Final[JsonObject] = extension(NAME, "envoy.extensions.filters.http.cors.v3.Cors")


def cors_policy(policy: CorsPolicy) -> JsonObject:
    """A route's `corsPolicy` as `typed_per_filter_config[envoy.filters.http.cors]`."""
    fields = drop_none({
        "allow_origin_string_match": _origins(policy),
        "allow_methods": _joined(policy.allow_methods),
        "allow_headers": _joined(policy.allow_headers),
        "expose_headers": _joined(policy.expose_headers),
        "max_age": str(parse_duration(policy.max_age) // SECOND) if policy.max_age else None,
        "allow_credentials": policy.allow_credentials,
        "filter_enabled": {"default_value": {"numerator": 100}},
        # Envoy would answer a preflight of another origin itself; Istio lets it through unless told otherwise.
        "forward_not_matching_preflights": policy.unmatched_preflights != "IGNORE",
    })
    return typed("envoy.extensions.filters.http.cors.v3.CorsPolicy", fields)


def _origins(policy: CorsPolicy) -> JsonValue:
    if policy.allow_origins:
        return [matcher for matcher in map(string_match, policy.allow_origins) if matcher is not None]
    return [{"exact": origin} for origin in policy.allow_origin] if policy.allow_origin else None


def _joined(names: tuple[str, ...] | None) -> str | None:
    return ",".join(names) if names else None
