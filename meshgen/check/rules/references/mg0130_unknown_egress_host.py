"""MG0130: a Sidecar shows a host that does not exist."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context, split_cluster_host
from meshgen.check.destinations import Standing, standing, suggestion
from meshgen.check.rule import Answer, Inventory, Lacking, Rule
from meshgen.diagnostics.catalogue.link import UNKNOWN_EGRESS_HOST
from meshgen.istio.sidecar import Sidecar
from meshgen.istio.virtual_service import VirtualService


def find(context: Context) -> Iterator[Answer]:
    """Egress hosts, wildcards apart, that no Service, no ServiceEntry and no virtual service has."""
    for sidecar in context.mesh.of_kind(Sidecar):
        for number, listener in enumerate(sidecar.spec.egress or ()):
            for position, written in enumerate(listener.hosts or ()):
                namespace, _, host = written.rpartition("/")
                if "*" in host or namespace == "~" or host in context.once(_routed):
                    continue
                verdict = standing(context, host)
                if verdict is Standing.UNDECIDED:
                    parts = split_cluster_host(host)
                    yield Lacking(f"Services of namespace {parts[1] if parts else '?'}")
                elif verdict is Standing.UNKNOWN:
                    yield UNKNOWN_EGRESS_HOST.at(
                        sidecar.origin_of("spec", "egress", number, "hosts", position),
                        f"sidecar `{sidecar.name}` shows its workloads the unknown service `{host}`",
                        label="no Service and no ServiceEntry has this host",
                        help=suggestion(context, host),
                    )


def _routed(context: Context) -> frozenset[str]:
    """The hosts of virtual services, which need no service."""
    every = context.mesh.of_kind(VirtualService)
    return frozenset(context.mesh.fqdn(host, each.namespace) for each in every for host in each.spec.hosts or ())


RULE = Rule(code=UNKNOWN_EGRESS_HOST, find=find, needs=(Inventory.SERVICES,))
