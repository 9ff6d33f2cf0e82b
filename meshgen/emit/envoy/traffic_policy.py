"""Which blocks of a destination rule are in effect for a port and subset, and what they are in Envoy (envoy-mapping.md §4)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from meshgen.emit.envoy.extension import extension
from meshgen.emit.envoy.versions import BUDGET_INTERVAL
from meshgen.envoy_version import NEWEST_ENVOY, EnvoyVersion
from meshgen.istio.destination_rule import (
    BackendUtilization,
    ClientTLSSettings,
    ConsistentHashLB,
    DestinationRule,
    LoadBalancerSettings,
    OutlierDetection,
    PortTrafficPolicy,
    ProxyProtocol,
    RetryBudget,
    Subset,
    TrafficPolicy,
    TunnelSettings,
)
from meshgen.istio.mesh_config import MeshConfig
from meshgen.istio.shared import ConnectionPoolSettings, HTTPSettings, TcpKeepalive, TCPSettings
from meshgen.json import JsonObject, JsonValue, drop_none
from meshgen.values import SECOND, duration_to_envoy, parse_duration


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectivePolicy:
    """The blocks in effect; None is Istio's default for that block."""

    connection_pool: ConnectionPoolSettings | None = None
    load_balancer: LoadBalancerSettings | None = None
    outlier_detection: OutlierDetection | None = None
    tls: ClientTLSSettings | None = None
    retry_budget: RetryBudget | None = None
    proxy_protocol: ProxyProtocol | None = None
    tunnel: TunnelSettings | None = None


NO_POLICY = EffectivePolicy()


def effective_policy(rule: DestinationRule | None, port: int, subset: Subset | None = None) -> EffectivePolicy:
    """The policy of a rule for a service port, seen through a subset where one is given."""
    if rule is None:
        return NO_POLICY
    policy = _over(NO_POLICY, rule.traffic_policy, port)
    return _over(policy, subset.traffic_policy, port) if subset else policy


def with_defaults(policy: EffectivePolicy, config: MeshConfig) -> EffectivePolicy:
    """The policy with the blocks of MeshConfig.defaultTrafficPolicy where no rule has them."""
    defaults = config.default_traffic_policy
    if defaults is None:
        return policy
    return replace(
        policy,
        connection_pool=policy.connection_pool or defaults.connection_pool,
        outlier_detection=policy.outlier_detection or defaults.outlier_detection,
    )


def _over(base: EffectivePolicy, policy: TrafficPolicy | None, port: int) -> EffectivePolicy:
    """`policy` laid over `base`: block by block, and then the port's settings, which replace all four blocks.

    What a port level leaves out falls back to the default, not to its parent (Istio's API says so for portLevelSettings).
    """
    if policy is None:
        return base
    level = _port_level(policy, port)
    return EffectivePolicy(
        connection_pool=level.connection_pool if level else policy.connection_pool or base.connection_pool,
        load_balancer=level.load_balancer if level else policy.load_balancer or base.load_balancer,
        outlier_detection=level.outlier_detection if level else policy.outlier_detection or base.outlier_detection,
        tls=level.tls if level else policy.tls or base.tls,
        retry_budget=policy.retry_budget or base.retry_budget,
        proxy_protocol=policy.proxy_protocol or base.proxy_protocol,
        tunnel=policy.tunnel or base.tunnel,
    )


def _port_level(policy: TrafficPolicy, port: int) -> PortTrafficPolicy | None:
    return next((level for level in policy.port_level_settings or () if level.port and level.port.number == port), None)


# --- blocks as Envoy has them (envoy-mapping.md §4.3) -----------------------------------------------------------------
MAX_UINT32 = 4_294_967_295
"""What istiod raises Envoy's circuit breakers to: Envoy's own 1024 connections and 3 retries would bite unasked."""


