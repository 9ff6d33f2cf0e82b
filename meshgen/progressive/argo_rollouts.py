"""Argo Rollouts' Rollout: the strategy and its traffic routing with Istio field for field; what is of Pods and of others is open.

Source: argoproj/argo-rollouts, pkg/apis/rollouts/v1alpha1/types.go (argoproj.io/v1alpha1).
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta

from meshgen.istio.struct import FreeForm, IstioStruct, at_most_one, exactly_one

Weight: TypeAlias = Annotated[int, Meta(ge=0)]
Percentage: TypeAlias = Annotated[int, Meta(ge=0, le=100)]
Seconds: TypeAlias = Annotated[int, Meta(ge=0)]
IntOrString: TypeAlias = Any
"""A number, or a percentage or duration as text."""

_CAMEL: Literal["camel"] = "camel"


def _share(name: str, value: IntOrString | None) -> None:
    if value is not None and not (type(value) is int and value >= 0) and not re.fullmatch(r"[0-9]+%?", str(value)):
        message = f"`{name}` must be a number or a percentage, as in `1` or `25%`, not `{value}`"
        raise ValueError(message)


class StringMatch(IstioStruct, frozen=True, kw_only=True):
    """A string match."""

    exact: str | None = None
    prefix: str | None = None
    regex: str | None = None

    def __post_init__(self) -> None:
        """Raises ValueError where fields exclude each other."""
        at_most_one(self, "exact", "prefix", "regex")


class TlsRoute(IstioStruct, frozen=True, kw_only=True, rename={"sni_hosts": "sniHosts"}):
    """A TLS rule of a VirtualService."""

    port: int | None = None
    sni_hosts: tuple[str, ...] | None = None


class TcpRoute(IstioStruct, frozen=True, kw_only=True):
    """A TCP rule of a VirtualService."""

    port: int | None = None


class IstioVirtualService(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """The VirtualService whose weights the controller writes."""

    name: str
    routes: tuple[str, ...] | None = None
    tls_routes: tuple[TlsRoute, ...] | None = None
    tcp_routes: tuple[TcpRoute, ...] | None = None


class IstioDestinationRule(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """The DestinationRule whose subsets the controller labels."""

    name: str
    canary_subset_name: str
    stable_subset_name: str


class IstioTrafficRouting(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """`trafficRouting.istio`."""

    virtual_service: IstioVirtualService | None = None
    destination_rule: IstioDestinationRule | None = None
    virtual_services: tuple[IstioVirtualService, ...] | None = None

    def __post_init__(self) -> None:
        """Raises ValueError where fields exclude each other."""
        at_most_one(self, "virtual_service", "virtual_services")


class ManagedRoute(IstioStruct, frozen=True, kw_only=True):
    """A route that the controller adds for a step."""

    name: str


class TrafficRouting(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """Who routes; Istio's part is typed."""

    istio: IstioTrafficRouting | None = None
    nginx: FreeForm | None = None
    alb: FreeForm | None = None
    smi: FreeForm | None = None
    ambassador: FreeForm | None = None
    app_mesh: FreeForm | None = None
    traefik: FreeForm | None = None
    apisix: FreeForm | None = None
    plugins: FreeForm | None = None
    managed_routes: tuple[ManagedRoute, ...] | None = None
    max_traffic_weight: Annotated[int, Meta(ge=1)] | None = None


