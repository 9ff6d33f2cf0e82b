"""Which virtual host of the route configuration answers for the host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshgen.trace.fields import string

if TYPE_CHECKING:
    from meshgen.json import JsonObject
    from meshgen.trace.tables import VirtualHosts
    from meshgen.trace.walk import Walk

_NEAR = 5


def choose_virtual_host(walk: Walk, route_config: JsonObject, host: str) -> JsonObject | None:
    """The virtual host for an authority, or None; domains are compared lower-case, a port counts unless ignored."""
    table = walk.config.virtual_hosts(route_config)
    lowered = host.lower()
    if table.ignores_port:
        lowered = _without_port(lowered)
    matching = list(table.matching(lowered))
    if not matching:
        walk.note("virtual host", "", f"no domain matches `{lowered}`", _near_domains(table, lowered))
        return None
    domain, index = matching[0]
    others = dict.fromkeys((string(table.hosts[each], "name"), other) for other, each in matching[1:] if each != index)
    nearly = tuple((name, f"`{domain}` is more specific than `{other}`") for name, other in others)
    walk.note("virtual host", string(table.hosts[index], "name"), f"domain `{domain}`", nearly)
    return table.hosts[index]


def _without_port(host: str) -> str:
    """What stands before the last colon, whatever stands behind it; the colons of an IPv6 address in brackets are none."""
    name, colon, rest = host.rpartition(":")
    return name if colon and "]" not in rest else host


def _near_domains(table: VirtualHosts, host: str) -> tuple[tuple[str, str], ...]:
    """A few domains that share the last labels or the first one with the host."""
    tail, head = "." + ".".join(host.split(".")[-2:]), host.partition(".")[0] + "."
    similar = [name for name in table.exact if name.endswith(tail) or name.startswith(head) or f".{name}" == tail]
    similar += [f"*{name}" for name in table.suffixes if name.endswith(tail)]
    return tuple((name, f"`{host}` is another host") for name in similar[:_NEAR])
