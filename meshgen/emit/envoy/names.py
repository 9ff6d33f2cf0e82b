"""The names that istiod gives to Envoy's resources, which routes, clusters and endpoints share (envoy-mapping.md §4.1)."""

from __future__ import annotations

from dataclasses import dataclass

BLACK_HOLE = "BlackHoleCluster"
PASSTHROUGH = "PassthroughCluster"
INBOUND_PASSTHROUGH = "InboundPassthroughCluster"

TYPE = "type.googleapis.com/"


def outbound_cluster(port: int, subset: str, host: str) -> str:
    """`outbound|8000|v1|catalog.shop.svc.cluster.local`: what routes send to."""
    return f"outbound|{port}|{subset}|{host}"


def inbound_cluster(port: int) -> str:
    """`inbound|8080||`: the application behind a sidecar, by the workload's port."""
    return f"inbound|{port}||"


def sni_dnat_cluster(port: int, subset: str, host: str) -> str:
    """`outbound_.8000_.v1_.catalog…`: the SNI of mesh traffic, and the cluster of an AUTO_PASSTHROUGH server."""
    return f"outbound_.{port}_.{subset}_.{host}"


def jwks_cluster(host: str, port: int) -> str:
    """`jwks|443|issuer.example`: where remote JSON Web Keys come from; istiod fetches those itself and has no name for it."""
    return f"jwks|{port}|{host}"


def parse_inbound(name: str) -> int | None:
    """The port of `inbound|port||`; None for any other name."""
    number = name.removeprefix("inbound|").removesuffix("||")
    return int(number) if name.startswith("inbound|") and number.isdigit() else None


@dataclass(frozen=True, slots=True)
class OutboundName:
    """The parts of an outbound cluster's name."""

    port: int
    subset: str
    host: str


def parse_outbound(name: str) -> OutboundName | None:
    """The parts of `outbound|port|subset|host`, also of its SNI-DNAT form; None for any other name."""
    for prefix, separator in (("outbound|", "|"), ("outbound_.", "_.")):
        if name.startswith(prefix):
            parts = name.removeprefix(prefix).split(separator, 2)
            if len(parts) == 3 and parts[0].isdigit():
                return OutboundName(int(parts[0]), parts[1], parts[2])
    return None
