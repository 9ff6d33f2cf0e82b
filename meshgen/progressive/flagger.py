"""Flagger's Canary and MetricTemplate, field for field.

Source: fluxcd/flagger, artifacts/flagger/crd.yaml (flagger.app/v1beta1). What is Istio's in it is a part of Istio's own messages:
the API server drops every field that the CRD does not name.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

from meshgen.istio.struct import FreeForm, IstioStruct, at_most_one, exactly_one

Interval: TypeAlias = Annotated[str, Meta(pattern="^[0-9]+(m|s)")]
"""Minutes or seconds, `1m` or `45s`."""
Weight: TypeAlias = Annotated[float, Meta(ge=0, le=100)]
"""A percentage; the CRD says no more than `number`, and Flagger no more than a hundred."""
IntOrString: TypeAlias = Any
"""A number or a name, as Kubernetes' targetPort."""

_CAMEL: Literal["camel"] = "camel"


class Reference(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """An object of the Canary's namespace."""

    api_version: str
    kind: str
    name: str


class TargetReference(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """What Flagger takes over."""

    api_version: str
    kind: Literal["DaemonSet", "Deployment", "Service"]
    name: str


class ScalerReplicas(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """Bounds of the primary's scaler."""

    min_replicas: Annotated[int, Meta(ge=1)] | None = None
    max_replicas: Annotated[int, Meta(ge=1)] | None = None


class ScalerReference(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """The target's autoscaler."""

    api_version: str
    kind: Literal["HorizontalPodAutoscaler", "ScaledObject"]
    name: str
    primary_scaler_queries: dict[str, str] | None = None
    primary_scaler_replicas: ScalerReplicas | None = None


class UpstreamReference(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """Gloo's upstream."""

    api_version: str
    kind: Literal["Upstream"]
    name: str
    namespace: str | None = None


class StringMatch(IstioStruct, frozen=True, kw_only=True):
    """A string match of Istio's; one of its fields, or none."""

    exact: str | None = None
    prefix: str | None = None
    regex: str | None = None

    def __post_init__(self) -> None:
        """Raises ValueError where fields exclude each other."""
        at_most_one(self, "exact", "prefix", "regex")


class ServiceMatch(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """Which requests Flagger's routes take."""

    authority: StringMatch | None = None
    gateways: tuple[str, ...] | None = None
    headers: dict[str, StringMatch] | None = None
    ignore_uri_case: bool | None = None
    method: StringMatch | None = None
    name: str | None = None
    port: int | None = None
    query_params: dict[str, StringMatch] | None = None
    scheme: StringMatch | None = None
    source_labels: dict[str, str] | None = None
    source_namespace: str | None = None
    uri: StringMatch | None = None
    without_headers: dict[str, StringMatch] | None = None


class Retries(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """Retries of Flagger's routes."""

    attempts: int | None = None
    per_try_timeout: str | None = None
    retry_on: str | None = None


class Rewrite(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """Rewrite of Flagger's routes."""

    uri: str | None = None
    authority: str | None = None
    type: str | None = None


class HeaderOperations(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """Changes to headers."""

    add: dict[str, str] | None = None
    remove: tuple[str, ...] | None = None
    set: dict[str, str] | None = None


class Headers(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """Changes to the headers of requests and responses."""

    request: HeaderOperations | None = None
    response: HeaderOperations | None = None


class CorsPolicy(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """CORS of Flagger's routes."""

    allow_credentials: bool | None = None
    allow_headers: tuple[str, ...] | None = None
    allow_methods: tuple[str, ...] | None = None
    allow_origin: tuple[str, ...] | None = None
    allow_origins: tuple[StringMatch, ...] | None = None
    expose_headers: tuple[str, ...] | None = None
    max_age: str | None = None


class HttpPool(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """`connectionPool.http`."""

    h2_upgrade_policy: Literal["DEFAULT", "DO_NOT_UPGRADE", "UPGRADE"] | None = None
    http1_max_pending_requests: int | None = msgspec.field(default=None, name="http1MaxPendingRequests")
    http2_max_requests: int | None = msgspec.field(default=None, name="http2MaxRequests")
    idle_timeout: str | None = None
    max_requests_per_connection: int | None = None
    max_retries: int | None = None


class ConnectionPool(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """`connectionPool`, which has no `tcp` here."""

    http: HttpPool | None = None


class HttpCookie(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """A cookie that is hashed."""

    name: str | None = None
    path: str | None = None
    ttl: str | None = None


class ConsistentHash(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """`consistentHash`."""

    http_cookie: HttpCookie | None = None
    http_header_name: str | None = None
    http_query_parameter_name: str | None = None
    minimum_ring_size: int | None = None
    use_source_ip: bool | None = None

    def __post_init__(self) -> None:
        """Raises ValueError unless there is one key."""
        exactly_one(self, "http_cookie", "http_header_name", "http_query_parameter_name", "use_source_ip")


class LocalityDistribute(IstioStruct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """A locality's shares."""

    from_: str | None = None
    to: dict[str, int] | None = None


class LocalityFailover(IstioStruct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """A region's stand-in."""

    from_: str | None = None
    to: str | None = None


class LocalitySetting(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """`localityLbSetting`, which has no `failoverPriority` here."""

    distribute: tuple[LocalityDistribute, ...] | None = None
    enabled: bool | None = None
    failover: tuple[LocalityFailover, ...] | None = None


class LoadBalancer(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """`loadBalancer`, which must be `simple` or `consistentHash` here."""

    consistent_hash: ConsistentHash | None = None
    locality_lb_setting: LocalitySetting | None = None
    simple: Literal["ROUND_ROBIN", "LEAST_CONN", "RANDOM", "PASSTHROUGH", "LEAST_REQUEST"] | None = None
    warmup_duration_secs: str | None = None

    def __post_init__(self) -> None:
        """Raises ValueError unless there is one algorithm."""
        exactly_one(self, "simple", "consistent_hash")


class OutlierDetection(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """`outlierDetection`."""

    base_ejection_time: str | None = None
    consecutive_5xx_errors: int | None = msgspec.field(default=None, name="consecutive5xxErrors")
    consecutive_errors: int | None = None
    consecutive_gateway_errors: int | None = None
    consecutive_local_origin_failures: int | None = None
    interval: str | None = None
    max_ejection_percent: int | None = None
    min_health_percent: int | None = None
    split_external_local_origin_errors: bool | None = None


class ClientTls(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """`tls`."""

    ca_certificates: str | None = None
    client_certificate: str | None = None
    mode: Literal["DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"] | None = None
    private_key: str | None = None
    sni: str | None = None
    subject_alt_names: tuple[str, ...] | None = None


class TrafficPolicy(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """What Flagger puts into the DestinationRules of primary and canary."""

    connection_pool: ConnectionPool | None = None
    load_balancer: LoadBalancer | None = None
    outlier_detection: OutlierDetection | None = None
    tls: ClientTls | None = None


class CustomMetadata(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """Labels and annotations of what Flagger makes."""

    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class UnmanagedMetadata(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """Keys of metadata that Flagger leaves alone."""

    labels: tuple[str, ...] | None = None
    annotations: tuple[str, ...] | None = None


class CanaryService(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """The Services and routes that Flagger makes."""

    name: str | None = None
    port: Annotated[int, Meta(ge=1, le=65535)]
    port_name: str | None = None
    app_protocol: str | None = None
    traffic_distribution: Literal["PreferClose", "PreferSameZone", "PreferSameNode"] | None = None
    target_port: IntOrString | None = None
    port_discovery: bool | None = None
    headless: bool | None = None
    timeout: str | None = None
    backend_timeout: str | None = None
    mesh_name: str | None = None
    backends: tuple[str, ...] | None = None
    hosts: tuple[str, ...] | None = None
    delegation: bool | None = None
    match: tuple[ServiceMatch, ...] | None = None
    retries: Retries | None = None
    rewrite: Rewrite | None = None
    mirror: tuple[FreeForm, ...] | None = None
    headers: Headers | None = None
    gateways: tuple[str, ...] | None = None
    gateway_refs: tuple[FreeForm, ...] | None = None
    cors_policy: CorsPolicy | None = None
    traffic_policy: TrafficPolicy | None = None
    apex: CustomMetadata | None = None
    primary: CustomMetadata | None = None
    canary: CustomMetadata | None = None
    unmanaged_metadata: UnmanagedMetadata | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a delegate with hosts or gateways, which Flagger refuses when it runs."""
        if self.delegation and (self.hosts or self.gateways):
            raise ValueError("with `delegation` there can be no `hosts` and no `gateways`")


class HeaderMatch(IstioStruct, frozen=True, kw_only=True):
    """A string match of an A/B test."""

    exact: str | None = None
    prefix: str | None = None
    suffix: str | None = None
    regex: str | None = None

    def __post_init__(self) -> None:
        """Raises ValueError unless there is one."""
        exactly_one(self, "exact", "prefix", "suffix", "regex")


class AnalysisMatch(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """Who takes part in an A/B test."""

    headers: dict[str, HeaderMatch] | None = None
    query_params: dict[str, StringMatch] | None = None
    source_labels: dict[str, str] | None = None


class ThresholdRange(IstioStruct, frozen=True, kw_only=True):
    """The range in which a metric is good."""

    min: float | None = None
    max: float | None = None


class NamedReference(IstioStruct, frozen=True, kw_only=True):
    """An object of Flagger's by name."""

    name: str
    namespace: str | None = None


class Metric(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """A value that is checked."""

    name: str
    interval: Interval | None = None
    threshold: float | None = None
    threshold_range: ThresholdRange | None = None
    query: str | None = None
    template_ref: NamedReference | None = None
    template_variables: dict[str, str] | None = None


class Alert(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """Who is told."""

    name: str
    severity: Literal["", "info", "warn", "error"] | None = None
    provider_ref: NamedReference


class Webhook(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """A call that Flagger makes."""

    name: str
    type: (
        Literal[
            "",
            "confirm-rollout",
            "pre-rollout",
            "rollout",
            "confirm-promotion",
            "post-rollout",
            "event",
            "rollback",
            "confirm-traffic-increase",
        ]
        | None
    ) = None
    mute_alert: bool | None = None
    url: str
    timeout: Interval | None = None
    retries: float | None = None
    disable_tls: bool | None = msgspec.field(default=None, name="disableTLS")
    metadata: dict[str, str] | None = None


class SessionAffinity(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """The cookie of who was sent to the canary."""

    cookie_name: str
    primary_cookie_name: str | None = None
    domain: str | None = None
    http_only: bool | None = None
    max_age: int | None = None
    partitioned: bool | None = None
    path: str | None = None
    same_site: Literal["Strict", "Lax", "None"] | None = None
    secure: bool | None = None


class CanaryAnalysis(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """How a new version is judged, and by what steps it gets requests."""

    interval: Interval
    iterations: float | None = None
    threshold: float
    max_weight: Weight | None = None
    step_weight: Weight | None = None
    step_weights: tuple[Weight, ...] | None = None
    step_weight_promotion: Weight | None = None
    mirror: bool | None = None
    mirror_weight: Weight | None = None
    primary_ready_threshold: Weight | None = None
    canary_ready_threshold: Weight | None = None
    match: tuple[AnalysisMatch, ...] | None = None
    metrics: tuple[Metric, ...] | None = None
    alerts: tuple[Alert, ...] | None = None
    webhooks: tuple[Webhook, ...] | None = None
    session_affinity: SessionAffinity | None = None

    def __post_init__(self) -> None:
        """Raises ValueError unless there is one kind of steps."""
        exactly_one(self, "iterations", "step_weight", "step_weights")


class CanarySpec(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """`spec` of a Canary."""

    provider: (
        Literal[
            "apisix",
            "appmesh",
            "appmesh:v1beta2",
            "contour",
            "gatewayapi:v1",
            "gatewayapi:v1beta1",
            "gloo",
            "istio",
            "knative",
            "kubernetes",
            "kuma",
            "linkerd",
            "nginx",
            "osm",
            "skipper",
            "smi:v1alpha1",
            "smi:v1alpha2",
            "smi:v1alpha3",
            "traefik",
        ]
        | None
    ) = None
    metrics_server: str | None = None
    progress_deadline_seconds: float | None = None
    target_ref: TargetReference
    autoscaler_ref: ScalerReference | None = None
    ingress_ref: Reference | None = None
    route_ref: Reference | None = None
    upstream_ref: UpstreamReference | None = None
    service: CanaryService | None = None
    skip_analysis: bool | None = None
    revert_on_deletion: bool | None = None
    suspend: bool | None = None
    analysis: CanaryAnalysis


class SecretReference(IstioStruct, frozen=True, kw_only=True):
    """A Secret of the template's namespace."""

    name: str


class MetricProvider(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """Who answers the query."""

    type: Literal[
        "prometheus",
        "influxdb",
        "datadog",
        "externalmetrics",
        "stackdriver",
        "cloudwatch",
        "newrelic",
        "graphite",
        "dynatrace",
        "keptn",
        "splunk",
    ]
    address: str | None = None
    headers: dict[str, tuple[str, ...]] | None = None
    secret_ref: SecretReference | None = None
    region: str | None = None
    insecure_skip_verify: bool | None = None


class MetricTemplateSpec(IstioStruct, frozen=True, kw_only=True, rename=_CAMEL):
    """`spec` of a MetricTemplate."""

    provider: MetricProvider
    query: str
