"""MG0705: two Telemetries for one target, of which one acts (IST0159, IST0160)."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.rule import Answer, Rule
from meshgen.diagnostics import Related
from meshgen.diagnostics.catalogue.telemetry import TELEMETRY_TAKEN
from meshgen.istio.object import IstioObject
from meshgen.istio.telemetry import Telemetry
from meshgen.mesh.policies import has_targets, selector_of
from meshgen.mesh.selection import LabelIndex, selects

_Key = tuple[str, tuple[tuple[str, str], ...]]


def find(context: Context) -> Iterator[Answer]:
    """Telemetries behind the oldest (then the first by name) of a namespace, of the same selector, or of one workload."""
    told: set[int] = set()
    first: dict[_Key, IstioObject[Telemetry]] = {}
    telemetries = sorted(context.mesh.of_kind(Telemetry), key=lambda found: (found.namespace, *found.order))
    for telemetry in telemetries:
        for key, what in _targets(telemetry, context.mesh.config.root_namespace):
            acts = first.setdefault((telemetry.namespace, key), telemetry)
            if acts is not telemetry and id(telemetry) not in told:
                told.add(id(telemetry))
                yield _taken(telemetry, acts, what)
    for telemetry, acts, workload in _on_one_workload(context, list(first.values())):
        if id(telemetry) not in told:
            told.add(id(telemetry))
            yield _taken(telemetry, acts, f"workload `{workload}`")


def _targets(telemetry: IstioObject[Telemetry], root: str) -> Iterator[tuple[tuple[tuple[str, str], ...], str]]:
    spec = telemetry.spec
    if not has_targets(spec):
        labels = selector_of(spec)
        whole = "the mesh" if telemetry.namespace == root else f"namespace `{telemetry.namespace}`"
        yield tuple(sorted(labels.items())), "its Pods" if labels else whole
        return
    for target in (*((spec.target_ref,) if spec.target_ref is not None else ()), *(spec.target_refs or ())):
        key = (("group", target.group or ""), ("kind", target.kind), ("name", target.name), ("targetRef", ""))
        yield key, f"{target.kind} `{target.name}`"


def _on_one_workload(
    context: Context, telemetries: list[IstioObject[Telemetry]]
) -> Iterator[tuple[IstioObject[Telemetry], IstioObject[Telemetry], str]]:
    """Telemetries of other selectors that pick a workload which one before them has picked."""
    by_namespace: dict[str, list[IstioObject[Telemetry]]] = {}
    for telemetry in telemetries:
        if not has_targets(telemetry.spec) and selector_of(telemetry.spec):
            by_namespace.setdefault(telemetry.namespace, []).append(telemetry)
    several = {namespace: found for namespace, found in by_namespace.items() if len(found) > 1}
    if not several:
        return
    workloads = LabelIndex([(each.namespace, each.labels, each) for each in context.mesh.workloads])
    for namespace, found in several.items():
        for position, telemetry in enumerate(found):
            for workload in workloads.picked(namespace, selector_of(telemetry.spec)):
                acts = next((one for one in found[:position] if selects(selector_of(one.spec), workload.labels)), None)
                if acts is not None:
                    yield telemetry, acts, workload.name
                    break


def _taken(telemetry: IstioObject[Telemetry], acts: IstioObject[Telemetry], what: str) -> Answer:
    message = f"Telemetry `{telemetry.name}` does nothing for {what}: `{acts.name}` is for the same, and one acts"
    related = [Related(acts.origin, "the one that acts")]
    return TELEMETRY_TAKEN.at(telemetry.origin, message, help="make them one Telemetry", related=related)


RULE = Rule(code=TELEMETRY_TAKEN, find=find)
