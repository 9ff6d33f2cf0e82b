"""MG0505: a gateway takes a virtual service's host from other namespaces only."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.rule import Answer, Rule
from meshgen.diagnostics import Related
from meshgen.diagnostics.catalogue.gateway import HOST_OF_ANOTHER_NAMESPACE
from meshgen.istio.virtual_service import VirtualService


def find(context: Context) -> Iterator[Answer]:
    """Hosts that servers of the named gateways cover, all of them for other namespaces."""
    for holder in context.mesh.of_kind(VirtualService):
        for index, written in enumerate(holder.spec.hosts or () if holder.spec.gateways else ()):
            host = context.mesh.fqdn(written, holder.namespace)
            owners = context.owners_of(holder, host)
            if not owners or holder.namespace in owners:
                continue
            server = next(iter(owners.values()))
            names = " and ".join(f"`{owner}`" for owner in sorted(owners))
            yield HOST_OF_ANOTHER_NAMESPACE.at(
                holder.origin_of("spec", "hosts", index),
                f"gateway `{server.gateway.name}` takes `{written}` from namespace {names} only,"
                f" not from virtual service `{holder.name}` of `{holder.namespace}`",
                help=f"write it in that namespace, or add `{holder.namespace}/{written}` to the gateway's hosts",
                related=[Related(server.gateway.origin_of("spec", "servers", server.index), "the server that has the host")],
            )


RULE = Rule(code=HOST_OF_ANOTHER_NAMESPACE, find=find)
