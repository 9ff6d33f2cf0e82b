"""How clients treat a service: load balancing, locality, connections, outliers, TLS (Istio: TrafficPolicy)."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from meshgen.intent.leaves import Count, Duration, Percent, PortNumber, WholePercent
from meshgen.intent.model import Many, Model, broken
from meshgen.json import JsonObject, JsonValue

_SIMPLE = ("roundRobin", "leastRequest", "random", "passthrough")


class CookieAttribute(Model):
    """An attribute of the cookie, such as `SameSite`."""

    name: str
    value: str | None = None


class HttpCookie(Model):
    """A cookie that Envoy makes and hashes; `ttl: 0s` is a session cookie."""

    name: str
    path: str | None = None
    ttl: str | None = None
    attributes: Many[CookieAttribute] | None = None


class RingHash(Model):
    """Ring hash (ketama)."""

    minimum_ring_size: Count | None = None


class Maglev(Model):
    """Maglev; the table's size is a prime number."""

    table_size: Count | None = None


class ConsistentHash(Model):
    """Requests that hash alike go to one endpoint; by one of a header, a cookie, the address or a query parameter."""

    http_header_name: str | None = None
    http_cookie: HttpCookie | None = None
    use_source_ip: bool | None = None
    http_query_parameter_name: str | None = None
    ring_hash: RingHash | None = None
    maglev: Maglev | None = None
    minimum_ring_size: Count | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        keys = (self.http_header_name, self.http_cookie, self.use_source_ip, self.http_query_parameter_name)
        if sum(key is not None for key in keys) != 1:
            message = "a consistent hash has one of `httpHeaderName`, `httpCookie`, `useSourceIp` and `httpQueryParameterName`"
            raise broken(message, kind="exclusive")
        if self.ring_hash is not None and self.maglev is not None:
            raise broken("a consistent hash has a `ringHash` or a `maglev`, not both", kind="exclusive")
        return self


