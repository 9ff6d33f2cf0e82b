"""What is observed and how it is reported: access logs, traces. The Mesh says it for all proxies, a Telemetry for some."""

from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import model_validator

from meshgen.intent.leaves import Percent
from meshgen.intent.model import Many, Model, broken
from meshgen.intent.shorts import LIST
from meshgen.json import JsonObject, JsonValue

Side: TypeAlias = Literal["client", "server", "clientAndServer"]
"""Which proxy of a request: the caller's, the callee's, or both (where absent)."""

Providers: TypeAlias = Annotated[Many[str], LIST]
"""Names of the Mesh's extension providers, or of Istio's own: `envoy`, `prometheus`, `stackdriver`."""


class LogRule(Model):
    """What is logged of which requests, and to which providers. Short: the provider alone."""

    SHORT_SCHEMA: ClassVar = {"type": "string", "description": "A provider, `envoy`."}

    providers: Providers | None = None
    filter: str | None = None
    """A CEL expression, `response.code >= 400`."""
    side: Side | None = None
    disabled: bool | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        if isinstance(value, str) and value.startswith("/"):
            raise broken(f"`{value}` is a file, not a provider", help="write `envoy`; the file is the Mesh's `accessLog`")
        return {"providers": (value,)} if isinstance(value, str) else value

    def to_short(self, long: JsonObject) -> JsonValue:
        """The provider, if it stands alone."""
        providers = long.get("providers")
        alone = set(long) == {"providers"} and isinstance(providers, list) and len(providers) == 1
        return providers[0] if alone and isinstance(providers, list) else long


class AccessLog(LogRule):
    """Access logs of all proxies. Short: the file.

    A `file` is MeshConfig's; `providers` and `filter` make a mesh-wide Telemetry.
    """

    SHORT_SCHEMA: ClassVar = {"type": "string", "description": "The file, `/dev/stdout`."}

    file: str | None = None
    format: str | None = None
    encoding: Literal["text", "json"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return {"file": value} if isinstance(value, str) else value

    def to_short(self, long: JsonObject) -> JsonValue:
        """The file, if it stands alone."""
        return long["file"] if set(long) == {"file"} else long


class TagSource(Model):
    """Where the value of a span's tag comes from. Short: a literal."""

    SHORT_SCHEMA: ClassVar = {"type": "string"}

    literal: str | None = None
    environment: str | None = None
    """A variable of the proxy's environment."""
    header: str | None = None
    """A header of the request."""
    formatter: str | None = None
    """A format string of Envoy's access logs, `%RESPONSE_CODE%`."""
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
        if self.default is not None and self.environment is None and self.header is None:
            raise broken("`default` is for `environment` and `header`", help="leave it out", kind="exclusive")
        return self

    def to_short(self, long: JsonObject) -> JsonValue:
        """The literal, if it stands alone."""
        return long["literal"] if set(long) == {"literal"} else long


class Tracing(Model):
    """Which requests are traced, where spans are sent, and what they say.

    A request that arrives with a decision in its headers keeps it; `x-envoy-force-trace` has a request traced whatever the
    sampling is. A service passes the trace headers of a request on to the requests that it makes for it: no proxy can do that.
    """

    providers: Providers | None = None
    """One provider: Istio takes no more."""
    sampling: Percent | None = None
    disabled: bool | None = None
    """No spans are sent; headers are passed on all the same."""
    tags: dict[str, TagSource] | None = None
    """They take the place of the tags of a wider Telemetry."""
    side: Side | None = None
    use_request_id: bool | None = None
    """Whether the request id decides if a request is traced; `false` where ids come from something else than Envoy."""
    enable_istio_tags: bool | None = None
    """Istio's own tags, such as `istio.canonical_service`; on where absent."""
    context_propagation: bool | None = None
    """`false`: the proxy adds no trace headers to requests."""


class ProxyStats(Model):
    """Envoy's own statistics, by their names, that a proxy reports beside Istio's few.

    Istio's `proxyStatsMatcher`; a proxy reads it when it starts.
    """

    prefixes: Annotated[Many[str], LIST] | None = None
    """`cluster.outbound|80||catalog.shop`, as `istioctl proxy-config cluster` names clusters."""
    suffixes: Annotated[Many[str], LIST] | None = None
    regexes: Annotated[Many[str], LIST] | None = None
    """RE2, the whole name."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not (self.prefixes or self.suffixes or self.regexes):
            raise broken("`stats` names no statistics", help="write `prefixes`, `suffixes` or `regexes`", kind="missing")
        return self
