"""MG0302: all weights of a split are zero."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.rule import Answer, Rule
from meshgen.check.splits import splits
from meshgen.diagnostics.catalogue.traffic import ZERO_WEIGHTS


def find(context: Context) -> Iterator[Answer]:
    """Splits in which nothing has a weight."""
    for split in splits(context):
        if split.total == 0:
            yield ZERO_WEIGHTS.at(
                split.holder.origin_of(*split.path),
                f"no destination of this split of virtual service `{split.holder.name}` has a weight",
                label=f"{len(split.parts)} destinations, all of weight 0",
                help="give each destination its share, adding up to 100",
            )


RULE = Rule(code=ZERO_WEIGHTS, find=find)