def circuit_breakers(
    pool: ConnectionPoolSettings | None, budget: RetryBudget | None, version: EnvoyVersion = NEWEST_ENVOY
) -> JsonObject:
    """`circuit_breakers`: one default threshold; a limit of 0 counts as not set, as in istiod."""
    http, tcp = _parts(pool)
    threshold: JsonObject = {
        "max_connections": _limit(tcp.max_connections),
        "max_pending_requests": _limit(http.http1_max_pending_requests),
        "max_requests": _limit(http.http2_max_requests),
        "max_retries": _limit(http.max_retries),
    }
    if budget is not None:
        threshold["retry_budget"] = {
            "budget_percent": {"value": 20.0 if budget.percent is None else budget.percent},
            "min_retry_concurrency": 3 if budget.min_retry_concurrency is None else budget.min_retry_concurrency,
            **({"budget_interval": duration_to_envoy(budget.budget_interval or "")} if _has_interval(budget, version) else {}),
        }
    return {"thresholds": [threshold]}


def _has_interval(budget: RetryBudget, version: EnvoyVersion) -> bool:
    return bool(budget.budget_interval) and BUDGET_INTERVAL.holds_in(version)


def _limit(value: int | None) -> int:
    return value if value is not None and value > 0 else MAX_UINT32


def _parts(pool: ConnectionPoolSettings | None) -> tuple[HTTPSettings, TCPSettings]:
    return (pool and pool.http) or HTTPSettings(), (pool and pool.tcp) or TCPSettings()


def connect_timeout(pool: ConnectionPoolSettings | None, config: MeshConfig) -> str:
    """`connect_timeout`, the mesh's where the rule has none."""
    return duration_to_envoy(_parts(pool)[1].connect_timeout or config.connect_timeout)


def tcp_keepalive(pool: ConnectionPoolSettings | None, config: MeshConfig) -> JsonObject | None:
    """`upstream_connection_options`: the mesh's keepalive, then the rule's, field by field; times in whole seconds."""
    mesh, rule = config.tcp_keepalive, _parts(pool)[1].tcp_keepalive
    if mesh is None and rule is None:
        return None
    mesh, rule = mesh or TcpKeepalive(), rule or TcpKeepalive()
    keepalive = drop_none({
        "keepalive_probes": rule.probes or mesh.probes or None,
        "keepalive_time": _whole_seconds(rule.time or mesh.time),
        "keepalive_interval": _whole_seconds(rule.interval or mesh.interval),
    })
    return {"tcp_keepalive": keepalive}


def _whole_seconds(text: str | None) -> int | None:
    return parse_duration(text) // SECOND if text else None


def common_http_options(pool: ConnectionPoolSettings | None) -> JsonObject:
    """`common_http_protocol_options`; HTTP's idle timeout goes before TCP's."""
    http, tcp = _parts(pool)
    idle, age = http.idle_timeout or tcp.idle_timeout, tcp.max_connection_duration
    return drop_none({
        "idle_timeout": duration_to_envoy(idle) if idle else None,
        "max_requests_per_connection": http.max_requests_per_connection or None,
        "max_connection_duration": duration_to_envoy(age) if age else None,
    })


def http2_options(pool: ConnectionPoolSettings | None) -> JsonObject:
    """`http2_protocol_options` of a cluster that speaks HTTP/2 anyway."""
    http, _ = _parts(pool)
    options: JsonObject = {}
    if http.max_concurrent_streams:
        options["max_concurrent_streams"] = http.max_concurrent_streams
    alive = http.http2_keep_alive
    if alive and alive.interval:
        options["connection_keepalive"] = drop_none({
            "interval": duration_to_envoy(alive.interval),
            "timeout": duration_to_envoy(alive.timeout) if alive.timeout else None,
        })
    return options


def outlier_detection(block: OutlierDetection) -> JsonObject:
    """`outlier_detection`. Without consecutive5xxErrors Envoy's own five still eject; success rates never do, as in istiod."""
    detection = drop_none({
        "consecutive_5xx": block.consecutive_5xx_errors,
        "enforcing_consecutive_5xx": _enforced(block.consecutive_5xx_errors),
        "consecutive_gateway_failure": block.consecutive_gateway_errors,
        "enforcing_consecutive_gateway_failure": _enforced(block.consecutive_gateway_errors),
        "interval": duration_to_envoy(block.interval) if block.interval else None,
        "base_ejection_time": duration_to_envoy(block.base_ejection_time) if block.base_ejection_time else None,
        "max_ejection_percent": block.max_ejection_percent or None,
        "enforcing_success_rate": 0,
    })
    if block.split_external_local_origin_errors:
        failures = block.consecutive_local_origin_failures
        detection |= {"split_external_local_origin_errors": True, "enforcing_local_origin_success_rate": 0}
        if failures:
            detection |= {"consecutive_local_origin_failure": failures, "enforcing_consecutive_local_origin_failure": 100}
    return detection


