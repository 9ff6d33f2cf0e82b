"""The router: what the matched route does with the request."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING

from meshgen.trace.decision import Decision, Mirror, Outcome, Retry, Weight
from meshgen.trace.fields import boolean, integer, message, messages, percent, string
from meshgen.trace.steps.cluster import Upstream, find_upstream
from meshgen.trace.steps.durations import nanoseconds
from meshgen.trace.steps.mutations import Values, levels, mutate
from meshgen.trace.steps.rewrite import redirect_location, rewritten_host, rewritten_path
from meshgen.trace.walk import Answer, Matched

if TYPE_CHECKING:
    from meshgen.json import JsonObject
    from meshgen.trace.message import HttpMessage
    from meshgen.trace.walk import Walk

_DEFAULT_TIMEOUT = 15_000_000_000  # nanoseconds, of a route that says nothing
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
    shown = "" if sent.method == "HEAD" else text
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
    entry, name = _destination(action, weights, sent)
    upstream = find_upstream(walk, name) if name else None
    if weights:
        walk.note("action", "split", ", ".join(f"{each.cluster} {each.share:.0%}" for each in weights))
    failed = upstream is not None and upstream.failure
    timeout = _timeout(action)
    retry = _retry(action, matched)
    decision = Decision(
        outcome=Outcome.NEEDS_ANSWER if walk.is_pending else Outcome.UNAVAILABLE if failed else Outcome.ROUTED,
        cluster=name,
        cluster_type=upstream.kind if upstream else "",
        weights=weights,
        endpoints=upstream.endpoints if upstream else (),
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


def _destination(action: JsonObject, weights: tuple[Weight, ...], sent: HttpMessage) -> tuple[JsonObject | None, str]:
    """The weighted entry (if one takes all) and the cluster; no name where a split leaves it open."""
    taking = [index for index, each in enumerate(weights) if each.weight > 0]
    if len(taking) == 1:
        entry = messages(message(action, "weighted_clusters"), "clusters")[taking[0]]
        return entry, string(entry, "name")
    if weights:
        return None, ""
    if "cluster_header" in action:
        return None, sent.header(string(action, "cluster_header")) or ""
    return None, string(action, "cluster")


def _timeout(action: JsonObject) -> int | None:
    if "timeout" not in action:
        return _DEFAULT_TIMEOUT
    return nanoseconds(string(action, "timeout")) or None


def _retry(action: JsonObject, matched: Matched) -> Retry | None:
    policy = message(action, "retry_policy") or message(matched.virtual_host or {}, "retry_policy")
    on = tuple(each.strip() for each in string(policy, "retry_on").split(",") if each.strip())
    if not on:
        return None
    codes = policy.get("retriable_status_codes")
    return Retry(
        on=on,
        attempts=integer(policy, "num_retries", 1),
        per_try_timeout=nanoseconds(string(policy, "per_try_timeout")),
        codes=tuple(code for code in codes if isinstance(code, int)) if isinstance(codes, list) else (),
    )


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
    headers = list(sent.headers)
    headers += _router_headers(decision, matched)
    changed = tuple(headers)
    values = Values(walk, sent)
    for level in levels(walk, entry):
        changed = mutate(changed, level, "request", values)
    endpoint = upstream.endpoints[0].address if upstream and upstream.endpoints else ""
    host = rewritten_host({**action, **(entry or {})}, replace(sent, headers=changed), endpoint)
    if host != sent.host:
        changed = (*changed, ("x-envoy-original-host", sent.host))
        if boolean(action, "append_x_forwarded_host"):
            changed = (*changed, ("x-forwarded-host", sent.host))
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
    if walk.message is None or walk.matched is None or "route" not in (walk.matched.route or {}):
        return decision
    return _with_response_operations(walk, decision, None, walk.message)


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
