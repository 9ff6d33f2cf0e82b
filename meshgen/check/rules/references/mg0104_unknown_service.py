"""MG0104: a destination is no service of the registry."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context, split_cluster_host
from meshgen.check.destinations import Standing, destinations, standing, suggestion
from meshgen.check.rule import Answer, Inventory, Lacking, Rule
from meshgen.diagnostics.catalogue.link import UNKNOWN_SERVICE


def find(context: Context) -> Iterator[Answer]:
    """Destinations that no Service and no ServiceEntry has."""
    for place in destinations(context):
        verdict = standing(context, place.host)
        if verdict is Standing.UNDECIDED:
            parts = split_cluster_host(place.host)
            yield Lacking(f"Services of namespace {parts[1] if parts else '?'}")
        elif verdict is Standing.UNKNOWN:
            kind = "mirrors" if "mirror" in place.path or "mirrors" in place.path else "sends"
            yield UNKNOWN_SERVICE.at(
                place.holder.origin_of(*place.path, "host"),
                f"virtual service `{place.holder.name}` {kind} to unknown service `{place.destination.host}`",
                label=_label(place.destination.host, place.host),
                help=suggestion(context, place.host),
            )


def _label(written: str, host: str) -> str:
    return f"read as `{host}`" if written != host else "no Service and no ServiceEntry has this host"


RULE = Rule(code=UNKNOWN_SERVICE, find=find, needs=(Inventory.SERVICES,))
