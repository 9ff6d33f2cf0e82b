"""Which part of a request picks the endpoint: the route's hash policies, where the cluster balances by a hash."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshgen.trace.decision import Hash
from meshgen.trace.fields import boolean, message, messages, string

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshgen.json import JsonObject
    from meshgen.trace.message import HttpMessage
    from meshgen.trace.walk import Walk

_HASHING = frozenset({"RING_HASH", "MAGLEV"})


def balancing_of(cluster: JsonObject) -> str:
    """The load balancing policy of a cluster."""
    return string(cluster, "lb_policy", "ROUND_ROBIN")


def hashes_of(walk: Walk, cluster: JsonObject, action: JsonObject, sent: HttpMessage) -> tuple[Hash, ...]:
    """The hash policies that count, in their order, up to a terminal one with a value; none where the cluster does not hash."""
    if balancing_of(cluster) not in _HASHING:
        return ()
    found: list[Hash] = []
    for each in _policies(walk, action, sent):
        found.append(each)
        if each.terminal and each.value:
            break
    if not found:
        walk.note("hash", "", "the route names nothing to hash, so an endpoint is picked at random")
        return ()
    taken = next((each for each in found if each.value), None)
    if taken is None:
        walk.note("hash", "", f"the request brings no {found[0].by}, so an endpoint is picked at random")
    else:
        walk.note("hash", taken.by, f"`{taken.value}` picks the endpoint")
    return tuple(found)


def _policies(walk: Walk, action: JsonObject, sent: HttpMessage) -> Iterator[Hash]:
    for policy in messages(action, "hash_policy"):
        terminal = boolean(policy, "terminal")
        if "header" in policy:
            name = string(message(policy, "header"), "header_name")
            yield Hash(by=f"header `{name}`", value=sent.header(name) or "", terminal=terminal)
        elif "cookie" in policy:
            yield _of_cookie(message(policy, "cookie"), sent, terminal=terminal)
        elif "query_parameter" in policy:
            name = string(message(policy, "query_parameter"), "name")
            values = sent.query_values(name)
            yield Hash(by=f"query parameter `{name}`", value=values[0] if values else "", terminal=terminal)
        elif boolean(message(policy, "connection_properties"), "source_ip"):
            yield Hash(by="source address", value=walk.remote_ip, terminal=terminal)


def _of_cookie(cookie: JsonObject, sent: HttpMessage, *, terminal: bool) -> Hash:
    """A cookie with a time to live is made where the client brings none, so that its next request goes to the same endpoint."""
    name = string(cookie, "name")
    pairs = (item.strip().partition("=") for item in (sent.header("cookie") or "").split(";"))
    value = next((text.strip('"') for key, _, text in pairs if key == name), "")
    made = " (made for the client)" if not value and "ttl" in cookie else ""
    return Hash(by=f"cookie `{name}`{made}", value=value, terminal=terminal)
