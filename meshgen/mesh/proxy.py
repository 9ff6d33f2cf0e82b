"""The proxy that configuration is made for: an explicit input, since istiod's output hangs on all of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from meshgen.diagnostics import UNKNOWN, Origin
from meshgen.envoy_version import NEWEST_ENVOY, EnvoyVersion
from meshgen.istio.versions import DEFAULT_TARGET


class Role(StrEnum):
    """What a proxy does (`type` in an oracle case: sidecar or router)."""

    SIDECAR = "sidecar"
    GATEWAY = "gateway"


class Capture(StrEnum):
    """How connections reach a sidecar.

    IPTABLES: redirected to 15001 and 15006, as istiod configures it. LOOPBACK: real sockets on loopback addresses, for a machine
    without iptables (Istio's interception mode NONE; envoy-mapping.md §2.7).
    """

    IPTABLES = "iptables"
    LOOPBACK = "loopback"


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
    istio_version: str = str(DEFAULT_TARGET)
    envoy_version: EnvoyVersion = NEWEST_ENVOY
    origin: Origin = field(default=UNKNOWN, compare=False)

    @property
    def id(self) -> str:
        """`namespace/name`, as `--proxy` takes it."""
        return f"{self.namespace}/{self.name}"
