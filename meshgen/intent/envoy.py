"""Envoy filters of an Extension that Istio's API has no word for: tap, external processing, any filter, raw patches."""

import re
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from meshgen.intent.leaves import Duration, StringMatch
from meshgen.intent.limits import HttpStatus
from meshgen.intent.model import Many, Model, broken
from meshgen.intent.reference import Destination
from meshgen.intent.shorts import LIST, NOT_EMPTY
from meshgen.istio.versions import IstioVersion, parse_version
from meshgen.json import JsonObject, JsonValue

POSITIONS: dict[str, str] = {
    "cors": "envoy.filters.http.cors",
    "fault": "envoy.filters.http.fault",
    "grpcStats": "envoy.filters.http.grpc_stats",
    "jwt": "envoy.filters.http.jwt_authn",
    "lua": "envoy.filters.http.lua",
    "rbac": "envoy.filters.http.rbac",
    "router": "envoy.filters.http.router",
    "stats": "istio.stats",
}
"""Short names of the filters that others are placed beside."""


class Tap(Model):
    """Copies of requests and answers, for looking at: on request of the admin interface, or always into files.

    Gives an EnvoyFilter. With `id` it gives the file to post to `/tap` of a proxy's admin interface as well
    (`extensions/<namespace>/<name>/tap.yaml` beside the output): `curl -X POST -d @tap.yaml localhost:15000/tap`.
    """

    id: str | None = None
    """The tap's name in the admin interface (Envoy: `config_id`)."""
    headers: dict[str, StringMatch] | None = None
    """Only requests with these headers; all where absent."""
    file: str | None = None
    """Without `id`: path and first part of the name of the files, one a request: `/var/log/tap/any`."""
    format: Literal["jsonBodyAsBytes", "jsonBodyAsString", "protoBinary", "protoText"] | None = None
    """How it is written; `jsonBodyAsString` where absent."""
    max_request_bytes: Annotated[int, Field(ge=0)] | None = None
    """How much of a body is kept; 1 KiB where absent."""
    max_response_bytes: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.id is None) == (self.file is None):
            hint = "`id` for taps that the admin interface asks for, `file` for files that are always written"
            raise broken("a tap has an `id` or a `file`", help=hint)
        return self


Part: TypeAlias = Literal["send", "skip"]
Body: TypeAlias = Literal["none", "streamed", "buffered", "bufferedPartial", "fullDuplexStreamed"]


class ProcessingMode(Model):
    """What the processor is shown; headers and nothing else where nothing is said (Envoy's default)."""

    request_headers: Part | None = None
    response_headers: Part | None = None
    request_body: Body | None = None
    response_body: Body | None = None
    request_trailers: Part | None = None
    response_trailers: Part | None = None


class ExternalProcessor(Model):
    """A gRPC service that reads and changes requests and answers (Envoy: ext_proc). Gives an EnvoyFilter."""

    service: Destination
    """The processor, with its gRPC port: `scanner:9002`."""
    mode: ProcessingMode | None = None
    fail: Literal["open", "closed"] | None = None
    """Whether requests pass (`open`) or fail (`closed`, where absent) while the processor does not answer."""
    fail_status: HttpStatus | None = None
    """What failing requests get; 500 where absent."""
    timeout: Duration | None = None
    """For the whole stream."""
    message_timeout: Duration | None = None
    """For each answer; 200ms where absent."""
    max_message_timeout: Duration | None = None
    """The most that the processor may extend it to."""
    request_attributes: Annotated[Many[str], LIST] | None = None
    response_attributes: Annotated[Many[str], LIST] | None = None
    allow_mode_override: bool | None = None
    """Whether the processor may change `mode` in its answers."""
    disable_immediate_response: bool | None = None
    """Whether it may not answer the client itself."""
    observe: bool | None = None
    """Only shows, and waits for nothing (Envoy: `observability_mode`)."""
    stat_prefix: str | None = None


ANY_PROXY = "any"


