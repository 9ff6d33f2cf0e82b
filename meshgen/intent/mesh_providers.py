"""Extension providers: the services outside of proxies that authorize, take spans, logs and metrics, or hand out secrets."""

from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from meshgen.intent.leaves import Count, Duration, PortNumber
from meshgen.intent.model import Many, Model, broken
from meshgen.intent.shorts import LIST, Short
from meshgen.istio.hosts import service_host
from meshgen.json import JsonObject, JsonValue

Names: TypeAlias = Annotated[Many[str], LIST]


def _host(value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
    """The host of a Service that a Python source gives."""
    return service_host(value.name, value.namespace) if type(value).__name__ == "Service" else value


ProviderHost: TypeAlias = Annotated[str, BeforeValidator(_host)]
"""A host that the mesh knows, fully qualified: `collector.observe.svc.cluster.local`; `namespace/host` where several have it."""


class HeaderValue(Model):
    """A header that a proxy sends along. Short: the value."""

    SHORT_SCHEMA: ClassVar = {"type": "string"}

    value: str | None = None
    environment: str | None = None
    """A variable of the proxy's environment, for what must not stand in a configuration."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return {"value": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.value is None) == (self.environment is None):
            raise broken("a header has a `value` or an `environment` variable", kind="exclusive")
        return self

    def to_short(self, long: JsonObject) -> JsonValue:
        """The value, if it stands alone."""
        return long["value"] if set(long) == {"value"} else long


class RequestBody(Model):
    """The part of a request's body that an authorizer sees."""

    max_bytes: Count
    """A longer request is refused with 413, unless `allowPartial`."""
    allow_partial: bool | None = None
    as_bytes: bool | None = None
    """Raw bytes instead of text (gRPC)."""


class Authorizer(Model):
    """What authorizers over HTTP and gRPC have in common."""

    service: ProviderHost
    port: PortNumber
    timeout: Duration | None = None
    """600 s where absent."""
    fail_open: bool | None = None
    """`true`: requests go on where the authorizer does not answer."""
    clear_route_cache: bool | None = None
    """The route is chosen anew after the authorizer has changed headers."""
    status_on_error: Annotated[int, Field(ge=200, le=599)] | None = None
    """The answer where the authorizer does not answer; 403 where absent."""
    body: RequestBody | None = None


class GrpcAuthorizer(Authorizer):
    """An authorizer that speaks Envoy's gRPC protocol (Istio: `envoyExtAuthzGrpc`)."""


class HttpAuthorizer(Authorizer):
    """An authorizer that is asked with the request's own method, path and headers (Istio: `envoyExtAuthzHttp`).

    Names of headers may begin or end with `*`.
    """

    path_prefix: str | None = None
    headers_to_send: Names | None = None
    """Headers of the request that the authorizer gets, beside host, method, path, length and `authorization`."""
    add_headers: dict[str, str] | None = None
    """Headers that the authorizer gets beside those."""
    headers_to_upstream: Names | None = None
    """Headers of an answer that allows, which the service gets."""
    headers_to_client_on_deny: Names | None = None
    headers_to_client_on_allow: Names | None = None


class ExternalAuthorizer(Model):
    """A service that allows or denies requests: what an Access names under `external`."""

    http: HttpAuthorizer | None = None
    grpc: GrpcAuthorizer | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.http is None) == (self.grpc is None):
            raise broken("an external authorizer speaks `http` or `grpc`", kind="exclusive")
        return self


class Collector(Model):
    """A service that takes what proxies send."""

    service: ProviderHost
    port: PortNumber
    max_tag_length: Count | None = None
    """Longer values of tags are cut; 256 where absent."""


class HttpExport(Model):
    """Spans over HTTP instead of gRPC."""

    path: str | None = None
    timeout: Duration | None = None
    headers: dict[str, HeaderValue] | None = None


class GrpcExport(Model):
    """What is special about spans over gRPC."""

    timeout: Duration | None = None
    metadata: dict[str, HeaderValue] | None = None


class DynatraceSampler(Model):
    """Dynatrace decides what is sampled."""

    tenant: str
    cluster_id: int
    root_spans_per_minute: Count | None = None
    service: ProviderHost | None = None
    """Where the sampler asks for its configuration."""
    port: PortNumber | None = None
    http: HttpExport | None = None


class OpenTelemetry(Collector):
    """An OpenTelemetry collector that takes spans, over gRPC where nothing else is said."""

    http: HttpExport | None = None
    grpc: GrpcExport | None = None
    resource_detectors: Annotated[Many[Literal["environment", "dynatrace"]], LIST] | None = None
    service_attributes: Literal["istioCanonical", "otelSemanticConventions"] | None = None
    sampler: DynatraceSampler | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.http is not None and self.grpc is not None:
            raise broken("spans go over `http` or `grpc`, not both", kind="exclusive")
        return self


