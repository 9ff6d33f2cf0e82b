"""What a rule does with a request besides sending it on: rewrite, redirect, answer, headers, retries, faults, CORS, mirrors."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from meshgen.diagnostics import did_you_mean
from meshgen.intent.leaves import Count, Duration, Percent, PortNumber, StringMatch
from meshgen.intent.model import Many, Model, broken
from meshgen.intent.reference import Destination, destination_from_text
from meshgen.json import JsonObject, JsonValue

StatusCode = Annotated[int, Field(ge=200, le=599)]


class PathRegex(Model):
    r"""Replaces what a regular expression (RE2) finds in the path; `\1` is its first group."""

    match: str
    rewrite: str


class Rewrite(Model):
    """Changes the request on its way (Istio: `rewrite`).

    `path` takes the place of what the rule's path matched: the prefix of a prefix match, else the whole path.
    """

    path: str | None = None
    path_regex: PathRegex | None = None
    authority: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.path is not None and self.path_regex is not None:
            raise broken("a rewrite has a `path` or a `pathRegex`, not both", kind="exclusive")
        return self


class Redirect(Model):
    """Answers with a redirect (Istio: `redirect`); what is not given stays as requested."""

    path: str | None = None
    """The whole path."""
    prefix_rewrite: str | None = None
    """In place of the prefix that the rule matched."""
    authority: str | None = None
    scheme: Literal["http", "https"] | None = None
    port: PortNumber | None = None
    derive_port: Literal["fromProtocolDefault", "fromRequestPort"] | None = None
    code: Literal[301, 302, 303, 307, 308] | None = None
    """301 where absent."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.port is not None and self.derive_port is not None:
            raise broken("a redirect has a `port` or a `derivePort`, not both", kind="exclusive")
        if self.path is not None and self.prefix_rewrite is not None:
            raise broken("a redirect has a `path` or a `prefixRewrite`, not both", kind="exclusive")
        return self


class DirectResponse(Model):
    """Answers without asking anybody (Istio: `directResponse`). Short: the status alone."""

    SHORT_SCHEMA: ClassVar = {"type": "integer", "minimum": 200, "maximum": 599}

    status: StatusCode
    body: str | None = None
    """Text, at most 1 MiB."""
    body_bytes: str | None = None
    """Base64, instead of `body`."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return {"status": value} if isinstance(value, int) and not isinstance(value, bool) else value

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.body is not None and self.body_bytes is not None:
            raise broken("a direct response has a `body` or `bodyBytes`, not both", kind="exclusive")
        return self

    def to_short(self, long: JsonObject) -> JsonValue:
        """The status, if it stands alone."""
        return long["status"] if len(long) == 1 else long


class HeaderOperations(Model):
    """Changes to headers: `set` overwrites, `add` appends, `remove` removes."""

    set: dict[str, str] | None = None
    add: dict[str, str] | None = None
    remove: Many[str] | None = None


class Headers(Model):
    """Changes to the headers of the request and of the response."""

    request: HeaderOperations | None = None
    response: HeaderOperations | None = None


RETRY_CONDITIONS = (
    "5xx",
    "cancelled",
    "connect-failure",
    "deadline-exceeded",
    "envoy-ratelimited",
    "gateway-error",
    "http3-post-connect-failure",
    "internal",
    "refused-stream",
    "reset",
    "reset-before-request",
    "resource-exhausted",
    "retriable-4xx",
    "retriable-headers",
    "retriable-status-codes",
    "unavailable",
)
"""What Envoy's router retries on, HTTP's conditions and gRPC's (`x-envoy-retry-on`, `x-envoy-retry-grpc-on`)."""


def _known_conditions(conditions: tuple[str | int, ...]) -> tuple[str | int, ...]:
    for condition in conditions:
        if isinstance(condition, str) and condition not in RETRY_CONDITIONS and not condition.isdigit():
            known = (
                did_you_mean(condition, RETRY_CONDITIONS) or f"the conditions are {', '.join(f'`{c}`' for c in RETRY_CONDITIONS)}"
            )
            raise broken(f"`{condition}` is nothing that Envoy retries on", help=known, kind="value")
        if isinstance(condition, int) and not 100 <= condition <= 599:
            raise broken(f"`{condition}` is no HTTP status", kind="value")
    return conditions


