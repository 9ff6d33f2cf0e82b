"""MG0108: a virtual service's host is on none of its gateways."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.rule import Answer, Rule
from meshgen.diagnostics import Related
from meshgen.diagnostics.catalogue.link import HOST_NOT_ON_GATEWAY
from meshgen.istio.hosts import overlaps
from meshgen.istio.virtual_service import VirtualService
from meshgen.mesh.names import MESH, gateways_of


def find(context: Context) -> Iterator[Answer]:
    """Hosts that no server of the named gateways covers; a virtual service on the mesh too has a use for any host."""
    for holder in context.mesh.of_kind(VirtualService):
        if not holder.spec.gateways or MESH in gateways_of(holder.spec, holder.namespace):
            continue
        servers = context.servers_of(holder)
        served = [host for server in servers for host in server.hosts_for(holder.namespace)]
        for index, written in enumerate(holder.spec.hosts or () if servers else ()):
            host = context.mesh.fqdn(written, holder.namespace)
            if not any(overlaps(host, known) for known in served):
                shown = ", ".join(f"`{known}`" for known in dict.fromkeys(served)) or "no host for this namespace"
                yield HOST_NOT_ON_GATEWAY.at(
                    holder.origin_of("spec", "hosts", index),
                    f"no gateway of virtual service `{holder.name}` serves host `{written}`",
                    label=f"served: {shown}",
                    help=context.near(host, tuple(served)) or "add the host to a server of the gateway",
                    related=[Related(servers[0].gateway.origin, f"gateway `{servers[0].gateway.name}`")],
                )


RULE = Rule(code=HOST_NOT_ON_GATEWAY, find=find)
