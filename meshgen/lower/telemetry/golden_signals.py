"""The four golden signals of istiod as rules of Prometheus.

Names of metrics: istio.io, reference/commands/pilot-discovery (Exported metrics). Latency is how long proxies wait for
configuration, traffic what istiod has to push, errors what proxies refuse and what istiod fails at, saturation its CPU and the
queue before its pushes.
"""

from __future__ import annotations

from collections.abc import Mapping

from meshgen.intent.observability import GoldenSignals
from meshgen.json import JsonObject, JsonValue
from meshgen.values import SECOND, parse_duration

SIGNALS: Mapping[str, str] = {
    "istiod:latency_convergence_seconds:p99": (
        "histogram_quantile(0.99, sum by (le) (rate(pilot_proxy_convergence_time_bucket[5m])))"
    ),
    "istiod:traffic_connected_proxies:sum": "sum(pilot_xds)",
    "istiod:traffic_pushes:rate5m": 'sum by (type) (rate(pilot_xds_pushes{type!~".*_senderr"}[5m]))',
    "istiod:traffic_updates:rate5m": "sum by (type) (rate(pilot_inbound_updates[5m]))",
    "istiod:errors_rejected:rate5m": "sum by (type) (rate(pilot_total_xds_rejects[5m]))",
    "istiod:errors_internal:rate5m": "sum(rate(pilot_total_xds_internal_errors[5m]))",
    "istiod:saturation_cpu:rate5m": 'sum by (pod) (rate(process_cpu_seconds_total{job="istiod"}[5m]))',
    "istiod:saturation_queue_seconds:p99": "histogram_quantile(0.99, sum by (le) (rate(pilot_proxy_queue_time_bucket[5m])))",
}
"""What is recorded, by the names of Prometheus's convention, and the question that gives it."""


def rule_groups(signals: GoldenSignals) -> list[JsonValue]:
    """`groups` of a PrometheusRule, or of a rule file."""
    records: list[JsonValue] = [{"record": name, "expr": expression} for name, expression in SIGNALS.items()]
    limit = parse_duration(signals.latency or "1s") / SECOND
    lasting = signals.for_ or "5m"
    alerts: list[JsonValue] = [
        _alert(
            "IstiodSlow",
            f"istiod:latency_convergence_seconds:p99 > {limit:g}",
            lasting,
            "proxies wait too long for new configuration",
        ),
        _alert(
            "IstiodConfigurationRejected",
            "istiod:errors_rejected:rate5m > 0",
            lasting,
            "proxies refuse {{ $labels.type }} configuration: `istioctl proxy-status` says which",
        ),
        _alert("IstiodFailing", "istiod:errors_internal:rate5m > 0", lasting, "istiod fails to generate configuration"),
    ]
    if signals.cpu is not None:
        expression = f"istiod:saturation_cpu:rate5m > {signals.cpu:g}"
        alerts.append(_alert("IstiodSaturated", expression, lasting, "{{ $labels.pod }} uses more CPU than it should"))
    return [{"name": "istiod-golden-signals", "rules": [*records, *alerts]}]


def _alert(name: str, expression: str, lasting: str, summary: str) -> JsonObject:
    return {
        "alert": name,
        "expr": expression,
        "for": lasting,
        "labels": {"severity": "warning"},
        "annotations": {"summary": summary},
    }
