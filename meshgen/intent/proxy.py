"""Proxy: how the proxies of some Pods run."""

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import model_validator

from meshgen.intent.access import Target, check_target
from meshgen.intent.kind import Intent
from meshgen.intent.leaves import Count
from meshgen.intent.model import broken
from meshgen.intent.reference import GatewayName, ServiceName


class Proxy(Intent):
    """How the proxies of a service, a gateway, Pods, a namespace (nothing named) or the whole mesh run, from their next start.

    Gives a ProxyConfig. The Mesh says the same for all proxies and for namespaces.
    """

    KIND: ClassVar[str] = "Proxy"

    service: ServiceName | None = None
    gateway: GatewayName | None = None
    workload: Target | None = None
    mesh: Literal[True] | None = None
    """The whole mesh: the object goes to the root namespace."""
    concurrency: Count | None = None
    """Worker threads; 0 is one a CPU."""
    environment: dict[str, str] | None = None
    """Variables of the proxy's environment."""
    image: str | None = None
    """The type of the image: `default`, `debug` or `distroless`."""

    if TYPE_CHECKING:

        def __init__(self, name: str, /, *, namespace: str = "default", **spec: Any) -> None: ...  # noqa: ANN401 (a user's values)

    targets: ClassVar[None] = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_target(self)
        if (self.concurrency, self.environment, self.image) == (None, None, None):
            raise broken("a Proxy says something", help="write `concurrency`, `environment` or `image`", kind="missing")
        return self
