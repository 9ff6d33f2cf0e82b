"""MG0404: tokens are verified, but a request without a token passes."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.rule import Answer, Rule
from meshgen.check.tokens import Meeting, token_policies
from meshgen.diagnostics.catalogue.security import TOKEN_NOT_REQUIRED
from meshgen.istio.request_authentication import RequestAuthentication
from meshgen.mesh.policies import has_targets, selector_of


def find(context: Context) -> Iterator[Answer]:
    """RequestAuthentications that no policy on tokens stands beside."""
    found = context.mesh.of_kind(RequestAuthentication)
    meeting = Meeting(token_policies(context.mesh), context.mesh.config.root_namespace) if found else None
    for authentication in found:
        spec = authentication.spec
        rules = spec.jwt_rules or ()
        if meeting is None or not rules or has_targets(spec) or any(rule.presence == "REQUIRED" for rule in rules):
            continue
        if not meeting.meets(authentication.namespace, selector_of(spec)):
            yield TOKEN_NOT_REQUIRED.at(
                authentication.origin_of("spec", "jwtRules"),
                f"requests without a token pass `{authentication.name}`: no policy asks for one",
                help='add an AuthorizationPolicy with `action: DENY` and `notRequestPrincipals: ["*"]` for the same workload',
            )


RULE = Rule(code=TOKEN_NOT_REQUIRED, find=find)
