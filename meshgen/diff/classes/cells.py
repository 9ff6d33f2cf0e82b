"""Where two sides can treat a request differently: pairs of what decides before and what decides after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from meshgen.diff.classes.region import Choice, Demand, Region, Search
from meshgen.diff.classes.sides import Gate, Side
from meshgen.diff.classes.space import EVERYTHING, Box

_MOST_PAIRS = 200_000  # of rules, at one place


@dataclass(frozen=True, slots=True)
class RuleCell:
    """Requests of a region, let in on both sides, for which other rules or rules with other marks decide."""

    region: Region
    before: int  # the rule's number; that of none is the number of rules
    after: int


def access_cells(refusing: Side, admitting: Side) -> Iterator[Region]:
    """The requests that one side refuses and the other lets in, in parts that the rules make."""
    if admitting.is_closed:
        return
    for start in _refused(refusing, {gate.key for gate in admitting.gates}):
        yield from _let_in(start, admitting, {gate.key for gate in refusing.gates})


def _refused(side: Side, same: Iterable[bytes]) -> Iterator[Region]:
    """What a side refuses; a gate that the other side has as well refuses nothing that is let in there."""
    if side.is_closed:
        yield Region()
        return
    earlier: list[Demand] = []
    for gate in side.gates:
        if gate.key not in same:
            for choice in gate.ways(*(gate.outputs - gate.passing)):
                yield _chosen(Region(demands=tuple(earlier)), choice)
        earlier.append(gate.ways(*gate.passing))


def _let_in(region: Region, side: Side, same: Iterable[bytes]) -> Iterator[Region]:
    """The parts of a region that pass all gates of a side, one for each way through those that the other side has not."""
    kept = tuple(gate.ways(*gate.passing) for gate in side.gates if gate.key in same)
    changed = [gate.ways(*gate.passing) for gate in side.gates if gate.key not in same and gate.passing != gate.outputs]
    for chosen in product(*changed):
        part: Region | None = region.demanding(*kept)
        for choice in chosen:
            part = _within(part, choice) if part is not None else None
        if part is not None:
            yield part


def _chosen(region: Region, choice: Choice) -> Region:
    return replace(region, box=choice.box, avoids=choice.avoids)


def _within(region: Region, choice: Choice) -> Region | None:
    inside = region.inside(choice.box)
    return None if inside is None else inside.without(choice.avoids)


def other_answers(before: Side, after: Side) -> Iterator[Region]:
    """The requests that both sides refuse, with another status, and those for which another service is asked."""
    if before.is_closed or after.is_closed:
        return
    sides = (before, after)
    keys = [{gate.key for gate in side.gates} for side in sides]
    yield from _refused_otherwise(before, after)
    for side, other in ((0, 1), (1, 0)):
        for gate in sides[side].gates:
            asking = [each for each in gate.outputs if each.startswith("asks")]
            if asking and gate.key not in keys[other]:
                for choice in gate.ways(*asking):
                    yield _chosen(Region(demands=(*before.passes, *after.passes)), choice)


def _refused_otherwise(before: Side, after: Side) -> Iterator[Region]:
    for (old, old_earlier), (new, new_earlier) in product(_with_earlier(before.gates), _with_earlier(after.gates)):
        if old.key == new.key and len(old_earlier) == len(new_earlier):
            continue
        for one, two in product(old.outputs - old.passing, new.outputs - new.passing):
            if one != two:
                for first, second in product(old.ways(one), new.ways(two)):
                    part = _within(_chosen(Region(demands=(*old_earlier, *new_earlier)), first), second)
                    if part is not None:
                        yield part


def _with_earlier(gates: Sequence[Gate]) -> Iterator[tuple[Gate, tuple[Demand, ...]]]:
    earlier: list[Demand] = []
    for gate in gates:
        yield gate, tuple(earlier)
        earlier.append(gate.ways(*gate.passing))


@dataclass(frozen=True, slots=True)
class _Flat:
    """A box of a rule in the order of rules; the last one takes what is left."""

    box: Box
    rule: int
    mark: bytes
    key: tuple[tuple[str, int], ...]


def _flat(side: Side) -> list[_Flat]:
    found = [
        _Flat(box, number, rule.mark, tuple(sorted(box.bits.items())))
        for number, rule in enumerate(side.rules)
        for box in rule.boxes
    ]
    return [*found, _Flat(EVERYTHING, len(side.rules), b"", ())]


def rule_cells(before: Side, after: Side, search: Search) -> Iterator[RuleCell]:
    """The requests that are let in on both sides and that rules with different marks take."""
    old, new = _flat(before), _flat(after)
    first_old, first_new = _first_places(old), _first_places(new)
    demands = (*before.passes, *(each for each in after.passes if each not in before.passes))
    pairs = 0
    for i, one in enumerate(old):
        for j, two in enumerate(new[: first_new.get(one.key, len(new)) + 1]):
            pairs += 1
            if pairs > _MOST_PAIRS:
                search.gave_up = True
                return
            if one.mark == two.mark or first_old.get(two.key, i) < i:
                continue
            region = Region(one.box, demands=demands).inside(two.box)
            if region is not None:
                earlier = {each.key: each.box for each in (*old[:i], *new[:j])}
                yield RuleCell(region.without(tuple(earlier.values())), one.rule, two.rule)


def _first_places(flat: Sequence[_Flat]) -> dict[tuple[tuple[str, int], ...], int]:
    """Where each box stands first: what another rule with the same box would take is gone after it."""
    found: dict[tuple[tuple[str, int], ...], int] = {}
    for number, each in enumerate(flat):
        found.setdefault(each.key, number)
    return found
