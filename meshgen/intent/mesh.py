"""Mesh: what holds for all of it."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from meshgen.intent.actions import Retries
from meshgen.intent.authentication import Mode
from meshgen.intent.kind import Intent
from meshgen.intent.leaves import DnsLabel, Duration
from meshgen.intent.model import Many, Model, broken
from meshgen.intent.observability import Observability
from meshgen.intent.observation import AccessLog, Tracing
from meshgen.intent.traffic import Locality, TcpKeepalive


class ExportDefaults(Model):
    """Who sees objects that do not say so: `.`, `*` or namespaces."""

    services: Many[str] | None = None
    virtual_services: Many[str] | None = None
    destination_rules: Many[str] | None = None


class ProxyDefaults(Model):
    """Settings of every proxy (MeshConfig: `defaultConfig`)."""

    concurrency: Annotated[int, Field(ge=0)] | None = None
    trusted_proxies: Annotated[int, Field(ge=0)] | None = None
    """Proxies in front of the gateways (`gatewayTopology.numTrustedProxies`)."""
    forward_client_cert: Literal["sanitize", "forwardOnly", "appendForward", "sanitizeSet", "alwaysForwardOnly"] | None = None
    """What a gateway does with X-Forwarded-Client-Cert (`gatewayTopology.forwardClientCertDetails`)."""
    metadata: dict[str, str] | None = None
    """`proxyMetadata`."""


class Mesh(Intent):
    """The mesh: identity, defaults, access logs, tracing, extension providers. One at most.

    Gives MeshConfig and, in the root namespace under the intent's name, a PeerAuthentication (`mtls`), an AuthorizationPolicy
    (`access`) and a Telemetry (`accessLog` with providers or a filter, `tracing`). What is absent keeps Istio's default.
    """

    KIND: ClassVar[str] = "Mesh"

    trust_domain: str | None = None
    """`cluster.local` where absent."""
    trust_domain_aliases: Many[str] | None = None
    root_namespace: DnsLabel | None = None
    """`istio-system` where absent."""
    mtls: Mode | None = None
    """The mode of all workloads; Istio's is permissive."""
    auto_mtls: bool | None = None
    access: Literal["deny"] | None = None
    """`deny`: what no Access allows is denied, everywhere."""
    outbound: Literal["allowAny", "registryOnly"] | None = None
    """Whether workloads may call hosts that the mesh does not know."""
    retries: Retries | None = None
    """For rules that say nothing about retries."""
    connect_timeout: Duration | None = None
    protocol_detection_timeout: Duration | None = None
    tcp_keepalive: TcpKeepalive | None = None
    dns_refresh_rate: Duration | None = None
    locality: Locality | None = None
    h2_upgrade: Literal["upgrade", "doNotUpgrade"] | None = None
    path_normalization: Literal["default", "none", "base", "mergeSlashes", "decodeAndMergeSlashes"] | None = None
    export_to: ExportDefaults | None = None
    access_log: AccessLog | None = None
    tracing: Tracing | None = None
    providers: Many[dict[str, Any]] | None = None
    """Extension providers, as MeshConfig has them: each with a `name`."""
    proxy: ProxyDefaults | None = None
    observability: Observability | None = None

    if TYPE_CHECKING:

        def __init__(self, name: str, /, *, namespace: str = "default", **spec: Any) -> None: ...  # noqa: ANN401 (a user's values)

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = [provider.get("name") for provider in self.providers or ()]
        for index, name in enumerate(names):
            if not isinstance(name, str):
                raise broken("each extension provider has a `name`", kind="missing")
            if name in names[:index]:
                raise broken(f"two extension providers are named `{name}`", kind="value")
        return self
