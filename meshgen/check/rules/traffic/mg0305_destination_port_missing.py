"""MG0305: a destination names no port of a service that has several."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.destinations import destinations
from meshgen.check.rule import Answer, Inventory, Rule
from meshgen.diagnostics.catalogue.traffic import PORT_MISSING
from meshgen.mesh import Service
from meshgen.values import Protocol


def find(context: Context) -> Iterator[Answer]:
    """Destinations without port whose service has more than one that the route could mean."""
    for place in destinations(context):
        if place.destination.port is not None:
            continue
        known = context.mesh.services_of(place.host)
        numbers = _ports(known[0]) if known else ()
        # Within the mesh a request that came in on the service's own port goes on to the same port.
        own = place.host in {context.mesh.fqdn(host, place.holder.namespace) for host in place.holder.spec.hosts or ()}
        if len(numbers) > 1 and not (own and not place.holder.spec.gateways):
            yield PORT_MISSING.at(
                place.holder.origin_of(*place.path),
                f"destination `{place.destination.host}` has {len(numbers)} ports, and the route names none",
                label=f"ports: {', '.join(map(str, numbers))}",
                help=f"write `port: {{number: {numbers[0]}}}`",
            )


def _ports(service: Service) -> tuple[int, ...]:
    return tuple(port.number for port in service.ports if port.protocol is not Protocol.UDP)


RULE = Rule(code=PORT_MISSING, find=find, needs=(Inventory.SERVICES,))