class Warmup(Model):
    """New endpoints get their share little by little. Short: the duration alone."""

    SHORT_SCHEMA: ClassVar = {"type": "string", "description": "The duration alone, as `30s`."}

    duration: Duration
    minimum_percent: Percent | None = None
    aggression: Annotated[float, Field(ge=1)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return {"duration": value} if isinstance(value, str) else value

    def to_short(self, long: JsonObject) -> JsonValue:
        """The duration, if it stands alone."""
        return long["duration"] if len(long) == 1 else long


class LocalityFailover(Model):
    """The region that takes over for another."""

    from_: str
    to: str


class ZoneAware(Model):
    """Zone-aware load balancing (Istio: `zoneAwareLbSetting`)."""

    enabled: bool | None = None
    min_cluster_size: Annotated[int, Field(ge=1)] | None = None
    failover: Many[LocalityFailover] | None = None
    failover_priority: Many[str] | None = None


class BackendUtilization(Model):
    """Load balancing by the utilisation that backends report (ORCA; Istio: `backendUtilization`)."""

    error_utilization_penalty_percent: Count | None = None
    metric_names_for_computing_utilization: Many[str] | None = None
    weight_expiration_period: Duration | None = None
    weight_stabilization_period: Duration | None = None
    weight_update_period: Duration | None = None


class LoadBalancer(Model):
    """How an endpoint is chosen. Short: `leastRequest` (Istio's default), `roundRobin`, `random` or `passthrough`."""

    SHORT_SCHEMA: ClassVar = {"enum": list(_SIMPLE)}

    simple: Literal["roundRobin", "leastRequest", "random", "passthrough"] | None = None
    consistent_hash: ConsistentHash | None = None
    backend_utilization: BackendUtilization | None = None
    warmup: Warmup | None = None
    zone_aware: ZoneAware | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return {"simple": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one(self) -> Self:
        kinds = (self.simple, self.consistent_hash, self.backend_utilization)
        if sum(kind is not None for kind in kinds) > 1:
            raise broken("a load balancer has one of `simple`, `consistentHash` and `backendUtilization`", kind="exclusive")
        return self

    def to_short(self, long: JsonObject) -> JsonValue:
        """The word, if it stands alone."""
        return long["simple"] if set(long) == {"simple"} else long


class LocalityDistribute(Model):
    """Where requests from a locality (`region/zone/*`) go, in percent."""

    from_: str
    to: dict[str, Annotated[int, Field(ge=0, le=100)]]

    @model_validator(mode="after")
    def _hundred(self) -> Self:
        if sum(self.to.values()) != 100:
            message = f"the weights of `distribute` from `{self.from_}` add up to {sum(self.to.values())}, not to 100"
            raise broken(message, kind="split")
        return self


class Locality(Model):
    """Which localities serve whom (Istio: `localityLbSetting`); failover needs `outliers`."""

    enabled: bool | None = None
    distribute: Many[LocalityDistribute] | None = None
    failover: Many[LocalityFailover] | None = None
    failover_priority: Many[str] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.distribute is not None and self.failover is not None:
            raise broken("a locality setting has a `distribute` or a `failover`, not both", kind="exclusive")
        return self


class TcpKeepalive(Model):
    """TCP keep-alive probes."""

    probes: Count | None = None
    time: Duration | None = None
    interval: Duration | None = None


class TcpConnections(Model):
    """Limits on TCP connections, for HTTP too."""

    max_connections: Count | None = None
    connect_timeout: Duration | None = None
    max_connection_duration: Duration | None = None
    idle_timeout: Duration | None = None
    keepalive: TcpKeepalive | None = None


class Http2Keepalive(Model):
    """HTTP/2 keep-alive pings."""

    interval: Duration | None = None
    timeout: Duration | None = None


class HttpConnections(Model):
    """Limits on HTTP requests, by Istio's names without the protocol in front."""

    max_pending_requests: Count | None = None
    max_requests: Count | None = None
    """Requests at a time (Istio: `http2MaxRequests`)."""
    max_requests_per_connection: Count | None = None
    max_retries: Count | None = None
    idle_timeout: Duration | None = None
    h2_upgrade: Literal["default", "upgrade", "doNotUpgrade"] | None = None
    use_client_protocol: bool | None = None
    max_concurrent_streams: Count | None = None
    keepalive: Http2Keepalive | None = None


class Connections(Model):
    """Connection pool limits, the circuit breakers (Istio: `connectionPool`)."""

    tcp: TcpConnections | None = None
    http: HttpConnections | None = None


class Outliers(Model):
    """Endpoints that fail are left out for a time (Istio: `outlierDetection`)."""

    consecutive_5xx: Count | None = None
    """Istio: `consecutive5xxErrors`; 0 turns it off."""
    consecutive_gateway_errors: Count | None = None
    consecutive_local_origin_failures: Count | None = None
    split_local_origin_errors: bool | None = None
    """Istio: `splitExternalLocalOriginErrors`."""
    error_codes: Many[Annotated[int, Field(ge=100, le=599)]] | None = None
    """Istio: `outlierDetectionHttpErrorCodes`."""
    interval: Duration | None = None
    eject_for: Duration | None = None
    """Istio: `baseEjectionTime`."""
    max_ejected: WholePercent | None = None
    """Istio: `maxEjectionPercent`."""
    min_healthy: WholePercent | None = None
    """Istio: `minHealthPercent`."""


class ClientTls(Model):
    """TLS to the endpoints. Certificates and keys by reference: a Secret, or paths in the proxy. Short: the mode alone."""

    SHORT_SCHEMA: ClassVar = {"enum": ["disable", "simple", "mutual", "istioMutual"]}

    mode: Literal["disable", "simple", "mutual", "istioMutual"]
    credential: str | None = None
    """Name of a Secret (Istio: `credentialName`)."""
    client_certificate: str | None = None
    private_key: str | None = None
    ca_certificates: str | None = None
    ca_crl: str | None = None
    sni: str | None = None
    subject_alt_names: Many[str] | None = None
    insecure_skip_verify: bool | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return {"mode": value} if isinstance(value, str) else value

    def to_short(self, long: JsonObject) -> JsonValue:
        """The mode, if it stands alone."""
        return long["mode"] if len(long) == 1 else long


class PortPolicy(Model):
    """What a traffic policy may also say for one port; the port then takes nothing from the whole policy, as in Istio."""

    load_balancer: LoadBalancer | None = None
    locality: Locality | None = None
    connections: Connections | None = None
    outliers: Outliers | None = None
    tls: ClientTls | None = None


class PortTraffic(PortPolicy):
    """The traffic policy of one port."""

    port: PortNumber


class Tunnel(Model):
    """Tunnels connections through a CONNECT or POST proxy."""

    target_host: str
    target_port: PortNumber
    protocol: Literal["CONNECT", "POST"] | None = None


class RetryBudget(Model):
    """How many of the requests to the service may be retries at a time, whatever their rules allow (Istio: `retryBudget`).

    Where a service is broken all of its callers retry, and the retries alone can keep it down; a budget ends that. Each proxy
    counts for itself. Short: the percentage alone, `20%`.
    """

    SHORT_SCHEMA: ClassVar = {
        "anyOf": [{"type": "number", "minimum": 0, "maximum": 100}, {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?%$"}],
        "description": "The percentage alone.",
    }

    percent: Percent | None = None
    """Of the requests that are under way or wait; Istio's default is 20."""
    min_retry_concurrency: Count | None = None
    """So many retries at a time are allowed however few requests there are; Istio's default is 3."""
    budget_interval: Duration | None = None
    """Also counts the requests of this time, not only those under way."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return {"percent": value} if isinstance(value, int | float | str) and not isinstance(value, bool) else value

    def to_short(self, long: JsonObject) -> JsonValue:
        """The percentage, if it stands alone."""
        return long["percent"] if set(long) == {"percent"} else long


class Traffic(PortPolicy):
    """How clients treat a service, or one of its versions."""

    ports: Many[PortTraffic] | None = None
    tunnel: Tunnel | None = None
    proxy_protocol: Literal["v1", "v2"] | None = None
    retry_budget: RetryBudget | None = None
