"""Splits of virtual services: routes with more than one destination."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from meshgen.check.context import Context
from meshgen.diagnostics import JsonPath
from meshgen.istio.object import IstioObject
from meshgen.istio.shared import Destination
from meshgen.istio.virtual_service import TCPRoute, TLSRoute, VirtualService


class Split(msgspec.Struct, frozen=True):
    """One route with several destinations."""

    holder: IstioObject[VirtualService]
    path: JsonPath  # of the `route` list
    parts: tuple[tuple[Destination, int | None], ...]  # destination and weight as written

    @property
    def total(self) -> int:
        """The sum of the weights; a destination without one has none."""
        return sum(weight or 0 for _, weight in self.parts)


def splits(context: Context) -> Iterator[Split]:
    """All splits of all virtual services."""
    for holder in context.mesh.of_kind(VirtualService):
        spec = holder.spec
        for index, http in enumerate(spec.http or ()):
            if http.route and len(http.route) > 1:
                parts = tuple((part.destination, part.weight) for part in http.route)
                yield Split(holder, ("spec", "http", index, "route"), parts)
        layers: tuple[tuple[str, tuple[TLSRoute | TCPRoute, ...]], ...] = (("tls", spec.tls or ()), ("tcp", spec.tcp or ()))
        for kind, layer4 in layers:
            for index, rule in enumerate(layer4):
                if rule.route and len(rule.route) > 1:
                    pairs = tuple((part.destination, part.weight) for part in rule.route)
                    yield Split(holder, ("spec", kind, index, "route"), pairs)
