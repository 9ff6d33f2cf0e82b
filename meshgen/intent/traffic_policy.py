"""TrafficPolicy: how clients treat a host that is no Service of ours, or many hosts at once."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, model_validator

from meshgen.intent.access import Target
from meshgen.intent.kind import Intent
from meshgen.intent.leaves import Host
from meshgen.intent.model import Many, broken
from meshgen.intent.service import Version, distinct_versions
from meshgen.intent.traffic import Traffic


class TrafficPolicy(Intent):
    """How clients treat a host: many hosts at once (`*.shop.svc.cluster.local`), a service of another team, or some clients only.

    Gives a DestinationRule, in the intent's own namespace and under its name. A Service says the same about itself.
    """

    KIND: ClassVar[str] = "TrafficPolicy"

    host: Host
    """The host; a name without dots is a service of the same namespace."""
    clients: Target | None = None
    """The Pods that hold to it, by their labels (Istio: `workloadSelector`); all of its namespace's reach where absent."""
    traffic: Traffic | None = None
    versions: Annotated[Many[Version], AfterValidator(distinct_versions)] | None = None
    export_to: Many[str] | None = None
    """Namespaces whose clients hold to it: `.`, `*` or names. All where absent."""

    if TYPE_CHECKING:

        def __init__(self, name: str, /, *, namespace: str = "default", **spec: Any) -> None: ...  # noqa: ANN401 (a user's values)

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.traffic is None and self.versions is None:
            raise broken("a TrafficPolicy says something", help="write `traffic:` or `versions:`")
        return self
