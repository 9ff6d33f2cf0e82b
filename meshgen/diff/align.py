"""Pairs the items of two versions of a list."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from meshgen.diff.content import content
from meshgen.diff.identity import ListRule
from meshgen.json import JsonValue

_LIKE_ENOUGH = 0.3  # an access rule that gains a caller is still that rule; one that shares a method only is another
_MOST_COMPARISONS = 4096  # beyond this, items without an identity are shown as removed and added: the pairing is quadratic


@dataclass(frozen=True, slots=True)
class Alignment:
    """Which item became which, by index; and which of the pairs changed their place among the others."""

    pairs: tuple[tuple[int, int], ...]  # by the index after
    moved: tuple[tuple[int, int], ...]  # the fewest that explain the new order


def align(before: Sequence[JsonValue], after: Sequence[JsonValue], rule: ListRule) -> Alignment:
    """Pair equal items first, then those of one identity, then those that are alike (maps only)."""
    left, right = list(range(len(before))), list(range(len(after)))
    pairs: list[tuple[int, int]] = []
    for identity in (content, rule.identity):
        found = _matches([(i, identity(before[i])) for i in left], [(j, identity(after[j])) for j in right])
        pairs += found
        taken_left, taken_right = {i for i, _ in found}, {j for _, j in found}
        left = [i for i in left if i not in taken_left]
        right = [j for j in right if j not in taken_right]
    if rule.alike:
        pairs += _alike(before, after, left, right)
    pairs.sort(key=lambda pair: pair[1])
    return Alignment(tuple(pairs), tuple(_moved(pairs)))


def _matches(left: Sequence[tuple[int, bytes | str]], right: Sequence[tuple[int, bytes | str]]) -> list[tuple[int, int]]:
    """The n-th of an identity with the n-th of the same identity; an empty identity matches nothing."""
    waiting: defaultdict[bytes | str, deque[int]] = defaultdict(deque)
    for i, identity in left:
        waiting[identity].append(i)
    return [(waiting[identity].popleft(), j) for j, identity in right if identity and waiting[identity]]


def _alike(before: Sequence[JsonValue], after: Sequence[JsonValue], left: list[int], right: list[int]) -> list[tuple[int, int]]:
    """Pairs of maps by the share of leaves that they have in common, the most alike first."""
    left, right = [i for i in left if isinstance(before[i], dict)], [j for j in right if isinstance(after[j], dict)]
    if len(left) * len(right) > _MOST_COMPARISONS:
        return []
    old, new = {i: frozenset(_leaves(before[i])) for i in left}, {j: frozenset(_leaves(after[j])) for j in right}
    scores = [(-len(old[i] & new[j]) / (len(old[i] | new[j]) or 1), i, j) for i in left for j in right]
    pairs: dict[int, int] = {}
    for score, i, j in sorted(scores):
        if score <= -_LIKE_ENOUGH and i not in pairs and j not in pairs.values():
            pairs[i] = j
    return list(pairs.items())


def _leaves(value: JsonValue, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from _leaves(item, f"{prefix}.{name}")
    elif isinstance(value, list) and value:
        for item in value:
            yield from _leaves(item, f"{prefix}[]")
    else:
        yield prefix, content(value)


def _moved(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The pairs outside of the longest run of old indexes that still ascends."""
    kept = set(_longest_ascending([i for i, _ in pairs]))
    return [pair for pair in pairs if pair[0] not in kept]


def _longest_ascending(values: Sequence[int]) -> list[int]:
    tails: list[int] = []  # the smallest last value of an ascending run, by its length - 1
    previous: dict[int, int | None] = {}
    for value in values:
        place = bisect_left(tails, value)
        previous[value] = tails[place - 1] if place else None
        tails[place : place + 1] = [value]
    run: list[int] = []
    value_or_none: int | None = tails[-1] if tails else None
    while value_or_none is not None:
        run.append(value_or_none)
        value_or_none = previous[value_or_none]
    return run
