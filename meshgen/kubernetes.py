"""Kubernetes objects: core ones that are read as facts, and those beside Istio's that intent gives.

Facts are typed views of the few fields that decide. They are lenient (unknown fields are let through unread), for meshgen reads
core objects and does not own them. Source: the Kubernetes API reference, core/v1, apps/v1 and discovery.k8s.io/v1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from meshgen.diagnostics import UNKNOWN, JsonPath, Origin
from meshgen.json import JsonObject

EXPORT_TO = "networking.istio.io/exportTo"
"""The annotation by which a core Service says who sees it."""


class _Fact(Struct, frozen=True, kw_only=True, rename="camel"):
    """Lenient by default: unknown fields are ignored."""


class ObjectMeta(_Fact, frozen=True, kw_only=True, rename="camel"):
    """`metadata`."""

    name: str = ""
    namespace: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    creation_timestamp: str | None = None


class ServicePort(_Fact, frozen=True, kw_only=True, rename="camel"):
    """One port of a Service."""

    port: int
    name: str = ""
    protocol: str = "TCP"
    target_port: int | str | None = None
    app_protocol: str | None = None


class ServiceSpec(_Fact, frozen=True, kw_only=True, rename="camel"):
    """`spec` of a Service."""

    ports: tuple[ServicePort, ...] = ()
    selector: dict[str, str] = {}
    type: str = "ClusterIP"
    cluster_ip: str = field(default="", name="clusterIP")
    cluster_ips: tuple[str, ...] = field(default=(), name="clusterIPs")
    external_name: str = ""
    external_ips: tuple[str, ...] = field(default=(), name="externalIPs")
    publish_not_ready_addresses: bool = False


class LoadBalancerIngress(_Fact, frozen=True, kw_only=True, rename="camel"):
    """One address of a load balancer."""

    ip: str = ""
    hostname: str = ""


class LoadBalancerStatus(_Fact, frozen=True, kw_only=True, rename="camel"):
    """`status.loadBalancer` of a Service."""

    ingress: tuple[LoadBalancerIngress, ...] = ()


class ServiceStatus(_Fact, frozen=True, kw_only=True, rename="camel"):
    """`status` of a Service."""

    load_balancer: LoadBalancerStatus = LoadBalancerStatus()


class Service(_Fact, frozen=True, kw_only=True, rename="camel"):
    """A core/v1 Service."""

    metadata: ObjectMeta
    spec: ServiceSpec = ServiceSpec()
    status: ServiceStatus = ServiceStatus()
    origin: Origin = UNKNOWN


class TargetReference(_Fact, frozen=True, kw_only=True, rename="camel"):
    """What an endpoint belongs to."""

    kind: str = ""
    name: str = ""
    namespace: str = ""


class EndpointConditions(_Fact, frozen=True, kw_only=True, rename="camel"):
    """Whether an endpoint takes traffic."""

    ready: bool | None = None
    serving: bool | None = None


class SliceEndpoint(_Fact, frozen=True, kw_only=True, rename="camel"):
    """One endpoint of an EndpointSlice."""

    addresses: tuple[str, ...] = ()
    conditions: EndpointConditions = EndpointConditions()
    target_ref: TargetReference | None = None
    zone: str = ""


class EndpointPort(_Fact, frozen=True, kw_only=True, rename="camel"):
    """One port of an EndpointSlice."""

    port: int | None = None
    name: str = ""
    protocol: str = "TCP"
    app_protocol: str | None = None


class EndpointSlice(_Fact, frozen=True, kw_only=True, rename="camel"):
    """A discovery.k8s.io/v1 EndpointSlice."""

    metadata: ObjectMeta
    ports: tuple[EndpointPort, ...] = ()
    endpoints: tuple[SliceEndpoint, ...] = ()
    origin: Origin = UNKNOWN


class ContainerPort(_Fact, frozen=True, kw_only=True, rename="camel"):
    """A named port of a container, which a Service's targetPort may name."""

    container_port: int
    name: str = ""


class Container(_Fact, frozen=True, kw_only=True, rename="camel"):
    """A container."""

    name: str = ""
    ports: tuple[ContainerPort, ...] = ()


class PodSpec(_Fact, frozen=True, kw_only=True, rename="camel"):
    """`spec` of a Pod."""

    service_account_name: str = ""
    containers: tuple[Container, ...] = ()


class PodStatus(_Fact, frozen=True, kw_only=True, rename="camel"):
    """`status` of a Pod."""

    pod_ip: str = field(default="", name="podIP")
    phase: str = ""


class Pod(_Fact, frozen=True, kw_only=True, rename="camel"):
    """A core/v1 Pod."""

    metadata: ObjectMeta
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()
    origin: Origin = UNKNOWN


class PodTemplate(_Fact, frozen=True, kw_only=True, rename="camel"):
    """The Pod template of a workload."""

    metadata: ObjectMeta = ObjectMeta()
    spec: PodSpec = PodSpec()


class WorkloadSpec(_Fact, frozen=True, kw_only=True, rename="camel"):
    """`spec` of a Deployment, StatefulSet or DaemonSet."""

    template: PodTemplate = PodTemplate()


