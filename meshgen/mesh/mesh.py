"""The linked mesh: every question "which X applies to Y" is answered here, once, for all later stages.

The answers follow istiod (envoy-mapping.md): order by creation time, name, namespace; visibility by exportTo, Sidecar and the root namespace.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from meshgen.istio.authorization_policy import AuthorizationPolicy
from meshgen.istio.destination_rule import DestinationRule
from meshgen.istio.envoy_filter import EnvoyFilter
from meshgen.istio.gateway import Gateway
from meshgen.istio.mesh_config import MeshConfig
from meshgen.istio.object import IstioObject
from meshgen.istio.request_authentication import RequestAuthentication
from meshgen.istio.sidecar import Sidecar
from meshgen.istio.struct import IstioStruct
from meshgen.istio.telemetry import Telemetry
from meshgen.istio.virtual_service import VirtualService
from meshgen.kubernetes import CoreFacts
from meshgen.mesh.proxy import Proxy
from meshgen.mesh.service import Endpoint, Port, Service, Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What one sidecar listener (or a whole gateway) may see. The order of each tuple is istiod's."""

    port: int | None  # a Sidecar egress listener's port; None for the catch-all listener
    bind: str  # a Sidecar egress listener's bind; empty for the default
    services: tuple[Service, ...]
    virtual_services: tuple[IstioObject[VirtualService], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyView:
    """All that concerns one proxy."""

    proxy: Proxy
    scopes: tuple[Scope, ...]  # the most specific listeners first, the catch-all last
    sidecar: IstioObject[Sidecar] | None
    outbound_mode: str  # ALLOW_ANY, REGISTRY_ONLY or ALLOW_ANY_DYNAMIC_DNS
    inbound_services: tuple[tuple[Service, Port, int], ...]  # the services that this workload backs: service, port, workload port
    gateways: tuple[IstioObject[Gateway], ...]  # those whose selector picks this proxy


class Mesh:
    """The linked mesh. Frozen after construction; indexes are built once, on first use where they are costly."""

    config: MeshConfig
    facts: CoreFacts
    objects: tuple[IstioObject[IstioStruct], ...]
    services: tuple[Service, ...]  # by creation time, host, namespace
    workloads: tuple[Workload, ...]

    # --- names -------------------------------------------------------------------------------------------------
    def fqdn(self, host: str, namespace: str) -> str:
        """A host as written in an object of `namespace`, fully qualified (`catalog` → `catalog.shop.svc.cluster.local`)."""
        raise NotImplementedError

    def service(self, host: str, namespace: str) -> Service | None:
        """The service that a client of `namespace` means by a fully qualified host, if it can see one."""
        raise NotImplementedError

    # --- endpoints and workloads -------------------------------------------------------------------------------
    def endpoints(self, service: Service, port: Port) -> tuple[Endpoint, ...]:
        """All endpoints of a service's port, in a stable order; empty where none is known."""
        raise NotImplementedError

    def workloads_in(self, namespace: str, selector: Mapping[str, str]) -> tuple[Workload, ...]:
        """The workloads of a namespace that carry all of these labels."""
        raise NotImplementedError

    # --- what applies ------------------------------------------------------------------------------------------
    def view(self, proxy: Proxy) -> ProxyView:
        """Everything that concerns this proxy: Sidecar scope, visible services and virtual services, inbound services, gateways."""
        raise NotImplementedError

    def virtual_services_on(self, gateway: IstioObject[Gateway], proxy: Proxy) -> tuple[IstioObject[VirtualService], ...]:
        """The virtual services bound to a gateway (`gateways: [ns/name]`) and exported to it, delegates merged in, in istiod's order."""
        raise NotImplementedError

    def destination_rule(self, host: str, proxy: Proxy, service_namespace: str = "") -> IstioObject[DestinationRule] | None:
        """The destination rule in effect for a host, same-host rules of a namespace merged (envoy-mapping.md §4.2)."""
        raise NotImplementedError

    def authorization_policies(self, namespace: str, labels: Mapping[str, str]) -> tuple[IstioObject[AuthorizationPolicy], ...]:
        """Those in effect for a workload: the root namespace's first, then its own, each in istiod's order."""
        raise NotImplementedError

    def request_authentications(
        self, namespace: str, labels: Mapping[str, str]
    ) -> tuple[IstioObject[RequestAuthentication], ...]:
        """Those in effect for a workload, all of which count."""
        raise NotImplementedError

    def mutual_tls_mode(self, namespace: str, labels: Mapping[str, str], port: int | None = None) -> str:
        """STRICT, PERMISSIVE or DISABLE for a workload and a workload port: PeerAuthentication from port to mesh level (§5.4)."""
        raise NotImplementedError

    def telemetries(self, namespace: str, labels: Mapping[str, str]) -> tuple[IstioObject[Telemetry], ...]:
        """Mesh, namespace and workload level, in this order, one each at most."""
        raise NotImplementedError

    def envoy_filters(self, proxy: Proxy) -> tuple[IstioObject[EnvoyFilter], ...]:
        """Those that select this proxy: root namespace, then its own; by priority, creation time, name."""
        raise NotImplementedError


def link(objects: Sequence[IstioObject[IstioStruct]], facts: CoreFacts, config: MeshConfig) -> Mesh:
    """Links objects and facts into a mesh."""
    raise NotImplementedError
