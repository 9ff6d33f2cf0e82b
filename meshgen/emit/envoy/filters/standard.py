"""The HTTP filters of every connection manager, with what a mesh adds to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meshgen.emit.envoy.filter_order import HTTP_ORDER, Slot, ordered
from meshgen.emit.envoy.filters.cors import CORS
from meshgen.emit.envoy.filters.fault import FAULT
from meshgen.emit.envoy.filters.grpc import GRPC_STATS
from meshgen.emit.envoy.filters.router import ROUTER
from meshgen.json import JsonObject, JsonValue


def http_filters(placed: Mapping[Slot, Sequence[JsonObject]]) -> list[JsonValue]:
    """The chain: what is placed, and the filters that are always there and told what to do by each route."""
    always = {Slot.GRPC_STATS: [GRPC_STATS], Slot.FAULT: [FAULT], Slot.CORS: [CORS], Slot.ROUTER: [ROUTER]}
    return ordered(HTTP_ORDER, {**always, **placed})
