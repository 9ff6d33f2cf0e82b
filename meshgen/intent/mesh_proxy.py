"""Settings of proxies: those of the whole mesh (MeshConfig's `defaultConfig`), and those of some workloads (ProxyConfig)."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from meshgen.intent.leaves import Count, Duration, PortNumber
from meshgen.intent.model import Many, Model, broken
from meshgen.intent.observation import ProxyStats
from meshgen.intent.shorts import LIST
from meshgen.intent.traffic import ClientTls, TcpKeepalive

ForwardedCertificate = Literal["sanitize", "forwardOnly", "appendForward", "sanitizeSet", "alwaysForwardOnly"]


class WorkloadProxy(Model):
    """What a ProxyConfig says of the proxies of some workloads; it holds from their next start."""

    concurrency: Count | None = None
    """Worker threads; 0 is one a CPU."""
    environment: dict[str, str] | None = None
    """Variables of the proxy's environment."""
    image: Literal["default", "debug", "distroless"] | None = None


class ClientCertificateDetails(Model):
    """What of a client's certificate stands in X-Forwarded-Client-Cert."""

    subject: bool | None = None
    cert: bool | None = None
    chain: bool | None = None
    dns: bool | None = None
    uri: bool | None = None


class ProxyHeaders(Model):
    """Headers that proxies add to requests and answers on their own account."""

    server: str | bool | None = None
    """The `server` header of answers: its value, or `false` to leave it as it is."""
    request_id: bool | None = None
    attempt_count: bool | None = None
    envoy_debug: bool | None = None
    """`x-envoy-…` headers for debugging."""
    metadata_exchange: Literal["undefined", "inMesh"] | None = None
    """`inMesh`: peers' metadata is sent to workloads of the mesh only."""
    preserve_case: bool | None = None
    """HTTP/1.1 headers keep their case."""
    forwarded_host: bool | None = None
    forwarded_port: bool | None = None
    forwarded_client_cert: ForwardedCertificate | None = None
    client_cert_details: ClientCertificateDetails | None = None


class PrivateKeys(Model):
    """Hardware that signs in place of the CPU."""

    kind: Literal["cryptoMb", "qat"]
    poll_delay: Duration
    fallback: bool | None = None
    """The CPU signs where the hardware is not there."""


class RemoteService(Model):
    """A gRPC service that proxies report to."""

    address: str
    """`host:port`."""
    tls: ClientTls | None = None
    keepalive: TcpKeepalive | None = None


class ConnectionSettings(Model):
    """Limits and timeouts of connections; the profile `edge` has those of a proxy that strangers can reach."""

    profile: Literal["sidecar", "edge"] | None = None
    listener_buffer_bytes: Count | None = None
    cluster_buffer_bytes: Count | None = None
    listener_connections: Count | None = None
    """Connections at a time of each listener."""
    downstream_connections: Count | None = None
    """Connections at a time of the whole proxy."""
    idle_timeout: Duration | None = None
    max_connection_duration: Duration | None = None
    drain_timeout: Duration | None = None
    request_timeout: Duration | None = None
    request_headers_timeout: Duration | None = None
    stream_idle_timeout: Duration | None = None
    max_stream_duration: Duration | None = None
    max_concurrent_streams: Count | None = None
    http2_stream_window: Count | None = None
    http2_connection_window: Count | None = None
    headers_with_underscores: Literal["allow", "rejectRequest", "dropHeader"] | None = None
    merge_slashes: bool | None = None
    escaped_slashes: Literal["keepUnchanged", "rejectRequest", "unescapeAndRedirect", "unescapeAndForward"] | None = None


class FileFlush(Model):
    """When access logs in files are written out."""

    interval: Duration | None = None
    min_size_kb: Count | None = None


class ProxyDefaults(WorkloadProxy):
    """Settings of every proxy (MeshConfig: `defaultConfig`); they hold from a proxy's next start.

    `environment` makes a mesh-wide ProxyConfig in the root namespace.
    """

    trusted_proxies: Count | None = None
    """Proxies in front of the gateways (`gatewayTopology.numTrustedProxies`)."""
    forward_client_cert: ForwardedCertificate | None = None
    """What a gateway does with X-Forwarded-Client-Cert (`gatewayTopology.forwardClientCertDetails`)."""
    proxy_protocol: bool | None = None
    """Gateways read the PROXY protocol of the load balancer before them."""
    dns: bool | None = None
    """Proxies answer the workload's DNS questions for hosts that the mesh knows (`ISTIO_META_DNS_CAPTURE`)."""
    hold_application: bool | None = None
    """Containers start after their proxy is ready (`holdApplicationUntilProxyStarts`)."""
    drain: Duration | None = None
    """How long a proxy that is replaced finishes its requests (`drainDuration`)."""
    termination_drain: Duration | None = None
    """How long a proxy that ends goes on serving (`terminationDrainDuration`)."""
    stats: ProxyStats | None = None
    headers: ProxyHeaders | None = None
    private_keys: PrivateKeys | None = None
    connections: ConnectionSettings | None = None
    access_log_service: RemoteService | None = None
    metrics_service: RemoteService | None = None
    access_log_flush: FileFlush | None = None
    tracing_name: Literal["appLabelAndNamespace", "canonicalNameOnly", "canonicalNameAndNamespace"] | None = None
    """What spans call the workload (`tracingServiceName`)."""
    interception: Literal["redirect", "tproxy", "none"] | None = None
    """How connections reach the proxy (`interceptionMode`)."""
    status_port: PortNumber | None = None
    admin_port: PortNumber | None = None
    stat_name_length: Annotated[int, Field(ge=1)] | None = None
    stats_compression: bool | None = None
    runtime: dict[str, str] | None = None
    """Envoy's runtime values."""
    ca_certificates: Annotated[Many[str], LIST] | None = None
    """Roots that proxies trust when they call istiod, in PEM (`caCertificatesPem`)."""
    metadata: dict[str, str] | None = None
    """Variables of every proxy's environment and node metadata (`proxyMetadata`)."""

    @model_validator(mode="after")
    def _once(self) -> Self:
        if self.dns is not None and "ISTIO_META_DNS_CAPTURE" in (self.metadata or {}):
            raise broken("`dns` is `ISTIO_META_DNS_CAPTURE` of `metadata`", help="leave one of them out", kind="exclusive")
        return self


class NamespaceSettings(Model):
    """What is said of one namespace: a core Namespace with labels for injection, a ProxyConfig for its workloads."""

    inject: bool | str | None = None
    """`true`: sidecars are injected (`istio-injection: enabled`); a word: by istiod of that revision; `false`: they are not."""
    labels: dict[str, str] | None = None
    """Labels of the Namespace beside, such as those that `discovery` asks for."""
    proxy: WorkloadProxy | None = None


class Selector(Model):
    """Which namespaces or Pods; all that is given must hold."""

    labels: dict[str, str] | None = None
    any_of: dict[str, Annotated[Many[str], LIST]] | None = None
    """Labels with one of several values."""
    not_: dict[str, Annotated[Many[str], LIST]] | None = None
    """Labels that have none of these values, or are not there: `{istio-exclude: "true"}`."""
    present: Annotated[Many[str], LIST] | None = None
    """Labels that are there, whatever their value."""
    absent: Annotated[Many[str], LIST] | None = None
    """Labels that are not there."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.model_fields_set:
            raise broken("a selector says which labels it means", help="write `{labels: {istio-discovery: enabled}}`")
        return self
