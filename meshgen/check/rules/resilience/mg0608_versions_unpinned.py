"""MG0608: a service has Pods of several versions, and no rule chooses among them."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.rule import Answer, Inventory, Rule
from meshgen.check.rules.resilience.mg0607_version_without_rule import routed_subsets
from meshgen.diagnostics.catalogue.resilience import VERSIONS_UNPINNED
from meshgen.istio.destination_rule import DestinationRule


def find(context: Context) -> Iterator[Answer]:
    """Rules with two subsets that have workloads, of a host no subset of which is named anywhere."""
    mesh, routed = context.mesh, routed_subsets(context)
    for rule in mesh.of_kind(DestinationRule):
        host = mesh.fqdn(rule.spec.host, rule.namespace)
        if len(rule.spec.subsets or ()) < 2 or host in routed:
            continue
        service = mesh.service(host, rule.namespace)
        if service is None or not service.selector:
            continue
        labels = {tuple(sorted((subset.labels or {}).items())): subset.name for subset in rule.spec.subsets or ()}
        served = [
            name for each, name in labels.items() if mesh.workloads_in(service.namespace, {**service.selector, **dict(each)})
        ]
        if len(served) > 1:
            names = ", ".join(f"`{name}`" for name in served)
            yield VERSIONS_UNPINNED.at(
                rule.origin_of("spec", "subsets"),
                f"requests to `{rule.spec.host}` go to all of {names}, for no rule chooses among them",
                label="by the number of their Pods",
                help=f"pin them: a rule that sends everything to `{served[0]}`",
            )


RULE = Rule(code=VERSIONS_UNPINNED, find=find, needs=(Inventory.WORKLOADS,))
