"""Rate limits of an Extension: in the proxy itself, or asked of a rate limit service."""

import re
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from meshgen.intent.leaves import DnsLabel, Duration, ObjectName, Percent, StringMatch
from meshgen.intent.model import Many, Model, broken
from meshgen.intent.reference import Destination
from meshgen.intent.shorts import LIST, NOT_EMPTY, ONE_OR_MANY
from meshgen.json import JsonObject, JsonValue

Unit: TypeAlias = Literal["second", "minute", "hour", "day", "month", "year"]

_SHORT_UNITS: dict[str, str] = {"s": "second", "m": "minute", "h": "hour", "d": "day"}
_UNITS = (*_SHORT_UNITS.values(), "month", "year")
SECONDS: dict[str, int] = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
"""The units that a proxy counts in by itself, in seconds."""

Stage: TypeAlias = Annotated[int, Field(ge=0, le=10)]
"""Which rate limit filter takes a rule, where there are several in a row (Envoy: `stage`)."""

_STATUSES = frozenset({*range(400, 418), 421, 422, 423, 424, 426, 428, 429, 431, *range(500, 509), 510, 511})


def _status(code: int) -> int:
    if code not in _STATUSES:
        raise broken(f"Envoy knows no error with the status `{code}`", help="write one such as `429` or `503`", kind="value")
    return code


HttpStatus: TypeAlias = Annotated[int, Field(ge=400, le=599), AfterValidator(_status)]
"""A status of an error that Envoy takes (`envoy.type.v3.StatusCode`): 420 is none."""


class Rate(Model):
    """Requests in a unit of time. Short: `10/s`, `10/m`, `10/h`, `10/d`, `10/month`, `10/year`."""

    SHORT_SCHEMA: ClassVar = {"type": "string", "pattern": "^[0-9]+/[a-z]+$", "description": "`10/m`"}

    requests: Annotated[int, Field(ge=1, le=4294967295)]
    per: Unit

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        if not isinstance(value, str):
            return value
        parts = re.fullmatch(r"([0-9]{1,10})/([a-z]+)", value)
        if parts is None:
            raise broken(f"`{value}` is not a rate", help="write requests and a unit, as in `10/m`", kind="value")
        unit = _SHORT_UNITS.get(parts[2], parts[2])
        if unit not in _UNITS:
            units = "`s`, `m`, `h`, `d`, `month` and `year`"
            raise broken(f"`{value}`: there is no unit `{parts[2]}`", help=f"the units are {units}", kind="value")
        return {"requests": int(parts[1]), "per": unit}

    def to_short(self, long: JsonObject) -> JsonValue:  # noqa: ARG002 (as all models have it)
        """`10/m`."""
        unit = next((short for short, name in _SHORT_UNITS.items() if name == self.per), self.per)
        return f"{self.requests}/{unit}"


class AddressMask(Model):
    """How much of an address counts: `{v4: 24, v6: 64}` limits networks, not single clients."""

    v4: Annotated[int, Field(ge=0, le=32)] | None = None
    v6: Annotated[int, Field(ge=0, le=128)] | None = None


class MetadataKey(Model):
    """A value that a filter left in the request's metadata, as the claims of a token."""

    filter: str
    """The filter's name, such as `envoy.filters.http.jwt_authn`."""
    path: Annotated[Many[str], ONE_OR_MANY, NOT_EMPTY]
    default: str | None = None
    """Where there is none; without it such a request is not counted."""


