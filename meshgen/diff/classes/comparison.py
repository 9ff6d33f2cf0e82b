"""One place before and after: its space, its two sides, and the classes of requests that end differently, each with a witness."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from meshgen.diff.classes.cells import access_cells, other_answers, rule_cells
from meshgen.diff.classes.fields import (
    AddressField,
    Field,
    HeaderField,
    HostField,
    MethodField,
    PathField,
    PrincipalField,
    QueryField,
    ServerNameField,
    TokenField,
)
from meshgen.diff.classes.matchers import Facts
from meshgen.diff.classes.places import Place, concrete, manager_of
from meshgen.diff.classes.region import Region, Search
from meshgen.diff.classes.sides import Side, SideReader
from meshgen.diff.classes.space import Box, Space, Words
from meshgen.json import JsonObject
from meshgen.trace import Decision, Outcome, Request, trace
from meshgen.trace.fields import boolean, integer

CALLER_FIELDS = ("principal", "address", "remote", "token")
_MOST_OPTIONS = 40  # of one field, that are looked at one by one
_EXAMPLES = ((0, 0), (0, 1), (1, 0))  # the point and the value of its atoms


class Change(StrEnum):
    """What a class of requests is about."""

    GAIN = "gain"
    LOSE = "lose"
    FATE = "fate"


@dataclass(frozen=True, slots=True)
class Sample:
    """A request and what becomes of it on both sides."""

    request: Request
    before: Decision
    after: Decision


@dataclass(frozen=True, slots=True)
class ClassOfRequests:
    """Requests of one region that end differently: words for it, and samples of which the first is the plainest."""

    change: Change
    region: Region
    words: tuple[Words, ...]
    samples: tuple[Sample, ...]
    rule: int = -1  # the route that takes them after the change; the number of routes for none


@dataclass(slots=True)
class Comparison:
    """A place looked at: `traced` counts classes; `gave_up` says that a search took too long."""

    place: Place
    space: Space
    sides: tuple[Side, Side]
    search: Search
    traced: int = 0
    classes: list[ClassOfRequests] = field(default_factory=list)

    def unaffected(self, touched: Collection[int]) -> list[tuple[Words, ...]]:
        """What tells apart the rules of the new side, but for those that are touched."""
        after = self.sides[1]
        found = []
        for number, rule in enumerate(after.rules):
            earlier = [box for each in after.rules[:number] for box in each.boxes]
            if number not in touched:
                regions = [Region(box, tuple(earlier), after.passes) for box in rule.boxes]
                found += [region.box.words for region in regions if self.search.point(region) is not None]
        default = Region(avoids=tuple(box for rule in after.rules for box in rule.boxes))
        if after.rules and len(after.rules) not in touched and self.search.point(default) is not None:
            found.append(())
        return list(dict.fromkeys(found))

    def trace(self, request: Request) -> Sample:
        """What becomes of a request on both sides."""
        before, after = self.place.configs.both
        return Sample(request, trace(before, request), trace(after, request))

    def names(self, request: Request) -> bool:
        """Whether a request lies in one of the classes."""
        if not self.place.takes(request):
            return False
        point = self.space.locate(request)
        return point is not None and any(each.region.holds(point) for each in self.classes)


def compare_place(place: Place, identities: Sequence[str]) -> Comparison:
    """All classes of requests to a place that end differently."""
    space = Space()
    readers = [_reader(space, place, side) for side in (0, 1)]
    sides = [
        reader.read(place.tables[side], place.virtual_hosts[side], place.configs.marks[side])
        for side, reader in enumerate(readers)
    ]
    space.divide(_fields(space, place, (sides[0], sides[1]), identities))
    for side in sides:
        side.divide(space)
    found = Comparison(place, space, (sides[0], sides[1]), Search(space))
    found.classes = list(_classes(found))
    return found


def _reader(space: Space, place: Place, side: int) -> SideReader:
    chain = place.chains[side]
    manager = manager_of(chain) or {}
    secure = "transport_socket" in chain and place.base.is_tls
    facts = Facts(side=side, base=place.base, has_tls=secure, trusted_place=_trusted_place(manager))
    return SideReader(space, facts, place.configs.both[side], chain)


def _trusted_place(manager: JsonObject) -> int:
    hops = integer(manager, "xff_num_trusted_hops")
    return hops if boolean(manager, "use_remote_address") or not manager else hops + 1


def _fields(space: Space, place: Place, sides: tuple[Side, Side], identities: Sequence[str]) -> dict[str, Field]:
    edges: tuple[JsonObject, ...] = tuple(
        {"address_prefix": text.partition("/")[0], "prefix_len": int(text.partition("/")[2])}
        for name in ("address", "remote")
        for leaf in space.leaves_of(name)
        for text in (pattern.text for pattern in leaf.patterns)
    )
    places = {_trusted_place(manager) for chain in place.chains if (manager := manager_of(chain)) is not None}
    if len(places) > 1 and "remote" in space.names:
        space.sampled.add("addresses that proxies in front name")
    fields: dict[str, Field] = {
        "path": PathField(),
        "method": MethodField(),
        "host": HostField(tuple(dict.fromkeys((place.base.host, *map(concrete, place.hosts)))), place.leads_here),
        "principal": PrincipalField(tuple(f"spiffe://{each}" for each in identities), place.base.has_certificate),
        "address": AddressField(edges),
        "remote": AddressField(edges, max(places, default=0)),
        "server name": ServerNameField(place.server_names, place.is_named),
        "token": TokenField(
            tuple(sorted({each for side in sides for each in side.issuers})),
            tuple((path, *asked) for path, asked in sorted(space.claims.items()) if path != ("iss",)),
        ),
    }
    for name in space.names:
        kind, _, own = name.partition(" ")
        if kind in ("header", "query"):
            fields[name] = HeaderField(own) if kind == "header" else QueryField(own)
    return fields


def _classes(comparison: Comparison) -> Iterator[ClassOfRequests]:
    before, after = comparison.sides
    for change, regions in ((Change.GAIN, access_cells(before, after)), (Change.LOSE, access_cells(after, before))):
        for region in regions:
            yield from _access_classes(comparison, change, region)
    for region in other_answers(before, after):
        yield from _fate_class(comparison, region, -1)
    if before.is_closed or after.is_closed:
        return
    for cell in rule_cells(before, after, comparison.search):
        found = list(_fate_class(comparison, cell.region, cell.after))
        yield from found
        refinements = [
            box for side, number in ((before, cell.before), (after, cell.after)) for rule in side.rules[number : number + 1]
            for box in rule.refinements
        ]  # fmt: skip
        for box in _distinct(refinements):
            part = cell.region.inside(box)
            if part is not None:
                yield from _fate_class(comparison, part, cell.after)


def _distinct(boxes: Sequence[Box]) -> Iterator[Box]:
    seen: set[tuple[tuple[str, int], ...]] = set()
    for box in boxes:
        key = tuple(sorted(box.bits.items()))
        if key not in seen:
            seen.add(key)
            yield box


def _access_classes(comparison: Comparison, change: Change, region: Region) -> Iterator[ClassOfRequests]:
    """The class, or one for each caller that its rules name."""
    if comparison.search.point(region) is None:
        return
    for part in _by_option(region, CALLER_FIELDS):
        point = comparison.search.point(part)
        if point is not None:
            sample = comparison.trace(comparison.space.request(comparison.place.base, point))
            comparison.traced += 1
            if lets_in(sample.before) != lets_in(sample.after):
                yield ClassOfRequests(change, part, _telling(comparison, part), (sample,))


def lets_in(decision: Decision) -> bool:
    """Whether the request was not refused."""
    return decision.outcome not in (Outcome.DENIED, Outcome.CLOSED, Outcome.NO_LISTENER)


def _by_option(region: Region, names: Sequence[str]) -> Iterator[Region]:
    """A region for each option of the first field of these that has several."""
    for place, words in enumerate(region.box.words):
        if words.field in names and 1 < len(words.options) <= _MOST_OPTIONS:
            for option in words.options:
                told = (*region.box.words[:place], Words(words.field, (option,)), *region.box.words[place + 1 :])
                part = replace(region, box=Box(region.box.bits, told)).inside(Box({words.field: option[1]}))
                if part is not None:
                    yield from _by_option(part, names)
            return
    yield region


def _telling(comparison: Comparison, region: Region) -> tuple[Words, ...]:
    """The words of a region, without the options that none of its requests takes."""
    told = []
    for words in region.box.words:
        options = words.options
        if 1 < len(options) <= _MOST_OPTIONS:
            options = tuple(each for each in options if _has(comparison, region, Box({words.field: each[1]})))
        told.append(Words(words.field, options))
    return tuple(told)


def _has(comparison: Comparison, region: Region, box: Box) -> bool:
    part = region.inside(box)
    return part is not None and comparison.search.point(part) is not None


def _fate_class(comparison: Comparison, region: Region, rule: int) -> Iterator[ClassOfRequests]:
    point = comparison.search.point(region)
    if point is None:
        return
    points = [point]
    if "path" in comparison.space.atoms:
        part = region.inside(Box({"path": comparison.space.atoms["path"].all & ~(1 << point["path"])}))
        second = comparison.search.point(part) if part is not None else None
        points += [second] if second is not None else []
    comparison.traced += 1
    requests: list[Request] = []
    for number, example in _EXAMPLES:
        if number < len(points):
            request = comparison.space.request(comparison.place.base, points[number], example)
            requests += [] if request in requests else [request]
    samples = tuple(map(comparison.trace, requests))
    yield ClassOfRequests(Change.FATE, region, _telling(comparison, region), samples, rule)
