"""The router: what the matched route does with the request."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING

from meshgen.trace.decision import Decision, Mirror, Outcome, Weight
from meshgen.trace.fields import boolean, integer, message, messages, percent, string
from meshgen.trace.steps.arrival import split_port
from meshgen.trace.steps.cluster import Upstream, find_upstream
from meshgen.trace.steps.hashing import balancing_of, hashes_of
from meshgen.trace.steps.mutations import Values, levels, mutate
from meshgen.trace.steps.rewrite import redirect_location, rewritten_host, rewritten_path
from meshgen.trace.steps.tries import ROUTER_HEADERS, limits_of
from meshgen.trace.steps.upstream_tls import upstream_protocol, upstream_tls
from meshgen.trace.walk import Answer, Matched

if TYPE_CHECKING:
    from meshgen.json import JsonObject
    from meshgen.trace.message import HttpMessage
    from meshgen.trace.walk import Walk

_REDIRECTS = {"FOUND": 302, "SEE_OTHER": 303, "TEMPORARY_REDIRECT": 307, "PERMANENT_REDIRECT": 308}
_TEXT = (("content-type", "text/plain"),)


def route_request(walk: Walk) -> Decision:
    """The end of an HTTP request that no filter has answered."""
    sent, matched = walk.message, walk.matched
    if sent is None or matched is None or matched.virtual_host is None:
        return walk.decide(Answer(outcome=Outcome.NOT_FOUND, status=404, is_routed=False))
    if matched.requires_tls:
        location = f"https://{sent.host}{sent.path or '/'}"
        return walk.decide(_redirect(location, 301, is_routed=False))
    if matched.route is None:
        return walk.decide(Answer(outcome=Outcome.NOT_FOUND, status=404))
    return _act(walk, matched, matched.route, sent)


def _act(walk: Walk, matched: Matched, route: JsonObject, sent: HttpMessage) -> Decision:
    if "redirect" in route:
        return _answer_redirect(walk, route, sent)
    if "direct_response" in route:
        return _answer_directly(walk, message(route, "direct_response"), sent)
    if "route" in route:
        return _forward(walk, matched, route, sent)
    walk.opaque.append("route action")
    return walk.decide(Answer(outcome=Outcome.NOT_FOUND, status=404))


def _redirect(location: str, status: int, *, is_routed: bool = True) -> Answer:
    headers = (("location", location),)
    return Answer(outcome=Outcome.REDIRECT, status=status, location=location, headers=headers, is_routed=is_routed)


def _answer_redirect(walk: Walk, route: JsonObject, sent: HttpMessage) -> Decision:
    redirect = message(route, "redirect")
    location = redirect_location(message(route, "match"), redirect, sent)
    status = _REDIRECTS.get(string(redirect, "response_code"), 301)
    walk.note("action", f"redirect {status}", location)
    return _with_response_operations(walk, walk.decide(_redirect(location, status)), None, sent)


def _answer_directly(walk: Walk, response: JsonObject, sent: HttpMessage) -> Decision:
    status = integer(response, "status", 200)
    body = message(response, "body")
    text = string(body, "inline_string")
    if "inline_bytes" in body:
        text = _decoded(string(body, "inline_bytes"))
    walk.note("action", f"direct response {status}")
    headers = _TEXT if text else ()
    location = ""
    if status == 201 or 300 <= status < 400:  # the router adds the request's own URL
        location = redirect_location({}, {}, sent)
        headers = (*headers, ("location", location))
    shown = "" if sent.method == "HEAD" or status in (204, 304) else text
    answer = Answer(outcome=Outcome.DIRECT, status=status, body=shown, headers=headers, location=location)
    return _with_response_operations(walk, walk.decide(answer), None, sent)


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text).decode("utf-8", "replace")
    except ValueError:
        return ""


def _forward(walk: Walk, matched: Matched, route: JsonObject, sent: HttpMessage) -> Decision:
    action = message(route, "route")
    weights = weights_of(action)
    entry, name = _destination(walk, action, weights, sent)
    if weights:
        shares = ", ".join(f"{each.cluster} {each.share:.0%}" for each in weights)
        walk.note("action", "split", f"{shares}; `{name}` is followed" if walk.request.taken == name else shares)
    upstream = find_upstream(walk, name, message(entry or action, "metadata_match")) if name else None
    failed = upstream is not None and upstream.failure
    timeout, retry = limits_of(action, matched.virtual_host or {}, sent)
    cluster = upstream.cluster if upstream else {}
    decision = Decision(
        outcome=Outcome.NEEDS_ANSWER if walk.is_pending else Outcome.UNAVAILABLE if failed else Outcome.ROUTED,
        cluster=name,
        cluster_type=upstream.kind if upstream else "",
        weights=weights,
        endpoints=upstream.endpoints if upstream else (),
        balancing=balancing_of(cluster) if cluster else "",
        hashes=hashes_of(walk, cluster, action, sent) if cluster else (),
        spent=tuple(walk.spent),
        timeout=timeout,
        retry=retry,
        mirrors=_mirrors(action, matched),
        **walk.common(),
    )
    if not failed:
        decision = _upstream_request(walk, decision, entry, upstream, sent)
    elif upstream is not None:
        decision = _unavailable(walk, decision, upstream, action)
    return _with_response_operations(walk, decision, entry, sent)


def _unavailable(walk: Walk, decision: Decision, upstream: Upstream, action: JsonObject) -> Decision:
    if upstream.is_missing:
        code = string(action, "cluster_not_found_response_code", "SERVICE_UNAVAILABLE")
        status = {"SERVICE_UNAVAILABLE": 503, "NOT_FOUND": 404, "INTERNAL_SERVER_ERROR": 500}.get(code, 503)
        return replace(decision, status=status)
    return replace(decision, status=503, body="no healthy upstream", response_headers=(*walk.response_headers, *_TEXT))


def weights_of(action: JsonObject) -> tuple[Weight, ...]:
    """The `weighted_clusters` of a route action or a TCP proxy, each with its share of the total."""
    clusters = messages(message(action, "weighted_clusters"), "clusters")
    entries = [(string(each, "name"), integer(each, "weight")) for each in clusters]
    total = sum(weight for _, weight in entries)
    return tuple(Weight(name, weight, weight / total if total else 0) for name, weight in entries)


def _destination(walk: Walk, action: JsonObject, weights: tuple[Weight, ...], sent: HttpMessage) -> tuple[JsonObject | None, str]:
    """The weighted entry and the cluster; neither where a split leaves it open."""
    chosen = chosen_of(weights, walk.request.taken)
    if chosen is not None:
        entry = messages(message(action, "weighted_clusters"), "clusters")[chosen]
        return entry, string(entry, "name")
    if weights:
        return None, ""
    if "cluster_header" in action:
        return None, sent.header(string(action, "cluster_header")) or ""
    return None, string(action, "cluster")


def chosen_of(weights: tuple[Weight, ...], taken: str) -> int | None:
    """Which entry of a split takes the request: the one that is asked for, or the only one with a weight."""
    taking = [index for index, each in enumerate(weights) if each.weight > 0]
    wanted = [index for index in taking if weights[index].cluster == taken]
    return wanted[0] if wanted else taking[0] if len(taking) == 1 else None


def _mirrors(action: JsonObject, matched: Matched) -> tuple[Mirror, ...]:
    policies = messages(action, "request_mirror_policies")
    for level in (matched.virtual_host, matched.route_config):
        policies = policies or messages(level or {}, "request_mirror_policies")
    shares = [(string(each, "cluster"), percent(message(each, "runtime_fraction"), 100)) for each in policies]
    return tuple(Mirror(cluster, share) for cluster, share in shares if share > 0)


def _upstream_request(
    walk: Walk, decision: Decision, entry: JsonObject | None, upstream: Upstream | None, sent: HttpMessage
) -> Decision:
    """What goes upstream: header operations, then host, then path, as Envoy does them."""
    matched = walk.matched
    route = (matched.route if matched else None) or {}
    action = message(route, "route")
    headers = [pair for pair in sent.headers if pair[0] not in ROUTER_HEADERS]
    headers += _router_headers(decision, matched)
    changed = tuple(headers)
    values = Values(walk, sent)
    for level in levels(walk, entry):
        changed = mutate(changed, level, "request", values)
    endpoint = upstream.endpoints[0].address if upstream and upstream.endpoints else ""
    asked = string(entry or {}, "host_rewrite_literal") or sent.host  # a split's own first, and then the route's
    host = rewritten_host(action, replace(sent, headers=changed, host=asked), endpoint)
    if host != asked:
        changed = (*changed, ("x-envoy-original-host", asked))
        if boolean(action, "append_x_forwarded_host"):
            changed = (*changed, ("x-forwarded-host", asked))
    cluster = upstream.cluster if upstream else {}
    decision = replace(
        decision,
        upstream_tls=upstream_tls(cluster, upstream.first if upstream else None, split_port(host)[0]),
        upstream_protocol=upstream_protocol(cluster, walk.request.protocol),
    )
    path = rewritten_path(message(route, "match"), action, sent.path or "")
    if path is not None:
        changed = (*(pair for pair in changed if pair[0] != "x-envoy-original-path"),
                   ("x-envoy-original-path", sent.path or ""))  # fmt: skip
        walk.note("rewrite", path, f"from `{sent.path}`")
    return replace(
        decision,
        method=sent.method,
        path=sent.path or "" if path is None else path,
        host=host,
        request_headers=changed,
        steps=tuple(walk.steps),
    )


def _router_headers(decision: Decision, matched: Matched | None) -> list[tuple[str, str]]:
    headers: list[tuple[str, str]] = []
    if matched and boolean(matched.virtual_host or {}, "include_request_attempt_count"):
        headers.append(("x-envoy-attempt-count", "1"))
    limits = [decision.timeout, decision.retry.per_try_timeout if decision.retry else None]
    expected = min((each for each in limits if each), default=0) // 1_000_000
    if expected:
        headers.append(("x-envoy-expected-rq-timeout-ms", str(expected)))
    return headers


def answer_request(walk: Walk, answer: Answer) -> Decision:
    """The end of an HTTP request that a filter has answered: response operations of a forwarding route apply as well."""
    decision = walk.decide(answer)
    if not answer.is_routed or walk.message is None or walk.matched is None or "route" not in (walk.matched.route or {}):
        return decision
    action = message(walk.matched.route or {}, "route")
    entry, _ = _destination(walk, action, weights_of(action), walk.message)
    return _with_response_operations(walk, decision, entry, walk.message)


def _with_response_operations(walk: Walk, decision: Decision, entry: JsonObject | None, sent: HttpMessage) -> Decision:
    """Add what Envoy adds to the answer, and name what it removes from it."""
    own = decision.response_headers or tuple(walk.response_headers)
    server = tuple(pair for pair in walk.response_headers if pair[0] == "server")
    headers = tuple(pair for pair in own if pair[0] != "server")
    upstream = decision.request_headers if decision.outcome is Outcome.ROUTED else sent.headers
    values, removed = Values(walk, replace(sent, headers=upstream)), []
    for level in levels(walk, entry):
        gone = level.get("response_headers_to_remove")
        removed += [name.lower() for name in gone if isinstance(name, str)] if isinstance(gone, list) else []
        headers = mutate(headers, level, "response", values)
    return replace(
        decision, response_headers=(*headers, *server), response_headers_removed=tuple(removed), steps=tuple(walk.steps)
    )
