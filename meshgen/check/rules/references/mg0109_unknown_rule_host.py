"""MG0109: a destination rule is for a host that is no service."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context, split_cluster_host
from meshgen.check.destinations import Standing, standing, suggestion
from meshgen.check.rule import Answer, Inventory, Lacking, Rule
from meshgen.diagnostics.catalogue.link import UNKNOWN_RULE_HOST
from meshgen.istio.destination_rule import DestinationRule
from meshgen.istio.hosts import is_wildcard


def find(context: Context) -> Iterator[Answer]:
    """Hosts of destination rules that no service has; a wildcard may wait for services to come."""
    for rule in context.mesh.of_kind(DestinationRule):
        host = context.mesh.fqdn(rule.spec.host, rule.namespace)
        verdict = Standing.KNOWN if is_wildcard(host) else standing(context, host)
        if verdict is Standing.UNDECIDED:
            parts = split_cluster_host(host)
            yield Lacking(f"Services of namespace {parts[1] if parts else '?'}")
        elif verdict is Standing.UNKNOWN:
            yield UNKNOWN_RULE_HOST.at(
                rule.origin_of("spec", "host"),
                f"destination rule `{rule.name}` is for unknown service `{rule.spec.host}`",
                label=f"read as `{host}`" if rule.spec.host != host else "",
                help=suggestion(context, host),
            )


RULE = Rule(code=UNKNOWN_RULE_HOST, find=find, needs=(Inventory.SERVICES,))
