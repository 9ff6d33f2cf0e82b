"""What an engine judges a new version by: success rate, latency, metrics of one's own, webhooks."""

import re
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from meshgen.intent.leaves import Count, DnsLabel, Duration, Url
from meshgen.intent.model import Many, Model, broken
from meshgen.json import JsonObject, JsonValue
from meshgen.values import SECOND, parse_duration

_BOUND = re.compile(r"(?P<sign>>=|<=)\s*(?P<value>[0-9.]+)(?P<unit>%|ms|s|)(\s+over\s+(?P<over>\S+))?")


def _bound(text: str, sign: str, example: str) -> re.Match[str]:
    found = _BOUND.fullmatch(text)
    if found is None or found["sign"] != sign:
        raise broken(f"`{text}` is no bound", help=f"write `{example}`, or `{example} over 1m`", kind="value")
    return found


class SuccessRate(Model):
    """The least share of requests, in percent, that is not answered with 5xx. Short: `">=99"`, `">=99 over 1m"`."""

    SHORT_SCHEMA: ClassVar = {"type": "string", "description": "`>=99` or `>=99 over 1m`."}

    min: Annotated[int | float, Field(ge=0, le=100)]
    over: Duration | None = None
    """The time that is looked at; a minute where absent."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        if not isinstance(value, str):
            return value
        found = _bound(value, ">=", ">=99")
        if found["unit"] not in {"", "%"}:
            raise broken(f"`{value}` is no share of requests", help="write `>=99`", kind="value")
        return {"min": _number(found["value"], value), **({"over": found["over"]} if found["over"] else {})}

    def to_short(self, long: JsonObject) -> JsonValue:
        """`>=99`, `>=99 over 1m`."""
        return f">={long['min']}" + (f" over {self.over}" if self.over else "")


class Latency(Model):
    """The most time that 99 of 100 requests take. Short: `"<=500ms"`, `"<=500ms over 30s"`."""

    SHORT_SCHEMA: ClassVar = {"type": "string", "description": "`<=500ms` or `<=500ms over 30s`."}

    max: Duration
    over: Duration | None = None
    """The time that is looked at; a minute where absent."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        if not isinstance(value, str):
            return value
        found = _bound(value, "<=", "<=500ms")
        if found["unit"] not in {"ms", "s"}:
            raise broken(f"`{value}` has no unit of time", help="write `<=500ms` or `<=2s`", kind="value")
        return {"max": f"{found['value']}{found['unit']}", **({"over": found["over"]} if found["over"] else {})}

    @property
    def milliseconds(self) -> float:
        """The bound in milliseconds."""
        return parse_duration(self.max) / 1_000_000

    def to_short(self, long: JsonObject) -> JsonValue:
        """`<=500ms`, `<=500ms over 30s`."""
        return f"<={long['max']}" + (f" over {self.over}" if self.over else "")


def _number(text: str, whole: str) -> int | float:
    try:
        return int(text) if text.isdigit() else float(text)
    except ValueError:
        raise broken(f"`{whole}` is no bound", help="write `>=99`", kind="value") from None


class TemplateReference(Model):
    """A MetricTemplate (Flagger) or AnalysisTemplate (Argo Rollouts) of the cluster. Short: `name`, `name.namespace`."""

    SHORT_SCHEMA: ClassVar = {"type": "string", "description": "`name` or `name.namespace`."}

    name: DnsLabel
    namespace: DnsLabel | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        if not isinstance(value, str):
            return value
        name, dot, namespace = value.partition(".")
        return {"name": name, "namespace": namespace} if dot else {"name": name}

    def to_short(self, long: JsonObject) -> JsonValue:
        """`name`, `name.namespace`."""
        return f"{long['name']}.{self.namespace}" if self.namespace is not None else long["name"]


class CanaryMetric(Model):
    """A value of one's own, and the range in which it is good.

    Either a `query` for Prometheus, or a `template` that the cluster has.
    """

    name: DnsLabel
    query: str | None = None
    """PromQL that gives one number. Flagger replaces `{{ target }}`, `{{ namespace }}` and `{{ interval }}` in it, Argo Rollouts
    `{{ args.canary-hash }}`."""
    template: TemplateReference | None = None
    variables: dict[str, str] | None = None
    """For the template (Flagger: `templateVariables`; Argo Rollouts: `args`)."""
    min: int | float | None = None
    max: int | float | None = None
    over: Duration | None = None
    """The time that is looked at; a minute where absent."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.query is None) == (self.template is None):
            raise broken("a metric has a `query` or a `template`")
        if self.query is not None and self.min is None and self.max is None:
            raise broken("a query is judged by `min`, `max` or both", kind="missing")
        return self


class Webhook(Model):
    """A call that Flagger makes: a load test while it analyses, a question before it goes on."""

    name: str
    type: (
        Literal[
            "confirm-rollout",
            "pre-rollout",
            "rollout",
            "confirm-traffic-increase",
            "confirm-promotion",
            "post-rollout",
            "rollback",
            "event",
        ]
        | None
    ) = None
    """`rollout` where absent: with every check of the analysis."""
    url: str
    timeout: Duration | None = None
    retries: Count | None = None
    metadata: dict[str, str] | None = None


class Analysis(Model):
    """How often the new version is looked at, by what, and how much may go wrong."""

    every: Duration | None = None
    """Between two looks, and between two steps; Flagger takes ten seconds at least."""
    abort_after: Annotated[int, Field(ge=1)] | None = None
    """Failed looks after which the engine goes back (Flagger: `threshold`; Argo Rollouts: `failureLimit`, one less)."""
    iterations: Annotated[int, Field(ge=1)] | None = None
    """How often an A/B test or a mirror is looked at (Flagger)."""
    success_rate: SuccessRate | None = None
    latency: Latency | None = None
    metrics: Many[CanaryMetric] | None = None
    prometheus: Url | None = None
    """Address of Prometheus, `http://prometheus.istio-system:9090`; Flagger has one of its own where absent."""
    webhooks: Many[Webhook] | None = None
    """Flagger's."""

    @model_validator(mode="after")
    def _short_interval(self) -> Self:
        if self.every is not None and parse_duration(self.every) < SECOND:
            raise broken(f"`{self.every}` is shorter than a second", kind="value", at="every")
        names = [metric.name for metric in self.metrics or ()]
        for name in names:
            if names.count(name) > 1:
                raise broken(f"metric `{name}` is given twice", kind="value", at="metrics")
        return self
