"""Collectors of logs, spans and metrics that ProxyConfig names by address, under istiod's names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from meshgen.emit.envoy.names import TYPE
from meshgen.emit.envoy.tls import upstream_tls
from meshgen.istio.mesh_config import MeshConfig
from meshgen.istio.mesh_proxy import ProxySettings, RemoteService
from meshgen.istio.shared import TcpKeepalive
from meshgen.json import JsonObject, drop_none
from meshgen.mesh import Proxy
from meshgen.values import SECOND, parse_duration

LOG_SERVICE: Final = "envoy_accesslog_service"
METRICS_SERVICE: Final = "envoy_metrics_service"
ZIPKIN: Final = "zipkin"
DATADOG: Final = "datadog_agent"

_HTTP_OPTIONS: Final = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def collectors(config: MeshConfig, proxy: Proxy) -> Iterator[JsonObject]:
    """The clusters of the collectors that listeners send to; that of metrics stands in the bootstrap."""
    settings, tracing = config.default_config, config.default_config.tracing
    if takes_logs(config) and settings.envoy_access_log_service is not None:
        yield collector(LOG_SERVICE, settings.envoy_access_log_service, config, proxy)
    address = zipkin_address(settings)
    if address:
        service = RemoteService(address=address, tls_settings=tracing.tls_settings if tracing is not None else None)
        yield collector(ZIPKIN, service, config, proxy, http2=False)
    if datadog := datadog_address(settings):
        yield collector(DATADOG, RemoteService(address=datadog), config, proxy, http2=False)


def takes_logs(config: MeshConfig) -> bool:
    """Whether access logs go to the service that ProxyConfig names."""
    service = config.default_config.envoy_access_log_service
    return config.enable_envoy_access_log_service and service is not None and bool(service.address)


def zipkin_address(settings: ProxySettings) -> str:
    """Where ProxyConfig sends spans in Zipkin's format; empty where it does not."""
    zipkin = settings.tracing.zipkin if settings.tracing is not None else None
    return (zipkin.address if zipkin is not None else None) or settings.zipkin_address or ""


def datadog_address(settings: ProxySettings) -> str:
    """Where ProxyConfig sends spans for Datadog; empty where it does not."""
    datadog = settings.tracing.datadog if settings.tracing is not None else None
    return (datadog.address if datadog is not None else None) or ""


def metrics_service(settings: ProxySettings) -> RemoteService | None:
    """The collector of statistics; None where there is none."""
    named = settings.envoy_metrics_service
    if named is not None and named.address:
        return named
    old = settings.envoy_metrics_service_address
    return RemoteService(address=old) if old else None


def collector(name: str, service: RemoteService, config: MeshConfig, proxy: Proxy, *, http2: bool = True) -> JsonObject:
    """A cluster for an address; of mesh TLS nothing is known here, so `ISTIO_MUTUAL` is plaintext."""
    host, port = split_address(service.address or "")
    address: JsonObject = {"socket_address": {"address": host, "port_value": port}}
    hosts: JsonObject = {"lb_endpoints": [{"endpoint": {"address": address}}]}
    cluster: JsonObject = {
        "name": name,
        "type": "STRICT_DNS",
        "dns_lookup_family": "V6_ONLY" if ":" in proxy.address else "V4_ONLY",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints": [hosts]},
    }
    if http2:
        options: JsonObject = {"explicit_http_config": {"http2_protocol_options": {}}}
        cluster["typed_extension_protocol_options"] = {_HTTP_OPTIONS: {"@type": TYPE + _HTTP_OPTIONS, **options}}
    tls = service.tls_settings
    if tls is not None and tls.mode in {"SIMPLE", "MUTUAL"}:
        named = msgspec.structs.replace(tls, sni=tls.sni or host)
        cluster["transport_socket"] = upstream_tls(named, config, sans=tls.subject_alt_names or (host,), http2=http2)
    if service.tcp_keepalive is not None:
        cluster["upstream_connection_options"] = {"tcp_keepalive": _keepalive(service.tcp_keepalive)}
    return cluster


def _keepalive(keepalive: TcpKeepalive) -> JsonObject:
    return drop_none({
        "keepalive_probes": keepalive.probes or None,
        "keepalive_time": parse_duration(keepalive.time) // SECOND if keepalive.time else None,
        "keepalive_interval": parse_duration(keepalive.interval) // SECOND if keepalive.interval else None,
    })


def split_address(address: str) -> tuple[str, int]:
    """Host and port of `host:port`; port 80 where none is said."""
    host, _, port = address.rpartition(":")
    return (host.strip("[]"), int(port)) if port.isdigit() and host else (address, 80)
