"""The space of requests to one place: predicates by field, the atoms that they divide each field into, and boxes of atoms."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from meshgen.diff.classes.fields import Field, Value
from meshgen.diff.classes.words import Pattern
from meshgen.trace import Request

MOST_BOXES = 512  # of one expression; alternatives of several fields multiply
_MOST_ABSORBED = 64
_MOST_EXAMPLES = 3  # values of one atom, for what hangs on the value itself


@dataclass(slots=True, eq=False)
class Leaf:
    """One predicate: a field, what it asks of its value, and words for that; `bits` are the atoms that it takes."""

    field: str
    test: Callable[[Value], bool]
    patterns: tuple[Pattern, ...] = ()
    word: str = ""
    otherwise: str = ""  # the words for its opposite
    bits: int = 0


@dataclass(frozen=True, slots=True)
class Both:
    """All of several expressions."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """At least one of several expressions."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Opposite:
    """Not an expression."""

    part: Expression


Expression: TypeAlias = "Leaf | Both | Either | Opposite | bool"


@dataclass(frozen=True, slots=True)
class Words:
    """What a box says of one field: one of some options, each with its atoms."""

    field: str
    options: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Box:
    """Requests whose fields lie in given atoms; a field that is not there may have any value."""

    bits: Mapping[str, int] = field(default_factory=dict)
    words: tuple[Words, ...] = ()

    def meet(self, other: Box) -> Box | None:
        """What lies in both; None where nothing does."""
        bits = dict(self.bits)
        for name, mine in other.bits.items():
            bits[name] = bits.get(name, -1) & mine
            if not bits[name]:
                return None
        added = tuple(each for each in other.words if each not in self.words)
        return Box(bits, (*self.words, *added))

    def within(self, other: Box) -> bool:
        """Whether all of it lies in the other one."""
        return all(name in self.bits and not self.bits[name] & ~theirs for name, theirs in other.bits.items())

    def same_as(self, other: Box) -> bool:
        """Whether both hold the same requests."""
        return self.bits == other.bits


EVERYTHING = Box()


@dataclass(slots=True)
class Atoms:
    """The values of one field, divided by its predicates; the first atom that a class leaves free is the plainest."""

    field: Field
    leaves: tuple[Leaf, ...]
    values: list[list[Value]]  # of each atom
    index: dict[int, int]  # atoms by which predicates their values meet
    complete: bool

    @classmethod
    def of(cls, field_: Field, leaves: Sequence[Leaf]) -> Atoms:
        """Ask every predicate of every value; the predicates learn which atoms they take."""
        patterns = [pattern for leaf in leaves for pattern in leaf.patterns]
        candidates, complete = field_.values(patterns)
        atoms = cls(field_, tuple(leaves), [], {}, complete)
        for value in candidates:
            met = atoms.met(value)
            place = atoms.index.setdefault(met, len(atoms.values))
            if place == len(atoms.values):
                atoms.values.append([])
            if len(atoms.values[place]) < _MOST_EXAMPLES and value not in atoms.values[place]:
                atoms.values[place].append(value)
        for number, leaf in enumerate(leaves):
            leaf.bits = sum(1 << place for met, place in atoms.index.items() if met >> number & 1)
        return atoms

    def met(self, value: Value) -> int:
        """Which predicates a value meets."""
        return sum(1 << number for number, leaf in enumerate(self.leaves) if leaf.test(value))

    @property
    def all(self) -> int:
        """Every atom."""
        return (1 << len(self.values)) - 1


