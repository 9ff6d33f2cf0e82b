"""MeshConfig's `defaultConfig`: the settings of all proxies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshgen.json import JsonObject
from meshgen.lower.destination_rule import client_tls, tcp_keepalive
from meshgen.lower.mesh.said import Said, given
from meshgen.values import constant

if TYPE_CHECKING:  # a kind is imported where the mesh has it
    from meshgen.intent import mesh_proxy as intent
    from meshgen.intent.mesh import Mesh

_AS_THEY_ARE = (
    ("concurrency", "concurrency"),
    ("gatewayTopology.numTrustedProxies", "trusted_proxies"),
    ("holdApplicationUntilProxyStarts", "hold_application"),
    ("drainDuration", "drain"),
    ("terminationDrainDuration", "termination_drain"),
    ("statusPort", "status_port"),
    ("proxyAdminPort", "admin_port"),
    ("statNameLength", "stat_name_length"),
    ("statsCompression", "stats_compression"),
    ("runtimeValues", "runtime"),
    ("caCertificatesPem", "ca_certificates"),
)
_CONNECTIONS = (
    ("listenerPerConnectionBufferLimitBytes", "listener_buffer_bytes"),
    ("clusterPerConnectionBufferLimitBytes", "cluster_buffer_bytes"),
    ("listenerConnectionLimit", "listener_connections"),
    ("globalDownstreamConnectionLimit", "downstream_connections"),
    ("httpIdleTimeout", "idle_timeout"),
    ("httpMaxConnectionDuration", "max_connection_duration"),
    ("httpDrainTimeout", "drain_timeout"),
    ("httpRequestTimeout", "request_timeout"),
    ("httpRequestHeadersTimeout", "request_headers_timeout"),
    ("httpStreamIdleTimeout", "stream_idle_timeout"),
    ("httpMaxStreamDuration", "max_stream_duration"),
    ("httpMaxConcurrentStreams", "max_concurrent_streams"),
    ("http2InitialStreamWindowSize", "http2_stream_window"),
    ("http2InitialConnectionWindowSize", "http2_connection_window"),
    ("httpMergeSlashes", "merge_slashes"),
)


def say_proxy(said: Said, mesh: Mesh) -> None:
    """`defaultConfig`."""
    proxy = mesh.proxy
    if proxy is None:
        return
    said.put_fields(proxy, ("proxy",), [(f"defaultConfig.{path}", name) for path, name in _AS_THEY_ARE])
    topology = "defaultConfig.gatewayTopology"
    said.put_words(f"{topology}.forwardClientCertDetails", proxy.forward_client_cert, "proxy", "forwardClientCert")
    said.put(f"{topology}.proxyProtocol", {} if proxy.proxy_protocol else None, "proxy", "proxyProtocol")
    said.put_words("defaultConfig.tracingServiceName", proxy.tracing_name, "proxy", "tracingName")
    said.put_words("defaultConfig.interceptionMode", proxy.interception, "proxy", "interception")
    if proxy.image is not None:
        said.put("defaultConfig.image.imageType", proxy.image, "proxy", "image")
    _say_metadata(said, proxy)
    _say_parts(said, proxy)
    _say_headers(said, proxy.headers)


def _say_metadata(said: Said, proxy: intent.ProxyDefaults) -> None:
    captured = {} if proxy.dns is None else {"ISTIO_META_DNS_CAPTURE": str(proxy.dns).lower()}
    said.put("defaultConfig.proxyMetadata", {**captured, **(proxy.metadata or {})} or proxy.metadata, "proxy", "metadata")
    if captured:
        said.places["defaultConfig", "proxyMetadata", "ISTIO_META_DNS_CAPTURE"] = ("proxy", "dns")


def _say_parts(said: Said, proxy: intent.ProxyDefaults) -> None:
    if (stats := proxy.stats) is not None:
        matcher = given(inclusionPrefixes=stats.prefixes, inclusionSuffixes=stats.suffixes, inclusionRegexps=stats.regexes)
        said.put("defaultConfig.proxyStatsMatcher", matcher, "proxy", "stats")
    if (keys := proxy.private_keys) is not None:
        settings = {keys.kind.lower(): given(pollDelay=keys.poll_delay, fallback=keys.fallback)}
        said.put("defaultConfig.privateKeyProvider", settings, "proxy", "privateKeys")
    if (flush := proxy.access_log_flush) is not None:
        said.put("defaultConfig.fileFlushInterval", flush.interval, "proxy", "accessLogFlush", "interval")
        said.put("defaultConfig.fileFlushMinSizeKb", flush.min_size_kb, "proxy", "accessLogFlush", "minSizeKb")
    for path, key, service in (
        ("envoyAccessLogService", "accessLogService", proxy.access_log_service),
        ("envoyMetricsService", "metricsService", proxy.metrics_service),
    ):
        if service is not None:
            tls, keepalive = client_tls(service.tls), tcp_keepalive(service.keepalive)
            said.put(
                f"defaultConfig.{path}", given(address=service.address, tlsSettings=tls, tcpKeepalive=keepalive), "proxy", key
            )
    if (connections := proxy.connections) is not None:
        place, path = ("proxy", "connections"), "defaultConfig.connectionSettings"
        said.put_words(f"{path}.profile", connections.profile, *place, "profile")
        said.put_fields(connections, place, [(f"{path}.{wire}", name) for wire, name in _CONNECTIONS])
        underscores = connections.headers_with_underscores
        action = None if underscores is None else f"HEADERS_WITH_UNDERSCORES_{constant(underscores)}"
        said.put(f"{path}.httpHeadersWithUnderscoresAction", action, *place, "headersWithUnderscores")
        said.put_words(f"{path}.httpPathWithEscapedSlashesAction", connections.escaped_slashes, *place, "escapedSlashes")


def _say_headers(said: Said, headers: intent.ProxyHeaders | None) -> None:
    if headers is None:
        return
    path, place = "defaultConfig.proxyHeaders", ("proxy", "headers")
    server = headers.server
    if server is not None:
        said.put(f"{path}.server", {"disabled": not server} if isinstance(server, bool) else {"value": server}, *place, "server")
    for wire, name, alias in (
        ("requestId", "request_id", "requestId"),
        ("attemptCount", "attempt_count", "attemptCount"),
        ("envoyDebugHeaders", "envoy_debug", "envoyDebug"),
    ):
        wanted = getattr(headers, name)
        said.put(f"{path}.{wire}.disabled", None if wanted is None else not wanted, *place, alias)
    said.put(f"{path}.xForwardedHost.enabled", headers.forwarded_host, *place, "forwardedHost")
    said.put(f"{path}.xForwardedPort.enabled", headers.forwarded_port, *place, "forwardedPort")
    said.put(f"{path}.preserveHttp1HeaderCase", headers.preserve_case, *place, "preserveCase")
    said.put_words(f"{path}.metadataExchangeHeaders.mode", headers.metadata_exchange, *place, "metadataExchange")
    said.put_words(f"{path}.forwardedClientCert", headers.forwarded_client_cert, *place, "forwardedClientCert")
    if (details := headers.client_cert_details) is not None:
        said.put(f"{path}.setCurrentClientCertDetails", _details(details), *place, "clientCertDetails")


def _details(details: intent.ClientCertificateDetails) -> JsonObject:
    return given(subject=details.subject, cert=details.cert, chain=details.chain, dns=details.dns, uri=details.uri)
