"""MG0401: an ALLOW rule without any condition lets everyone in."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.rule import Answer
from meshgen.check.rule import Rule as Check
from meshgen.diagnostics.catalogue.security import ALLOW_EVERYONE
from meshgen.istio.authorization_policy import AuthorizationPolicy, Rule, Source


def find(context: Context) -> Iterator[Answer]:
    """Rules of ALLOW policies that match every request."""
    for policy in context.mesh.of_kind(AuthorizationPolicy):
        if policy.spec.action not in (None, "ALLOW"):
            continue
        for number, rule in enumerate(policy.spec.rules or ()):
            if _is_open(rule):
                yield ALLOW_EVERYONE.at(
                    policy.origin_of("spec", "rules", number),
                    f"policy `{policy.name}` allows every request from anyone",
                    label="no `from`, `to` or `when`: callers without an identity pass too",
                    help='name the callers, or write `principals: ["*"]` for anyone with an identity of the mesh',
                )


def _is_open(rule: Rule) -> bool:
    anyone = not rule.from_ or any(source.source is None or source.source == Source() for source in rule.from_)
    anything = not rule.to or any(to.operation is None for to in rule.to)
    return anyone and anything and not rule.when


RULE = Check(code=ALLOW_EVERYONE, find=find)
