"""What must happen to a request of a TrafficTest."""

import re
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias, get_args

from pydantic import AfterValidator, Field, model_validator

from meshgen.diagnostics import did_you_mean
from meshgen.intent.actions import RETRY_CONDITIONS, StatusCode
from meshgen.intent.leaves import Count, Duration, Percent, StringMatch, canonical_duration
from meshgen.intent.model import Many, Model, broken
from meshgen.intent.reference import Destination, Weight, from_service
from meshgen.intent.rule import Share, fold_split, hundred
from meshgen.intent.shorts import LIST, ONE_OR_MANY, Short
from meshgen.json import JsonObject, JsonValue

Outcome = Literal[
    "allowed", "denied", "unauthorized", "noRoute", "unavailable", "closed", "redirected", "answered", "aborted", "passedThrough"
]
"""How a request ends.

`allowed`: it reaches an application, or leaves the mesh. `denied`: a policy refuses it. `unauthorized`: its token is refused
(401). `noRoute`: nothing listens, or no rule takes it. `unavailable`: there is a rule, and nobody behind it. `closed`: the
connection is closed before there is a request, as plaintext is by a strict server. `redirected`, `answered`, `aborted`: by a
rule's redirect, direct response or fault. `passedThrough`: to a host that the mesh does not know, as it is.
"""

OUTCOMES: tuple[str, ...] = get_args(Outcome)
DEFAULT = "default"
"""The `policy` of a denial by no policy in particular: there are rules that allow, and none of them does."""


class DecidedBy(Model):
    """The authorization policy that decides, and which of its rules. Short: `catalog-callers`, or `default`."""

    SHORT_SCHEMA: ClassVar = {"type": "string", "description": "A policy, `catalog-callers`, `istio-system/all`, or `default`."}

    policy: str
    """An AuthorizationPolicy, `name` or `namespace/name`; or an Access by its name, for any policy that it gives. `default`: no
    rule allows the request."""
    rule: Annotated[int, Field(ge=0)] | None = None
    """Which of its rules, counted from 0 as in Istio's `spec.rules[0]`."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        if isinstance(value, str):
            return {"policy": value}
        return {"policy": f"{value.namespace}/{value.name}"} if type(value).__name__ == "Access" else value

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.policy == DEFAULT and self.rule is not None:
            raise broken("`default` is no policy, and has no rules", help="leave `rule` out", at="rule")
        return self

    def to_short(self, long: JsonObject) -> JsonValue:
        """The policy, if it stands alone."""
        return long["policy"] if set(long) == {"policy"} else long


def _timeout(text: str) -> str:
    return text if text == "none" else canonical_duration(text)


def _known_conditions(conditions: tuple[str | int, ...]) -> tuple[str | int, ...]:
    for condition in conditions:
        if isinstance(condition, str) and condition not in RETRY_CONDITIONS and not condition.isdigit():
            help_ = did_you_mean(condition, RETRY_CONDITIONS) or "write one of Envoy's conditions, such as `5xx`, or a status"
            raise broken(f"`{condition}` is nothing that Envoy retries on", help=help_, kind="value")
    return conditions


class ExpectedRetries(Model):
    """Retries by the proxy that sends the request. Short: the attempts alone, 0 for none."""

    SHORT_SCHEMA: ClassVar = {"type": "integer", "minimum": 0}

    attempts: Count | None = None
    on: Annotated[Many[str | int], AfterValidator(_known_conditions), LIST] | None = None
    """All the conditions and status codes that are retried."""
    per_try_timeout: Duration | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return {"attempts": value} if isinstance(value, int) and not isinstance(value, bool) else value

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.model_fields_set:
            raise broken("`retries` says nothing", help="write the attempts", kind="missing")
        return self

    def to_short(self, long: JsonObject) -> JsonValue:
        """The attempts, if they stand alone."""
        return long["attempts"] if set(long) == {"attempts"} else long


class ExpectedMirror(Model):
    """A copy that is sent elsewhere. Short: `v2` or `catalog@v2`, for a copy of every request."""

    SHORT_SCHEMA: ClassVar = {"type": "string", "description": "Where the copies go: `v2`, `catalog@v2`."}

    to: Destination
    percent: Percent = 100

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return {"to": value} if isinstance(value, str) else value

    def to_short(self, long: JsonObject) -> JsonValue:
        """Where the copies go, if nothing else is said."""
        return long["to"] if set(long) == {"to"} and isinstance(long["to"], str) else long


class ExpectedFault(Model):
    """A fault that is injected: a delay, or an answer of Envoy's own, for some percent of the requests."""

    delay: Duration | None = None
    abort: StatusCode | None = None
    """The status of the answer."""
    percent: Percent = 100

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.delay is None) == (self.abort is None):
            raise broken("a fault has a `delay` or an `abort`", kind="exclusive", help="write two faults where both are injected")
        return self


