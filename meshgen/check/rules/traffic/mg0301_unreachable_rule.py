"""MG0301: a rule can never match, since earlier rules take all its requests."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.coverage import CoverIndex, example_request
from meshgen.check.rule import Answer, Rule
from meshgen.diagnostics import Diagnostic, Related
from meshgen.diagnostics.catalogue.traffic import UNREACHABLE_RULE
from meshgen.istio.object import IstioObject
from meshgen.istio.virtual_service import HTTPMatchRequest, HTTPRoute, VirtualService

_EVERYTHING = (HTTPMatchRequest(),)


def find(context: Context) -> Iterator[Answer]:
    """Rules, and single matches of rules, that earlier rules of the same virtual service cover."""
    for holder in context.mesh.of_kind(VirtualService):
        routes = holder.spec.http or ()
        if len(routes) > 1 or any(len(route.match or ()) > 1 for route in routes):
            yield from _of_holder(holder, routes)


def _of_holder(holder: IstioObject[VirtualService], routes: tuple[HTTPRoute, ...]) -> Iterator[Diagnostic]:
    index = CoverIndex()
    for number, route in enumerate(routes):
        matches = route.match or _EVERYTHING
        covering = [index.covering(match) for match in matches]
        if all(rule is not None for rule in covering):
            yield _dead_rule(holder, routes, number, covering[0] or 0)
        else:
            for position, rule in enumerate(covering):
                if rule is not None:
                    yield _dead_match(holder, routes, (number, position), rule)
        # A delegate's rules are narrower than the rule that hands over to it.
        for match in matches if route.delegate is None else ():
            index.add(match, number)


def _named(routes: tuple[HTTPRoute, ...], number: int) -> str:
    name = routes[number].name
    return f"`{name}`" if name else f"{number + 1}"


def _dead_rule(holder: IstioObject[VirtualService], routes: tuple[HTTPRoute, ...], number: int, earlier: int) -> Diagnostic:
    matches = routes[number].match
    request = example_request(matches[0]) if matches else "any request"
    return UNREACHABLE_RULE.at(
        holder.origin_of("spec", "http", number),
        f"rule {_named(routes, number)} of virtual service `{holder.name}` is never used: "
        f"rule {_named(routes, earlier)} takes all its requests",
        label=f"`{request}` goes to rule {_named(routes, earlier)}",
        help="put the narrower rule first, or remove this one",
        related=[Related(holder.origin_of("spec", "http", earlier), "the rule that takes them")],
    )


def _dead_match(
    holder: IstioObject[VirtualService], routes: tuple[HTTPRoute, ...], place: tuple[int, int], earlier: int
) -> Diagnostic:
    number, position = place
    match = (routes[number].match or _EVERYTHING)[position]
    return UNREACHABLE_RULE.at(
        holder.origin_of("spec", "http", number, "match", position),
        f"match {position + 1} of rule {_named(routes, number)} of virtual service `{holder.name}` never decides: "
        f"rule {_named(routes, earlier)} takes all its requests",
        label=f"`{example_request(match)}` goes to rule {_named(routes, earlier)}",
        help="put the narrower rule first, or remove this match",
        related=[Related(holder.origin_of("spec", "http", earlier), "the rule that takes them")],
    )


RULE = Rule(code=UNREACHABLE_RULE, find=find)
