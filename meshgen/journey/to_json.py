"""A journey as JSON, with keys that stay (docs/trace.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshgen.journey.words import answer, deciding_step
from meshgen.trace import to_json

if TYPE_CHECKING:
    from meshgen.journey.follow import Hop, Journey
    from meshgen.journey.words import Locate
    from meshgen.json import JsonObject, JsonValue
    from meshgen.trace import Request, Step


def journey_to_json(journey: Journey, locate: Locate | None = None) -> JsonObject:
    """The answer, the hops in their order, the copies of mirrored requests, and notes."""
    last = journey.last
    decided = deciding_step(last.decision) if not journey.arrives else None
    found: JsonObject = {
        "answer": _without_nothing({
            "text": answer(journey, locate),
            "arrives": journey.arrives,
            "outcome": last.decision.outcome.value,
            "status": last.decision.status,
            "grpcStatus": last.decision.grpc_status,
            "proxy": last.proxy.id,
            "reaches": journey.end,
            "decidedBy": _decided(decided, locate) if decided is not None else None,
        }),
        "hops": [_hop(hop) for hop in journey.hops],
        "copies": [
            {"cluster": copy.mirror.cluster, "percent": copy.mirror.percent, "hops": [_hop(hop) for hop in copy.hops]}
            for copy in journey.copies
        ],
        "notes": list(journey.notes),
    }
    return found


def _without_nothing(fields: JsonObject) -> JsonObject:
    return {name: value for name, value in fields.items() if value not in (None, "")}


def _decided(step: Step, locate: Locate | None) -> JsonValue:
    source = step.source
    return _without_nothing({
        "stage": step.stage,
        "reason": step.reason,
        "kind": source.kind if source else None,
        "namespace": source.namespace if source else None,
        "name": source.name if source else None,
        "line": locate(source) if source is not None and locate is not None else None,
    })


def _hop(hop: Hop) -> JsonObject:
    found: JsonObject = {
        "side": hop.side,
        "proxy": hop.proxy.id,
        "cluster": hop.cluster,
        "arrives": _request(hop.request),
        "decision": to_json(hop.decision),
    }
    return _without_nothing(found)


def _request(request: Request) -> JsonValue:
    return _without_nothing({
        "protocol": request.protocol,
        "method": request.method if request.is_http else None,
        "host": request.host if request.is_http else None,
        "path": request.path if request.is_http else None,
        "port": request.port,
        "address": request.address,
        "tls": request.tls,
        "sni": request.server_name,
        "principal": request.principal,
        "sourceIp": request.source_ip,
    })
