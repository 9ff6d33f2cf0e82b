"""Canary: a version that takes over from another."""

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from meshgen.intent.analysis import Analysis
from meshgen.intent.kind import Intent
from meshgen.intent.leaves import Count, DnsLabel, Duration, ObjectName, WholePercent
from meshgen.intent.match import Match
from meshgen.intent.model import Many, Model, broken
from meshgen.intent.reference import RoutedName
from meshgen.intent.shorts import ONE_OR_MANY, Short
from meshgen.json import JsonObject, JsonValue

ENGINES = ("weights", "flagger", "argo-rollouts")


class CanaryStep(Model):
    """One step of a plan: the share of the new version, and how it goes on. Short: the weight alone."""

    SHORT_SCHEMA: ClassVar = {"type": "integer", "minimum": 0, "maximum": 100}

    weight: Annotated[int, Field(ge=0, le=100)]
    """Percent of the requests that go to the new version."""
    pause: Duration | None = None
    """How long the step holds, instead of the analysis' `every` (Argo Rollouts)."""
    approval: bool | None = None
    """Whether a person lets the rollout go on, with `kubectl argo rollouts promote` (Argo Rollouts)."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return {"weight": value} if isinstance(value, int) and not isinstance(value, bool) else value

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.pause is not None and self.approval:
            raise broken("a step has a `pause` or an `approval`, not both")
        return self

    def to_short(self, long: JsonObject) -> JsonValue:
        """The weight, if it stands alone."""
        return self.weight if set(long) == {"weight"} else long


def _expand_steps(value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
    if not isinstance(value, dict):
        return value
    by, to = value.get("by"), value.get("to")
    if set(value) != {"by", "to"} or type(by) is not int or type(to) is not int or not 1 <= by <= to <= 100:
        raise broken(
            "steps are a list of weights, or `by` and `to`", help="write `[5, 25, 50]`, or `{by: 10, to: 50}`", kind="value"
        )
    return tuple(dict.fromkeys((*range(by, to, by), to)))


def _rising(steps: tuple[CanaryStep, ...]) -> tuple[CanaryStep, ...]:
    if not steps:
        raise broken("the list is empty", help="name at least one weight", kind="value")
    for before, after in pairwise(steps):
        if after.weight <= before.weight:
            raise broken(f"the step of {after.weight} follows the step of {before.weight}", help="steps rise", kind="value")
    return steps


Steps = Annotated[
    Many[CanaryStep],
    AfterValidator(_rising),
    Short(
        expand=_expand_steps,
        fold=lambda _, long: long,
        schema={
            "type": "object",
            "properties": {
                "by": {"type": "integer", "minimum": 1, "maximum": 100},
                "to": {"type": "integer", "minimum": 1, "maximum": 100},
            },
            "required": ["by", "to"],
            "additionalProperties": False,
            "description": "`{by: 10, to: 50}` is `[10, 20, 30, 40, 50]`.",
        },
    ),
]
"""Weights that rise. Short: `{by: 10, to: 50}`."""


class Stickiness(Model):
    """Who was sent to a version stays there: a cookie says which one it was. Short: the cookie's name.

    Only clients that keep cookies stick, browsers for one; other programs take part anew with each request. `weights` sends who
    has the new version's cookie to the new version, and who has the old one's to the old version until the weight changes: then
    as many of them move on as the higher weight asks for. Flagger has the same under `sessionAffinity`; Argo Rollouts has not.
    """

    SHORT_SCHEMA: ClassVar = {"type": "string", "description": "The cookie's name."}

    cookie: Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
    """The cookie's name."""
    ttl: Duration | None = None
    """How long the cookie is kept, in whole seconds (`Max-Age`); where absent it ends with the browser's session, Flagger's after
    a day."""
    path: str | None = None
    """`/` where absent."""
    domain: str | None = None
    same_site: Literal["strict", "lax", "none"] | None = None
    secure: bool | None = None
    http_only: bool | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return {"cookie": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _plain(self) -> Self:
        for name, text in (("path", self.path), ("domain", self.domain)):
            if text is not None and any(letter in text for letter in ";,\r\n "):
                raise broken(f"`{text}` cannot stand in a cookie", kind="value", at=name)
        return self

    def to_short(self, long: JsonObject) -> JsonValue:
        """The cookie's name, if it stands alone."""
        return self.cookie if set(long) == {"cookie"} else long


def _engine(value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
    if isinstance(value, str) and value not in ENGINES:
        known = ", ".join(f"`{engine}`" for engine in ENGINES)
        raise broken(f"`{value}` is no engine", help=f"write one of {known}", kind="value")
    return value


class Canary(Intent):
    """A new version of a service takes over, for a share of the requests or for some callers.

    **`weights`**: the weight stands here, and a pull request changes it. The Canary rewrites every rule whose destination is the
    version `from` of the service: the Service's own rules and those of Routes on any gateway. With `match` only the requests that
    match take part: a narrower rule comes before each of them. A Service without rules of its own gets one, all requests to
    `from`. A Canary and a split over one version contradict each other.

    **`flagger`** and **`argo-rollouts`**: a controller in the cluster makes the new version of the Deployment's next Pod
    template, moves the weight by `steps`, judges by `analysis` and goes back where that fails, so there is no `from`, `to` or
    `weight`. Every rule that sends to the service without a version hands over to a delegate VirtualService that is the
    engine's alone; all else stays Git's, and what the engine changes is left out of what Argo CD, Flux and `meshgen diff
    --live` compare. Flagger's delegate has the Service's name and is made by Flagger; that of Argo Rollouts has the Canary's.
    """

    KIND: ClassVar[str] = "Canary"

    service: RoutedName
    from_: DnsLabel | None = None
    """The version that has the requests now (`weights`)."""
    to: DnsLabel | None = None
    """The version that takes over (`weights`)."""
    weight: Annotated[int, Field(ge=0, le=100)] | None = None
    """Percent of the requests that go to `to`; with `match` 100 where absent (`weights`)."""
    steps: Steps | None = None
    """The plan. For `weights` it says which weights there may be, 0 and 100 besides; an engine goes through them."""
    match: Annotated[Many[Match], ONE_OR_MANY] | None = None
    """Who takes part; any one of several. All requests where absent.

    For Flagger this is an A/B test, which has `iterations` and no steps; for Argo Rollouts those who match get the new version
    first (headers alone), and the steps follow.
    """
    stickiness: Stickiness | None = None
    engine: Annotated[Literal["weights", "flagger", "argo-rollouts"], BeforeValidator(_engine)] = "weights"
    """Who moves the weight: `weights` is Git."""
    target: ObjectName | None = None
    """The Deployment that the engine takes over; the service's name where absent."""
    replicas: Count | None = None
    """Pods of the Rollout (`argo-rollouts`). Where absent Argo Rollouts runs one, unless a HorizontalPodAutoscaler says more."""
    mirror: WholePercent | None = None
    """Percent of the requests of which the new version gets a copy before it gets any of its own (engines)."""
    analysis: Analysis | None = None
    """What the engine judges by."""

    if TYPE_CHECKING:

        def __init__(self, name: str, /, *, namespace: str = "default", **spec: Any) -> None: ...  # noqa: ANN401 (a user's values)

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        if (
            isinstance(value, dict)
            and value.get("engine", "weights") == "weights"
            and value.get("match") is not None
            and "weight" not in value
        ):
            return {**value, "weight": 100}
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.engine == "weights":
            _check_weights(self)
        else:
            _check_engine(self)
        return self


def _check_weights(canary: Canary) -> None:
    for name, value in (("from", canary.from_), ("to", canary.to), ("weight", canary.weight)):
        if value is None:
            raise broken(f"`{name}` is missing", kind="missing")
    for name in ("target", "replicas", "mirror", "analysis"):
        if getattr(canary, name) is not None:
            hint = "write `engine: flagger` or `engine: argo-rollouts`, or use a Mirror" if name == "mirror" else ""
            hint = hint or "write `engine: flagger` or `engine: argo-rollouts`"
            raise broken(f"`{name}` is for an engine, and `weights` is none", help=hint, at=name)
    if canary.from_ == canary.to:
        raise broken(f"the canary goes from `{canary.from_}` to itself", at="to")
    plan = [step.weight for step in canary.steps or ()]
    if plan and canary.weight not in {0, 100, *plan}:
        listed = ", ".join(map(str, plan))
        raise broken(f"the weight {canary.weight} is none of the steps", help=f"the steps are {listed}", at="weight")
    if any(step.pause is not None or step.approval for step in canary.steps or ()):
        raise broken("`weights` steps when somebody changes the weight: it neither pauses nor asks", at="steps")


def _check_engine(canary: Canary) -> None:
    engine = canary.engine
    for name, value in (("from", canary.from_), ("to", canary.to), ("weight", canary.weight)):
        if value is not None:
            hint = "remove it; the new version is what the Deployment becomes"
            raise broken(f"`{engine}` says `{name}` itself", help=hint, at=name)
    if engine == "flagger":
        _check_flagger(canary)
    else:
        _check_rollouts(canary)


def _check_flagger(canary: Canary) -> None:
    if canary.analysis is None:
        hint = "write `analysis: {every: 1m, abortAfter: 5, successRate: '>=99'}`"
        raise broken("Flagger needs an `analysis`", help=hint, kind="missing")
    for name in ("every", "abort_after"):
        if getattr(canary.analysis, name) is None:
            shown = {"every": "every", "abort_after": "abortAfter"}[name]
            raise broken(f"Flagger's analysis needs `{shown}`", kind="missing", at="analysis")
    if canary.replicas is not None:
        raise broken("Flagger keeps the Deployment's replicas", help="remove it", at="replicas")
    if any(step.pause is not None or step.approval for step in canary.steps or ()):
        hint = "`analysis.every` is the time between steps; a person is asked by a webhook of the type `confirm-traffic-increase`"
        raise broken("Flagger's steps have no `pause` and no `approval` of their own", help=hint, at="steps")
    tests = canary.match is not None or canary.mirror is not None
    if tests == (canary.analysis.iterations is None):
        message = (
            "an A/B test and a mirror run for `analysis.iterations`" if tests else "`iterations` is for an A/B test or a mirror"
        )
        raise broken(message, help="add `iterations: 10`" if tests else "write `steps` instead", at="analysis")
    if tests == (canary.steps is not None):
        message = "an A/B test and a mirror have no steps" if tests else "Flagger needs `steps`, or a `match` for an A/B test"
        raise broken(message, help="remove `steps`" if tests else "write `steps: {by: 10, to: 50}`", at="steps" if tests else "")


def _check_rollouts(canary: Canary) -> None:
    if canary.stickiness is not None:
        hint = "use `engine: flagger` or `engine: weights`, or `traffic.loadBalancer.consistentHash` for single Pods"
        raise broken("Argo Rollouts has no stickiness with Istio", help=hint, at="stickiness")
    if canary.steps is None:
        raise broken("Argo Rollouts needs `steps`", help="write `steps: [5, 25, 50]`", kind="missing")
    analysis = canary.analysis
    if analysis is not None and (analysis.iterations is not None or analysis.webhooks is not None):
        name = "iterations" if analysis.iterations is not None else "webhooks"
        raise broken(f"`{name}` is Flagger's", help="remove it, or use `engine: flagger`", at="analysis")
    paused = analysis is not None and analysis.every is not None
    for position, step in enumerate(canary.steps):
        if step.pause is None and not step.approval and not paused:
            message = f"step {position + 1} says neither how long it holds nor who lets it go on"
            raise broken(
                message, help="add `pause: 10m` or `approval: true` to it, or `analysis: {every: 5m}` for all", at="steps"
            )