class LimitKey(Model):
    """What tells requests apart. Short: `remoteAddress`, `path`, `method`, `sourceCluster`, `destinationCluster`.

    One of `header`, `query`, `path`, `method`, `remoteAddress`, `generic`, `metadata`, `sourceCluster` and `destinationCluster`.
    With a `match` only the requests that match count, and all of them as one.
    """

    SHORT_SCHEMA: ClassVar = {"enum": ["remoteAddress", "path", "method", "sourceCluster", "destinationCluster"]}

    header: Annotated[str, Field(min_length=1)] | None = None
    query: Annotated[str, Field(min_length=1)] | None = None
    """A parameter of the query."""
    path: Literal[True] | None = None
    """The path with its query."""
    method: Literal[True] | None = None
    remote_address: Literal[True] | AddressMask | None = None
    """The client's address, as trusted proxies forward it; or its network."""
    generic: Annotated[str, Field(min_length=1)] | None = None
    """The same text for every request."""
    metadata: MetadataKey | None = None
    source_cluster: Literal[True] | None = None
    destination_cluster: Literal[True] | None = None
    match: StringMatch | None = None
    """With `header`, `query`, `path` or `method`: only what matches."""
    name: str | None = None
    """The descriptor's key in the rate limit service; the header's or parameter's name, or the word above, where absent."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        if not isinstance(value, str):
            return value
        if value not in _WORDS:
            hint = f"write one of {', '.join(f'`{word}`' for word in _WORDS)}, or `{{header: {value}}}`"
            raise broken(f"`{value}` is nothing that requests are told apart by", help=hint, kind="value")
        return {value: True}

    @model_validator(mode="after")
    def _check(self) -> Self:
        given = [name for name in _KINDS if getattr(self, name) is not None]
        if len(given) != 1:
            names = "`header`, `query`, `path`, `method`, `remoteAddress`, `generic`, `metadata`"
            raise broken(f"a key is one of {names}, `sourceCluster` and `destinationCluster`")
        if self.match is not None and given[0] not in _MATCHABLE:
            raise broken("`match` goes with `header`, `query`, `path` or `method`")
        if self.name is not None and given[0] in _FIXED:
            raise broken("Envoy names this key itself", help="leave `name` out")
        return self

    def to_short(self, long: JsonObject) -> JsonValue:
        """The word, if it stands alone."""
        words = [key for key, value in long.items() if value is True]
        return words[0] if len(long) == 1 and words else long


_WORDS = ("remoteAddress", "path", "method", "sourceCluster", "destinationCluster")
_KINDS = (
    "header",
    "query",
    "path",
    "method",
    "remote_address",
    "generic",
    "metadata",
    "source_cluster",
    "destination_cluster",
)
_MATCHABLE = ("header", "query", "path", "method")
_FIXED = ("remote_address", "source_cluster", "destination_cluster")


class Limit(Model):
    """Limits by one key or by several together: for each value (`limit`), for some values, for requests that have none.

    `{by: {header: x-loyalty}, values: {gold: 10/m, silver: 5/m}, absent: 1/m}`.
    """

    by: Annotated[Many[LimitKey], ONE_OR_MANY, NOT_EMPTY]
    limit: Rate | None = None
    """For each value by itself, those of `values` apart."""
    values: dict[str, Rate] | None = None
    """For these values of the key."""
    absent: Rate | None = None
    """For all requests together that do not have the header or parameter."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.limit, self.values, self.absent) == (None, None, None):
            raise broken("a limit has a `limit`, `values` or `absent`", help="write `limit: 10/m`", kind="missing")
        first = self.by[0]
        single = len(self.by) == 1 and first.match is None and first.generic is None
        if self.values is not None and not single:
            raise broken("`values` goes with one key that has no `match`", help="write a limit for each, with a `match`")
        if self.absent is not None and not (single and (first.header or first.query)):
            raise broken("`absent` goes with one `header` or `query`, without a `match`")
        if self.values is not None and not all(self.values):
            raise broken("an empty value is no value", help="write `absent` for requests without it", kind="value", at="values")
        return self


class _Filter(Model):
    """What both filters have in common."""

    limits: Annotated[Many[Limit], LIST] | None = None
    stage: Stage | None = None
    """0 where absent. Two rate limits on the same requests need two stages, or each counts the other's rules."""
    status: HttpStatus | None = None
    """What a request gets that is over the limit; 429 where absent."""
    headers: dict[str, str] | None = None
    """Added to that answer."""
    rate_limit_headers: bool | None = None
    """Tells clients what is left: `x-ratelimit-limit`, `x-ratelimit-remaining`, `x-ratelimit-reset`."""
    resource_exhausted: bool | None = None
    """Answers gRPC with RESOURCE_EXHAUSTED, not UNAVAILABLE."""
    stat_prefix: str | None = None


