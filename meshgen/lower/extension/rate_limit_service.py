"""The rate limit service's own configuration (the YAML that `envoyproxy/ratelimit` reads), as ConfigMaps."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from meshgen.diagnostics import Related
from meshgen.diagnostics.catalogue.extension import LIMITS_COLLIDE
from meshgen.intent.limits import Rate, RateLimit
from meshgen.lower.extension.place import Place
from meshgen.lower.extension.rate_limits import descriptors_of, domain_of
from meshgen.lower.index import ServiceKey
from meshgen.lower.result import Made, make_other

_KEY = re.compile(r"[^-._a-zA-Z0-9]")


@dataclass(slots=True)
class _Node:
    """A descriptor of the service: entries by key and value (empty for any), each with a limit, or more entries inside."""

    rate: Rate | None = None
    inside: dict[tuple[str, str], _Node] = field(default_factory=dict)


def config_maps(limits: Sequence[tuple[Place, RateLimit]]) -> Iterator[Made]:
    """A ConfigMap for each service, with a file for each domain: `<service>-config`, key `<domain>.yaml`."""
    grouped: dict[ServiceKey, list[tuple[Place, RateLimit]]] = {}
    for place, limit in limits:
        grouped.setdefault(_config_map(place, limit), []).append((place, limit))
    for (namespace, name), group in sorted(grouped.items()):
        data: dict[str, str] = {}
        first: dict[str, Place] = {}
        for place, limit in group:
            key = f"{_KEY.sub('-', domain_of(place, limit))}.yaml"
            other = first.setdefault(key, place)
            if other is not place:
                _say_domain_taken(place, limit, other)
                continue
            data[key] = config_text(place, limit)
        intents = tuple(place.intent for place, _ in group)
        # The labels are those of the first alone: they say whose it is, and it is all of theirs.
        yield make_other(
            intents[0], "v1", "ConfigMap", {"data": dict(data)}, name=name, namespace=namespace, others=intents[1:], owner=name
        )


def _config_map(place: Place, limit: RateLimit) -> ServiceKey:
    namespace, service = place.key_of(limit.service)
    name = limit.config_map or f"{service or place.intent.model.name}-config"
    return limit.config_map_namespace or namespace, name


def _say_domain_taken(place: Place, limit: RateLimit, other: Place) -> None:
    domain = domain_of(place, limit)
    message = f"{place.intent.spoken} and {other.intent.spoken} have the domain `{domain}` in one rate limit service"
    hint = "make them one Extension, or give one of them another `domain`"
    related = [Related(other.intent.at("spec", "rateLimit"), "the other one")]
    at = place.intent.at("spec", "rateLimit", "domain") if limit.domain is not None else place.intent.at("spec", "rateLimit")
    place.say(LIMITS_COLLIDE.at(at, message, help=hint, related=related))


def config_text(place: Place, limit: RateLimit) -> str:
    """One domain's file."""
    root = _tree(place, limit)
    _share_defaults(root)
    lines = [f"domain: {json.dumps(domain_of(place, limit))}", "descriptors:"]
    lines += _lines(root, "", shadow=bool(limit.shadow))
    return "\n".join(lines) + "\n"


def _tree(place: Place, limit: RateLimit) -> _Node:
    root = _Node()
    for entries, rate in descriptors_of(limit.limits):
        node = root
        for entry in entries:
            node = node.inside.setdefault(entry, _Node())
        if node.rate is not None and node.rate != rate:
            shown = " and ".join(f"`{key}`{f' = `{value}`' if value else ''}" for key, value in entries)
            message = f"{place.intent.spoken} has two limits for {shown}"
            place.say(LIMITS_COLLIDE.at(place.intent.at("spec", "rateLimit", "limits"), message, help="keep one of them"))
        node.rate = rate
    return root


def _share_defaults(node: _Node) -> None:
    """What stands under any value of a key stands under each named value too: the service looks under the named one only."""
    for (key, value), child in node.inside.items():
        usual = node.inside.get((key, ""))
        if value and usual is not None:
            for entry, inside in usual.inside.items():
                child.inside.setdefault(entry, inside)
        _share_defaults(child)


def _lines(node: _Node, indent: str, *, shadow: bool) -> Iterator[str]:
    for (key, value), child in node.inside.items():
        yield f"{indent}- key: {json.dumps(key)}"
        if value:
            yield f"{indent}  value: {json.dumps(value)}"
        if child.rate is not None:
            yield f"{indent}  rate_limit:"
            yield f"{indent}    unit: {child.rate.per}"
            yield f"{indent}    requests_per_unit: {child.rate.requests}"
            if shadow:
                yield f"{indent}  shadow_mode: true"
        if child.inside:
            yield f"{indent}  descriptors:"
            yield from _lines(child, f"{indent}  ", shadow=shadow)


__all__ = ["config_maps", "config_text"]
