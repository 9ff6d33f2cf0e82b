"""MG0108: a virtual service's host is on none of its gateways."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshgen.check.context import Context
from meshgen.check.rule import Answer, Rule
from meshgen.diagnostics import Diagnostic, Related
from meshgen.diagnostics.catalogue.link import HOST_NOT_ON_GATEWAY
from meshgen.istio.gateway import Gateway
from meshgen.istio.object import IstioObject
from meshgen.istio.virtual_service import VirtualService
from meshgen.mesh.names import MESH, gateways_of

_SHOWN = 5


def find(context: Context) -> Iterator[Answer]:
    """Hosts that no server of the named gateways covers; a virtual service on the mesh too has a use for any host."""
    for holder in context.mesh.of_kind(VirtualService):
        if not holder.spec.gateways or MESH in gateways_of(holder.spec, holder.namespace):
            continue
        gateways = context.gateways_for(holder)
        for index, written in enumerate(holder.spec.hosts or () if gateways else ()):
            host = context.mesh.fqdn(written, holder.namespace)
            if not context.servers_for(holder, host) and not context.owners_of(holder, host):  # MG0505 says the latter
                yield _finding(context, holder, index, gateways)


def _finding(
    context: Context, holder: IstioObject[VirtualService], index: int, gateways: Sequence[IstioObject[Gateway]]
) -> Diagnostic:
    written = (holder.spec.hosts or ())[index]
    served = tuple(dict.fromkeys(host for found in gateways for server in found.spec.servers or () for host in server.hosts))
    shown = ", ".join(f"`{host}`" for host in served[:_SHOWN]) + (" …" if len(served) > _SHOWN else "")
    return HOST_NOT_ON_GATEWAY.at(
        holder.origin_of("spec", "hosts", index),
        f"no gateway of virtual service `{holder.name}` serves host `{written}`",
        label=f"served: {shown}" if served else "no host is served",
        help=context.near(written, served) or "add the host to a server of the gateway",
        related=[Related(gateways[0].origin, f"gateway `{gateways[0].name}`")],
    )


RULE = Rule(code=HOST_NOT_ON_GATEWAY, find=find)
