"""Which listener takes the connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshgen.trace.config import WILDCARDS
from meshgen.trace.decision import Outcome
from meshgen.trace.fields import boolean
from meshgen.trace.request import Capture
from meshgen.trace.source import source_of
from meshgen.trace.walk import Answer

if TYPE_CHECKING:
    from meshgen.json import JsonObject
    from meshgen.trace.walk import Walk


def choose_listener(walk: Walk) -> Answer | None:
    """Set `walk.listener`: the socket that the connection reaches, then a hand-over by original destination."""
    name, reason = _entry(walk)
    if name is None:
        walk.note("listener", "", reason)
        return Answer(outcome=Outcome.NO_LISTENER)
    listener = walk.config.listeners[name]
    handed = _handed_over(walk, listener, name)
    if handed is not None:
        name, reason = handed
        listener = walk.config.listeners[name]
    walk.listener = listener
    walk.note("listener", name, reason, source=source_of(listener))
    return None


def _entry(walk: Walk) -> tuple[str | None, str]:
    capture = walk.request.capture
    if capture is not Capture.NONE:
        name = walk.config.capturing.get(capture.name)
        if name is not None:
            return name, f"takes captured {capture.value} connections"
    return _bound(walk)


def _bound(walk: Walk) -> tuple[str | None, str]:
    port, address = walk.request.port, walk.request.address
    candidates = walk.config.bound_by_port.get(port, ())
    if address is not None:
        for wanted in (frozenset({address}), WILDCARDS):
            for bound, name in candidates:
                if bound in wanted:
                    return name, f"bound to {bound}:{port}"
        return None, f"nothing listens on {address}:{port}"
    for bound, name in reversed(candidates):  # without an address: a wildcard one first
        return name, f"bound to {bound}:{port}"
    return None, f"nothing listens on port {port}"


def _handed_over(walk: Walk, listener: JsonObject, own_name: str) -> tuple[str, str] | None:
    """The listener for the original destination, where this one hands connections over (`use_original_dst`)."""
    if not boolean(listener, "use_original_dst") or walk.request.capture is Capture.NONE:
        return None
    port = walk.request.port
    for address in (walk.request.address or "", *sorted(WILDCARDS)):
        name = walk.config.by_address.get((address, port))
        if name is not None and name != own_name:
            return name, f"original destination {walk.request.address or 'any address'}:{port} is {address}:{port}"
    return None
