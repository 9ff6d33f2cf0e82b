"""MG0107: a virtual service is bound to a gateway that does not exist."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.rule import Answer, Rule
from meshgen.diagnostics.catalogue.link import UNKNOWN_GATEWAY
from meshgen.istio.virtual_service import VirtualService
from meshgen.mesh.names import MESH, gateway_name


def find(context: Context) -> Iterator[Answer]:
    """Names in `gateways` that no Gateway has."""
    for holder in context.mesh.of_kind(VirtualService):
        for index, written in enumerate(holder.spec.gateways or ()):
            name = gateway_name(written, holder.namespace)
            if name != MESH and name not in context.gateways:
                yield UNKNOWN_GATEWAY.at(
                    holder.origin_of("spec", "gateways", index),
                    f"virtual service `{holder.name}` is bound to unknown gateway `{written}`",
                    label=f"read as `{name}`" if written != name else "",
                    help=_elsewhere(context, name)
                    or context.near(name, context.gateway_names)
                    or "write `namespace/name` of a Gateway",
                )


def _elsewhere(context: Context, name: str) -> str:
    short = name.rpartition("/")[2]
    found = next((known for known in context.gateway_names if known.endswith(f"/{short}")), "")
    return f"did you mean `{found}`?" if found else ""


RULE = Rule(code=UNKNOWN_GATEWAY, find=find)
