"""A decision as JSON, with keys that stay."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from meshgen.values import format_duration

if TYPE_CHECKING:
    from meshgen.json import JsonObject, JsonValue
    from meshgen.trace.decision import Decision, Endpoint, Fault, Retry, Step, UpstreamTls


def to_json(decision: Decision) -> JsonObject:
    """The decision with camelCase keys in a fixed order; what did not come to pass is left out."""
    route = decision.route
    found: JsonObject = {
        "outcome": decision.outcome.value,
        "status": decision.status,
        "grpcStatus": decision.grpc_status,
        "body": decision.body,
        "location": decision.location,
        "listener": decision.listener,
        "filterChain": decision.filter_chain,
        "routeConfig": decision.route_config,
        "virtualHost": decision.virtual_host,
        "route": {"name": route.name, "index": route.index, "metadata": route.metadata} if route else None,
        "cluster": decision.cluster,
        "clusterType": decision.cluster_type,
        "weights": [asdict(each) for each in decision.weights],
        "upstream": _upstream(decision),
        "responseHeaders": _pairs(decision.response_headers),
        "responseHeadersRemoved": list(decision.response_headers_removed),
        "timeout": _duration(decision.timeout),
        "retry": _retry(decision.retry) if decision.retry else None,
        "mirrors": [asdict(each) for each in decision.mirrors],
        "faults": [_fault(each) for each in decision.faults],
        "endpoints": [_endpoint(each) for each in decision.endpoints],
        "balancing": decision.balancing,
        "hashes": [_left_out({"by": each.by, "value": each.value}) for each in decision.hashes],
        "tls": decision.tls,
        "asked": list(decision.asked),
        "opaque": list(decision.opaque),
        "shadow": [list(each) for each in decision.shadow],
        "steps": [_step(each) for each in decision.steps],
    }
    return {key: value for key, value in found.items() if value not in (None, "", [])}


def _pairs(headers: tuple[tuple[str, str], ...]) -> JsonValue:
    return [[name, value] for name, value in headers]


def _duration(nanoseconds: int | None) -> str | None:
    return None if nanoseconds is None else format_duration(nanoseconds)


def _upstream(decision: Decision) -> JsonValue:
    if not decision.method:
        return None
    headers = _pairs(decision.request_headers)
    found: JsonObject = {"method": decision.method, "path": decision.path, "host": decision.host, "headers": headers}
    return {**found, "protocol": decision.upstream_protocol, "tls": _tls(decision.upstream_tls)}


def _tls(tls: UpstreamTls | None) -> JsonValue:
    if tls is None:
        return "none"
    return _left_out({"mode": "mutual" if tls.has_certificate else "simple", "sni": tls.sni, "alpn": list(tls.alpn)})


def _endpoint(endpoint: Endpoint) -> JsonObject:
    found: JsonObject = {
        "address": endpoint.address,
        "port": endpoint.port,
        "priority": endpoint.priority,
        "locality": endpoint.locality,
        "localityWeight": endpoint.locality_weight or None,
        "weight": endpoint.weight,
    }
    return {key: value for key, value in found.items() if value is not None}


def _left_out(fields: JsonObject) -> JsonObject:
    return {key: value for key, value in fields.items() if value not in (None, "", [])}


def _retry(retry: Retry) -> JsonObject:
    found: JsonObject = {
        "on": list(retry.on),
        "attempts": retry.attempts,
        "perTryTimeout": _duration(retry.per_try_timeout),
        "codes": list(retry.codes),
        "backOff": _duration(retry.back_off),
        "longestBackOff": _duration(retry.longest_back_off),
        "hedges": retry.hedges or None,
    }
    return {key: value for key, value in found.items() if value not in (None, [])}


def _fault(fault: Fault) -> JsonObject:
    found: JsonObject = {
        "kind": fault.kind,
        "percent": fault.percent,
        "delay": _duration(fault.delay),
        "status": fault.status,
        "grpcStatus": fault.grpc_status,
    }
    return {key: value for key, value in found.items() if value is not None}


def _step(step: Step) -> JsonObject:
    source = asdict(step.source) if step.source else {}
    found: JsonObject = {
        "stage": step.stage,
        "chosen": step.chosen,
        "reason": step.reason,
        "nearly": [{"name": name, "whyNot": why} for name, why in step.nearly],
        "source": {key: value for key, value in source.items() if value},
    }
    return {key: value for key, value in found.items() if value not in ("", [], {}) or key in ("stage", "chosen")}