class ProxyVersions(Model):
    """Releases of Istio whose proxies something was written for. Short: `1.30`, `1.30 - 1.32`, or `any`.

    `any` binds nothing, and a patch that a new release does not understand breaks its proxies: it is for what is there already.
    """

    SHORT_SCHEMA: ClassVar = {"type": "string", "pattern": r"^(any|1\.[0-9]+( *- *1\.[0-9]+)?)$"}

    from_: str
    to: str

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        if not isinstance(value, str):
            return value
        if value == ANY_PROXY:
            return {"from": ANY_PROXY, "to": ANY_PROXY}
        first, _, last = value.partition("-")
        return {"from": first.strip(), "to": (last or first).strip()}

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.is_any:
            return self
        for text in (self.from_, self.to):
            if re.fullmatch(r"1\.[0-9]{1,3}", text) is None:
                raise broken(f"`{text}` is not a release of Istio", help="write `1.31`, or `1.30 - 1.32`", kind="value")
        if self.first > self.last:
            raise broken(f"`{self.from_}` is after `{self.to}`", kind="value")
        return self

    @property
    def is_any(self) -> bool:
        """Whether it is for the proxies of every release."""
        return self.from_ == self.to == ANY_PROXY

    @property
    def first(self) -> IstioVersion:
        """The first release."""
        return parse_version(self.from_) or IstioVersion(1, 0)

    @property
    def last(self) -> IstioVersion:
        """The last release."""
        return parse_version(self.to) or IstioVersion(1, 999)

    def to_short(self, long: JsonObject) -> JsonValue:  # noqa: ARG002 (as all models have it)
        """`1.30 - 1.32`, or the one release."""
        return self.from_ if self.from_ == self.to else f"{self.from_} - {self.to}"


class EnvoyFilterConfig(Model):
    """Any filter of Envoy: its name, the type of its configuration, the configuration, its place."""

    name: str
    """Such as `envoy.filters.http.buffer`."""
    type: str
    """The full name of its configuration's message: `envoy.extensions.filters.http.buffer.v3.Buffer`."""
    config: dict[str, Any] | None = None
    """The message's fields, as Envoy's documentation names them."""
    layer: Literal["http", "network"] | None = None
    """`http` where absent."""
    before: str | None = None
    """The filter that it stands before: `router` (where nothing is said; in `network` the HTTP connection manager), `cors`,
    `fault`, `jwt`, `rbac`, `stats`, or a full name."""
    after: str | None = None
    first: Literal[True] | None = None
    """In front of all others."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        given = [name for name in ("before", "after", "first") if getattr(self, name) is not None]
        if len(given) > 1:
            raise broken(f"one of {', '.join(f'`{name}`' for name in given)} says where it stands")
        if "/" in self.type or "." not in self.type:
            raise broken(
                f"`{self.type}` is not the full name of a message", help="leave `type.googleapis.com/` out", kind="value"
            )
        if self.first and self.layer == "network":
            raise broken("a network filter stands before or after another", help="name it: `before: …`")
        check_position(self.before, "before")
        check_position(self.after, "after")
        return self


def check_position(name: str | None, field: str) -> None:
    """Raises for a short name of a filter that there is none of."""
    if name is not None and "." not in name and name not in POSITIONS:
        known = ", ".join(f"`{each}`" for each in POSITIONS)
        raise broken(f"`{name}` is no filter", help=f"write {known}, or a full name", kind="value", at=field)


class Envoy(Model):
    """Filters and patches of Envoy's own configuration, for the proxies that they were written for. Gives an EnvoyFilter."""

    proxy_versions: ProxyVersions
    """Other proxies do not get them; a target outside of the releases is a warning."""
    filters: Annotated[Many[EnvoyFilterConfig], LIST] | None = None
    """Filters, in their order, on the Extension's `traffic`."""
    raw: Annotated[Many[dict[str, Any]], LIST, NOT_EMPTY] | None = None
    """`configPatches` as Istio's EnvoyFilter has them."""
    priority: Annotated[int, Field(ge=-2147483648, le=2147483647)] | None = None
    """As Istio's EnvoyFilter has it, in place of the Extension's `order`."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.filters is None and self.raw is None:
            raise broken("`envoy` has `filters` or `raw`", kind="missing")
        for patch in self.raw or ():
            if "applyTo" not in patch or "patch" not in patch:
                raise broken(
                    "a raw patch has an `applyTo` and a `patch`", help="as Istio's `configPatches`", kind="missing", at="raw"
                )
        return self


__all__ = [
    "POSITIONS",
    "Envoy",
    "EnvoyFilterConfig",
    "ExternalProcessor",
    "ProcessingMode",
    "ProxyVersions",
    "Tap",
    "check_position",
]
