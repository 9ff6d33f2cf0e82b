"""Rate limits: a token bucket here, whose filling the request tells (`Request.nth`), or a service that counts for all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshgen.trace.decision import Outcome
from meshgen.trace.fields import boolean, integer, message, messages, percent, string
from meshgen.trace.steps.descriptors import Descriptor, descriptors_of, words
from meshgen.trace.walk import Answer

if TYPE_CHECKING:
    from meshgen.json import JsonObject
    from meshgen.trace.walk import Walk

NAME = "envoy.filters.http.local_ratelimit"
GLOBAL = "envoy.filters.http.ratelimit"


def apply(walk: Walk, config: JsonObject) -> Answer | None:
    """429 from the request on that finds a bucket empty; without both fractions the filter does nothing."""
    per_route = walk.matched.per_filter(NAME) if walk.matched else None
    config = per_route[1] if per_route is not None else config
    shares = (percent(message(config, field)) for field in ("filter_enabled", "filter_enforced"))
    buckets = _buckets(walk, config)
    if not buckets or min(shares) == 0:
        return None
    which, tokens = min(buckets, key=lambda each: each[1])
    counted = f" with {which}" if which else ""
    if walk.request.nth <= tokens:
        walk.note("local rate limit", "allowed", f"request {walk.request.nth} of {tokens}{counted} in the interval")
        return None
    walk.note("local rate limit", "limited", f"request {walk.request.nth}{counted} finds the {tokens} tokens spent")
    added = [(string(message(each, "header"), "key"), string(message(each, "header"), "value"))
             for each in messages(config, "response_headers_to_add")]  # fmt: skip
    status = {"TooManyRequests": 429}.get(string(message(config, "status"), "code"), 429)
    headers = (("content-type", "text/plain"), *added)
    return Answer(outcome=Outcome.DENIED, status=status, body="local_rate_limited", headers=headers)


def _buckets(walk: Walk, config: JsonObject) -> list[tuple[str, int]]:
    """The buckets that the request takes a token of, each with what it counts: those of its descriptors, and the default one."""
    found: list[tuple[str, int]] = []
    if "descriptors" in config:
        sent = descriptors_of(walk, integer(config, "stage"), messages(config, "rate_limits"))
        for limit in messages(config, "descriptors"):
            wanted = [(string(entry, "key"), string(entry, "value")) for entry in messages(limit, "entries")]
            met = next((each for each in sent if _is_of(each, wanted)), None)
            if met is not None:
                found.append((words(met), integer(message(limit, "token_bucket"), "max_tokens")))
    tokens = integer(message(config, "token_bucket"), "max_tokens")
    is_default = boolean(config, "always_consume_default_token_bucket", default=True) or not found
    return [*found, ("", tokens)] if tokens and is_default else found


def _is_of(descriptor: Descriptor, wanted: list[tuple[str, str]]) -> bool:
    """Whether a descriptor has these entries; one without a value stands for any."""
    if len(descriptor) != len(wanted):
        return False
    return all(
        key == wanted_key and wanted_value in ("", value)
        for (key, value), (wanted_key, wanted_value) in zip(descriptor, wanted, strict=True)
    )


def apply_global(walk: Walk, config: JsonObject) -> Answer | None:
    """Asks the service about the request's descriptors, if it has any; what it answers the request says, else it goes on."""
    sent = descriptors_of(walk, integer(config, "stage"))
    if not sent:
        walk.note("rate limit", "skipped", "the request has no descriptor to count")
        return None
    service = string(message(config, "rate_limit_service", "grpc_service", "envoy_grpc"), "cluster_name")
    told = " and ".join(words(each) for each in sent)
    answer = walk.request.answers.get(service, walk.request.answers.get(GLOBAL))
    if answer in (None, "allow", 200):
        walk.note("rate limit", "asked", f"`{service}` counts it under {told}, and lets it pass below its limit")
        return None
    walk.note("rate limit", "limited", f"`{service}` answers `{answer}` for {told}")
    status = integer(message(config, "rate_limited_status"), "code", 429)
    ratelimited = () if boolean(config, "disable_x_envoy_ratelimited_header") else (("x-envoy-ratelimited", "true"),)
    return Answer(outcome=Outcome.DENIED, status=status if status >= 400 else 429, headers=ratelimited)
