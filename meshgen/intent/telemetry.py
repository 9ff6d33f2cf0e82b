"""Telemetry: which metrics, access logs and traces some proxies give."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import model_validator

from meshgen.intent.access import Target, check_target
from meshgen.intent.kind import Intent
from meshgen.intent.metrics import Metrics
from meshgen.intent.model import Many, broken
from meshgen.intent.observation import LogRule, ProxyStats, Tracing
from meshgen.intent.reference import GatewayName, ServiceName
from meshgen.intent.shorts import LIST, ONE_OR_MANY
from meshgen.intent.target import TargetReference


class Telemetry(Intent):
    """What the proxies of a service, a gateway, Pods, a namespace (nothing named) or the whole mesh report.

    Gives a Telemetry; for new metrics an EnvoyFilter `<name>-metrics`; for `stats` and `bootstrap` annotations of Pods, on the
    Deployments that meshgen makes, and for others in a kustomize component beside the output (`pods/<namespace>/<name>`). As in
    Istio the narrowest Telemetry that says something acts: of a workload, of a namespace, of the mesh. There is one for each
    target.
    """

    KIND: ClassVar[str] = "Telemetry"

    service: ServiceName | None = None
    gateway: GatewayName | None = None
    workload: Target | None = None
    mesh: Literal[True] | None = None
    """The whole mesh: the object goes to the root namespace."""
    targets: Annotated[Many[TargetReference], LIST] | None = None
    """Gateways of the Gateway API, or Services behind a waypoint."""
    metrics: Annotated[Many[Metrics], ONE_OR_MANY] | None = None
    access_log: Annotated[Many[LogRule], ONE_OR_MANY] | None = None
    tracing: Annotated[Many[Tracing], ONE_OR_MANY] | None = None
    """Istio takes one."""
    stats: ProxyStats | None = None
    bootstrap: dict[str, Any] | None = None
    """What is merged into Envoy's bootstrap, Istio's or meshgen's own, in Envoy's fields; a proxy reads it when it starts."""

    if TYPE_CHECKING:

        def __init__(self, name: str, /, *, namespace: str = "default", **spec: Any) -> None: ...  # noqa: ANN401 (a user's values)

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_target(self)
        if (self.metrics, self.access_log, self.tracing, self.stats, self.bootstrap) == (None,) * 5:
            raise broken("a Telemetry says something", help="write `metrics`, `accessLog`, `tracing`, `stats` or `bootstrap`")
        if self.stats is not None and self.mesh:
            raise broken(
                "the proxies of the whole mesh are set up by the Mesh", help="write it as `proxy.stats` of the Mesh", at="stats"
            )
        if self.bootstrap is not None and (self.mesh or not any((self.service, self.gateway, self.workload))):
            raise broken(
                "a bootstrap is for the Pods of a service, a gateway or a selector", help="name one of them", at="bootstrap"
            )
        if (self.stats or self.bootstrap) and self.targets:
            raise broken(
                "proxies that are named as `targets` start without meshgen",
                help="name a service, a gateway or Pods",
                at="stats" if self.stats else "bootstrap",
            )
        return self
