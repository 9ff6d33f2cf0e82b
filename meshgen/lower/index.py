"""Who is who among the intents and core facts: services, versions, gateways, accounts."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias, TypeVar, cast

from meshgen import kubernetes
from meshgen.diagnostics import did_you_mean
from meshgen.intent.decode import IntentObject
from meshgen.intent.kind import Intent
from meshgen.intent.reference import split_service
from meshgen.istio.hosts import service_host
from meshgen.istio.mesh_config import MeshConfig
from meshgen.istio.object import IstioObject
from meshgen.istio.service_entry import ServiceEntry
from meshgen.istio.struct import IstioStruct
from meshgen.istio.versions import DEFAULT_TARGET, IstioVersion
from meshgen.kubernetes import CoreFacts
from meshgen.values import Protocol, protocol_of_port

if TYPE_CHECKING:  # a kind is imported where the mesh has it
    from meshgen.intent.canary import Canary
    from meshgen.intent.cluster import Cluster
    from meshgen.intent.external_service import ExternalService
    from meshgen.intent.gateway import Gateway
    from meshgen.intent.mesh import Mesh
    from meshgen.intent.mirror import Mirror
    from meshgen.intent.service import Service

I = TypeVar("I", bound=Intent)  # noqa: E741 (I for intent, as T for type)
C = TypeVar("C", bound="Canary | Mirror")

ServiceKey = tuple[str, str]
"""Namespace and name; of an ExternalService no namespace, and the host."""

Declared: TypeAlias = "IntentObject[Service] | IntentObject[ExternalService]"
"""What has versions and rules of its own."""


@dataclass(frozen=True, slots=True)
class Way:
    """How clients get to the hosts of an ExternalService that goes through an egress gateway."""

    gateway: IntentObject[Gateway]
    front: str  # host of the core Service in front of the gateway
    owner: IntentObject[ExternalService]

    @property
    def name(self) -> str:
        """The Istio Gateway that has the listeners for it, by its full name."""
        return f"{self.owner.model.namespace}/{self.owner.model.name}-egress"


def subset_at_gateway(host: str) -> str:
    """The subset by which a gateway's DestinationRule knows the way to a host."""
    return host.lower().replace(".", "-").replace("_", "-")


def host_of(key: ServiceKey) -> str:
    """The service's host, fully qualified."""
    return service_host(key[1], key[0]) if key[0] else key[1]


@dataclass(frozen=True)
class Index:
    """All intents, in one order whatever the order of the documents, and the core facts beside them."""

    intents: Sequence[IntentObject[Intent]]
    facts: CoreFacts
    services: Mapping[ServiceKey, IntentObject[Service]] = field(default_factory=dict)
    canaries: Mapping[ServiceKey, list[IntentObject[Canary]]] = field(default_factory=dict)
    mirrors: Mapping[ServiceKey, list[IntentObject[Mirror]]] = field(default_factory=dict)
    gateways: Mapping[ServiceKey, IntentObject[Gateway]] = field(default_factory=dict)
    externals: Mapping[str, IntentObject[ExternalService]] = field(default_factory=dict)  # by host
    entries: Mapping[str, str] = field(default_factory=dict)  # hosts of ServiceEntries and their namespaces, natives included
    ways: Mapping[str, Way] = field(default_factory=dict)  # by host
    mesh: IntentObject[Mesh] | None = None
    config: MeshConfig = field(default_factory=MeshConfig)
    target: IstioVersion = DEFAULT_TARGET  # the release of Istio that the objects are for
    cluster_name: str = ""  # the one that is compiled, where the Mesh has clusters

    def of(self, kind: type[I]) -> list[IntentObject[I]]:
        """The intents of a kind, by namespace and name."""
        return cast("list[IntentObject[I]]", self.by_kind.get(kind.KIND, []))

    @cached_property
    def by_kind(self) -> Mapping[str, list[IntentObject[Intent]]]:
        """The intents by their kind's name, for those who must not import the kind, by namespace and name."""
        return _by_kind(self.intents)

    @property
    def cluster(self) -> Cluster | None:
        """The cluster that is compiled, where the Mesh has clusters."""
        clusters = self.mesh.model.clusters if self.mesh is not None else None
        return clusters.get(self.cluster_name) if clusters is not None else None

    @property
    def trust_domain(self) -> str:
        """The mesh's trust domain."""
        return self.config.trust_domain

    @property
    def root_namespace(self) -> str:
        """The mesh's root namespace."""
        return self.config.root_namespace

    @cached_property
    def core_services(self) -> Mapping[ServiceKey, kubernetes.Service]:
        """Core Services of the tree."""
        return {(fact.metadata.namespace, fact.metadata.name): fact for fact in self.facts.services}

    @cached_property
    def workloads(self) -> Mapping[str, list[tuple[Mapping[str, str], str]]]:
        """Labels and service account of the Pods and Pod templates of each namespace."""
        found: dict[str, list[tuple[Mapping[str, str], str]]] = {}
        for pod in self.facts.pods:
            found.setdefault(pod.metadata.namespace, []).append((pod.metadata.labels, pod.spec.service_account_name))
        for owner in self.facts.pod_owners:
            template = owner.spec.template
            found.setdefault(owner.metadata.namespace, []).append((template.metadata.labels, template.spec.service_account_name))
        return found

    def knows_service(self, key: ServiceKey) -> bool:
        """Whether an intent or a core Service declares it."""
        return key in self.services or key in self.core_services or (not key[0] and key[1] in self.externals)

    def declared(self, key: ServiceKey) -> Declared | None:
        """The intent that declares a service."""
        return self.services.get(key) if key[0] else self.externals.get(key[1])

    def key_of(self, service: str, namespace: str) -> ServiceKey:
        """What `service` of `namespace` means: that Service, or where there is none the host `service.namespace`."""
        key = (namespace, service)
        host = f"{service}.{namespace}"
        return ("", host) if host in self.entries and not self.knows_service(key) else key

    def suggestion(self, key: ServiceKey) -> str:
        """`did you mean …?` for a service that nobody declares."""
        if not key[0]:
            return did_you_mean(key[1], self.externals) or "no ExternalService has this host"
        names = [name for namespace, name in (*self.services, *self.core_services) if namespace == key[0]]
        elsewhere = [other for other in (*self.services, *self.core_services) if other[1] == key[1]]
        if elsewhere:
            return f"there is a `{key[1]}.{elsewhere[0][0]}`"
        return did_you_mean(key[1], names) or f"the namespace `{key[0]}` has no service of this name"

    def labels_of(self, key: ServiceKey) -> Mapping[str, str]:
        """The labels that the Pods of a service have: the intent's selector, else the core Service's; empty where unknown."""
        intent = self.services.get(key)
        if intent is not None and intent.model.workload is not None and intent.model.workload.selector:
            return intent.model.workload.selector
        core = self.core_services.get(key)
        return core.spec.selector if core is not None else {}

    def ports_of(self, key: ServiceKey) -> Sequence[tuple[int, Protocol]]:
        """The ports of a service and what they speak: the intent's, else the core Service's; empty where unknown."""
        intent = self.declared(key)
        if intent is not None and intent.model.ports is not None:
            return [(port.port, Protocol(port.protocol)) for port in intent.model.ports]
        core = self.core_services.get(key)
        ports = core.spec.ports if core is not None else ()
        return [(port.port, protocol_of_port(port.name, port.app_protocol, port.protocol)) for port in ports]

    def service_account_of(self, key: ServiceKey) -> str:
        """The account that a service's Pods run as."""
        intent = self.services.get(key)
        if intent is not None and intent.model.workload is not None and intent.model.workload.service_account:
            return intent.model.workload.service_account
        labels = self.labels_of(key)
        for found, account in self.workloads.get(key[0], ()) if labels else ():
            if labels.items() <= found.items() and account:
                return account
        return "default"

    @cached_property
    def services_by_account(self) -> Mapping[ServiceKey, list[ServiceKey]]:
        """Services of the intents by namespace and service account."""
        found: dict[ServiceKey, list[ServiceKey]] = {}
        for key in self.services:
            found.setdefault((key[0], self.service_account_of(key)), []).append(key)
        return found


