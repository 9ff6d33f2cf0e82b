"""MG0112: a policy names the identity of a service account that does not exist."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.rule import Answer, Inventory, Lacking, Rule
from meshgen.diagnostics import JsonPath
from meshgen.diagnostics.catalogue.link import UNKNOWN_SERVICE_ACCOUNT
from meshgen.istio.authorization_policy import AuthorizationPolicy, Source


def find(context: Context) -> Iterator[Answer]:
    """Exact principals and service accounts that neither a ServiceAccount nor a workload has."""
    known = _known(context)
    names = {namespace: tuple(sorted(accounts)) for namespace, accounts in known.items()}
    for policy in context.mesh.of_kind(AuthorizationPolicy):
        for number, rule in enumerate(policy.spec.rules or ()):
            for index, source in enumerate(rule.from_ or ()):
                if source.source is None:
                    continue
                path = ("spec", "rules", number, "from", index, "source")
                for place, namespace, account in _accounts(source.source, policy.namespace):
                    if namespace not in known:
                        yield Lacking(f"ServiceAccounts of namespace {namespace}")
                    elif account not in known[namespace]:
                        yield UNKNOWN_SERVICE_ACCOUNT.at(
                            policy.origin_of(*path, *place),
                            f"policy `{policy.name}` names unknown service account `{account}` of namespace `{namespace}`",
                            help=context.near(account, names[namespace]) or "write the account that the caller's Pods run with",
                        )


def _known(context: Context) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for account in context.mesh.facts.service_accounts:
        found.setdefault(account.metadata.namespace, {"default"}).add(account.metadata.name)
    for workload in context.mesh.workloads:
        if workload.namespace in found and workload.service_account:
            found[workload.namespace].add(workload.service_account)
    return found


def _accounts(source: Source, own: str) -> Iterator[tuple[JsonPath, str, str]]:
    for index, principal in enumerate(source.principals or ()):
        parts = principal.split("/")
        # <trust domain>/ns/<namespace>/sa/<account>; a pattern names no single account.
        if "*" not in principal and len(parts) == 5 and (parts[1], parts[3]) == ("ns", "sa"):
            yield ("principals", index), parts[2], parts[4]
    for index, written in enumerate(source.service_accounts or ()):
        namespace, _, account = written.rpartition("/")
        yield ("serviceAccounts", index), namespace or own, account


RULE = Rule(code=UNKNOWN_SERVICE_ACCOUNT, find=find, needs=(Inventory.SERVICE_ACCOUNTS,))