class LocalRateLimit(_Filter):
    """Limits that each proxy counts by itself. Gives an EnvoyFilter. Short: the rate alone, `100/m`."""

    SHORT_SCHEMA: ClassVar = {"type": "string", "description": "`100/m`"}

    limit: Rate
    """For all requests that none of `limits` is about."""
    burst: Annotated[int, Field(ge=1, le=4294967295)] | None = None
    """How many may come at once after a quiet time; as many as `limit` has where absent."""
    per_connection: bool | None = None
    """Counts every client connection by itself."""
    routes: dict[str, Rate] | None = None
    """Other limits for the requests of these routes, by the routes' names."""
    enabled: Percent | None = None
    """The share of requests that is counted; all where absent."""
    enforced: Percent | None = None
    """The share of requests over the limit that is refused; all where absent, 0 for a trial."""
    request_headers: dict[str, str] | None = None
    """Added to requests over the limit that are let through all the same."""
    distinct_values: Annotated[int, Field(ge=1)] | None = None
    """How many values of a key are counted at a time; 20 where absent (Envoy: `max_dynamic_descriptors`)."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return {"limit": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check(self) -> Self:
        for rate in (self.limit, *rates(self.limits), *(self.routes or {}).values()):
            if rate.per not in SECONDS:
                raise broken(f"a proxy does not count by the {rate.per}", help="a rate limit service does: `rateLimit`")
        for rate in rates(self.limits):
            if SECONDS[rate.per] < SECONDS[self.limit.per]:
                hint = f"write the `limit` by the {rate.per} as well"
                raise broken(f"limits by the {rate.per} cannot stand under one by the {self.limit.per}", help=hint)
        return self

    def to_short(self, long: JsonObject) -> JsonValue:
        """The rate, if it stands alone."""
        return self.limit.to_short({}) if len(long) == 1 else long


def rates(limits: tuple[Limit, ...] | None) -> list[Rate]:
    """All rates of some limits."""
    found: list[Rate] = []
    for each in limits or ():
        found += [rate for rate in (each.limit, *(each.values or {}).values(), each.absent) if rate is not None]
    return found


class RateLimit(_Filter):
    """Limits that a rate limit service counts for all proxies together.

    Gives an EnvoyFilter, and a ConfigMap with the service's own configuration of the same limits (in the form of
    `envoyproxy/ratelimit`), so that the two always agree.
    """

    service: Destination
    """The rate limit service, with its gRPC port: `ratelimit:8081`."""
    domain: str | None = None
    """The limits' name in the service; `name.namespace` of this where absent."""
    limits: Annotated[Many[Limit], LIST, NOT_EMPTY]
    timeout: Duration | None = None
    """How long the service is waited for; 20ms where absent."""
    fail: Literal["open", "closed"] | None = None
    """Whether requests pass (`open`, where absent) while the service does not answer."""
    fail_status: HttpStatus | None = None
    """With `fail: closed`, what they get; 500 where absent."""
    requests: Literal["internal", "external", "both"] | None = None
    """Which requests are counted by where they come from; all where absent."""
    routes: Annotated[Many[str], ONE_OR_MANY, NOT_EMPTY] | None = None
    """Only the requests of these routes, by the routes' names."""
    hosts: Annotated[Many[str], ONE_OR_MANY, NOT_EMPTY] | None = None
    """Only the requests to these hosts, as Envoy's virtual hosts are named: `shop.example.com:443`."""
    config_map: ObjectName | None = None
    """The ConfigMap with the service's configuration, in the service's namespace; `<service>-config` where absent. Limits that
    share a service share it. For a `host` it stands beside the Extension, as `<name>-config`: take it to the service."""
    config_map_namespace: DnsLabel | None = None
    """Its namespace, where it is not the service's."""
    shadow: bool | None = None
    """Counts and refuses nothing (`shadow_mode` of the service)."""


__all__ = [
    "SECONDS",
    "AddressMask",
    "Limit",
    "LimitKey",
    "LocalRateLimit",
    "MetadataKey",
    "Rate",
    "RateLimit",
    "rates",
]
