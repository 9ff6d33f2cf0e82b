"""Where one cluster stands among the networks of a mesh."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from meshgen.diagnostics import UNKNOWN, Origin

NETWORK_LABEL = "topology.istio.io/network"
"""On the root namespace: the network of the cluster; on a Pod or Service: its own. A Service with it is a gateway."""


@dataclass(frozen=True, slots=True)
class NetworkGateway:
    """Where other networks reach a network: an address and the port that takes mesh TLS."""

    address: str
    port: int = 15443


@dataclass(frozen=True, slots=True, kw_only=True)
class Networks:
    """What a Mesh with clusters says of them; empty for a mesh without."""

    own: str = ""  # the network of Pods that name none
    behind_gateways: frozenset[str] = frozenset()  # networks that are reached through an east-west gateway
    gateways: Mapping[str, tuple[NetworkGateway, ...]] = field(default_factory=dict)  # by network, those whose address is said
    other_clusters: tuple[str, ...] = ()  # their names, sorted: clusters whose endpoints the sources do not know
    origin: Origin = UNKNOWN  # of the clusters
