"""MG0116: two destination rules define one subset of one host."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.rule import Answer, Rule
from meshgen.check.same_host import rules_of_one_host
from meshgen.diagnostics import Related
from meshgen.diagnostics.catalogue.link import SUBSET_TAKEN
from meshgen.istio.destination_rule import DestinationRule
from meshgen.istio.object import IstioObject


def find(context: Context) -> Iterator[Answer]:
    """Subsets that an earlier rule of the same host and namespace has."""
    for host, rules in rules_of_one_host(context):
        first: dict[str, tuple[IstioObject[DestinationRule], int]] = {}
        for rule in rules:
            for index, subset in enumerate(rule.spec.subsets or ()):
                owner, place = first.setdefault(subset.name, (rule, index))
                if owner is not rule:
                    yield SUBSET_TAKEN.at(
                        rule.origin_of("spec", "subsets", index),
                        f"subset `{subset.name}` of `{host}` is dropped: destination rule `{owner.name}` has it already",
                        help=f"keep one destination rule for `{host}`",
                        related=[Related(owner.origin_of("spec", "subsets", place), "the one that acts")],
                    )


RULE = Rule(code=SUBSET_TAKEN, find=find)
