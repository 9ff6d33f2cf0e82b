"""MG0114: a subset's labels match no workload of its service."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.rule import Answer, Inventory, Lacking, Rule
from meshgen.diagnostics.catalogue.link import EMPTY_SUBSET
from meshgen.istio.destination_rule import DestinationRule


def find(context: Context) -> Iterator[Answer]:
    """Subsets that select nothing where the service's workloads are known."""
    mesh = context.mesh
    for rule in mesh.of_kind(DestinationRule):
        service = mesh.service(mesh.fqdn(rule.spec.host, rule.namespace), rule.namespace)
        if service is None or not service.selector or not rule.spec.subsets:
            continue
        if not mesh.workloads_in(service.namespace, service.selector):
            yield Lacking(f"workloads of service {service.name} in namespace {service.namespace}")
            continue
        for index, subset in enumerate(rule.spec.subsets):
            if not mesh.workloads_in(service.namespace, {**service.selector, **(subset.labels or {})}):
                shown = ", ".join(f"{key}={value}" for key, value in (subset.labels or {}).items())
                yield EMPTY_SUBSET.at(
                    rule.origin_of("spec", "subsets", index),
                    f"subset `{subset.name}` of `{rule.spec.host}` has no workload",
                    label=f"no workload of the service carries {shown}",
                    help="write labels of the version's Pod template, or remove the subset",
                )


RULE = Rule(code=EMPTY_SUBSET, find=find, needs=(Inventory.WORKLOADS,))
