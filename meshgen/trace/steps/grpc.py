"""Envoy's own answers to gRPC clients: HTTP 200 with the failure in `grpc-status` (`Grpc::Utility::httpToGrpcStatus`)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from meshgen.trace.decision import Outcome

if TYPE_CHECKING:
    from meshgen.trace.decision import Decision
    from meshgen.trace.message import HttpMessage

_STATUSES = {400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14}
_UNKNOWN = 2
_SENT_ON = frozenset({Outcome.ROUTED, Outcome.NEEDS_ANSWER})
# What a gRPC message may hold as it is (PROTOCOL-HTTP2.md of gRPC: Percent-Byte-Unencoded).
_PLAIN = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")


def is_grpc(sent: HttpMessage) -> bool:
    """Whether a client speaks gRPC, by its content type."""
    content = sent.header("content-type") or ""
    return content == "application/grpc" or content.startswith("application/grpc+")


def as_grpc(decision: Decision, sent: HttpMessage | None) -> Decision:
    """The decision with Envoy's own answer as a gRPC client gets it; others stay as they are."""
    if sent is None or decision.status is None or decision.outcome in _SENT_ON or not is_grpc(sent):
        return decision
    aborted = next((each.grpc_status for each in decision.faults if each.grpc_status is not None), None)
    code = _STATUSES.get(decision.status, _UNKNOWN)
    if decision.outcome is Outcome.ABORTED and aborted is not None:
        code = aborted
    kept = tuple(pair for pair in decision.response_headers if pair[0] != "content-type")
    headers = [*kept, ("content-type", "application/grpc"), ("grpc-status", str(code))]
    if decision.body and sent.method != "HEAD":
        headers.append(("grpc-message", quote(decision.body, safe=_PLAIN)))
    return replace(decision, status=200, grpc_status=code, body="", response_headers=tuple(headers))
