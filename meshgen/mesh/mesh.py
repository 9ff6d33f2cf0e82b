"""The linked mesh: every question "which X applies to Y" is answered here, once, for all later stages.

The answers follow istiod (envoy-mapping.md): order by creation time, name, namespace; visibility by exportTo, Sidecar and the
root namespace.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar, cast

from meshgen.istio.authorization_policy import AuthorizationPolicy
from meshgen.istio.destination_rule import DestinationRule
from meshgen.istio.envoy_filter import EnvoyFilter
from meshgen.istio.gateway import Gateway
from meshgen.istio.hosts import fully_qualified
from meshgen.istio.mesh_config import MeshConfig
from meshgen.istio.networks import NetworkGateway, Networks
from meshgen.istio.object import IstioObject
from meshgen.istio.peer_authentication import PeerAuthentication
from meshgen.istio.request_authentication import RequestAuthentication
from meshgen.istio.service_entry import ServiceEntry
from meshgen.istio.sidecar import Sidecar
from meshgen.istio.struct import IstioStruct
from meshgen.istio.telemetry import Telemetry
from meshgen.istio.virtual_service import VirtualService
from meshgen.istio.workload_entry import WorkloadEntry
from meshgen.istio.workload_group import WorkloadGroup
from meshgen.kubernetes import CoreFacts
from meshgen.mesh import policies
from meshgen.mesh.destination_rules import DestinationRuleIndex
from meshgen.mesh.discovery import discovered
from meshgen.mesh.endpoints import EndpointIndex
from meshgen.mesh.networks import network_gateways
from meshgen.mesh.proxy import Proxy
from meshgen.mesh.registry import build_services
from meshgen.mesh.scope import (
    Scope,
    Seen,
    SidecarIndex,
    destination_ports,
    listener_scope,
    unite_by_host,
    whole_scope,
    with_ports,
)
from meshgen.mesh.selection import LabelIndex, SelectorIndex
from meshgen.mesh.service import Endpoint, Port, Resolution, Service, Workload
from meshgen.mesh.virtual_services import VirtualServiceIndex
from meshgen.mesh.visibility import Exported, is_exported
from meshgen.mesh.workloads import build_workloads, namespaces_with_injection

S = TypeVar("S", bound=IstioStruct)

NO_NETWORKS = Networks()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyView:
    """All that concerns one proxy."""

    proxy: Proxy
    scopes: tuple[Scope, ...]  # as the Sidecar's `egress` has them (the catch-all last); one where there is no Sidecar
    imported_services: tuple[
        Service, ...
    ]  # those that get clusters: of all scopes, and the destinations of their virtual services
    sidecar: IstioObject[Sidecar] | None
    outbound_mode: str  # ALLOW_ANY, REGISTRY_ONLY or ALLOW_ANY_DYNAMIC_DNS
    inbound_services: tuple[tuple[Service, Port, int], ...]  # the services that this workload backs: service, port, workload port
    gateways: tuple[IstioObject[Gateway], ...]  # those whose selector picks this proxy; empty for a sidecar

    def service(self, host: str) -> Service | None:
        """The imported service of a fully qualified host."""
        return next((service for service in self.imported_services if service.host == host), None)


class Mesh:
    """The linked mesh. Frozen after construction; indexes are built once, on first use where they are costly."""

    config: MeshConfig
    facts: CoreFacts
    objects: tuple[IstioObject[IstioStruct], ...]
    left_out: tuple[IstioObject[IstioStruct], ...]  # those of namespaces that istiod does not look at; they do nothing
    unseen_namespaces: frozenset[str]  # declared namespaces that no discovery selector picks
    services: tuple[Service, ...]  # by creation time, name, namespace; ExternalName Services (ALIAS) too
    workloads: tuple[Workload, ...]

    networks: Networks

    def __init__(
        self,
        objects: Sequence[IstioObject[IstioStruct]],
        facts: CoreFacts,
        config: MeshConfig,
        networks: Networks = NO_NETWORKS,
    ) -> None:
        self.config = config
        self.networks = networks
        known = discovered(objects, facts, config)
        self.facts = facts = known.facts
        self.objects = known.objects
        self.left_out = known.left_out
        self.unseen_namespaces = known.unseen
        self._by_kind: dict[str, list[IstioObject[IstioStruct]]] = {}
        for found in self.objects:
            self._by_kind.setdefault(found.kind, []).append(found)
        self.services = build_services(facts.services, self.of_kind(ServiceEntry), config)
        self.workloads = build_workloads(
            facts, self.of_kind(WorkloadEntry), namespaces_with_injection(facts), self.of_kind(WorkloadGroup)
        )
        self._services_by_host: dict[str, list[Service]] = {}
        self._exported_services: Exported[Service] = Exported()
        for service in self.services:
            self._services_by_host.setdefault(service.host, []).append(service)
            self._exported_services.add(service, service.namespace, service.export_to)
        self._scopes: dict[tuple[str, tuple[str, str] | None], tuple[tuple[Scope, ...], tuple[Service, ...]]] = {}
        self._visible: dict[str, tuple[Service, ...]] = {}
        self._seen: dict[str, tuple[Seen[Service], Seen[IstioObject[VirtualService]]]] = {}

    def of_kind(self, spec: type[S]) -> Sequence[IstioObject[S]]:
        """All objects of one kind, by the type of its spec, in the order of the sources."""
        return cast("Sequence[IstioObject[S]]", self._by_kind.get(spec.__name__, ()))

    # --- names -------------------------------------------------------------------------------------------------
    def fqdn(self, host: str, namespace: str) -> str:
        """A host as written in an object of `namespace`, fully qualified (`catalog` → `catalog.shop.svc.cluster.local`)."""
        return fully_qualified(host, namespace)

    def service(self, host: str, namespace: str) -> Service | None:
        """The service that a client of `namespace` means by a fully qualified host, if it can see one.

        Its own namespace's first, then in the order of all services, whatever a Sidecar resource imports.
        """
        visible: Service | None = None
        for service in self._services_by_host.get(host, ()):
            if is_exported(service.export_to, service.namespace, namespace):
                if service.namespace == namespace:
                    return service
                visible = visible or service
        return visible

    def services_of(self, host: str) -> tuple[Service, ...]:
        """The services of a fully qualified host in all namespaces, whoever sees them."""
        return tuple(self._services_by_host.get(host, ()))

    def visible_services(self, namespace: str) -> tuple[Service, ...]:
        """What a namespace sees: its private services, those exported to it by name, the public ones."""
        found = self._visible.get(namespace)
        if found is None:
            found = self._visible[namespace] = self._exported_services.visible_in(namespace)
        return found

    # --- endpoints and workloads -------------------------------------------------------------------------------
    def endpoints(self, service: Service, port: Port) -> tuple[Endpoint, ...]:
        """All endpoints of a service's port, in a stable order; empty where none is known."""
        return self._endpoints.of(service, port)

    def workloads_in(self, namespace: str, selector: Mapping[str, str]) -> tuple[Workload, ...]:
        """The workloads of a namespace that carry all of these labels."""
        return self._workloads.picked(namespace, selector)

    def services_backed_by(self, namespace: str, labels: Mapping[str, str], address: str = "") -> tuple[Service, ...]:
        """The services of a namespace that pick these labels, and those without selector that list this address."""
        found = self._selecting_services.picking(namespace, labels)
        if not address:
            return found
        listed = [service for service in self._unselected.get(address, ()) if service.namespace == namespace]
        return tuple(sorted((*found, *listed), key=self._position)) if listed else found

    # --- what applies ------------------------------------------------------------------------------------------
    def view(self, proxy: Proxy) -> ProxyView:
        """Everything that concerns this proxy: its Sidecar scope, the services behind it, the Gateways that select it."""
        is_gateway = proxy.is_gateway
        sidecar = None if is_gateway else self._sidecars.of(proxy.namespace, proxy.labels)
        scopes, imported = self._scopes_of(proxy.namespace, sidecar)
        return ProxyView(
            proxy=proxy,
            scopes=scopes,
            imported_services=imported,
            sidecar=sidecar,
            outbound_mode=self._outbound_mode(sidecar),
            inbound_services=tuple(self._inbound(proxy)),
            gateways=self._gateways.picking("", proxy.labels) if is_gateway else (),
        )

    def virtual_services_on(self, gateway: IstioObject[Gateway], proxy: Proxy) -> tuple[IstioObject[VirtualService], ...]:
        """The virtual services bound to a gateway (`gateways: [ns/name]`) and exported to it, in istiod's order.

        Delegates are merged in. Every host and gateway name in them is absolute.
        """
        return self.virtual_services.on(f"{gateway.namespace}/{gateway.name}", proxy.namespace)

    def destination_rule(self, host: str, proxy: Proxy, service_namespace: str = "") -> IstioObject[DestinationRule] | None:
        """The destination rule in effect for a host, same-host rules of a namespace merged (envoy-mapping.md §4.2)."""
        return self.destination_rule_for(host, proxy.namespace, service_namespace, proxy.labels)

    def destination_rule_for(
        self, host: str, namespace: str, service_namespace: str = "", labels: Mapping[str, str] | None = None
    ) -> IstioObject[DestinationRule] | None:
        """As `destination_rule`, for clients of a namespace with these labels."""
        if not service_namespace:
            service = self.service(host, namespace)
            service_namespace = service.namespace if service else ""
        return self._destination_rules.find(host, namespace, service_namespace, labels or {})

    def authorization_policies(self, namespace: str, labels: Mapping[str, str]) -> tuple[IstioObject[AuthorizationPolicy], ...]:
        """Those in effect for a workload: the root namespace's first, then its own, each in istiod's order."""
        return policies.from_both(self._authorization, self.config.root_namespace, namespace, labels)

    def request_authentications(
        self, namespace: str, labels: Mapping[str, str]
    ) -> tuple[IstioObject[RequestAuthentication], ...]:
        """Those in effect for a workload, all of which count."""
        return policies.from_both(self._request_authentication, self.config.root_namespace, namespace, labels)

    def mutual_tls_mode(self, namespace: str, labels: Mapping[str, str], port: int | None = None) -> str:
        """STRICT, PERMISSIVE or DISABLE for a workload and a workload port: PeerAuthentication from port to mesh level (§5.4).

        With no labels: the mode of the namespace, which is what clients go by for automatic mutual TLS.
        """
        return policies.mutual_tls_mode(self._peer_authentication, self.config.root_namespace, namespace, labels, port)

    def telemetries(self, namespace: str, labels: Mapping[str, str]) -> tuple[IstioObject[Telemetry], ...]:
        """Mesh, namespace and workload level, in this order, one each at most."""
        return policies.telemetry_levels(self._telemetry, self.config.root_namespace, namespace, labels)

    def envoy_filters(self, proxy: Proxy) -> tuple[IstioObject[EnvoyFilter], ...]:
        """Those that select this proxy: root namespace, then its own; by priority, creation time, name."""
        root, own = self.config.root_namespace, proxy.namespace
        found = self._envoy_filters.picking(root, proxy.labels)
        return found if own == root else (*found, *self._envoy_filters.picking(own, proxy.labels))

    # --- indexes, each built on first use ------------------------------------------------------------------------
    @cached_property
    def virtual_services(self) -> VirtualServiceIndex:
        """Virtual services by gateway and visibility."""
        return VirtualServiceIndex(self.of_kind(VirtualService), self.config.default_virtual_service_export_to)

    @cached_property
    def network_gateways(self) -> Mapping[str, tuple[NetworkGateway, ...]]:
        """The gateways of each network by which others reach it: MeshNetworks, and Services with a network's label."""
        return network_gateways(self.networks, self.facts.services)

    @cached_property
    def _destination_rules(self) -> DestinationRuleIndex:
        rules, config = self.of_kind(DestinationRule), self.config
        return DestinationRuleIndex(rules, config.default_destination_rule_export_to, config.root_namespace)

    @cached_property
    def _endpoints(self) -> EndpointIndex:
        return EndpointIndex(self.facts, self.of_kind(ServiceEntry), self.of_kind(WorkloadEntry))

    @cached_property
    def _workloads(self) -> LabelIndex[Workload]:
        return LabelIndex([(workload.namespace, workload.labels, workload) for workload in self.workloads])

    @cached_property
    def _selecting_services(self) -> SelectorIndex[Service]:
        index: SelectorIndex[Service] = SelectorIndex()
        for service in self.services:
            if service.selector and service.resolution is not Resolution.ALIAS:
                index.add(service, service.namespace, service.selector)
        return index

    @cached_property
    def _unselected(self) -> dict[str, list[Service]]:
        """Services without selector by the addresses that they list."""
        found: dict[str, list[Service]] = {}
        for service in self.services:
            if not service.selector:
                for address in dict.fromkeys(self._endpoints.addresses_of(service)):
                    found.setdefault(address, []).append(service)
        return found

    @cached_property
    def _positions(self) -> dict[tuple[str, str], int]:
        return {(service.namespace, service.host): index for index, service in enumerate(self.services)}

    def _position(self, service: Service) -> int:
        return self._positions[service.namespace, service.host]

    @cached_property
    def _gateways(self) -> SelectorIndex[IstioObject[Gateway]]:
        """Gateways by selector; they pick proxies of all namespaces."""
        index: SelectorIndex[IstioObject[Gateway]] = SelectorIndex()
        for gateway in sorted(self.of_kind(Gateway), key=lambda found: found.order):
            index.add(gateway, "", gateway.spec.selector or {})
        return index

    @cached_property
    def _sidecars(self) -> SidecarIndex:
        return SidecarIndex(self.of_kind(Sidecar), self.config.root_namespace)

    @cached_property
    def _authorization(self) -> SelectorIndex[IstioObject[AuthorizationPolicy]]:
        return policies.index_policies(self.of_kind(AuthorizationPolicy))

    @cached_property
    def _request_authentication(self) -> SelectorIndex[IstioObject[RequestAuthentication]]:
        return policies.index_policies(self.of_kind(RequestAuthentication))

    @cached_property
    def _peer_authentication(self) -> SelectorIndex[IstioObject[PeerAuthentication]]:
        return policies.index_policies(self.of_kind(PeerAuthentication))

    @cached_property
    def _telemetry(self) -> SelectorIndex[IstioObject[Telemetry]]:
        return policies.index_policies(self.of_kind(Telemetry))

    @cached_property
    def _envoy_filters(self) -> SelectorIndex[IstioObject[EnvoyFilter]]:
        return policies.index_envoy_filters(self.of_kind(EnvoyFilter))

    # --- a proxy's view ------------------------------------------------------------------------------------------
    def _outbound_mode(self, sidecar: IstioObject[Sidecar] | None) -> str:
        policy = sidecar.spec.outbound_traffic_policy if sidecar else None
        if policy is None:
            return self.config.outbound_traffic_policy.mode
        return policy.mode or "REGISTRY_ONLY"  # the first value of the enumeration, not the mesh's setting

    def _scopes_of(self, namespace: str, sidecar: IstioObject[Sidecar] | None) -> tuple[tuple[Scope, ...], tuple[Service, ...]]:
        key = (namespace, (sidecar.namespace, sidecar.name) if sidecar else None)
        found = self._scopes.get(key)
        if found is None:
            found = self._scopes[key] = self._build_scopes(namespace, sidecar)
        return found

    def _build_scopes(
        self, namespace: str, sidecar: IstioObject[Sidecar] | None
    ) -> tuple[tuple[Scope, ...], tuple[Service, ...]]:
        services = self.visible_services(namespace)
        routes = self.virtual_services.on_mesh(namespace)
        if sidecar is None:
            scope = whole_scope(services, routes)
            return (scope,), scope.services
        real, seen = self._seen_by(namespace, services, routes)
        if not sidecar.spec.egress:
            scopes: tuple[Scope, ...] = (whole_scope(real.all, routes),)
        else:
            scopes = tuple(listener_scope(listener, namespace, real, seen) for listener in sidecar.spec.egress)
        return scopes, unite_by_host(self._imported(scopes, namespace))

    def _seen_by(
        self, namespace: str, services: Sequence[Service], routes: Sequence[IstioObject[VirtualService]]
    ) -> tuple[Seen[Service], Seen[IstioObject[VirtualService]]]:
        """What a namespace sees, for all of its Sidecars."""
        found = self._seen.get(namespace)
        if found is None:
            real = [service for service in services if service.resolution is not Resolution.ALIAS]
            found = self._seen[namespace] = Seen.of(real), Seen.of(routes)
        return found

    def _imported(self, scopes: tuple[Scope, ...], namespace: str) -> Iterator[Service]:
        """Services of the listeners, and after each listener's the destinations of its virtual services."""
        for scope in scopes:
            yield from scope.services
            for found in scope.virtual_services:
                for host, numbers in destination_ports(found).items():
                    service = self.service(host, namespace)
                    wanted = {scope.port} if scope.port else numbers
                    cut = with_ports(service, wanted) if service else None
                    if cut is not None:
                        yield cut

    def _inbound(self, proxy: Proxy) -> Iterator[tuple[Service, Port, int]]:
        workload = self._workload_of(proxy)
        for service in self.services_backed_by(proxy.namespace, proxy.labels, proxy.address):
            for port in service.ports:
                number = self._inbound_port(service, port, proxy, workload)
                if number:
                    yield service, port, number

    def _inbound_port(self, service: Service, port: Port, proxy: Proxy, workload: Workload | None) -> int | None:
        if not service.selector:
            return next((found.port for found in self.endpoints(service, port) if found.address == proxy.address), None)
        names = workload.named_ports if workload else {}
        if workload and workload.kind == "WorkloadEntry" and port.name in names:
            return names[port.name]  # a WorkloadEntry's `ports` go by the name of the service's port
        return port.target if isinstance(port.target, int) else names.get(port.target)

    def _workload_of(self, proxy: Proxy) -> Workload | None:
        """The workload beside a proxy: by address, else the first with its labels."""
        found = self.workloads_in(proxy.namespace, proxy.labels) if proxy.labels else ()
        return next((workload for workload in found if workload.address == proxy.address), found[0] if found else None)


def link(
    objects: Sequence[IstioObject[IstioStruct]], facts: CoreFacts, config: MeshConfig, networks: Networks = NO_NETWORKS
) -> Mesh:
    """Links objects and facts into a mesh; `networks` is where it stands, as one cluster of several."""
    return Mesh(objects, facts, config, networks)