class Pause(IstioStruct, frozen=True, kw_only=True):
    """For a time (seconds, or `10m`), or until a person goes on."""

    duration: IntOrString | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for what is no time."""
        value = self.duration
        if value is None or (type(value) is int and value >= 0):
            return
        if not (isinstance(value, str) and re.fullmatch(r"[0-9]+|([0-9]*\.?[0-9]+(ms|us|µs|ns|h|m|s))+", value)):
            message = f"`duration` must be seconds or a duration, as in `600` or `10m`, not `{value}`"
            raise ValueError(message)


class CanaryScale(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """How many Pods the new version has."""

    weight: Weight | None = None
    replicas: Annotated[int, Meta(ge=0)] | None = None
    match_traffic_weight: bool | None = None


class HeaderRoutingMatch(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """One header."""

    header_name: str
    header_value: StringMatch


class SetHeaderRoute(IstioStruct, frozen=True, kw_only=True):
    """All requests with a header go to the new version; without `match` the route goes."""

    name: str | None = None
    match: tuple[HeaderRoutingMatch, ...] | None = None


class RouteMatch(IstioStruct, frozen=True, kw_only=True):
    """Which requests are copied."""

    method: StringMatch | None = None
    path: StringMatch | None = None
    headers: dict[str, StringMatch] | None = None


class SetMirrorRoute(IstioStruct, frozen=True, kw_only=True):
    """Copies go to the new version; without `match` the route goes."""

    name: str
    match: tuple[RouteMatch, ...] | None = None
    percentage: Percentage | None = None


class AnalysisTemplateReference(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """A template by name."""

    template_name: str
    cluster_scope: bool | None = None


class FieldReference(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """A field of the Rollout."""

    field_path: str


class ArgumentSource(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """Where an argument comes from."""

    pod_template_hash_value: Literal["Stable", "Latest"] | None = None
    field_ref: FieldReference | None = None


class Argument(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """An argument of a template."""

    name: str
    value: str | None = None
    value_from: ArgumentSource | None = None

    def __post_init__(self) -> None:
        """Raises ValueError where fields exclude each other."""
        at_most_one(self, "value", "value_from")


class DryRun(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """A metric that only counts for show."""

    metric_name: str


class MeasurementRetention(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """How many measurements are kept."""

    metric_name: str
    limit: int


class Analysis(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """An analysis in a step, or in the background from `startingStep` on."""

    templates: tuple[AnalysisTemplateReference, ...] | None = None
    args: tuple[Argument, ...] | None = None
    dry_run: tuple[DryRun, ...] | None = None
    measurement_retention: tuple[MeasurementRetention, ...] | None = None
    analysis_run_metadata: FreeForm | None = None
    starting_step: Annotated[int, Meta(ge=0)] | None = None


class CanaryStep(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """One step."""

    set_weight: Weight | None = None
    pause: Pause | None = None
    experiment: FreeForm | None = None
    analysis: Analysis | None = None
    set_canary_scale: CanaryScale | None = None
    set_header_route: SetHeaderRoute | None = None
    set_mirror_route: SetMirrorRoute | None = None
    plugin: FreeForm | None = None
    replica_progress_threshold: FreeForm | None = None

    def __post_init__(self) -> None:
        """Raises ValueError unless the step does one thing."""
        exactly_one(self, *(name for name in self.__struct_fields__ if name != "replica_progress_threshold"))


class PingPong(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """Two Services that take turns."""

    ping_service: str
    pong_service: str


class PodMetadata(IstioStruct, frozen=True, kw_only=True):
    """Labels and annotations that Pods have for a time."""

    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class CanaryStrategy(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """`strategy.canary`."""

    canary_service: str | None = None
    stable_service: str | None = None
    steps: tuple[CanaryStep, ...] | None = None
    traffic_routing: TrafficRouting | None = None
    max_unavailable: IntOrString | None = None
    max_surge: IntOrString | None = None
    analysis: Analysis | None = None
    anti_affinity: FreeForm | None = None
    canary_metadata: PodMetadata | None = None
    stable_metadata: PodMetadata | None = None
    scale_down_delay_seconds: Seconds | None = None
    scale_down_delay_revision_limit: Annotated[int, Meta(ge=0)] | None = None
    abort_scale_down_delay_seconds: Seconds | None = None
    dynamic_stable_scale: bool | None = None
    ping_pong: PingPong | None = None
    min_pods_per_replica_set: Annotated[int, Meta(ge=0)] | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for weights that are too high, shares that are none, and traffic routing without its Services."""
        _share("maxUnavailable", self.max_unavailable)
        _share("maxSurge", self.max_surge)
        most = (self.traffic_routing.max_traffic_weight if self.traffic_routing is not None else None) or 100
        for step in self.steps or ():
            if step.set_weight is not None and step.set_weight > most:
                message = f"`setWeight` must be at most {most}, not {step.set_weight}"
                raise ValueError(message)
        routing = self.traffic_routing
        subsets = routing is not None and routing.istio is not None and routing.istio.destination_rule is not None
        hosts = self.canary_service is not None and self.stable_service is not None
        if routing is not None and routing.istio is not None and not subsets and not hosts and self.ping_pong is None:
            raise ValueError("with `trafficRouting.istio` there must be a `canaryService` and a `stableService`, or subsets")


class BlueGreenStrategy(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """`strategy.blueGreen`."""

    active_service: str
    preview_service: str | None = None
    preview_replica_count: int | None = None
    auto_promotion_enabled: bool | None = None
    auto_promotion_seconds: Seconds | None = None
    max_unavailable: IntOrString | None = None
    scale_down_delay_seconds: Seconds | None = None
    scale_down_delay_revision_limit: int | None = None
    pre_promotion_analysis: Analysis | None = None
    post_promotion_analysis: Analysis | None = None
    anti_affinity: FreeForm | None = None
    preview_metadata: PodMetadata | None = None
    active_metadata: PodMetadata | None = None
    abort_scale_down_delay_seconds: Seconds | None = None


class Strategy(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """`strategy`."""

    blue_green: BlueGreenStrategy | None = None
    canary: CanaryStrategy | None = None

    def __post_init__(self) -> None:
        """Raises ValueError where fields exclude each other."""
        at_most_one(self, "blue_green", "canary")


class WorkloadReference(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """The Deployment that has the Pod template."""

    api_version: str | None = None
    kind: str | None = None
    name: str | None = None
    scale_down: Literal["never", "onsuccess", "progressively"] | None = None


class RollbackWindow(IstioStruct, frozen=True, kw_only=True):
    """Going back so few revisions skips the steps."""

    revisions: int | None = None


class RunHistory(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """How many runs are kept."""

    successful_run_history_limit: int | None = None
    unsuccessful_run_history_limit: int | None = None


class RolloutSpec(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """`spec` of a Rollout; the Pod template is Kubernetes' own."""

    replicas: Annotated[int, Meta(ge=0)] | None = None
    selector: FreeForm | None = None
    template: FreeForm | None = None
    workload_ref: WorkloadReference | None = None
    min_ready_seconds: Seconds | None = None
    rollback_window: RollbackWindow | None = None
    strategy: Strategy | None = None
    revision_history_limit: Annotated[int, Meta(ge=0)] | None = None
    paused: bool | None = None
    progress_deadline_seconds: Seconds | None = None
    progress_deadline_abort: bool | None = None
    restart_at: str | None = None
    analysis: RunHistory | None = None


class PrometheusMetric(IstioStruct, frozen=True, kw_only=True):
    """A query."""

    address: str
    query: str


class MetricProvider(IstioStruct, frozen=True, kw_only=True):
    """Who answers."""

    prometheus: PrometheusMetric


class Metric(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """A value that is checked."""

    name: str
    interval: str | None = None
    success_condition: str | None = None
    failure_limit: int | None = None
    provider: MetricProvider


class AnalysisTemplateSpec(IstioStruct, frozen=True, kw_only=True):
    """`spec` of an AnalysisTemplate, as far as meshgen writes one."""

    args: tuple[Argument, ...] | None = None
    metrics: tuple[Metric, ...]
