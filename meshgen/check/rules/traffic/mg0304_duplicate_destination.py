"""MG0304: a split names one destination twice."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.rule import Answer, Rule
from meshgen.check.splits import splits
from meshgen.diagnostics import Related
from meshgen.diagnostics.catalogue.traffic import DUPLICATE_DESTINATION


def find(context: Context) -> Iterator[Answer]:
    """Entries of a split with the host, subset and port of an earlier one."""
    for split in splits(context):
        first: dict[tuple[str, str | None, int | None], int] = {}
        for index, (destination, _) in enumerate(split.parts):
            host = context.mesh.fqdn(destination.host, split.holder.namespace)
            port = destination.port.number if destination.port is not None else None
            earlier = first.setdefault((host, destination.subset, port), index)
            if earlier != index:
                name = f"{destination.host}@{destination.subset}" if destination.subset else destination.host
                yield DUPLICATE_DESTINATION.at(
                    split.holder.origin_of(*split.path, index),
                    f"this split of virtual service `{split.holder.name}` sends to `{name}` twice",
                    help="name another version here, or join the two entries",
                    related=[Related(split.holder.origin_of(*split.path, earlier), "the first time")],
                )


RULE = Rule(code=DUPLICATE_DESTINATION, find=find)
