"""MG0405: a policy asks for a token's claims where no token is verified."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.http_fields import uses_tokens
from meshgen.check.rule import Answer, Rule
from meshgen.check.tokens import Meeting, token_policies
from meshgen.diagnostics.catalogue.security import CLAIMS_NOT_VERIFIED
from meshgen.istio.request_authentication import RequestAuthentication
from meshgen.mesh.policies import selector_of


def find(context: Context) -> Iterator[Answer]:
    """Policies on tokens that no RequestAuthentication stands beside."""
    policies = token_policies(context.mesh)
    verified = [found for found in context.mesh.of_kind(RequestAuthentication) if found.spec.jwt_rules]
    meeting = Meeting(verified, context.mesh.config.root_namespace) if policies else None
    for policy in policies:
        if meeting is None or meeting.meets(policy.namespace, selector_of(policy.spec)):
            continue
        denies = policy.spec.action == "DENY"
        for number, rule in enumerate(policy.spec.rules or ()):
            if uses_tokens(rule):
                yield CLAIMS_NOT_VERIFIED.at(
                    policy.origin_of("spec", "rules", number),
                    f"policy `{policy.name}` asks for a token, and no RequestAuthentication verifies one for its workloads",
                    label="the absence of a token always holds" if denies else "this rule never matches",
                    help="add a RequestAuthentication with the same selector",
                )


RULE = Rule(code=CLAIMS_NOT_VERIFIED, find=find)
