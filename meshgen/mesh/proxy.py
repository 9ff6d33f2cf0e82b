"""The proxy that configuration is made for: an explicit input, since istiod's output hangs on all of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from meshgen.diagnostics import UNKNOWN, Origin
from meshgen.envoy_version import NEWEST_ENVOY, EnvoyVersion
from meshgen.istio.versions import DEFAULT_TARGET


class Role(StrEnum):
    """What a proxy does. To istiod all but the first are routers, which differ in what their Gateways say.

    INGRESS: from outside into the mesh. EGRESS: from the mesh out; its Gateways take mesh TLS (`ISTIO_MUTUAL`). EAST_WEST: from
    other networks into this one, by the SNI of mesh TLS (`AUTO_PASSTHROUGH`); it sends to its own network only. EDGE: an Envoy
    before services where there is no Istio: hardened as Envoy's documentation of edge proxies says, without mesh certificates.
    """

    SIDECAR = "sidecar"
    INGRESS = "ingress"
    EGRESS = "egress"
    EAST_WEST = "eastWest"
    EDGE = "edge"


class Capture(StrEnum):
    """How connections reach a sidecar.

    IPTABLES: redirected to 15001 and 15006, as istiod configures it. LOOPBACK: real sockets on loopback addresses, for a machine
    without iptables (Istio's interception mode NONE; envoy-mapping.md §2.7).
    """

    IPTABLES = "iptables"
    LOOPBACK = "loopback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one Envoy may take, beyond which its overload manager turns requests and connections away."""

    memory: int = 0  # bytes of its heap; 0 for the role's own
    connections: int = 0  # from clients, open at once; 0 for the role's own


NO_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """One proxy of the mesh."""

    name: str
    namespace: str
    role: Role
    labels: Mapping[str, str] = field(default_factory=dict)
    service_account: str = "default"
    address: str = ""  # its IP; empty where it is not known
    locality: str = ""  # "region/zone/subzone"; empty where it is not known
    network: str = ""
    capture: Capture = Capture.IPTABLES
    limits: Limits = NO_LIMITS
    istio_version: str = str(DEFAULT_TARGET)
    envoy_version: EnvoyVersion = NEWEST_ENVOY
    origin: Origin = field(default=UNKNOWN, compare=False)

    @property
    def id(self) -> str:
        """`namespace/name`, as `--proxy` takes it."""
        return f"{self.namespace}/{self.name}"

    @property
    def is_gateway(self) -> bool:
        """Whether it serves Gateways, and no workload of its own."""
        return self.role is not Role.SIDECAR
