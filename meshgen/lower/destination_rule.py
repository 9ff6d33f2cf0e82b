"""DestinationRules: a service's versions and how clients treat it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal, cast

from meshgen.diagnostics import JsonPath, Origin
from meshgen.intent.decode import IntentObject
from meshgen.istio import destination_rule as istio
from meshgen.istio.hosts import fully_qualified
from meshgen.istio.shared import (
    ConnectionPoolSettings,
    HTTP2KeepAlive,
    HTTPSettings,
    PortSelector,
    TcpKeepalive,
    TCPSettings,
    WorkloadSelector,
)
from meshgen.lower.index import Declared, Index, ServiceKey, host_of
from meshgen.lower.result import Made, make

if TYPE_CHECKING:  # a kind is imported where the mesh has it
    from meshgen.intent import traffic as intent
    from meshgen.intent.access import Target
    from meshgen.intent.canary import Canary
    from meshgen.intent.service import Service
    from meshgen.intent.traffic_policy import TrafficPolicy

_SIMPLE: dict[str, Literal["ROUND_ROBIN", "LEAST_REQUEST", "RANDOM", "PASSTHROUGH"]] = {
    "roundRobin": "ROUND_ROBIN",
    "leastRequest": "LEAST_REQUEST",
    "random": "RANDOM",
    "passthrough": "PASSTHROUGH",
}
_TLS: dict[str, Literal["DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"]] = {
    "disable": "DISABLE",
    "simple": "SIMPLE",
    "mutual": "MUTUAL",
    "istioMutual": "ISTIO_MUTUAL",
}
_H2: dict[str, Literal["DEFAULT", "UPGRADE", "DO_NOT_UPGRADE"]] = {
    "default": "DEFAULT",
    "upgrade": "UPGRADE",
    "doNotUpgrade": "DO_NOT_UPGRADE",
}
_PROXY: dict[str, Literal["V1", "V2"]] = {"v1": "V1", "v2": "V2"}


def destination_rules(index: Index, engines: Mapping[ServiceKey, IntentObject[Canary]]) -> Iterator[Made]:
    """One for each service that has versions or says how clients treat it; Flagger makes those of its services itself."""
    for key, service in index.services.items():
        if key in engines and engines[key].model.engine == "flagger":
            continue
        if service.model.versions or service.model.traffic is not None:
            yield _destination_rule(service, host_of(key))


def traffic_policies(index: Index) -> Iterator[Made]:
    """One for each TrafficPolicy."""
    for policy in cast("list[IntentObject[TrafficPolicy]]", index.by_kind.get("TrafficPolicy", [])):
        yield _destination_rule(policy, fully_qualified(policy.model.host, policy.model.namespace), policy.model.clients)


def _destination_rule(
    service: IntentObject[Service] | IntentObject[TrafficPolicy], host: str, clients: Target | None = None
) -> Made:
    model = service.model
    origins: dict[JsonPath, Origin] = {}
    policy = None
    if model.traffic is not None:
        policy = traffic_policy(model.traffic)
        origins["spec", "trafficPolicy"] = service.item("spec", "traffic")
    selector = None if clients is None else WorkloadSelector(match_labels=dict(clients.selector))
    spec = istio.DestinationRule(
        host=host,
        traffic_policy=policy,
        subsets=subsets(service, origins),
        export_to=model.export_to,
        workload_selector=selector,
    )
    return make(service, spec, origins=origins)


def subsets(service: Declared | IntentObject[TrafficPolicy], origins: dict[JsonPath, Origin]) -> tuple[istio.Subset, ...] | None:
    """The versions of a service; `origins` gets their places."""
    found = []
    for position, version in enumerate(service.model.versions or ()):
        origins["spec", "subsets", position] = service.item("spec", "versions", position)
        policy = None if version.traffic is None else traffic_policy(version.traffic)
        found.append(istio.Subset(name=version.name, labels=version.labels, traffic_policy=policy))
    return tuple(found) or None


def traffic_policy(value: intent.Traffic) -> istio.TrafficPolicy:
    """`trafficPolicy`."""
    tunnel, budget = value.tunnel, value.retry_budget
    return istio.TrafficPolicy(
        load_balancer=load_balancer(value.load_balancer, value.locality),
        connection_pool=connection_pool(value.connections),
        outlier_detection=outlier_detection(value.outliers),
        tls=client_tls(value.tls),
        port_level_settings=None if value.ports is None else tuple(map(_port_policy, value.ports)),
        tunnel=None
        if tunnel is None
        else istio.TunnelSettings(protocol=tunnel.protocol, target_host=tunnel.target_host, target_port=tunnel.target_port),
        proxy_protocol=None if value.proxy_protocol is None else istio.ProxyProtocol(version=_PROXY[value.proxy_protocol]),
        retry_budget=None
        if budget is None
        else istio.RetryBudget(
            percent=budget.percent,
            min_retry_concurrency=budget.min_retry_concurrency,
            budget_interval=budget.budget_interval,
        ),
    )


def _port_policy(value: intent.PortTraffic) -> istio.PortTrafficPolicy:
    return istio.PortTrafficPolicy(
        port=PortSelector(number=value.port),
        load_balancer=load_balancer(value.load_balancer, value.locality),
        connection_pool=connection_pool(value.connections),
        outlier_detection=outlier_detection(value.outliers),
        tls=client_tls(value.tls),
    )


def load_balancer(value: intent.LoadBalancer | None, locality: intent.Locality | None) -> istio.LoadBalancerSettings | None:
    """`loadBalancer`; Istio keeps the locality setting inside of it."""
    if value is None:
        return None if locality is None else istio.LoadBalancerSettings(locality_lb_setting=locality_setting(locality))
    warmup, zones, backend = value.warmup, value.zone_aware, value.backend_utilization
    return istio.LoadBalancerSettings(
        simple=None if value.simple is None else _SIMPLE[value.simple],
        consistent_hash=None if value.consistent_hash is None else _consistent_hash(value.consistent_hash),
        backend_utilization=None if backend is None else istio.BackendUtilization(**dict(backend)),
        warmup=None
        if warmup is None
        else istio.WarmupConfiguration(
            duration=warmup.duration, minimum_percent=warmup.minimum_percent, aggression=warmup.aggression
        ),
        locality_lb_setting=None if locality is None else locality_setting(locality),
        zone_aware_lb_setting=None if zones is None else zone_aware(zones),
    )


def zone_aware(value: intent.ZoneAware) -> istio.ZoneAwareLoadBalancerSetting:
    """`zoneAwareLbSetting`."""
    return istio.ZoneAwareLoadBalancerSetting(
        enabled=value.enabled,
        min_cluster_size=value.min_cluster_size,
        failover=_failover(value.failover),
        failover_priority=value.failover_priority,
    )


def _failover(value: tuple[intent.LocalityFailover, ...] | None) -> tuple[istio.LocalityFailover, ...] | None:
    return None if value is None else tuple(istio.LocalityFailover(from_=each.from_, to=each.to) for each in value)


def _consistent_hash(value: intent.ConsistentHash) -> istio.ConsistentHashLB:
    cookie = value.http_cookie
    return istio.ConsistentHashLB(
        http_header_name=value.http_header_name,
        http_cookie=None if cookie is None else _cookie(cookie),
        use_source_ip=value.use_source_ip,
        http_query_parameter_name=value.http_query_parameter_name,
        ring_hash=None if value.ring_hash is None else istio.RingHash(minimum_ring_size=value.ring_hash.minimum_ring_size),
        maglev=None if value.maglev is None else istio.MagLev(table_size=value.maglev.table_size),
        minimum_ring_size=value.minimum_ring_size,
    )


def _cookie(cookie: intent.HttpCookie) -> istio.HTTPCookie:
    attributes = None
    if cookie.attributes is not None:
        attributes = tuple(istio.HTTPCookieAttribute(name=each.name, value=each.value) for each in cookie.attributes)
    return istio.HTTPCookie(name=cookie.name, path=cookie.path, ttl=cookie.ttl, attributes=attributes)


def locality_setting(value: intent.Locality) -> istio.LocalityLoadBalancerSetting:
    """`localityLbSetting`."""
    distribute = value.distribute
    return istio.LocalityLoadBalancerSetting(
        enabled=value.enabled,
        distribute=None
        if distribute is None
        else tuple(istio.LocalityDistribute(from_=each.from_, to=each.to) for each in distribute),
        failover=_failover(value.failover),
        failover_priority=value.failover_priority,
    )


def connection_pool(value: intent.Connections | None) -> ConnectionPoolSettings | None:
    """`connectionPool`."""
    if value is None:
        return None
    return ConnectionPoolSettings(
        tcp=None if value.tcp is None else _tcp(value.tcp), http=None if value.http is None else _http(value.http)
    )


def _tcp(value: intent.TcpConnections) -> TCPSettings:
    return TCPSettings(
        max_connections=value.max_connections,
        connect_timeout=value.connect_timeout,
        max_connection_duration=value.max_connection_duration,
        idle_timeout=value.idle_timeout,
        tcp_keepalive=tcp_keepalive(value.keepalive),
    )


def tcp_keepalive(value: intent.TcpKeepalive | None) -> TcpKeepalive | None:
    """`tcpKeepalive`."""
    return None if value is None else TcpKeepalive(probes=value.probes, time=value.time, interval=value.interval)


def _http(value: intent.HttpConnections) -> HTTPSettings:
    keepalive = value.keepalive
    return HTTPSettings(
        http1_max_pending_requests=value.max_pending_requests,
        http2_max_requests=value.max_requests,
        max_requests_per_connection=value.max_requests_per_connection,
        max_retries=value.max_retries,
        idle_timeout=value.idle_timeout,
        h2_upgrade_policy=None if value.h2_upgrade is None else _H2[value.h2_upgrade],
        use_client_protocol=value.use_client_protocol,
        max_concurrent_streams=value.max_concurrent_streams,
        http2_keep_alive=None if keepalive is None else HTTP2KeepAlive(interval=keepalive.interval, timeout=keepalive.timeout),
    )


def outlier_detection(value: intent.Outliers | None) -> istio.OutlierDetection | None:
    """`outlierDetection`."""
    if value is None:
        return None
    return istio.OutlierDetection(
        consecutive_5xx_errors=value.consecutive_5xx,
        consecutive_gateway_errors=value.consecutive_gateway_errors,
        consecutive_local_origin_failures=value.consecutive_local_origin_failures,
        split_external_local_origin_errors=value.split_local_origin_errors,
        outlier_detection_http_error_codes=value.error_codes,
        interval=value.interval,
        base_ejection_time=value.eject_for,
        max_ejection_percent=value.max_ejected,
        min_health_percent=value.min_healthy,
    )


def client_tls(value: intent.ClientTls | None) -> istio.ClientTLSSettings | None:
    """`tls`."""
    if value is None:
        return None
    return istio.ClientTLSSettings(
        mode=_TLS[value.mode],
        credential_name=value.credential,
        client_certificate=value.client_certificate,
        private_key=value.private_key,
        ca_certificates=value.ca_certificates,
        ca_crl=value.ca_crl,
        sni=value.sni,
        subject_alt_names=value.subject_alt_names,
        insecure_skip_verify=value.insecure_skip_verify,
    )
