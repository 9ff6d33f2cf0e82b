"""MG0117: two destination rules set a traffic policy for one host."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.rule import Answer, Rule
from meshgen.check.same_host import rules_of_one_host
from meshgen.diagnostics import Related
from meshgen.diagnostics.catalogue.link import POLICY_TAKEN


def find(context: Context) -> Iterator[Answer]:
    """Traffic policies behind the first of a host and namespace."""
    for host, rules in rules_of_one_host(context):
        speaking = [rule for rule in rules if rule.spec.traffic_policy is not None]
        for rule in speaking[1:]:
            yield POLICY_TAKEN.at(
                rule.origin_of("spec", "trafficPolicy"),
                f"the traffic policy for `{host}` is dropped: destination rule `{speaking[0].name}` has set one",
                help=f"keep one destination rule for `{host}`",
                related=[Related(speaking[0].origin_of("spec", "trafficPolicy"), "the one that acts")],
            )


RULE = Rule(code=POLICY_TAKEN, find=find)
