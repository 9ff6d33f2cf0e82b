"""Parts of the Mesh: certificates, TLS versions, the default Sidecar, ingress, injection, and the bounds of service owners."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import model_validator

from meshgen.intent.leaves import Count, DnsLabel, Duration
from meshgen.intent.mesh_proxy import Selector
from meshgen.intent.model import Many, Model, broken
from meshgen.intent.shorts import LIST
from meshgen.intent.traffic import ClientTls, Connections, Outliers
from meshgen.json import JsonObject, JsonValue


class ExportDefaults(Model):
    """Who sees objects that do not say so: `.`, `*` or namespaces."""

    services: Many[str] | None = None
    virtual_services: Many[str] | None = None
    destination_rules: Many[str] | None = None


class DefaultProviders(Model):
    """Extension providers in use where no Telemetry names one."""

    metrics: Annotated[Many[str], LIST] | None = None
    tracing: Annotated[Many[str], LIST] | None = None
    access_logs: Annotated[Many[str], LIST] | None = None


class SidecarDefaults(Model):
    """The Sidecar of the root namespace: what workloads may see whose namespace has none and which declare no `calls`.

    Short: the hosts alone.
    """

    SHORT_SCHEMA: ClassVar = {"type": "array", "items": {"type": "string"}}

    hosts: Many[str]
    """`namespace/host`: `istio-system/*`, `./*` for the workload's own namespace, `*/api.example.com`."""
    outbound: Literal["allowAny", "registryOnly"] | None = None
    """Whether those workloads may call other hosts; the mesh's `outbound` where absent."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return {"hosts": value} if isinstance(value, list | tuple) else value

    @model_validator(mode="after")
    def _hosts(self) -> Self:
        wrong = next((host for host in self.hosts if "/" not in host), None)
        if wrong is not None:
            raise broken(
                f"`{wrong}` names no namespace", help=f"write `./{wrong}`, `*/{wrong}` or `namespace/{wrong}`", at="hosts"
            )
        if not self.hosts:
            raise broken("a Sidecar without hosts sees nothing", help="write `./*` for the workload's own namespace", at="hosts")
        return self

    def to_short(self, long: JsonObject) -> JsonValue:
        """The hosts, if they stand alone."""
        return long["hosts"] if set(long) == {"hosts"} else long


class TlsVersions(Model):
    """The least TLS version, and what is offered in the handshake."""

    minimum: Literal["auto", "1.2", "1.3"] | None = None
    cipher_suites: Annotated[Many[str], LIST] | None = None
    curves: Annotated[Many[str], LIST] | None = None
    """ECDH curves."""


class MeshTls(Model):
    """TLS of the mesh's own mutual TLS, and of all other."""

    mutual: TlsVersions | None = None
    """Between workloads (MeshConfig: `meshMTLS`); ciphers follow from the version."""
    other: TlsVersions | None = None
    """Of gateways and to services outside (MeshConfig: `tlsDefaults`)."""


class CertificateAuthority(Model):
    """Who signs the workloads' certificates in place of istiod."""

    address: str
    """`host:port`, gRPC."""
    tls: ClientTls | None = None
    request_timeout: Duration | None = None
    """10 s where absent."""
    through_istiod: bool | None = None
    """istiod asks on behalf of the workloads (Istio: `istiodSide`)."""


class TrustAnchor(Model):
    """A root certificate that workloads trust beside the mesh's own; certificates are public, keys never stand here."""

    pem: str | None = None
    spiffe_bundle_url: str | None = None
    """Where the roots of a trust domain are fetched."""
    signers: Annotated[Many[str], LIST] | None = None
    trust_domains: Annotated[Many[str], LIST] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.pem is None) == (self.spiffe_bundle_url is None):
            raise broken("a trust anchor has a `pem` or a `spiffeBundleUrl`", kind="exclusive")
        if "PRIVATE KEY" in (self.pem or ""):
            raise broken("key material does not belong into a configuration", help="give the certificate only", kind="secret")
        return self


class KubernetesIngress(Model):
    """How istiod serves Kubernetes' Ingress objects."""

    mode: Literal["off", "default", "strict"] | None = None
    """`strict`, Istio's: those of the class only; `default`: those without a class, too."""
    ingress_class: str | None = None
    service: str | None = None
    """The Service whose address they get."""
    selector: str | None = None
    """The gateway's label `istio`."""


class TrafficDefaults(Model):
    """Limits that hold where no traffic policy says any (MeshConfig: `defaultTrafficPolicy`)."""

    connections: Connections | None = None
    outliers: Outliers | None = None


class Injection(Model):
    """Which Pods get a sidecar, and how (istiod's chart: `sidecarInjectorWebhook`)."""

    namespaces: Literal["labelled", "all"] | None = None
    """`labelled`, Istio's: those with a label for it; `all`: those without a label against it."""
    never: Many[Selector] | None = None
    """Pods that are never injected."""
    always: Many[Selector] | None = None
    """Pods that are always injected."""
    rewrite_probes: bool | None = None
    """HTTP probes of the kubelet go through the agent; on where absent."""
    annotations: dict[str, str] | None = None
    """Annotations that injected Pods get."""
    templates: dict[str, str] | None = None
    """Templates of your own for injection, by name, as text."""
    default_templates: Annotated[Many[str], LIST] | None = None


class Bounds(Model):
    """What the owners of services may not leave; what does is an error at their line."""

    max_timeout: Duration | None = None
    """The longest timeout of a rule; a rule that has none, or turns it off, leaves the bound, too."""
    max_retries: Count | None = None
    """The most retries of a rule."""
    plaintext: Literal["deny"] | None = None
    """`deny`: nobody turns mTLS off or makes it optional, neither servers nor clients."""
    anyone: Literal["deny"] | None = None
    """`deny`: no Access lets everybody in; gateways may."""
    unknown_hosts: Literal["deny"] | None = None
    """`deny`: no Sidecar opens the way to hosts that the mesh does not know."""
    envoy_patches: Literal["deny"] | None = None
    """`deny`: no EnvoyFilter."""
    exempt: Many[DnsLabel] | None = None
    """Namespaces that may leave the bounds, beside the root namespace."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.model_fields_set - {"exempt"}:
            raise broken("bounds that bind nothing", help="write what nobody may leave, as `maxTimeout: 30s`")
        return self
