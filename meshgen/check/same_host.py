"""Destination rules that istiod merges."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.istio.destination_rule import DestinationRule
from meshgen.istio.object import IstioObject


def rules_of_one_host(context: Context) -> Iterator[tuple[str, list[IstioObject[DestinationRule]]]]:
    """Hosts with several rules in one namespace, exported alike and for all workloads, in the order in which they merge."""
    default = context.mesh.config.default_destination_rule_export_to
    found: dict[tuple[str, str, tuple[str, ...]], list[IstioObject[DestinationRule]]] = {}
    for rule in context.mesh.of_kind(DestinationRule):
        if rule.spec.workload_selector is None:
            host = context.mesh.fqdn(rule.spec.host, rule.namespace)
            exported = tuple(sorted(rule.spec.export_to or default))
            found.setdefault((host, rule.namespace, exported), []).append(rule)
    for (host, _, _), rules in found.items():
        if len(rules) > 1:
            yield host, sorted(rules, key=lambda rule: rule.order)
