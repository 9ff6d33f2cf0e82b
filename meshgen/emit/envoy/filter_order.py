"""Where each HTTP and network filter stands, and why (envoy-mapping.md §2.2).

The order is istiod's without the filters of Istio's own Envoy build: `istio.metadata_exchange` and `istio.stats` are telemetry,
and what `istio.alpn` does is done by the ALPN lists of the clusters, on sniffed ports by a filter in its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from meshgen.json import JsonObject, JsonValue


class Slot(StrEnum):
    """A place in a chain of filters."""

    EXT_AUTHZ = "ext_authz"
    EXTENSION_AUTHN = "extension AUTHN"
    JWT = "jwt_authn"
    EXTENSION_AUTHZ = "extension AUTHZ"
    RBAC = "rbac"
    EXTENSION_STATS = "extension STATS"
    EXTENSION = "extension"
    GRPC_WEB = "grpc_web"
    GRPC_STATS = "grpc_stats"
    APPLICATION_PROTOCOLS = "application protocols"
    FAULT = "fault"
    CORS = "cors"
    ROUTER = "router"
    TCP_PROXY = "tcp_proxy"


HTTP_ORDER: Final[tuple[tuple[Slot, str], ...]] = (
    (Slot.EXT_AUTHZ, "an authorizer of one's own is asked before anything is believed or changed"),
    (Slot.EXTENSION_AUTHN, "an extension of this phase stands in for the authentication that follows"),
    (Slot.JWT, "claims must be known before a policy speaks of them"),
    (Slot.EXTENSION_AUTHZ, "after authentication, before the mesh's own policies"),
    (Slot.RBAC, "AUDIT, DENY, ALLOW: a denial ends it before an allowance is looked for"),
    (Slot.EXTENSION_STATS, "sees only what was let in"),
    (Slot.EXTENSION, "an extension without a phase works on requests that were let in"),
    (Slot.GRPC_WEB, "turns gRPC-Web into gRPC before gRPC is counted"),
    (Slot.GRPC_STATS, "counts messages of requests that were let in"),
    (Slot.APPLICATION_PROTOCOLS, "in the place of istio.alpn: before the router opens a connection"),
    (Slot.FAULT, "a fault is for callers that were let in, as the application's own faults are"),
    (Slot.CORS, "after RBAC as in Istio: a preflight without credentials meets an ALLOW policy and gets 403"),
    (Slot.ROUTER, "ends the chain"),
)

NETWORK_ORDER: Final[tuple[tuple[Slot, str], ...]] = (
    (Slot.EXT_AUTHZ, "as for HTTP; only authorizers that speak gRPC can look at connections"),
    (Slot.EXTENSION_AUTHN, "as for HTTP"),
    (Slot.EXTENSION_AUTHZ, "as for HTTP"),
    (Slot.RBAC, "AUDIT, DENY, ALLOW"),
    (Slot.EXTENSION_STATS, "sees only what was let in"),
    (Slot.EXTENSION, "as for HTTP"),
    (Slot.TCP_PROXY, "ends the chain"),
)

Placed = Mapping[Slot, Sequence[JsonObject]]


def ordered(order: Sequence[tuple[Slot, str]], placed: Placed) -> list[JsonValue]:
    """The filters of each slot, in the order of the slots."""
    return [found for slot, _ in order for found in placed.get(slot, ())]
