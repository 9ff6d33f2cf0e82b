"""A request through one Envoy: listener, filter chain, network filters, then HTTP filters and routes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshgen.trace.config import HTTP_CONNECTION_MANAGER, network_filters
from meshgen.trace.decision import Decision, Outcome
from meshgen.trace.steps.action import answer_request, route_request
from meshgen.trace.steps.arrival import receive
from meshgen.trace.steps.connection import NETWORK_FILTERS, forward_connection
from meshgen.trace.steps.filter_chain import choose_filter_chain
from meshgen.trace.steps.filters import run_filters
from meshgen.trace.steps.grpc import as_grpc
from meshgen.trace.steps.listener import choose_listener
from meshgen.trace.steps.route import find_route, route_config_name
from meshgen.trace.steps.upgrade import check_upgrade
from meshgen.trace.walk import Answer, Walk

if TYPE_CHECKING:
    from meshgen.json import JsonObject
    from meshgen.trace.config import EnvoyConfig
    from meshgen.trace.request import Request


def trace(config: EnvoyConfig, request: Request) -> Decision:
    """What becomes of a request at this proxy, and why. Pure, and total: odd configuration gives an odd decision."""
    walk = Walk(config=config, request=request)
    answer = choose_listener(walk) or choose_filter_chain(walk)
    if answer is not None:
        return walk.decide(answer)
    return _run_network_filters(walk)


def _run_network_filters(walk: Walk) -> Decision:
    for name, kind, content in network_filters(walk.chain):
        if kind == HTTP_CONNECTION_MANAGER:
            return _trace_http(walk, content)
        if kind.endswith("tcp_proxy.v3.TcpProxy"):
            return forward_connection(walk, content)
        apply = NETWORK_FILTERS.get(kind)
        if apply is None:
            _note_unknown(walk, name or kind, kind)
        elif (answer := apply(walk, content)) is not None:
            return walk.decide(answer)
    walk.note("filter chain", "", "no filter takes the connection anywhere")
    return walk.decide(Answer(outcome=Outcome.CLOSED))


def _note_unknown(walk: Walk, name: str, kind: str) -> None:
    if not kind.endswith(("MetadataExchange", "stats.PluginConfig")):
        walk.opaque.append(name)
        walk.note(name, "not simulated", "this filter may change the outcome")


def _trace_http(walk: Walk, manager: JsonObject) -> Decision:
    walk.manager = manager
    failure = _why_not_http(walk)
    if failure is not None:
        walk.note("http", "closed", failure)
        return walk.decide(Answer(outcome=Outcome.CLOSED))
    walk.route_config = route_config_name(manager)
    answer = receive(walk)
    if answer is not None:
        return as_grpc(walk.decide(answer), walk.message)
    find_route(walk)
    answer = check_upgrade(walk) or run_filters(walk)
    decision = answer_request(walk, answer) if answer is not None else route_request(walk)
    return as_grpc(decision, walk.message)


def _why_not_http(walk: Walk) -> str | None:
    if walk.request.is_tls and not walk.has_tls:
        return "the client speaks TLS, which this filter chain does not terminate"
    if not walk.request.is_http:
        return "the client does not speak HTTP"
    return None
