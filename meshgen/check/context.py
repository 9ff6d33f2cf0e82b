"""What rules share: the mesh, and questions over it that more than one rule asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar, cast

from meshgen.diagnostics import did_you_mean
from meshgen.istio.gateway import Gateway, Server
from meshgen.istio.hosts import SERVICE_SUFFIX, covering, is_wildcard, overlaps
from meshgen.istio.object import IstioObject
from meshgen.istio.virtual_service import VirtualService
from meshgen.mesh import Mesh, Service
from meshgen.mesh.names import MESH, gateways_of
from meshgen.mesh.selection import LabelIndex, selects
from meshgen.mesh.visibility import OWN_NAMESPACE, PUBLIC

T = TypeVar("T")

_MOST_COMPARISONS = 50_000
"""A search for a near name looks at all names. After so many comparisons the rest of the findings go without, for they would take
longer than all rules together: a tree in which that many names are wrong needs other help."""


class Context:
    """A mesh and what rules ask of it."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self._worked_out: dict[Callable[[Context], object], object] = {}
        self._suggestions: dict[tuple[str, tuple[str, ...]], str] = {}
        self._compared = 0
        self._gateway_namespaces: dict[tuple[tuple[str, str], ...], tuple[str, ...]] = {}
        self._server_hosts: dict[str, dict[str, list[tuple[str, ServerOf]]]] = {}
        self._behind: dict[tuple[str, tuple[tuple[str, str], ...]], tuple[Service, ...]] = {}

    def once(self, work: Callable[[Context], T]) -> T:
        """What a function makes of the mesh, worked out for the first rule that asks and kept for the others."""
        if work not in self._worked_out:
            self._worked_out[work] = work(self)
        return cast("T", self._worked_out[work])

    # --- names -----------------------------------------------------------------------------------------------------
    def near(self, name: str, known: tuple[str, ...]) -> str:
        """`did you mean …?`, or nothing; each question is worked out once."""
        key = (name, known)
        if key not in self._suggestions:
            if self._compared > _MOST_COMPARISONS:
                return ""
            self._compared += len(known)
            self._suggestions[key] = did_you_mean(name, known)
        return self._suggestions[key]

    @cached_property
    def hosts_by_namespace(self) -> Mapping[str, tuple[str, ...]]:
        """Names of the core Services of each namespace."""
        found: dict[str, list[str]] = {}
        for service in self.mesh.services:
            if service.kubernetes:
                found.setdefault(service.namespace, []).append(service.name)
        return {namespace: tuple(names) for namespace, names in found.items()}

    @cached_property
    def namespaces_by_service(self) -> Mapping[str, tuple[str, ...]]:
        """The namespaces that have a core Service of a name."""
        found: dict[str, list[str]] = {}
        for service in self.mesh.services:
            if service.kubernetes:
                found.setdefault(service.name, []).append(service.namespace)
        return {name: tuple(sorted(namespaces)) for name, namespaces in found.items()}

    @cached_property
    def outside_hosts(self) -> tuple[str, ...]:
        """Hosts of ServiceEntries."""
        return tuple(sorted({service.host for service in self.mesh.services if not service.kubernetes}))

    @cached_property
    def namespaces(self) -> frozenset[str]:
        """Namespaces that the tree declares; empty where it declares none."""
        return frozenset(namespace.metadata.name for namespace in self.mesh.facts.namespaces)

    @cached_property
    def populated(self) -> frozenset[str]:
        """Namespaces of which the tree declares workloads."""
        return frozenset(workload.namespace for workload in self.mesh.workloads)

    # --- gateways --------------------------------------------------------------------------------------------------
    @cached_property
    def gateways(self) -> Mapping[str, IstioObject[Gateway]]:
        """Gateways by `namespace/name`."""
        return {f"{found.namespace}/{found.name}": found for found in self.mesh.of_kind(Gateway)}

    @cached_property
    def gateway_names(self) -> tuple[str, ...]:
        """All names of Gateways."""
        return tuple(sorted(self.gateways))

    def gateway_namespaces(self, gateway: IstioObject[Gateway]) -> tuple[str, ...]:
        """Where the proxies of a Gateway run: the namespaces of its workloads or Services, else its own."""
        selector = gateway.spec.selector or {}
        key = tuple(sorted(selector.items()))
        if key not in self._gateway_namespaces:
            mesh = self.mesh
            found = {workload.namespace for workload in mesh.workloads if selects(selector, workload.labels)} or {
                service.namespace for service in mesh.services if service.selector and selects(selector, service.selector)
            }
            self._gateway_namespaces[key] = tuple(sorted(found)) if selector else ()
        return self._gateway_namespaces[key] or (gateway.namespace,)

    def gateways_for(self, virtual_service: IstioObject[VirtualService]) -> list[IstioObject[Gateway]]:
        """The known gateways that a virtual service is bound to."""
        names = gateways_of(virtual_service.spec, virtual_service.namespace)
        return [self.gateways[name] for name in names if name in self.gateways]

    def servers_for(self, virtual_service: IstioObject[VirtualService], host: str) -> list[ServerOf]:
        """The servers of its gateways that may serve a virtual service for some of a (fully qualified) host."""
        found: dict[tuple[str, int], ServerOf] = {}
        for owner, server in self._covering(virtual_service, host):
            if owner in ("", PUBLIC, virtual_service.namespace):
                found.setdefault((server.gateway.name, server.index), server)
        return list(found.values())

    def owners_of(self, virtual_service: IstioObject[VirtualService], host: str) -> dict[str, ServerOf]:
        """The namespaces that servers of its gateways take a host from, with such a server; empty where one takes it from all."""
        found: dict[str, ServerOf] = {}
        for owner, server in self._covering(virtual_service, host):
            found.setdefault(owner, server)
        return {} if "" in found or PUBLIC in found else found

    def _covering(self, virtual_service: IstioObject[VirtualService], host: str) -> Iterator[tuple[str, ServerOf]]:
        for gateway in self.gateways_for(virtual_service):
            by_host = self._servers(gateway)
            names = [name for name in by_host if overlaps(name, host)] if is_wildcard(host) else covering(host)
            for name in names:
                yield from by_host.get(name, ())

    def _servers(self, gateway: IstioObject[Gateway]) -> Mapping[str, list[tuple[str, ServerOf]]]:
        """Servers by host, with the namespace whose virtual services they take (empty for all)."""
        key = f"{gateway.namespace}/{gateway.name}"
        if key not in self._server_hosts:
            by_host = self._server_hosts[key] = {}
            for index, server in enumerate(gateway.spec.servers or ()):
                for written in server.hosts:
                    owner, _, host = written.rpartition("/")
                    owner = gateway.namespace if owner == OWN_NAMESPACE else owner
                    by_host.setdefault(host, []).append((owner, ServerOf(gateway, index, server)))
        return self._server_hosts[key]

    def client_namespaces(self, virtual_service: IstioObject[VirtualService]) -> tuple[str, ...]:
        """The namespaces whose proxies surely use a virtual service: its own for sidecars, those of its gateways."""
        if not virtual_service.spec.gateways:
            return (virtual_service.namespace,)
        found: list[str] = []
        for name in gateways_of(virtual_service.spec, virtual_service.namespace):
            if name == MESH:
                found.append(virtual_service.namespace)
            elif name in self.gateways:
                found.extend(self.gateway_namespaces(self.gateways[name]))
        return tuple(dict.fromkeys(found))

    # --- virtual services ------------------------------------------------------------------------------------------
    @cached_property
    def virtual_services(self) -> Mapping[tuple[str, str], IstioObject[VirtualService]]:
        """All virtual services by namespace and name."""
        return {(found.namespace, found.name): found for found in self.mesh.of_kind(VirtualService)}

    # --- workloads -------------------------------------------------------------------------------------------------
    @cached_property
    def _service_labels(self) -> LabelIndex[Service]:
        return LabelIndex([(service.namespace, service.selector, service) for service in self.mesh.services if service.selector])

    def is_selected(self, namespace: str, labels: Mapping[str, str]) -> bool:
        """Whether a workload carries these labels, or a Service or a Gateway selects workloads by them."""
        if tuple(sorted(labels.items())) in self._gateway_labels:
            return True
        return bool(self.mesh.workloads_in(namespace, labels) or self._service_labels.picked(namespace, labels))

    @cached_property
    def _gateway_labels(self) -> frozenset[tuple[tuple[str, str], ...]]:
        """The selectors of all Gateways: their workloads are often installed by another repository."""
        return frozenset(tuple(sorted((each.spec.selector or {}).items())) for each in self.mesh.of_kind(Gateway))

    def services_behind(self, namespace: str, selector: Mapping[str, str]) -> tuple[Service, ...]:
        """The services backed by the workloads that a policy of a namespace selects; of all namespaces for the root's."""
        key = (namespace, tuple(sorted(selector.items())))
        if key not in self._behind:
            self._behind[key] = tuple(self._find_behind(namespace, selector))
        return self._behind[key]

    def _find_behind(self, namespace: str, selector: Mapping[str, str]) -> Iterable[Service]:
        if namespace == self.mesh.config.root_namespace and not selector:
            return (service for service in self.mesh.services if service.selector)
        found = {(s.namespace, s.host): s for s in self._service_labels.picked(namespace, selector)}
        if selector:
            for workload in self.mesh.workloads_in(namespace, selector):
                for service in self.mesh.services_backed_by(namespace, workload.labels):
                    found[service.namespace, service.host] = service
        return found.values()


@dataclass(frozen=True, slots=True)
class ServerOf:
    """A server, its place, and its Gateway."""

    gateway: IstioObject[Gateway]
    index: int
    server: Server


def split_cluster_host(host: str) -> tuple[str, str] | None:
    """Name and namespace of a host of the cluster's domain; None for any other."""
    if not host.endswith(SERVICE_SUFFIX):
        return None
    name, _, namespace = host.removesuffix(SERVICE_SUFFIX).rpartition(".")
    return (name, namespace) if name and "." not in name else None
