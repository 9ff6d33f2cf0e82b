"""Which route of the virtual host the request takes: the first that matches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshgen.trace.fields import message, messages, percent, string
from meshgen.trace.match import why_not_route
from meshgen.trace.source import source_of
from meshgen.trace.steps.virtual_host import choose_virtual_host
from meshgen.trace.walk import Matched

if TYPE_CHECKING:
    from meshgen.json import JsonObject
    from meshgen.trace.message import HttpMessage
    from meshgen.trace.walk import Walk

_NEAR = 20  # how many routes that did not match are told


def find_route(walk: Walk) -> None:
    """Set `walk.matched` from the manager's route configuration, inline or by name (RDS)."""
    sent = walk.message
    route_config = _route_config(walk)
    if route_config is None or sent is None:
        return
    host = choose_virtual_host(walk, route_config, sent.host)
    if host is None:
        walk.matched = Matched(route_config=route_config)
        return
    if _requires_tls(host, sent):
        walk.note("route", "", f"virtual host `{string(host, 'name')}` requires TLS")
        walk.matched = Matched(route_config=route_config, virtual_host=host, requires_tls=True)
        return
    walk.matched = _first_match(walk, route_config, host, sent)


def route_config_name(manager: JsonObject) -> str:
    """The route configuration that a connection manager uses, inline or by name."""
    inline = message(manager, "route_config")
    return string(inline, "name") if inline else string(message(manager, "rds"), "route_config_name")


def _route_config(walk: Walk) -> JsonObject | None:
    inline = message(walk.manager, "route_config")
    if inline:
        return inline
    name = route_config_name(walk.manager)
    found = walk.config.routes.get(name)
    if found is None:
        reason = f"no route configuration `{name}`" if name else "the connection manager names no route configuration"
        walk.note("route configuration", "", reason)
    return found


def _requires_tls(host: JsonObject, sent: HttpMessage) -> bool:
    """`require_tls`: judged by x-forwarded-proto, and EXTERNAL_ONLY spares requests from inside."""
    required = string(host, "require_tls", "NONE")
    if required == "EXTERNAL_ONLY":
        return sent.scheme != "https" and sent.header("x-envoy-internal") != "true"
    return required == "ALL" and sent.scheme != "https"


def _first_match(walk: Walk, route_config: JsonObject, host: JsonObject, sent: HttpMessage) -> Matched:
    nearly: list[tuple[str, str]] = []
    for index, route in enumerate(messages(host, "routes")):
        match = message(route, "match")
        failure = why_not_route(match, sent, walk.metadata, has_certificate=walk.has_certificate)
        failure = failure or _why_not_fraction(match)
        name = string(route, "name") or f"#{index}"
        if failure is None:
            walk.note("route", name, f"first match in `{string(host, 'name')}`", tuple(nearly), source_of(route))
            return Matched(route_config=route_config, virtual_host=host, route=route, index=index)
        if len(nearly) < _NEAR:
            nearly.append((name, failure))
    walk.note("route", "", f"no route of `{string(host, 'name')}` matches", tuple(nearly))
    return Matched(route_config=route_config, virtual_host=host)


def _why_not_fraction(match: JsonObject) -> str | None:
    """A `runtime_fraction` takes the side that most requests take: Envoy rolls a die for each."""
    if "runtime_fraction" not in match:
        return None
    share = percent(message(match, "runtime_fraction"))
    return None if share >= 50 else f"only {share:g}% of the requests take it"
