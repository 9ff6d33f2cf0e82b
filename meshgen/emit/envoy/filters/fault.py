"""`envoy.filters.http.fault`: present everywhere, told what to do by each route (envoy-mapping.md §3.3)."""

from __future__ import annotations

from typing import Final

from meshgen.emit.envoy.extension import extension, millionths, typed
from meshgen.istio.virtual_service import FaultAbort, FaultDelay, HTTPFaultInjection
from meshgen.json import JsonObject
from meshgen.values import duration_to_envoy

NAME: Final = "envoy.filters.http.fault"
_MESSAGE = "envoy.extensions.filters.http.fault.v3.HTTPFault"
FAULT: Final[JsonObject] = extension(NAME, _MESSAGE)

GRPC_CODES: Final = {
    "OK": 0,
    "CANCELLED": 1,
    "UNKNOWN": 2,
    "INVALID_ARGUMENT": 3,
    "DEADLINE_EXCEEDED": 4,
    "NOT_FOUND": 5,
    "ALREADY_EXISTS": 6,
    "PERMISSION_DENIED": 7,
    "RESOURCE_EXHAUSTED": 8,
    "FAILED_PRECONDITION": 9,
    "ABORTED": 10,
    "OUT_OF_RANGE": 11,
    "UNIMPLEMENTED": 12,
    "INTERNAL": 13,
    "UNAVAILABLE": 14,
    "DATA_LOSS": 15,
    "UNAUTHENTICATED": 16,
}
"""gRPC's status codes by name (grpc.github.io: statuscodes)."""


def fault_injection(fault: HTTPFaultInjection) -> JsonObject:
    """A route's `fault` as `typed_per_filter_config[envoy.filters.http.fault]`."""
    fields: JsonObject = {}
    if fault.delay is not None and fault.delay.fixed_delay:
        fields["delay"] = _delay(fault.delay)
    if fault.abort is not None:
        fields["abort"] = _abort(fault.abort)
    return typed(_MESSAGE, fields)


def _delay(delay: FaultDelay) -> JsonObject:
    percentage: JsonObject
    if delay.percentage is not None:
        percentage = millionths(delay.percentage.value or 0.0)
    else:  # the old whole percentage, whose default is 0: such a delay never happens
        percentage = {"numerator": delay.percent} if delay.percent else {}
    return {"fixed_delay": duration_to_envoy(delay.fixed_delay or "0s"), "percentage": percentage}


def _abort(abort: FaultAbort) -> JsonObject:
    status: JsonObject = {}
    if abort.http_status is not None:
        status["http_status"] = abort.http_status
    elif abort.grpc_status is not None:
        status["grpc_status"] = GRPC_CODES.get(abort.grpc_status.upper(), GRPC_CODES["UNKNOWN"])
    if abort.percentage is not None:  # without a percentage Envoy's default is 0: such an abort never happens
        status["percentage"] = millionths(abort.percentage.value or 0.0)
    return status