class Space:
    """Collects predicates, then knows the atoms of every field, and makes boxes of expressions."""

    def __init__(self) -> None:
        self._leaves: dict[str, dict[object, Leaf]] = {}
        self.atoms: dict[str, Atoms] = {}
        self.sampled: set[str] = set()  # why the answer is no more than a sample
        self.claims: dict[tuple[str, ...], tuple[tuple[Pattern, ...], bool]] = {}

    def ask_claim(self, path: tuple[str, ...], patterns: tuple[Pattern, ...], *, is_list: bool) -> None:
        """Note that a predicate looks at a claim of the token, which may be a list."""
        before, was_list = self.claims.get(path, ((), False))
        self.claims[path] = (tuple(dict.fromkeys((*before, *patterns))), was_list or is_list)

    def leaf(self, key: object, made: Leaf) -> Leaf:
        """The predicate, or the one that was collected under this key before."""
        return self._leaves.setdefault(made.field, {}).setdefault(key, made)

    def leaves_of(self, name: str) -> tuple[Leaf, ...]:
        """The predicates on a field."""
        return tuple(self._leaves.get(name, {}).values())

    @property
    def names(self) -> tuple[str, ...]:
        """The fields that predicates look at."""
        return tuple(self._leaves)

    def divide(self, fields: Mapping[str, Field]) -> None:
        """Divide every field into its atoms."""
        for name in self._leaves:
            self.atoms[name] = Atoms.of(fields[name], self.leaves_of(name))
            if not self.atoms[name].complete:
                self.sampled.add(name)

    def boxes(self, expression: Expression) -> tuple[Box, ...]:
        """The requests that an expression takes, as a union of boxes."""
        return tuple(self._boxes(expression, holds=True))

    def _boxes(self, expression: Expression, *, holds: bool) -> list[Box]:
        if isinstance(expression, bool):
            return [EVERYTHING] if expression is holds else []
        if isinstance(expression, Leaf):
            return self._box_of_leaf(expression, holds=holds)
        if isinstance(expression, Opposite):
            return self._boxes(expression.part, holds=not holds)
        parts = [self._boxes(part, holds=holds) for part in expression.parts]
        return self._all_of(parts) if isinstance(expression, Both) is holds else self._any_of(parts)

    def _box_of_leaf(self, leaf: Leaf, *, holds: bool) -> list[Box]:
        atoms = self.atoms[leaf.field]
        bits = leaf.bits if holds else atoms.all & ~leaf.bits
        if not bits:
            return []
        if bits == atoms.all:
            return [EVERYTHING]
        word = leaf.word if holds else leaf.otherwise
        return [Box({leaf.field: bits}, (Words(leaf.field, ((word, bits),)),) if word else ())]

    def _all_of(self, parts: Iterable[list[Box]]) -> list[Box]:
        found = [EVERYTHING]
        for part in parts:
            found = [both for one in found for other in part if (both := one.meet(other)) is not None]
            if len(found) > MOST_BOXES:
                self.sampled.add("alternatives")
                found = found[:MOST_BOXES]
        return _absorbed(found)

    def _any_of(self, parts: Iterable[list[Box]]) -> list[Box]:
        """The union; boxes that say something of the same one field are one box with several options."""
        found: list[Box] = []
        merged: dict[str, int] = {}
        for box in (box for part in parts for box in part):
            if not box.bits:
                return [EVERYTHING]
            name = next(iter(box.bits))
            place = merged.get(name) if len(box.bits) == 1 and len(box.words) <= 1 else None
            if place is not None:
                found[place] = _joined(found[place], box, name)
                continue
            if len(box.bits) == 1 and len(box.words) <= 1:
                merged[name] = len(found)
            found.append(box)
        return found[:MOST_BOXES]

    def locate(self, request: Request) -> dict[str, int] | None:
        """The atom of each field in which a request lies; None where it has a value that no atom stands for."""
        point: dict[str, int] = {}
        for name, atoms in self.atoms.items():
            place = atoms.index.get(atoms.met(atoms.field.read(request)))
            if place is None:
                return None
            point[name] = place
        return point

    def request(self, base: Request, point: Mapping[str, int], example: int = 0) -> Request:
        """A request in the atoms of a point; `example` chooses among the values that an atom has."""
        request = base
        for name, atoms in sorted(self.atoms.items(), key=lambda each: (each[1].field.order, each[0])):
            values = atoms.values[point[name]]
            request = atoms.field.apply(request, values[min(example, len(values) - 1)])
        return request


def _absorbed(boxes: list[Box]) -> list[Box]:
    """Without the boxes that lie in another one and say no less."""
    if not 1 < len(boxes) <= _MOST_ABSORBED:
        return boxes
    kept: list[Box] = []
    for box in sorted(boxes, key=lambda each: len(each.bits)):
        if not any(box.within(other) and set(other.words) <= set(box.words) for other in kept):
            kept.append(box)
    return [each for each in boxes if any(each is other for other in kept)]


def _joined(one: Box, other: Box, name: str) -> Box:
    options = tuple(option for box in (one, other) for words in box.words for option in words.options)
    bits = one.bits[name] | other.bits[name]
    return Box({name: bits}, (Words(name, tuple(dict.fromkeys(options))),) if options else ())
