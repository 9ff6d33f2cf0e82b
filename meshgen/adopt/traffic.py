"""TrafficPolicy of a DestinationRule → `traffic` of an intent."""

from __future__ import annotations

from typing import Any

from meshgen.adopt.reader import Table, each, fields, plain, table_of, word
from meshgen.json import JsonObject, JsonValue

_FAILOVER: Table = {"from_": "from", "to": "to"}
LOCALITY: Table = {
    "enabled": "enabled",
    "distribute": ("distribute", each(table_of({"from_": "from", "to": "to"}))),
    "failover": ("failover", each(table_of(_FAILOVER))),
    "failover_priority": "failoverPriority",
}
KEEPALIVE: Table = {"probes": "probes", "time": "time", "interval": "interval"}
_COOKIE: Table = {
    "name": "name",
    "path": "path",
    "ttl": "ttl",
    "attributes": ("attributes", each(table_of({"name": "name", "value": "value"}))),
}
_HASH: Table = {
    "http_header_name": "httpHeaderName",
    "http_cookie": ("httpCookie", table_of(_COOKIE)),
    "use_source_ip": "useSourceIp",
    "http_query_parameter_name": "httpQueryParameterName",
    "ring_hash": ("ringHash", table_of({"minimum_ring_size": "minimumRingSize"})),
    "maglev": ("maglev", table_of({"table_size": "tableSize"})),
    "minimum_ring_size": "minimumRingSize",
}
_UTILIZATION: Table = {
    "error_utilization_penalty_percent": "errorUtilizationPenaltyPercent",
    "metric_names_for_computing_utilization": "metricNamesForComputingUtilization",
    "weight_expiration_period": "weightExpirationPeriod",
    "weight_stabilization_period": "weightStabilizationPeriod",
    "weight_update_period": "weightUpdatePeriod",
}
_WARMUP: Table = {"duration": "duration", "minimum_percent": "minimumPercent", "aggression": ("aggression", float)}
_ZONES: Table = {
    "enabled": "enabled",
    "min_cluster_size": "minClusterSize",
    "failover": ("failover", each(table_of(_FAILOVER))),
    "failover_priority": "failoverPriority",
}


def _simple(value: str) -> JsonValue:
    return word("LEAST_REQUEST" if value == "LEAST_CONN" else value)


def _load_balancer(settings: Any) -> JsonObject:  # noqa: ANN401 (LoadBalancerSettings)
    """`loadBalancer`, and `locality` beside it."""
    simple = settings.simple if settings.simple != "UNSPECIFIED" else None
    said = fields(
        settings,
        {
            "consistent_hash": ("consistentHash", table_of(_HASH)),
            "backend_utilization": ("backendUtilization", table_of(_UTILIZATION)),
            "warmup": ("warmup", table_of(_WARMUP)),
            "zone_aware_lb_setting": ("zoneAware", table_of(_ZONES)),
        },
    )
    if simple is not None:
        said = {"simple": _simple(simple), **said}
    if settings.warmup is None and settings.warmup_duration_secs is not None:
        said["warmup"] = settings.warmup_duration_secs
    whole: JsonObject = {"loadBalancer": said} if said or settings.locality_lb_setting is None else {}
    if settings.locality_lb_setting is not None:
        whole["locality"] = fields(settings.locality_lb_setting, LOCALITY)
    return whole


CONNECTIONS: Table = {
    "tcp": (
        "tcp",
        table_of({
            "max_connections": "maxConnections",
            "connect_timeout": "connectTimeout",
            "max_connection_duration": "maxConnectionDuration",
            "idle_timeout": "idleTimeout",
            "tcp_keepalive": ("keepalive", table_of(KEEPALIVE)),
        }),
    ),
    "http": (
        "http",
        table_of({
            "http1_max_pending_requests": "maxPendingRequests",
            "http2_max_requests": "maxRequests",
            "max_requests_per_connection": "maxRequestsPerConnection",
            "max_retries": "maxRetries",
            "idle_timeout": "idleTimeout",
            "h2_upgrade_policy": ("h2Upgrade", word),
            "use_client_protocol": "useClientProtocol",
            "max_concurrent_streams": "maxConcurrentStreams",
            "http2_keep_alive": ("keepalive", table_of({"interval": "interval", "timeout": "timeout"})),
        }),
    ),
}
OUTLIERS: Table = {
    "consecutive_5xx_errors": "consecutive5xx",
    "consecutive_gateway_errors": "consecutiveGatewayErrors",
    "consecutive_local_origin_failures": "consecutiveLocalOriginFailures",
    "split_external_local_origin_errors": "splitLocalOriginErrors",
    "outlier_detection_http_error_codes": "errorCodes",
    "interval": "interval",
    "base_ejection_time": "ejectFor",
    "max_ejection_percent": "maxEjected",
    "min_health_percent": "minHealthy",
}
CLIENT_TLS: Table = {
    "mode": ("mode", word),
    "credential_name": "credential",
    "client_certificate": "clientCertificate",
    "private_key": "privateKey",
    "ca_certificates": "caCertificates",
    "ca_crl": "caCrl",
    "sni": "sni",
    "subject_alt_names": "subjectAltNames",
    "insecure_skip_verify": "insecureSkipVerify",
}


def _client_tls(settings: Any) -> JsonObject:  # noqa: ANN401 (ClientTLSSettings)
    return {"mode": "disable", **fields(settings, CLIENT_TLS)}  # protobuf's zero


_PORT: Table = {
    "load_balancer": ("", _load_balancer),
    "connection_pool": ("connections", table_of(CONNECTIONS)),
    "outlier_detection": ("outliers", table_of(OUTLIERS)),
    "tls": ("tls", _client_tls),
}
TRAFFIC: Table = {
    **_PORT,
    "port_level_settings": ("ports", each(table_of({"port": ("port", lambda port: port.number), **_PORT}))),
    "tunnel": ("tunnel", table_of({"target_host": "targetHost", "target_port": "targetPort", "protocol": "protocol"})),
    "proxy_protocol": ("proxyProtocol", lambda value: word(value.version or "V1")),
    "retry_budget": (
        "retryBudget",
        table_of({
            "percent": "percent",
            "min_retry_concurrency": "minRetryConcurrency",
            "budget_interval": "budgetInterval",
        }),
    ),
}


def traffic(policy: Any) -> JsonObject:  # noqa: ANN401 (TrafficPolicy)
    """`traffic` of a policy."""
    return fields(policy, TRAFFIC)


def versions(subsets: Any) -> list[JsonValue]:  # noqa: ANN401 (of DestinationRule)
    """`versions` of its subsets."""
    return [
        {
            "name": subset.name,
            "labels": plain(subset.labels or {}),
            **({} if subset.traffic_policy is None else {"traffic": traffic(subset.traffic_policy)}),
        }
        for subset in subsets
    ]
