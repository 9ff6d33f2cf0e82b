"""Rules on typed Istio values, each written for one struct, run over whole objects.

A rule sees one struct and what is below it, and gives violations with paths from there. Which structs an object is made of is
known from the CRDs (`structure.py`), so that a walk visits only those that some rule speaks of, and builds a path only for what
it found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias

from meshgen.istio.struct import IstioStruct
from meshgen.istio.structure import CHILDREN
from meshgen.istio.violation import Violation

Rule: TypeAlias = Callable[[Any], Iterable[Violation]]
"""Takes a struct of the type under which it stands in a table of rules; paths are those of the wire."""

Rules: TypeAlias = Mapping[type[IstioStruct], tuple[Rule, ...]]
"""A table of rules."""


def when_given(attribute: str, value: str, violation: Violation) -> Rule:
    """The rule that a field is not given, or not with a value; an empty value stands for any."""
    found = (violation,)

    def rule(struct: Any) -> Iterable[Violation]:  # noqa: ANN401 (a struct with this field)
        held = getattr(struct, attribute)
        return found if held is not None and (not value or held == value) else ()

    return rule


class Plan(NamedTuple):
    """What is to be done for a struct: its own rules, and the fields below which there are more."""

    rules: tuple[Rule, ...]
    fields: tuple[tuple[str, str, Plan], ...]  # wire name, shape (see `structure.py`), plan
    values: Callable[[object], tuple[Any, ...]]  # of these fields, of a struct


def plan(kind: type[IstioStruct], table: Rules, known: dict[type[IstioStruct], Plan | None]) -> Plan | None:
    """The walk over a struct; None where no rule has anything to say. `known` keeps the plans of structs that recur."""
    if kind not in known:
        rules = tuple(table.get(kind, ()))
        fields, attributes = [], []
        for attribute, name, shape, child in CHILDREN.get(kind, ()):
            deeper = plan(child, table, known)
            if deeper is not None:
                fields.append((name, shape, deeper))
                attributes.append(attribute)
        known[kind] = Plan(rules, tuple(fields), _values_of(attributes)) if rules or fields else None
    return known[kind]


def _values_of(attributes: Sequence[str]) -> Callable[[object], tuple[Any, ...]]:
    """Takes the attributes of a value at once."""
    if len(attributes) > 1:
        return attrgetter(*attributes)
    one = attrgetter(attributes[0]) if attributes else None
    return lambda value: () if one is None else (one(value),)


def walk(value: object, todo: Plan) -> list[Violation]:
    """All violations of a struct, the outer before the inner, in the order of the fields."""
    found: list[Violation] = []
    for rule in todo.rules:
        found += rule(value)
    values = todo.values(value) if todo.fields else ()
    if not any(values):  # all absent, or empty lists and maps
        return found
    for (name, shape, deeper), inner in zip(todo.fields, values, strict=True):
        if not inner:
            continue
        if shape == "one":
            below = walk(inner, deeper)
            if below:
                found += [violation.under(name) for violation in below]
        else:
            for key, item in enumerate(inner) if shape == "list" else inner.items():
                below = walk(item, deeper)
                if below:
                    found += [violation.under(name, key) for violation in below]
    return found