class Retries(Model):
    """Retries (Istio: `retries`). `attempts: 0` turns them off; Istio's own default is two. Short: the attempts alone.

    How many of a service's requests may be retries at a time is for its own `traffic.retryBudget` to say.
    """

    SHORT_SCHEMA: ClassVar = {"type": "integer", "minimum": 0}

    attempts: Count
    per_try_timeout: Duration | None = None
    on: Annotated[Many[str | int], AfterValidator(_known_conditions)] | None = None
    """Envoy's retry conditions (`5xx`, `connect-failure`, `reset` …) and status codes."""
    backoff: Duration | None = None
    remote_localities: bool | None = None
    """Whether a retry may leave the locality (Istio: `retryRemoteLocalities`)."""
    ignore_previous_hosts: bool | None = None
    """Whether a retry avoids hosts that were tried (Istio: `retryIgnorePreviousHosts`)."""
    hedge: bool | None = None
    """Whether a try that takes longer than `perTryTimeout` goes on while the next one starts; the first answer counts.

    Only for requests that may happen twice. Istio has no field for it: an EnvoyFilter in the root namespace says it to the
    proxies of all callers (Envoy: `hedge_policy.hedge_on_per_try_timeout`).
    """

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return {"attempts": value} if isinstance(value, int) and not isinstance(value, bool) else value

    @model_validator(mode="after")
    def _hedged(self) -> Self:
        if self.hedge and self.per_try_timeout is None:
            raise broken(
                "hedging starts another try when one takes longer than `perTryTimeout`, which is not given",
                help="add `perTryTimeout: 500ms`",
                at="hedge",
            )
        if self.hedge and self.attempts == 0:
            raise broken(
                "hedging is a retry, and `attempts: 0` turns retries off", help="write `attempts: 1` at least", at="hedge"
            )
        return self

    def to_short(self, long: JsonObject) -> JsonValue:
        """The attempts, if they stand alone."""
        return long["attempts"] if len(long) == 1 else long


def not_hedged(retries: Retries) -> Retries:
    """Retries for all rules of the mesh, of which none can be hedged: Istio's mesh-wide policy has no routes to patch."""
    if retries.hedge:
        raise broken("hedging is for single rules", help="write `hedge: true` in the rule's own `retries`", at="hedge")
    return retries


class Delay(Model):
    """Holds a share of the requests back. `percent` has no default: without it Istio delays none."""

    percent: Percent
    fixed_delay: Duration | None = None
    exponential_delay: Duration | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.fixed_delay is None) == (self.exponential_delay is None):
            raise broken("a delay has a `fixedDelay` or an `exponentialDelay`", kind="exclusive")
        return self


class Abort(Model):
    """Answers a share of the requests with an error. `percent` has no default: without it Istio aborts none."""

    percent: Percent
    http_status: StatusCode | None = None
    grpc_status: str | None = None
    """A gRPC status by name, `UNAVAILABLE`."""
    http2_error: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(value is not None for value in (self.http_status, self.grpc_status, self.http2_error)) != 1:
            raise broken("an abort has one of `httpStatus`, `grpcStatus` and `http2Error`", kind="exclusive")
        return self


class Fault(Model):
    """Faults injected into a share of the requests."""

    delay: Delay | None = None
    abort: Abort | None = None


class Cors(Model):
    """Cross-origin requests (Istio: `corsPolicy`)."""

    allow_origins: Many[StringMatch] | None = None
    allow_methods: Many[str] | None = None
    allow_headers: Many[str] | None = None
    expose_headers: Many[str] | None = None
    max_age: Duration | None = None
    allow_credentials: bool | None = None
    unmatched_preflights: Literal["forward", "ignore"] | None = None


class RuleMirror(Model):
    """A copy of the requests of one rule, whose answers nobody sees. Short: the destination alone."""

    SHORT_SCHEMA: ClassVar = {"type": "string", "description": "The destination alone."}

    to: Destination
    percent: Percent | None = None
    """All requests where absent."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return {"to": value} if isinstance(value, str) and destination_from_text(value) else value

    def to_short(self, long: JsonObject) -> JsonValue:
        """The destination, if it stands alone and has a short form."""
        return long["to"] if len(long) == 1 and isinstance(long["to"], str) else long


class Delegate(Model):
    """Another VirtualService that decides in this rule's place (Istio: `delegate`). Short: `name` or `namespace/name`."""

    SHORT_SCHEMA: ClassVar = {"type": "string", "description": "`name` or `namespace/name`."}

    name: str
    namespace: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        if not isinstance(value, str):
            return value
        namespace, slash, name = value.rpartition("/")
        return {"name": name, "namespace": namespace} if slash else {"name": name}

    def to_short(self, long: JsonObject) -> JsonValue:
        """`name` or `namespace/name`."""
        return f"{long['namespace']}/{long['name']}" if "namespace" in long else long["name"]
