"""MG0149: two groups of machines cannot be told apart by their labels."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.rule import Answer, Rule
from meshgen.diagnostics import Related
from meshgen.diagnostics.catalogue.clusters import SAME_MACHINES
from meshgen.istio.object import IstioObject
from meshgen.istio.workload_group import WorkloadGroup


def find(context: Context) -> Iterator[Answer]:
    """WorkloadGroups of one namespace with the same labels; the first by name is right."""
    first: dict[tuple[str, tuple[tuple[str, str], ...]], IstioObject[WorkloadGroup]] = {}
    for group in sorted(context.mesh.of_kind(WorkloadGroup), key=lambda each: (each.namespace, each.name)):
        metadata = group.spec.metadata
        labels = {**((metadata.labels if metadata is not None else None) or {}), **(group.spec.template.labels or {})}
        known = first.setdefault((group.namespace, tuple(sorted(labels.items()))), group)
        if known is not group and labels:
            message = f"workload group `{group.name}` has the labels of `{known.name}`, so nothing tells their machines apart"
            related = [Related(known.origin, f"`{known.name}`")]
            yield SAME_MACHINES.at(group.origin, message, help="give one a label of its own", related=related)


RULE = Rule(code=SAME_MACHINES, find=find)
