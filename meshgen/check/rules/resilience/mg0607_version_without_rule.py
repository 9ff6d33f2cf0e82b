"""MG0607: no rule sends to a version, while other versions of the service have rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from meshgen.check.context import Context
from meshgen.check.destinations import destinations
from meshgen.check.rule import Answer, Rule
from meshgen.diagnostics.catalogue.resilience import VERSION_WITHOUT_RULE
from meshgen.istio.destination_rule import DestinationRule


def routed_subsets(context: Context) -> Mapping[str, frozenset[str]]:
    """The subsets of each host that some rule or mirror names; worked out once."""
    return context.once(_routed_subsets)


def _routed_subsets(context: Context) -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for place in destinations(context):
        if place.destination.subset:
            found.setdefault(place.host, set()).add(place.destination.subset)
    return {host: frozenset(subsets) for host, subsets in found.items()}


def find(context: Context) -> Iterator[Answer]:
    """Subsets that nothing names, of hosts of which another subset is named."""
    routed = routed_subsets(context)
    for rule in context.mesh.of_kind(DestinationRule):
        named = routed.get(context.mesh.fqdn(rule.spec.host, rule.namespace))
        if not named or named - {subset.name for subset in rule.spec.subsets or ()}:
            continue  # a rule that names a subset which is not there may have meant this one
        for index, subset in enumerate(rule.spec.subsets or ()):
            if subset.name not in named:
                yield VERSION_WITHOUT_RULE.at(
                    rule.origin_of("spec", "subsets", index),
                    f"no rule sends to subset `{subset.name}` of `{rule.spec.host}`",
                    label="it gets no requests",
                    help="add a rule, a canary or a mirror for it, or remove it",
                )


RULE = Rule(code=VERSION_WITHOUT_RULE, find=find)
