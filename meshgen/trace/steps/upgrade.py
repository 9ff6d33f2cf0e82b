"""WebSocket and other upgrades, and CONNECT: 403 unless connection manager or route allow them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshgen.trace.decision import Outcome
from meshgen.trace.fields import boolean, message, messages, string
from meshgen.trace.walk import Answer

if TYPE_CHECKING:
    from meshgen.json import JsonObject
    from meshgen.trace.message import HttpMessage
    from meshgen.trace.walk import Walk


def asked_upgrade(sent: HttpMessage) -> str:
    """The protocol that the request asks to change to; `CONNECT` counts as one, and empty is none."""
    return sent.header("upgrade") or ("CONNECT" if sent.method == "CONNECT" else "")


def check_upgrade(walk: Walk) -> Answer | None:
    """403 for an upgrade that is not allowed (`HttpConnectionManagerConfig::createUpgradeFilterChain`).

    Where no route matches, filters and router answer, as they do to any request.
    """
    wanted = asked_upgrade(walk.message) if walk.message is not None else ""
    matched = walk.matched
    if not wanted or matched is None or (matched.route is None and not matched.requires_tls):
        return None
    by_route = _allows(message(matched.route or {}, "route"), wanted)
    allowed = _allows(walk.manager, wanted) if by_route is None else by_route
    if allowed:
        walk.note("upgrade", wanted, f"the {'connection manager' if by_route is None else 'route'} allows it")
        return None
    walk.note("upgrade", "refused", f"nothing allows `{wanted}`" if by_route is None else f"the route forbids `{wanted}`")
    return Answer(outcome=Outcome.REJECTED, status=403)


def _allows(parent: JsonObject, wanted: str) -> bool | None:
    """What `upgrade_configs` say; None where they say nothing."""
    for config in messages(parent, "upgrade_configs"):
        if string(config, "upgrade_type").lower() == wanted.lower():
            return boolean(config, "enabled", default=True)
    return None