class Zipkin(Collector):
    """A Zipkin collector, or what takes Zipkin's format (Jaeger)."""

    path: str | None = None
    """`/api/v2/spans` where absent."""
    timeout: Duration | None = None
    headers: dict[str, HeaderValue] | None = None
    short_trace_ids: bool | None = None
    """Trace ids of 64 instead of 128 bits."""
    w3c_headers: bool | None = None
    """`traceparent` is read and written beside B3."""


class Datadog(Collector):
    """A Datadog agent that takes spans."""


class SkyWalking(Model):
    """A SkyWalking collector that takes spans."""

    service: ProviderHost
    port: PortNumber


class Stackdriver(Model):
    """Google Cloud's metrics, logs and traces."""

    max_tag_length: Count | None = None
    log_labels: dict[str, str] | None = None
    """Labels of access logs, each a CEL expression."""


class Prometheus(Model):
    """Istio's standard metrics, where Prometheus scrapes them."""


class FileLog(Model):
    """Access logs into a file. Short: the file."""

    SHORT_SCHEMA: ClassVar = {"type": "string", "description": "The file, `/dev/stdout`."}

    path: str
    text: str | None = None
    """A line, in Envoy's format."""
    json_fields: dict[str, Any] | None = None
    """Fields of a JSON object, each in Envoy's format."""
    omit_empty: bool | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return {"path": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.text is not None and self.json_fields is not None:
            raise broken("a log is `text` or `jsonFields`, not both", kind="exclusive")
        return self

    def to_short(self, long: JsonObject) -> JsonValue:
        """The file, if it stands alone."""
        return long["path"] if set(long) == {"path"} else long


class TcpLogService(Model):
    """Envoy's access log service over gRPC, for TCP."""

    service: ProviderHost
    port: PortNumber
    name: str | None = None
    """Name of the log (Istio: `logName`)."""
    filter_state: Names | None = None


class HttpLogService(TcpLogService):
    """Envoy's access log service over gRPC, for HTTP."""

    request_headers: Names | None = None
    response_headers: Names | None = None
    response_trailers: Names | None = None


class OpenTelemetryLog(Model):
    """Access logs to an OpenTelemetry collector."""

    service: ProviderHost
    port: PortNumber
    name: str | None = None
    text: str | None = None
    labels: dict[str, Any] | None = None


class LogSink(Model):
    """Where access logs go: one of the four."""

    file: FileLog | None = None
    http: HttpLogService | None = None
    tcp: TcpLogService | None = None
    open_telemetry: OpenTelemetryLog | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        _exactly_one(self, "an access log goes to")
        return self


class SecretServer(Model):
    """A service that hands out secrets to gateways over SDS (Istio: `sds`)."""

    name: str
    service: ProviderHost
    port: PortNumber


class Provider(Model):
    """One extension provider: what it is, and where it is. Names are for Access, Telemetry, `accessLog` and `tracing`."""

    external_authorizer: ExternalAuthorizer | None = None
    open_telemetry: OpenTelemetry | None = None
    zipkin: Zipkin | None = None
    datadog: Datadog | None = None
    sky_walking: SkyWalking | None = None
    stackdriver: Stackdriver | None = None
    prometheus: Prometheus | None = None
    access_log: LogSink | None = None
    secret_server: SecretServer | None = None
    istio: dict[str, Any] | None = None
    """As MeshConfig has it (`{opentelemetry: {service: …}}`), without the name."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        _exactly_one(self, "an extension provider has")
        return self


def _exactly_one(model: Model, words: str) -> None:
    """Raises where not exactly one field is given."""
    if sum(getattr(model, name) is not None for name in type(model).model_fields) != 1:
        names = [f"`{field.alias}`" for field in type(model).model_fields.values()]
        raise broken(f"{words} one of {', '.join(names[:-1])} and {names[-1]}", kind="exclusive")


def _by_name(value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
    """MeshConfig's list of providers, each with its `name`, as a map."""
    if not isinstance(value, list | tuple):
        return value
    found: dict[str, Any] = {}
    for provider in value:
        name = provider.get("name") if isinstance(provider, dict) else None
        if not isinstance(name, str):
            raise broken("each extension provider has a `name`", kind="missing")
        if name in found:
            raise broken(f"two extension providers are named `{name}`", kind="value")
        found[name] = {"istio": {key: item for key, item in provider.items() if key != "name"}}
    return found


def _as_it_is(_: object, long: JsonValue) -> JsonValue:
    return long


BY_NAME = Short(
    expand=_by_name,
    fold=_as_it_is,
    schema={"type": "array", "items": {"type": "object"}, "description": "As MeshConfig's `extensionProviders`."},
)
"""A map of providers; MeshConfig's own list is taken as well."""
