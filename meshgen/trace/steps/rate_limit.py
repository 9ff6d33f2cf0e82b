"""The local rate limit: a token bucket, whose filling the request tells (`Request.nth`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshgen.trace.decision import Outcome
from meshgen.trace.fields import integer, message, messages, percent, string
from meshgen.trace.walk import Answer

if TYPE_CHECKING:
    from meshgen.json import JsonObject
    from meshgen.trace.walk import Walk

NAME = "envoy.filters.http.local_ratelimit"


def apply(walk: Walk, config: JsonObject) -> Answer | None:
    """429 from the request on that finds the bucket empty; without both fractions the filter does nothing."""
    per_route = walk.matched.per_filter(NAME) if walk.matched else None
    config = per_route[1] if per_route is not None else config
    tokens = integer(message(config, "token_bucket"), "max_tokens")
    shares = (percent(message(config, field)) for field in ("filter_enabled", "filter_enforced"))
    if not tokens or min(shares) == 0:
        return None
    if "descriptors" in config:
        walk.opaque.append(NAME)
    if walk.request.nth <= tokens:
        walk.note("local rate limit", "allowed", f"request {walk.request.nth} of {tokens} in the interval")
        return None
    walk.note("local rate limit", "limited", f"request {walk.request.nth} finds the {tokens} tokens spent")
    added = [(string(message(each, "header"), "key"), string(message(each, "header"), "value"))
             for each in messages(config, "response_headers_to_add")]  # fmt: skip
    status = {"TooManyRequests": 429}.get(string(message(config, "status"), "code"), 429)
    headers = (("content-type", "text/plain"), *added)
    return Answer(outcome=Outcome.DENIED, status=status, body="local_rate_limited", headers=headers)
