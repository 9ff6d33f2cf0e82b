"""Sticky canaries: the response to a share sets a cookie that says which one it was, and rules in front look for it.

Istio's routes have no stickiness between versions: a weighted rule draws anew for each request. A cookie of the new version holds
as long as the canary does. One of the old version names the weight that it was drawn at (`v1.10`): where the weight has grown
since, just as many of those who stayed move on as make the share whole again, if the canary's `steps` tell which weights there
were; else they draw anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from msgspec.structs import replace

from meshgen.diagnostics import Origin
from meshgen.intent.decode import IntentObject
from meshgen.intent.leaves import StringMatch
from meshgen.istio.virtual_service import HeaderOperations, Headers, HTTPMatchRequest
from meshgen.istio.virtual_service import StringMatch as IstioMatch
from meshgen.lower.draft import Target
from meshgen.lower.matches import cookie_pattern
from meshgen.values import SECOND, parse_duration

if TYPE_CHECKING:  # a kind is imported where the mesh has it
    from meshgen.intent.canary import Canary, Stickiness

SAME_SITE: dict[str, Literal["Strict", "Lax", "None"]] = {"strict": "Strict", "lax": "Lax", "none": "None"}


def sticky_shares(target: Target, canary: IntentObject[Canary]) -> Iterator[tuple[HTTPMatchRequest | None, tuple[Target, ...]]]:
    """The rules in place of one that sends to `target`, in order: which requests (None: the rest), and where they go."""
    model, sticky = canary.model, canary.model.stickiness
    if sticky is None or model.from_ is None or model.to is None or model.weight is None:
        raise TypeError("a sticky canary of the engine `weights` has all of these")
    here, origin = canary.at("spec", "stickiness"), canary.at("spec", "weight")
    new, old = replace(target, version=model.to, origin=here), replace(target, origin=here)
    yield _has(sticky, model.to), (new,)
    yield _has(sticky, f"{model.from_}.{model.weight}"), (old,)
    for step in reversed(model.steps or ()):
        if step.weight < model.weight:
            moving = round(100 * (model.weight - step.weight) / (100 - step.weight))
            yield _has(sticky, f"{model.from_}.{step.weight}"), _drawn(target, canary, moving, here)
    yield None, _drawn(target, canary, model.weight, origin)


def _drawn(target: Target, canary: IntentObject[Canary], weight: int, origin: Origin) -> tuple[Target, Target]:
    """Two shares, each of which sets its cookie."""
    model, sticky = canary.model, canary.model.stickiness
    if sticky is None:
        raise TypeError("a sticky canary has stickiness")
    stays = replace(target, weight=100 - weight, origin=origin, headers=_set(sticky, f"{model.from_}.{model.weight}"))
    return stays, replace(stays, version=model.to, weight=weight, headers=_set(sticky, str(model.to)))


def _has(sticky: Stickiness, value: str) -> HTTPMatchRequest:
    pattern = cookie_pattern(sticky.cookie, StringMatch(exact=value))
    return HTTPMatchRequest(headers={"cookie": IstioMatch(regex=pattern)})


def _set(sticky: Stickiness, value: str) -> Headers:
    parts = [f"{sticky.cookie}={value}", f"Path={sticky.path or '/'}"]
    if sticky.domain is not None:
        parts.append(f"Domain={sticky.domain}")
    if sticky.ttl is not None:
        parts.append(f"Max-Age={max(1, parse_duration(sticky.ttl) // SECOND)}")
    if sticky.same_site is not None:
        parts.append(f"SameSite={SAME_SITE[sticky.same_site]}")
    parts += ["Secure"] if sticky.secure else []
    parts += ["HttpOnly"] if sticky.http_only else []
    return Headers(response=HeaderOperations(add={"set-cookie": "; ".join(parts)}))
