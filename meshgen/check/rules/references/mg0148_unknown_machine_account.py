"""MG0148: machines run as a service account that does not exist."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.rule import Answer, Lacking, Rule
from meshgen.diagnostics.catalogue.clusters import UNKNOWN_MACHINE_ACCOUNT
from meshgen.istio.workload_group import WorkloadGroup


def find(context: Context) -> Iterator[Answer]:
    """Accounts of WorkloadGroups that the namespace's ServiceAccounts do not have."""
    known: dict[str, set[str]] = {}
    for account in context.mesh.facts.service_accounts:
        known.setdefault(account.metadata.namespace, {"default"}).add(account.metadata.name)
    for group in context.mesh.of_kind(WorkloadGroup):
        name = group.spec.template.service_account
        if not name:
            continue
        if group.namespace not in known:
            yield Lacking(f"ServiceAccounts of namespace {group.namespace}")
        elif name not in known[group.namespace]:
            yield UNKNOWN_MACHINE_ACCOUNT.at(
                group.origin_of("spec", "template", "serviceAccount"),
                f"workload group `{group.name}` runs as unknown service account `{name}`",
                help=context.near(name, tuple(sorted(known[group.namespace]))) or "add the ServiceAccount to the tree",
            )


RULE = Rule(code=UNKNOWN_MACHINE_ACCOUNT, find=find)
