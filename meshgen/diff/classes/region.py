"""A box without others, in which some demands hold: where it is empty, and a point in it where it is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from meshgen.diff.classes.space import EVERYTHING, Box, Space

_MOST_STEPS = 4000  # of one search


@dataclass(frozen=True, slots=True)
class Choice:
    """A box without others: one way to meet a demand."""

    box: Box
    avoids: tuple[Box, ...] = ()

    def holds(self, point: Mapping[str, int]) -> bool:
        """Whether a point lies in it."""
        return lies_in(point, self.box) and not any(lies_in(point, each) for each in self.avoids)


Demand = tuple[Choice, ...]  # at least one of them


@dataclass(frozen=True, slots=True)
class Region:
    """The requests of a box that lie in none of `avoids` and meet every demand."""

    box: Box = EVERYTHING
    avoids: tuple[Box, ...] = ()
    demands: tuple[Demand, ...] = ()

    def inside(self, box: Box) -> Region | None:
        """The part of it in a box."""
        met = self.box.meet(box)
        return None if met is None else replace(self, box=met)

    def without(self, boxes: Sequence[Box]) -> Region:
        """The part of it outside of boxes."""
        return replace(self, avoids=(*self.avoids, *boxes))

    def demanding(self, *demands: Demand) -> Region:
        """The part of it where demands hold as well."""
        return replace(self, demands=(*self.demands, *demands))

    def holds(self, point: Mapping[str, int]) -> bool:
        """Whether a point lies in it."""
        if not lies_in(point, self.box) or any(lies_in(point, each) for each in self.avoids):
            return False
        return all(any(choice.holds(point) for choice in demand) for demand in self.demands)


def lies_in(point: Mapping[str, int], box: Box) -> bool:
    """Whether a point lies in a box."""
    return all(bits >> point[name] & 1 for name, bits in box.bits.items())


class Search:
    """Looks for points of regions; `gave_up` says that a search took too long and its region was taken for empty."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self.gave_up = False
        self._steps = 0

    def point(self, region: Region) -> dict[str, int] | None:
        """The plainest atom of each field, of a request in the region; None where there is none."""
        self._steps = 0
        bits = {name: region.box.bits.get(name, -1) & atoms.all for name, atoms in self.space.atoms.items()}
        found = self._meet(bits, list(region.avoids), sorted(region.demands, key=len))
        if found is None:
            return None
        return {name: (each & -each).bit_length() - 1 for name, each in found.items()}

    def _meet(self, bits: dict[str, int], avoids: list[Box], demands: list[Demand]) -> dict[str, int] | None:
        if not demands:
            return self._avoid(bits, avoids)
        first, *rest = demands
        for choice in first:
            inside = _narrowed(bits, choice.box.bits)
            if inside is not None:
                found = self._meet(inside, [*avoids, *choice.avoids], rest)
                if found is not None:
                    return found
        return None

    def _avoid(self, bits: dict[str, int], avoids: Sequence[Box]) -> dict[str, int] | None:
        """Step out of the first box that is met by one of its fields, then out of the others."""
        self._steps += 1
        if self._steps > _MOST_STEPS:
            self.gave_up = True
            return None
        for number, box in enumerate(avoids):
            if any(not bits[name] & theirs for name, theirs in box.bits.items()):
                continue
            rest = avoids[number + 1 :]
            for name, theirs in box.bits.items():
                outside = bits[name] & ~theirs
                if outside:
                    found = self._avoid({**bits, name: outside}, rest)
                    if found is not None:
                        return found
            return None
        return bits


def _narrowed(bits: Mapping[str, int], box: Mapping[str, int]) -> dict[str, int] | None:
    narrowed = dict(bits)
    for name, theirs in box.items():
        narrowed[name] &= theirs
        if not narrowed[name]:
            return None
    return narrowed