class PodOwner(_Fact, frozen=True, kw_only=True, rename="camel"):
    """A Deployment, StatefulSet, DaemonSet or ReplicaSet (apps/v1)."""

    kind: str
    metadata: ObjectMeta
    spec: WorkloadSpec = WorkloadSpec()
    origin: Origin = UNKNOWN


class Namespace(_Fact, frozen=True, kw_only=True, rename="camel"):
    """A core/v1 Namespace."""

    metadata: ObjectMeta
    origin: Origin = UNKNOWN


class ServiceAccount(_Fact, frozen=True, kw_only=True, rename="camel"):
    """A core/v1 ServiceAccount."""

    metadata: ObjectMeta
    origin: Origin = UNKNOWN


class SecretName(_Fact, frozen=True, kw_only=True, rename="camel"):
    """A core/v1 Secret, of which only the name is kept."""

    metadata: ObjectMeta
    type: str = ""
    origin: Origin = UNKNOWN


class MeshConfigMap(_Fact, frozen=True, kw_only=True, rename="camel"):
    """The ConfigMap `istio`, which holds istiod's MeshConfig as YAML text under `data.mesh`; here that text is read."""

    metadata: ObjectMeta
    mesh: dict[str, Any] = {}
    origin: Origin = UNKNOWN  # of the text


class MeshNetworksMap(_Fact, frozen=True, kw_only=True):
    """MeshNetworks of the ConfigMap `istio`: YAML text under `data.meshNetworks`; here that text is read."""

    metadata: ObjectMeta
    value: dict[str, Any] = {}
    origin: Origin = UNKNOWN  # of the text


class CustomBootstrap(_Fact, frozen=True, kw_only=True):
    """What is merged into the bootstrap of the proxies beside some Pods; the name is that of its ConfigMap."""

    metadata: ObjectMeta
    pods: dict[str, str] = {}  # their labels; all Pods of the namespace where empty
    value: dict[str, Any] = {}  # in Envoy's own fields
    origin: Origin = UNKNOWN  # of the value


class CoreFacts(Struct, frozen=True, kw_only=True):
    """All core objects of a run, a tuple a kind. An empty tuple means that the tree declares none of that kind."""

    services: tuple[Service, ...] = ()
    endpoint_slices: tuple[EndpointSlice, ...] = ()
    pods: tuple[Pod, ...] = ()
    pod_owners: tuple[PodOwner, ...] = ()
    namespaces: tuple[Namespace, ...] = ()
    service_accounts: tuple[ServiceAccount, ...] = ()
    secrets: tuple[SecretName, ...] = ()
    mesh_configs: tuple[MeshConfigMap, ...] = ()
    mesh_networks: tuple[MeshNetworksMap, ...] = ()
    bootstraps: tuple[CustomBootstrap, ...] = ()


class OwnedElsewhere(Struct, frozen=True, kw_only=True):
    """Fields of an object that a controller (Flagger, Argo Rollouts) writes in the cluster, so that Git must not win over it."""

    group: str  # "networking.istio.io"; empty for core objects
    kind: str
    name: str
    namespace: str
    json_pointers: tuple[str, ...]  # RFC 6901, "/spec/http"; lists of Istio's are owned as a whole


class KubernetesObject(Struct, frozen=True, kw_only=True, eq=False):
    """An object of another API than Istio's that an intent gives, as plain JSON: a Deployment, a ConfigMap, Flagger's Canary.

    No later stage reads into it: it is written, compared and patched. A core object among them counts as a fact, too.
    """

    object: JsonObject  # apiVersion, kind, metadata, spec …, in the order in which people read them
    owner: str  # groups files in the default layout: the service or the intent that it speaks of
    origin: Origin
    origins: Mapping[JsonPath, Origin] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """`kind`."""
        return str(self.object["kind"])

    @property
    def name(self) -> str:
        """`metadata.name`."""
        return str(self._metadata["name"])

    @property
    def namespace(self) -> str:
        """`metadata.namespace`; empty for what stands in no namespace."""
        return str(self._metadata.get("namespace", ""))

    @property
    def _metadata(self) -> JsonObject:
        metadata = self.object["metadata"]
        if not isinstance(metadata, dict):
            raise TypeError("an object that meshgen makes has metadata")
        return metadata

    @property
    def key(self) -> tuple[str, str, str]:
        """Kind (with its group, `Gateway.gateway.networking.k8s.io`), namespace and name, which no two objects share."""
        group, slash, _ = str(self.object["apiVersion"]).partition("/")
        return (f"{self.kind}.{group}" if slash else self.kind, self.namespace, self.name)

    def origin_of(self, *path: str | int) -> Origin:
        """Where a part of the object was written; the longest path that `origins` knows wins."""
        for end in range(len(path), 0, -1) if self.origins else ():
            origin = self.origins.get(path[:end])
            if origin is not None:
                return origin
        return self.origin

    def to_json(self) -> JsonObject:
        """The object."""
        return self.object
