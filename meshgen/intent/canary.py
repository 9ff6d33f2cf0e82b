"""Canary: a version that takes over from another."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from meshgen.intent.kind import Intent
from meshgen.intent.leaves import DnsLabel
from meshgen.intent.match import Match
from meshgen.intent.model import Many, broken
from meshgen.intent.reference import RoutedName
from meshgen.intent.shorts import ONE_OR_MANY

_LATER = {
    "stickiness": "`stickiness` is not supported yet",
    "steps": "`steps` is not supported yet: it needs an engine that takes them",
    "analysis": "`analysis` is not supported yet: it needs the engine `flagger` or `argo-rollouts`",
}


class Canary(Intent):
    """Sends `weight` percent of the requests for the version `from` to the version `to`.

    It rewrites every rule whose destination is the version `from` of the service: the Service's own rules and those of Routes on
    any gateway. With `match` only the requests that match take part: a narrower rule comes before each of them. A Service without
    rules of its own gets one, all requests to `from`. A Canary and a split over one version contradict each other.
    """

    KIND: ClassVar[str] = "Canary"
    COMPLETED: ClassVar[tuple[str, ...]] = ("weight",)

    service: RoutedName
    from_: DnsLabel
    """The version that has the requests now."""
    to: DnsLabel
    """The version that takes over."""
    weight: Annotated[int, Field(ge=0, le=100)]
    """Percent of the requests that go to `to`; with `match` 100 where absent."""
    match: Annotated[Many[Match], ONE_OR_MANY] | None = None
    """Who takes part; any one of several. All requests where absent."""
    engine: str = "weights"
    """Who moves the weight: `weights` is Git."""

    if TYPE_CHECKING:

        def __init__(self, name: str, /, *, namespace: str = "default", **spec: Any) -> None: ...  # noqa: ANN401 (a user's values)

    @model_validator(mode="before")
    @classmethod
    def _later(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        if not isinstance(value, dict):
            return value
        engine = value.get("engine")
        if isinstance(engine, str) and engine in {"flagger", "argo-rollouts"}:
            raise broken(f"the engine `{engine}` is not supported yet", help="write `engine: weights`", kind="later", at="engine")
        for key, message in _LATER.items():
            if key in value:
                raise broken(message, help="give a `weight`", kind="later", at=key)
        return {**value, "weight": 100} if "match" in value and "weight" not in value else value

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.engine != "weights":
            raise broken(f"`{self.engine}` is no engine", help="write `engine: weights`", kind="value", at="engine")
        if self.from_ == self.to:
            raise broken(f"the canary goes from `{self.from_}` to itself", at="to")
        return self