def build_index(
    intents: Sequence[IntentObject[Intent]],
    facts: CoreFacts,
    config: MeshConfig,
    natives: Iterable[IstioObject[IstioStruct]] = (),
    target: IstioVersion = DEFAULT_TARGET,
    cluster: str = "",
) -> Index:
    """The index of intents that are in order and each given once."""
    by_kind = _by_kind(intents)
    externals: dict[str, IntentObject[ExternalService]] = {}
    for external in cast("list[IntentObject[ExternalService]]", by_kind.get("ExternalService", [])):
        for host in external.model.hosts:
            externals.setdefault(host, external)
    mesh = by_kind.get("Mesh")
    return Index(
        intents=intents,
        facts=facts,
        services=_by_key(cast("list[IntentObject[Service]]", by_kind.get("Service", []))),
        canaries=_by_service(cast("list[IntentObject[Canary]]", by_kind.get("Canary", [])), externals),
        mirrors=_by_service(cast("list[IntentObject[Mirror]]", by_kind.get("Mirror", [])), externals),
        gateways=_by_key(cast("list[IntentObject[Gateway]]", by_kind.get("Gateway", []))),
        externals=externals,
        entries={**_native_entries(natives), **{host: intent.model.namespace for host, intent in externals.items()}},
        mesh=cast("IntentObject[Mesh]", mesh[0]) if mesh else None,
        config=config,
        target=target,
        cluster_name=cluster,
    )


def _by_kind(intents: Iterable[IntentObject[Intent]]) -> dict[str, list[IntentObject[Intent]]]:
    found: dict[str, list[IntentObject[Intent]]] = {}
    for intent in intents:
        found.setdefault(intent.model.KIND, []).append(intent)
    return found


def _by_service(changes: Iterable[IntentObject[C]], externals: Container[str]) -> dict[ServiceKey, list[IntentObject[C]]]:
    found: dict[ServiceKey, list[IntentObject[C]]] = {}
    for change in changes:
        model = change.model
        key = ("", model.service) if model.service in externals else split_service(model.service, model.namespace)
        found.setdefault(key, []).append(change)
    return found


def _native_entries(natives: Iterable[IstioObject[IstioStruct]]) -> dict[str, str]:
    return {host: native.namespace for native in natives if isinstance(native.spec, ServiceEntry) for host in native.spec.hosts}


def _by_key(intents: Iterable[IntentObject[I]]) -> dict[ServiceKey, IntentObject[I]]:
    return {(intent.model.namespace, intent.model.name): intent for intent in intents}
