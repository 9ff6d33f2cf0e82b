"""Mesh: what holds for all of it."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from meshgen.intent.actions import Retries
from meshgen.intent.authentication import Mode
from meshgen.intent.kind import Intent
from meshgen.intent.leaves import DnsLabel, Duration, Percent
from meshgen.intent.model import Many, Model, broken
from meshgen.intent.shorts import LIST
from meshgen.intent.traffic import Locality, TcpKeepalive
from meshgen.json import JsonObject, JsonValue


class AccessLog(Model):
    """Access logs of all proxies. Short: the file.

    A `file` is MeshConfig's; `providers` and `filter` make a mesh-wide Telemetry.
    """

    SHORT_SCHEMA: ClassVar[JsonObject | None] = {"type": "string", "description": "The file, `/dev/stdout`."}

    file: str | None = None
    format: str | None = None
    encoding: Literal["text", "json"] | None = None
    providers: Annotated[Many[str], LIST] | None = None
    filter: str | None = None
    """A CEL expression, `response.code >= 400`."""
    side: Literal["client", "server", "clientAndServer"] | None = None
    disabled: bool | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return {"file": value} if isinstance(value, str) else value

    def to_short(self, long: JsonObject) -> JsonValue:
        """The file, if it stands alone."""
        return long["file"] if set(long) == {"file"} else long


class TagSource(Model):
    """Where the value of a span's tag comes from. Short: a literal."""

    SHORT_SCHEMA: ClassVar[JsonObject | None] = {"type": "string"}

    literal: str | None = None
    environment: str | None = None
    header: str | None = None
    formatter: str | None = None
    default: str | None = None
    """For `environment` and `header`."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return {"literal": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(value is not None for value in (self.literal, self.environment, self.header, self.formatter)) != 1:
            raise broken("a tag has one of `literal`, `environment`, `header` and `formatter`", kind="exclusive")
        return self

    def to_short(self, long: JsonObject) -> JsonValue:
        """The literal, if it stands alone."""
        return long["literal"] if set(long) == {"literal"} else long


class MeshTracing(Model):
    """Tracing of all proxies (a mesh-wide Telemetry)."""

    providers: Annotated[Many[str], LIST] | None = None
    sampling: Percent | None = None
    disabled: bool | None = None
    tags: dict[str, TagSource] | None = None
    side: Literal["client", "server", "clientAndServer"] | None = None
    use_request_id: bool | None = None
    enable_istio_tags: bool | None = None


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
    tracing: MeshTracing | None = None
    providers: Many[dict[str, Any]] | None = None
    """Extension providers, as MeshConfig has them: each with a `name`."""
    proxy: ProxyDefaults | None = None

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
