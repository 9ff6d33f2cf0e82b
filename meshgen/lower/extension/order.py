"""Extensions that meet on the same requests: which is first, and which rate limit counts what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, product

from meshgen.diagnostics import Related
from meshgen.diagnostics.catalogue.extension import LIMITS_COLLIDE, ORDER_LEFT_OPEN
from meshgen.intent.extension import ExtendedTraffic, Extension
from meshgen.intent.limits import LocalRateLimit, RateLimit
from meshgen.lower.extension.place import Place


def check_order(places: Sequence[Place]) -> None:
    """Says where two Extensions of the same Pods and traffic leave their order open, or count each other's requests."""
    for first, second in _pairs(places):
        if not _share_traffic(first, second):
            continue
        place = _place_of(first.intent.model)
        if place is not None and place == _place_of(second.intent.model):
            _say_order(first, second)
        _check_limits(first, second)


def _pairs(places: Sequence[Place]) -> Iterator[tuple[Place, Place]]:
    """Extensions of the same Pods: of one selector, and those of a whole namespace or mesh with all that lie in it.

    Selectors of which one only contains the other are not looked at: telling them apart costs a comparison of each with each.
    """
    groups: dict[tuple[str, object], list[Place]] = {}
    for place in places:
        groups.setdefault((place.scope.namespace, _target(place)), []).append(place)
    for (namespace, target), group in groups.items():
        yield from combinations(group, 2)
        root = group[0].index.root_namespace
        for other in sorted({namespace, root}):
            if (other, None) != (namespace, target):
                yield from product(groups.get((other, None), ()), group)


def _target(place: Place) -> object:
    """The Pods, as a key; None for all of the namespace."""
    if place.scope.targets is not None:
        return place.scope.targets
    labels = (place.scope.selector.match_labels if place.scope.selector else None) or {}
    return frozenset(labels.items()) or None


def _place_of(model: Extension) -> tuple[str, int] | None:
    """What decides where it stands; None where nothing that is known here does."""
    order = model.order or 0
    if model.wasm is not None or model.lua is not None:
        return f"phase {model.phase}", order
    if model.envoy is not None:
        return None
    return f"after {model.after}" if model.after else f"before {model.before or 'router'}", order


def _say_order(first: Place, second: Place) -> None:
    message = f"{second.intent.spoken} and {first.intent.spoken} stand in one place, and nothing says which is first"
    related = [Related(first.intent.origin, "the other one")]
    hint = "give one of them an `order`: the smaller comes first, and 0 is what the others have"
    at = second.intent.at("spec", "order") if second.intent.model.order is not None else second.intent.at("metadata", "name")
    second.say(ORDER_LEFT_OPEN.at(at, message, help=hint, related=related))


def _check_limits(first: Place, second: Place) -> None:
    pair = [_limit(place.intent.model) for place in (first, second)]
    if any(limit is None or not limit.limits for limit in pair):
        return
    stages = [limit.stage or 0 for limit in pair if limit is not None]
    if stages[0] != stages[1]:
        return
    message = f"{second.intent.spoken} and {first.intent.spoken} limit the same requests in stage {stages[0]}"
    related = [Related(first.intent.origin, "the other one")]
    means = "rateLimit" if second.intent.model.rate_limit is not None else "localRateLimit"
    at = second.intent.at("spec", means)
    hint = f"write `stage: {stages[0] + 1 if stages[0] < 10 else 0}` in one of them"
    second.say(LIMITS_COLLIDE.at(at, message, help=hint, related=related))


def _limit(model: Extension) -> LocalRateLimit | RateLimit | None:
    return model.local_rate_limit or model.rate_limit


def _share_traffic(first: Place, second: Place) -> bool:
    """Whether both are for some of the same listeners."""
    others = set(_directions(second))
    return any(
        direction == other and (port == number or 0 in {port, number})
        for direction, port in _directions(first)
        for other, number in others
    )


def _directions(place: Place) -> Iterator[tuple[str, int]]:
    """Directions and ports, 0 for all of them."""
    model = place.intent.model
    usual = "any" if model.wasm is not None or model.lua is not None else "inbound"
    for traffic in model.traffic or (ExtendedTraffic(),):
        direction = "gateway" if model.gateway is not None else traffic.direction or usual
        for one in _SIDES.get(direction, (direction,)):
            for port in traffic.ports or (0,):
                yield one, port


_SIDES = {"both": ("inbound", "outbound"), "any": ("inbound", "outbound", "gateway")}


__all__ = ["check_order"]