def _enforced(value: int | None) -> int | None:
    return None if value is None else 100 if value else 0


def error_matcher(block: OutlierDetection | None) -> JsonObject | None:
    """`HttpProtocolOptions.outlier_detection`: which statuses count as errors, where the rule lists them."""
    codes = (block and block.outlier_detection_http_error_codes) or ()
    rules: list[JsonValue] = [
        {"http_response_headers_match": {"headers": [{"name": ":status", "string_match": {"exact": str(code)}}]}}
        for code in codes
    ]
    if not rules:
        return None
    return {"error_matcher": rules[0] if len(rules) == 1 else {"or_match": {"rules": rules}}}


def panic_threshold(block: OutlierDetection | None) -> JsonObject:
    """`healthy_panic_threshold`: 0 unless minHealthPercent says more; Envoy's own 50 % would send to hosts that are out."""
    percent = (block and block.min_health_percent) or 0
    return {"value": max(percent, 0)} if percent > 0 else {}


def load_balancing(settings: LoadBalancerSettings | None) -> JsonObject:
    """`lb_policy` and its configuration; least request unless the rule says otherwise."""
    settings = settings or LoadBalancerSettings()
    if settings.consistent_hash is not None:
        return _consistent_hash(settings.consistent_hash)
    if settings.backend_utilization is not None:
        return {
            "load_balancing_policy": {"policies": [{"typed_extension_config": _by_utilization(settings.backend_utilization)}]}
        }
    match settings.simple:
        case "RANDOM":
            return {"lb_policy": "RANDOM"}
        case "PASSTHROUGH":
            return {"lb_policy": "CLUSTER_PROVIDED"}
        case "ROUND_ROBIN":
            return {"lb_policy": "ROUND_ROBIN"} | _slow_start("round_robin_lb_config", settings)
        case _:
            return {"lb_policy": "LEAST_REQUEST"} | _slow_start("least_request_lb_config", settings)


def _consistent_hash(settings: ConsistentHashLB) -> JsonObject:
    if settings.maglev is not None:
        size = settings.maglev.table_size
        return {"lb_policy": "MAGLEV"} | ({"maglev_lb_config": {"table_size": size}} if size else {})
    ring = settings.ring_hash
    size = ring.minimum_ring_size if ring is not None else settings.minimum_ring_size or 1024
    return {"lb_policy": "RING_HASH"} | ({"ring_hash_lb_config": {"minimum_ring_size": size}} if size else {})


def _by_utilization(settings: BackendUtilization) -> JsonObject:
    """Weights by what endpoints report of their load (ORCA), as in istiod: client-side weighted round robin."""
    penalty = settings.error_utilization_penalty_percent
    fields = drop_none({
        "blackout_period": _optional_duration(settings.weight_stabilization_period),
        "weight_expiration_period": _optional_duration(settings.weight_expiration_period),
        "weight_update_period": _optional_duration(settings.weight_update_period),
        "error_utilization_penalty": penalty / 100 if penalty is not None else None,
        "metric_names_for_computing_utilization": list(settings.metric_names_for_computing_utilization or ()) or None,
    })
    name = "client_side_weighted_round_robin"
    kind = f"envoy.extensions.load_balancing_policies.{name}.v3.ClientSideWeightedRoundRobin"
    return extension(f"envoy.load_balancing_policies.{name}", kind, fields)


def _optional_duration(text: str | None) -> str | None:
    return duration_to_envoy(text) if text else None


def _slow_start(key: str, settings: LoadBalancerSettings) -> JsonObject:
    warmup = settings.warmup
    window = warmup.duration if warmup else settings.warmup_duration_secs
    if not window:
        return {}
    config: JsonObject = {"slow_start_window": duration_to_envoy(window)}
    if warmup and warmup.aggression is not None:
        # Envoy asks for a runtime key that could override the value; nothing sets this one.
        config["aggression"] = {"default_value": warmup.aggression, "runtime_key": "upstream.slow_start.aggression"}
    if warmup and warmup.minimum_percent is not None:
        config["min_weight_percent"] = {"value": warmup.minimum_percent}
    return {key: {"slow_start_config": config}}
