"""Clusters of a mesh: each with its control plane, its network, its part of the trust, its door to the other networks."""

from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, Field, model_validator

from meshgen.intent.leaves import DnsLabel, Host, Labels, PortNumber
from meshgen.intent.model import Many, Model, broken
from meshgen.intent.shorts import LIST, NOT_EMPTY
from meshgen.json import JsonObject, JsonValue

CA_SECRET = "cacerts"  # noqa: S105 (a name)
"""The Secret in which istiod looks for a certificate authority that is not its own."""


def _ca_secret(text: str) -> str:
    if text != CA_SECRET:
        raise broken(f"istiod reads its authority from the Secret `{CA_SECRET}`, not from `{text}`", kind="value")
    return text


class ClusterAuthority(Model):
    """The authority that signs the certificates of a cluster's workloads, by reference. Short: the name of its root.

    Workloads of two clusters trust each other where both authorities descend from one root.
    """

    SHORT_SCHEMA: ClassVar = {"type": "string", "description": "The name of the root."}

    root: Annotated[str, Field(min_length=1)]
    """What the root certificate is called: any name, or its fingerprint. The same in all clusters that shall trust each other."""
    secret: Annotated[str, AfterValidator(_ca_secret)] | None = None
    """`cacerts` in istiod's namespace, where the authority is plugged in; absent where another one signs (SPIRE, istio-csr)."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return {"root": value, "secret": CA_SECRET} if isinstance(value, str) else value

    def to_short(self, long: JsonObject) -> JsonValue:
        """The root, if it is plugged in."""
        return long["root"] if long == {"root": self.root, "secret": CA_SECRET} else long


class EastWest(Model):
    """The gateway by which other networks reach this cluster (and machines, its control plane).

    Gives the Gateway `cross-network-gateway`, which passes mutual TLS on by its SNI, and Helm values for the gateway's Pods
    (`eastwest/values.yaml`); with `exposeIstiod` also the Gateway and the VirtualService `istiod-gateway`.
    """

    hosts: Annotated[Many[Host], NOT_EMPTY, LIST] | None = None
    """What others may reach; `*.local`, every Service, where absent."""
    port: PortNumber = 15443
    expose_istiod: bool | None = None
    """Whether machines and remote clusters reach istiod here (ports 15012 and 15017)."""
    address: str | None = None
    """The IP or DNS name under which other networks reach the gateway; needed by `meshNetworks` and by machines that join."""
    mesh_networks: bool | None = None
    """Whether all clusters are told the address in `meshNetworks`; istiod finds a gateway by its Service's network label too."""
    selector: Labels = Field(default_factory=lambda: {"istio": "eastwestgateway"})
    """The labels of the gateway's Pods."""
    name: DnsLabel = "istio-eastwestgateway"
    """Of the gateway's Deployment and Service."""
    namespace: DnsLabel | None = None
    """Of the gateway's Pods; the root namespace where absent."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.mesh_networks and self.address is None:
            raise broken("`meshNetworks` lists addresses, and this gateway has none", help="add its `address`", kind="missing")
        return self


class Cluster(Model):
    """One cluster of the mesh. Its name is istiod's cluster ID (Helm: `global.multiCluster.clusterName`)."""

    network: DnsLabel | None = None
    """The network of its Pods. Clusters on one network reach each other's Pods; others go through an east-west gateway."""
    ca: ClusterAuthority | None = None
    east_west: EastWest | None = None
    control_plane: DnsLabel | None = None
    """The cluster whose istiod serves this one (a remote cluster); its own where absent."""
    context: str | None = None
    """What kubectl calls it, for the commands of the runbook; the cluster's name where absent."""
    api_server: str | None = None
    """The address at which the other clusters reach its API server, where its kubeconfig says another one."""
    label_namespace: bool | None = None
    """Whether the root namespace, with the label of the network, is among the objects; else the runbook labels it."""
