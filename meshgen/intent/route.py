"""Route: what happens to requests for some hosts, on gateways or in the mesh."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from meshgen.intent.kind import Intent
from meshgen.intent.leaves import Host
from meshgen.intent.model import Many, broken
from meshgen.intent.reference import GatewayName
from meshgen.intent.rule import Rule, TcpRule, TlsRule


class Route(Intent):
    """Ordered rules for some hosts.

    Without `gateways` it holds in the mesh, for all sidecars; a Route that other Routes delegate to has no `hosts`. Several
    Routes may speak of one host on one gateway: their rules become one list, by `order`, then namespace and name.
    """

    KIND: ClassVar[str] = "Route"

    hosts: Many[Host] | None = None
    """Hosts; in the mesh a name without dots is a service of the same namespace."""
    gateways: Many[GatewayName] | None = None
    """Gateways, and `mesh` for all sidecars; the mesh alone where absent."""
    order: Annotated[int, Field(ge=-1000, le=1000)] = 0
    """Where several intents speak of one host, the lower comes first; a Service's own rules have 0."""
    rules: Many[Rule] | None = None
    """HTTP rules."""
    tcp: Many[TcpRule] | None = None
    tls: Many[TlsRule] | None = None
    export_to: Many[str] | None = None

    if TYPE_CHECKING:

        def __init__(self, name: str, /, *, namespace: str = "default", **spec: Any) -> None: ...  # noqa: ANN401 (a user's values)

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not (self.rules or self.tcp or self.tls):
            raise broken("a Route has at least one rule in `rules`, `tcp` or `tls`")
        if not self.hosts and self.gateways:
            raise broken("a Route on gateways has `hosts`", help="name the hosts, or `*` for all of the gateway's")
        return self