def _expand_shares(value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
    if isinstance(value, str):
        return (Weight(value, 100),)
    value = from_service(value)
    if isinstance(value, dict) and "weight" not in value:
        if set(value) & {"service", "namespace", "host", "port", "version"}:
            return ({**value, "weight": 100},)
        return tuple(Weight(str(text), weight) for text, weight in value.items())
    return value


def _fold_shares(shares: tuple[Share, ...], long: JsonValue) -> JsonValue:
    folded = fold_split(shares, long)
    if len(shares) > 1 or shares[0].weight != 100:
        return folded
    if isinstance(folded, dict):
        return next(iter(folded))
    (only,) = long if isinstance(long, list) else (long,)
    return {key: value for key, value in only.items() if key != "weight"} if isinstance(only, dict) else long


Shares: TypeAlias = Annotated[
    Many[Share],
    AfterValidator(hundred),
    Short(
        expand=_expand_shares,
        fold=_fold_shares,
        schema={
            "anyOf": [
                {"type": "string", "description": "Where all of them go: `v2`, `catalog@v2`, `catalog.shop:8080`."},
                {"type": "object", "description": "A destination, or shares that add up to 100: `{v1: 90, v2: 10}`."},
            ]
        },
    ),
]
"""Destinations and their shares, in percent. Short: `v2`, `{v1: 90, v2: 10}`."""


class Expect(Model):
    """What must happen; all that is said must hold, and what is not said may be anything.

    Short: `v2`, `catalog`, `catalog@v2` is where the request goes (a bare name is a version of the host that is asked for, or
    else a Service); a word such as `allowed` or `denied` is the outcome; a number is the status.
    """

    SHORT_SCHEMA: ClassVar = {
        "anyOf": [
            {"type": "string", "description": "A version or a Service (`v2`, `catalog@v2`), or `allowed`, `denied`, `noRoute` …"},
            {"type": "integer", "minimum": 100, "maximum": 599, "description": "The status of the answer."},
        ]
    }

    outcome: Outcome | None = None
    """How the request ends: `allowed`, `denied`, `unauthorized`, `noRoute`, `unavailable`, `closed`, `redirected`, `answered`,
    `aborted` or `passedThrough`."""
    by: DecidedBy | None = None
    """The policy that allows or denies it."""
    to: Shares | None = None
    """Where the requests go, the last service on the way: `v2`, or in percent `{v1: 90, v2: 10}`."""
    tolerance: Percent | None = None
    """How many percentage points each share of `to`, `mirror` and `fault` may be away from what is said; none where absent. A
    real Envoy rolls dice, and is given what chance calls for besides."""
    through: Annotated[Many[str], LIST] | None = None
    """The gateways on the way, in their order, `name` or `namespace/name`; `[]` for none."""
    status: Annotated[int, Field(ge=100, le=599)] | None = None
    """The status of the answer. Applications are taken to answer 200."""
    location: str | None = None
    """Of a redirect."""
    body: str | None = None
    """Of an answer that a proxy gives itself."""
    path: StringMatch | None = None
    """As the application gets it, with its query."""
    host: StringMatch | None = None
    """The Host header as the application gets it."""
    headers: dict[str, StringMatch] | None = None
    """Headers of the request as the application gets it."""
    without_headers: Annotated[Many[str], LIST] | None = None
    """Headers that the application does not get."""
    response_headers: dict[str, StringMatch] | None = None
    """Headers that proxies add to the answer, or set in it."""
    without_response_headers: Annotated[Many[str], LIST] | None = None
    """Headers that proxies remove from the answer, or do not add."""
    timeout: Annotated[str, AfterValidator(_timeout)] | None = None
    """How long the answer is waited for by the first proxy on the way that does not wait for ever, a duration or `none`."""
    retries: ExpectedRetries | None = None
    mirror: Annotated[Many[ExpectedMirror], ONE_OR_MANY] | None = None
    """All copies that are made; `[]` for none."""
    fault: Annotated[Many[ExpectedFault], ONE_OR_MANY] | None = None
    """All faults that are injected; `[]` for none."""
    endpoints: Annotated[Many[str], LIST] | None = None
    """All addresses that may get the request, `10.1.0.21` or `10.1.0.21:8080`."""
    locality: str | None = None
    """The locality that gets the requests as long as somebody is healthy there: `region/zone/subzone`, or the first of these."""
    mtls: bool | None = None
    """Whether the server's proxy gets the request over mutual TLS."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        if isinstance(value, int) and not isinstance(value, bool):
            return {"status": value}
        if isinstance(value, str):
            return {"outcome": value} if value in OUTCOMES else {"to": _destination(value)}
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.model_fields_set - {"tolerance"}:
            raise broken("`expect` says nothing", help="write `allowed`, `denied`, a version, a status …", kind="missing")
        if self.by is not None and self.outcome not in {None, "allowed", "denied"}:
            raise broken(f"no policy makes a request `{self.outcome}`", help="write `allowed` or `denied`", at="by")
        if self.by is not None and self.by.policy == DEFAULT and self.outcome == "allowed":
            raise broken("`default` allows nothing: it is that no rule allows a request", help="name the policy", at="by")
        return self

    def to_short(self, long: JsonObject) -> JsonValue:
        """The outcome, the destination or the status, if it stands alone."""
        if len(long) != 1:
            return long
        ((name, value),) = long.items()
        words = isinstance(value, str) and value not in OUTCOMES and " " not in value
        return value if name in {"outcome", "status"} or (name == "to" and words) else long


def _destination(text: str) -> str:
    """The text of a destination; a word that is nearly an outcome is none."""
    meant = {outcome.lower(): outcome for outcome in OUTCOMES}.get(re.sub(r"[-_ ]", "", text).lower())
    if meant is not None:
        raise broken(f"`{text}` is not an outcome", help=f"did you mean `{meant}`?", kind="value")
    return text
