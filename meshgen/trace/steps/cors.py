"""Cross-origin resource sharing: preflights that Envoy answers, and what it adds to answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshgen.trace.decision import Outcome
from meshgen.trace.fields import boolean, message, messages, percent, string
from meshgen.trace.match import why_not_string
from meshgen.trace.source import source_of
from meshgen.trace.walk import Answer

if TYPE_CHECKING:
    from meshgen.json import JsonObject
    from meshgen.trace.walk import Walk


def apply(walk: Walk, config: JsonObject) -> Answer | None:  # noqa: ARG001 - every filter takes its configuration
    """Answer a preflight, or set the headers of an allowed origin; only forwarding routes have a policy."""
    sent = walk.message
    found = walk.matched.per_filter("envoy.filters.http.cors") if walk.matched else None
    forwards = walk.matched is not None and "route" in (walk.matched.route or {})
    if sent is None or found is None or not forwards or not _is_enabled(found[1]):
        return None
    policy, origin = found[1], sent.header("origin")
    if not origin:
        return None
    allowed = any(_allows(each, origin) for each in messages(policy, "allow_origin_string_match"))
    is_preflight = sent.method == "OPTIONS" and bool(sent.header("access-control-request-method"))
    reason = f"origin `{origin}` is {'allowed' if allowed else 'not allowed'}"
    route = walk.matched.route if walk.matched else None
    source = source_of(route) if route else None
    if is_preflight:
        if not allowed and boolean(policy, "forward_not_matching_preflights", default=True):
            walk.note("cors", "forwarded", reason, source=source)
            return None
        walk.note("cors", "preflight answered", reason, source=source)
        headers = _preflight_headers(policy, origin, allowed=allowed)
        return Answer(outcome=Outcome.DIRECT, status=200, headers=headers, is_routed=False)
    if allowed:
        walk.note("cors", "headers added", reason, source=source)
        walk.response_headers += _answer_headers(policy, origin)
    return None


def _is_enabled(policy: JsonObject) -> bool:
    return "filter_enabled" not in policy or percent(message(policy, "filter_enabled")) >= 50


def _allows(matcher: JsonObject, origin: str) -> bool:
    return string(matcher, "exact") == "*" or why_not_string(matcher, origin) is None


def _answer_headers(policy: JsonObject, origin: str) -> list[tuple[str, str]]:
    headers = [("access-control-allow-origin", origin)]
    if boolean(policy, "allow_credentials"):
        headers.append(("access-control-allow-credentials", "true"))
    if string(policy, "expose_headers"):
        headers.append(("access-control-expose-headers", string(policy, "expose_headers")))
    return headers


def _preflight_headers(policy: JsonObject, origin: str, *, allowed: bool) -> tuple[tuple[str, str], ...]:
    """What a preflight is answered with; an origin that is not allowed is told everything else."""
    only_if_allowed = ("access-control-allow-origin", "access-control-expose-headers")
    headers = [pair for pair in _answer_headers(policy, origin) if allowed or pair[0] not in only_if_allowed]
    fields = [name for name in ("allow_methods", "allow_headers", "max_age") if string(policy, name)]
    return (*headers, *((f"access-control-{name.replace('_', '-')}", string(policy, name)) for name in fields))
