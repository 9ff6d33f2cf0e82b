"""Fault injection: delays and aborts, of the filter or of the route."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshgen.trace.decision import Fault, Outcome
from meshgen.trace.fields import integer, message, messages, percent, string
from meshgen.trace.match import why_not_header
from meshgen.trace.source import source_of
from meshgen.trace.steps.durations import nanoseconds
from meshgen.trace.walk import Answer

if TYPE_CHECKING:
    from meshgen.json import JsonObject
    from meshgen.trace.walk import Walk


def apply(walk: Walk, config: JsonObject) -> Answer | None:
    """Abort where the fault meets every request; a smaller share is told in `faults` and the request goes on."""
    matched = walk.matched
    per_route = matched.per_filter("envoy.filters.http.fault") if matched else None
    if per_route is not None and per_route[0].endswith("HTTPFault"):
        config = per_route[1]
    if not config or not _applies(walk, config):
        return None
    route = matched.route if matched else None
    for fault in (_delay(message(config, "delay")), _abort(message(config, "abort"))):
        if fault is not None and fault.percent > 0:
            walk.faults.append(fault)
            reason = f"{fault.percent:g}% of the requests"
            walk.note("fault", fault.kind, reason, source=source_of(route) if route else None)
    return _ended(walk)


def _applies(walk: Walk, config: JsonObject) -> bool:
    cluster = string(config, "upstream_cluster")
    route = walk.matched.route if walk.matched else None
    if cluster and string(message(route or {}, "route"), "cluster") != cluster:
        return False
    sent = walk.message
    return sent is not None and all(why_not_header(each, sent) is None for each in messages(config, "headers"))


def _delay(config: JsonObject) -> Fault | None:
    delay = nanoseconds(string(config, "fixed_delay"))
    return Fault(kind="delay", percent=percent(message(config, "percentage")), delay=delay) if delay else None


def _abort(config: JsonObject) -> Fault | None:
    share = percent(message(config, "percentage"))
    if "http_status" in config:
        return Fault(kind="abort", percent=share, status=integer(config, "http_status"))
    if "grpc_status" in config:
        code = integer(config, "grpc_status")
        return Fault(kind="abort", percent=share, status=200, grpc_status=code)  # the failure is in `grpc-status`
    return None


def _ended(walk: Walk) -> Answer | None:
    abort = next((each for each in walk.faults if each.kind == "abort" and each.percent >= 100), None)
    if abort is None:
        return None
    body, headers = "fault filter abort", (("content-type", "text/plain"),)
    return Answer(outcome=Outcome.ABORTED, status=abort.status, body=body, headers=headers)
