"""MG0128: a virtual service is bound to a gateway whose workload cannot see it."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.rule import Answer, Rule
from meshgen.diagnostics import Related
from meshgen.diagnostics.catalogue.link import HIDDEN_FROM_GATEWAY
from meshgen.istio.virtual_service import VirtualService
from meshgen.mesh.names import gateway_name
from meshgen.mesh.visibility import PUBLIC, is_exported


def find(context: Context) -> Iterator[Answer]:
    """Gateways in `gateways` that run in no namespace to which the virtual service is exported."""
    default = context.mesh.config.default_virtual_service_export_to
    for holder in context.mesh.of_kind(VirtualService):
        exported = holder.spec.export_to or default
        for index, written in enumerate(holder.spec.gateways or () if PUBLIC not in exported else ()):
            gateway = context.gateways.get(gateway_name(written, holder.namespace))
            namespaces = context.gateway_namespaces(gateway) if gateway is not None else ()
            if gateway is not None and not any(is_exported(exported, holder.namespace, name) for name in namespaces):
                yield HIDDEN_FROM_GATEWAY.at(
                    holder.origin_of("spec", "gateways", index),
                    f"gateway `{written}` does not see virtual service `{holder.name}`",
                    label=f"it runs in namespace `{namespaces[0]}`, to which nothing is exported here",
                    help=f"add `{namespaces[0]}` to `exportTo`",
                    related=[Related(gateway.origin, f"gateway `{gateway.name}`")],
                )


RULE = Rule(code=HIDDEN_FROM_GATEWAY, find=find)
