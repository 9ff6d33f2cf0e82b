"""Mesh: what holds for all of it."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from meshgen.intent.actions import Retries, not_hedged
from meshgen.intent.authentication import Mode
from meshgen.intent.cluster import Cluster
from meshgen.intent.kind import Intent
from meshgen.intent.leaves import DnsLabel, Duration, Host
from meshgen.intent.mesh_install import Install
from meshgen.intent.mesh_providers import BY_NAME, Provider
from meshgen.intent.mesh_proxy import NamespaceSettings, ProxyDefaults, Selector
from meshgen.intent.mesh_settings import (
    Bounds,
    CertificateAuthority,
    DefaultProviders,
    ExportDefaults,
    Injection,
    KubernetesIngress,
    MeshTls,
    SidecarDefaults,
    TrafficDefaults,
    TrustAnchor,
)
from meshgen.intent.model import Many, broken
from meshgen.intent.observability import Observability
from meshgen.intent.observation import AccessLog, Tracing
from meshgen.intent.traffic import Locality, TcpKeepalive, ZoneAware


class Mesh(Intent):
    """The mesh: identity, defaults, access logs, tracing, extension providers, installation, bounds. One at most.

    Gives MeshConfig (as Helm values of istiod and as an IstioOperator) and, in the root namespace under the intent's name, a
    PeerAuthentication (`mtls`), an AuthorizationPolicy (`access`), a Telemetry (`accessLog` with providers or a filter,
    `tracing`), a Sidecar (`sidecar`) and a ProxyConfig (`proxy.environment`). What is absent keeps Istio's default.
    """

    KIND: ClassVar[str] = "Mesh"

    trust_domain: str | None = None
    """`cluster.local` where absent."""
    trust_domain_aliases: Many[str] | None = None
    trust_anchors: Many[TrustAnchor] | None = None
    """Roots that workloads trust beside the mesh's own (MeshConfig: `caCertificates`)."""
    certificate_authority: CertificateAuthority | None = None
    root_namespace: DnsLabel | None = None
    """`istio-system` where absent."""
    mtls: Mode | None = None
    """The mode of all workloads; Istio's is permissive."""
    auto_mtls: bool | None = None
    tls: MeshTls | None = None
    access: Literal["deny"] | None = None
    """`deny`: what no Access allows is denied, everywhere."""
    bounds: Bounds | None = None
    outbound: Literal["allowAny", "registryOnly", "allowAnyDynamicDns"] | None = None
    """Whether workloads may call hosts that the mesh does not know."""
    inbound: Literal["passthrough", "localhost"] | None = None
    """Where a proxy sends what arrives: to the Pod's address, or to localhost."""
    sidecar: SidecarDefaults | None = None
    """What workloads see that declare no `calls`."""
    timeout: Duration | None = None
    """For HTTP rules that say nothing about a timeout, and services without rules. Istio has none."""
    retries: Annotated[Retries, AfterValidator(not_hedged)] | None = None
    """For rules that say nothing about retries."""
    inbound_retries: Annotated[Retries, AfterValidator(not_hedged)] | None = None
    """Retries of a server's proxy towards its own application."""
    traffic: TrafficDefaults | None = None
    connect_timeout: Duration | None = None
    protocol_detection_timeout: Duration | None = None
    tcp_keepalive: TcpKeepalive | None = None
    dns_refresh_rate: Duration | None = None
    locality: Locality | None = None
    zone_aware: ZoneAware | None = None
    h2_upgrade: Literal["upgrade", "doNotUpgrade"] | None = None
    path_normalization: Literal["default", "none", "base", "mergeSlashes", "decodeAndMergeSlashes"] | None = None
    export_to: ExportDefaults | None = None
    discovery: Many[Selector] | None = None
    """Namespaces that istiod looks at: those that any of these selects. All where absent."""
    cluster_local: Many[Host] | None = None
    """Hosts whose requests stay in the caller's cluster."""
    ingress: KubernetesIngress | None = None
    access_log: AccessLog | None = None
    tracing: Tracing | None = None
    providers: Annotated[dict[str, Provider], BY_NAME] | None = None
    """Extension providers by name; MeshConfig's own list is taken as well."""
    default_providers: DefaultProviders | None = None
    merge_metrics: bool | None = None
    """The agent answers for the application's metrics, too (MeshConfig: `enablePrometheusMerge`)."""
    proxy: ProxyDefaults | None = None
    observability: Observability | None = None
    injection: Injection | None = None
    namespaces: dict[DnsLabel, NamespaceSettings] | None = None
    """Namespaces with their labels for injection, as core objects, and settings of their proxies."""
    install: Install | None = None
    config: dict[str, Any] | None = None
    """Other fields of MeshConfig, in its own words; merged at the end and checked against its types."""

    mesh_id: str | None = None
    """What the mesh is called in metrics and to other meshes; the trust domain where absent (Helm: `global.meshID`)."""
    clusters: Annotated[dict[DnsLabel, Cluster], Field(min_length=1)] | None = None
    """The clusters of the mesh by name. Each gets its own output, in a directory of its name."""

    if TYPE_CHECKING:

        def __init__(self, name: str, /, *, namespace: str = "default", **spec: Any) -> None: ...  # noqa: ANN401 (a user's values)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.cluster_local is not None and "serviceSettings" in (self.config or {}):
            raise broken("`clusterLocal` is a part of `serviceSettings`", help="leave one of them out", at="config")
        return self
