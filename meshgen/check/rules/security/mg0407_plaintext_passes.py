"""MG0407: an ALLOW rule names only who may not come in, and callers without an identity come in."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.rule import Answer, Rule
from meshgen.diagnostics.catalogue.security import PLAINTEXT_PASSES
from meshgen.istio.authorization_policy import AuthorizationPolicy, Source
from meshgen.mesh.policies import selector_of

_NEGATED = {
    "not_principals": "notPrincipals",
    "not_namespaces": "notNamespaces",
    "not_service_accounts": "notServiceAccounts",
    "not_trust_domains": "notTrustDomains",
}
_NARROWING = (
    "principals",
    "namespaces",
    "service_accounts",
    "trust_domains",
    "request_principals",
    "ip_blocks",
    "remote_ip_blocks",
)


def find(context: Context) -> Iterator[Answer]:
    """Sources that only exclude identities, for workloads that take plaintext."""
    for policy in context.mesh.of_kind(AuthorizationPolicy):
        if policy.spec.action not in (None, "ALLOW"):
            continue
        for number, rule in enumerate(policy.spec.rules or ()):
            for index, source in enumerate(rule.from_ or ()):
                fields = _only_negated(source.source) if source.source is not None else []
                if fields and _takes_plaintext(context, policy.namespace, policy.spec):
                    yield PLAINTEXT_PASSES.at(
                        policy.origin_of("spec", "rules", number, "from", index, "source"),
                        f"policy `{policy.name}` lets callers without an identity in",
                        label=f"a plaintext caller passes {', '.join(f'`{field}`' for field in fields)}",
                        help='add `principals: ["*"]`, or demand STRICT mutual TLS of the workload',
                    )


def _only_negated(source: Source) -> list[str]:
    if any(getattr(source, name) for name in _NARROWING):
        return []
    return [wire for name, wire in _NEGATED.items() if getattr(source, name)]


def _takes_plaintext(context: Context, namespace: str, spec: AuthorizationPolicy) -> bool:
    return context.mesh.mutual_tls_mode(namespace, selector_of(spec)) != "STRICT"


RULE = Rule(code=PLAINTEXT_PASSES, find=find)
