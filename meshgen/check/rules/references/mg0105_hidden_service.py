"""MG0105: a destination exists, but is not exported to its clients."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.destinations import destinations
from meshgen.check.rule import Answer, Inventory, Rule
from meshgen.diagnostics import Related
from meshgen.diagnostics.catalogue.link import HIDDEN_SERVICE


def find(context: Context) -> Iterator[Answer]:
    """Destinations that a namespace which uses the route cannot see."""
    mesh = context.mesh
    for place in destinations(context):
        known = mesh.services_of(place.host)
        if not known or all("*" in service.export_to for service in known):
            continue
        clients = context.client_namespaces(place.holder)
        blind = next((client for client in clients if mesh.service(place.host, client) is None), None)
        if blind is not None:
            service = known[0]
            exported = ", ".join(f"`{name}`" for name in service.export_to)
            yield HIDDEN_SERVICE.at(
                place.holder.origin_of(*place.path, "host"),
                f"service `{place.destination.host}` is not visible to clients in namespace `{blind}`",
                label=f"exported to {exported}",
                help=f"add `{blind}` to the service's `exportTo`",
                related=[Related(service.origin, f"`{service.name}` is declared here")],
            )


RULE = Rule(code=HIDDEN_SERVICE, find=find, needs=(Inventory.SERVICES,))
