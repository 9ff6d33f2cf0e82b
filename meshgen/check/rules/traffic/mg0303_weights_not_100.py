"""MG0303: the weights of a split do not add up to 100."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.rule import Answer, Rule
from meshgen.check.splits import splits
from meshgen.diagnostics.catalogue.traffic import WEIGHTS_NOT_100


def find(context: Context) -> Iterator[Answer]:
    """Splits whose shares are other than they look."""
    for split in splits(context):
        total = split.total
        if total in (0, 100):
            continue
        shares = ", ".join(f"{weight or 0} is {(weight or 0) / total:.1%}" for _, weight in split.parts)
        yield WEIGHTS_NOT_100.at(
            split.holder.origin_of(*split.path),
            f"the weights of this split of virtual service `{split.holder.name}` add up to {total}, not 100",
            label=shares,
            help="write percentages that add up to 100",
        )


RULE = Rule(code=WEIGHTS_NOT_100, find=find)
