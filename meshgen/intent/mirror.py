"""Mirror: shadow traffic."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import AfterValidator

from meshgen.intent.kind import Intent
from meshgen.intent.leaves import DnsLabel, Percent
from meshgen.intent.match import Match
from meshgen.intent.model import Many
from meshgen.intent.reference import Destination, RoutedName
from meshgen.intent.shorts import ONE_OR_MANY


class Mirror(Intent):
    """Copies requests for a service, or for one of its versions, to another version or service; nobody sees the copies' answers.

    It adds to every rule whose destination is that version, as a Canary does; with `match` a narrower rule comes before each of
    them. Without `from` it adds to every rule that sends to the service at all.
    """

    KIND: ClassVar[str] = "Mirror"

    service: RoutedName
    from_: DnsLabel | None = None
    to: Annotated[Destination, AfterValidator(Destination.as_version)]
    """A bare name is a version of the same service; `{service: …}` names another one."""
    percent: Percent | None = None
    """All requests where absent."""
    match: Annotated[Many[Match], ONE_OR_MANY] | None = None

    if TYPE_CHECKING:

        def __init__(self, name: str, /, *, namespace: str = "default", **spec: Any) -> None: ...  # noqa: ANN401 (a user's values)
