"""What a request was seen to come to, as an expectation that a reviewer reads."""

from __future__ import annotations

from collections.abc import Iterable

from meshgen.emit.envoy.names import PASSTHROUGH
from meshgen.json import JsonObject, JsonValue
from meshgen.trace.decision import Retry, Source
from meshgen.traffic_tests.seen import Headers, Place, Seen
from meshgen.values import format_duration

_DEFAULT_RETRY = {"connect-failure", "refused-stream", "unavailable", "cancelled", "retriable-status-codes"}
_PROXIES_OWN = ("x-envoy-", "x-forwarded-", "x-request-id", "x-b3-", "traceparent", "tracestate", ":")
_SENDS = {"allowed", "passedThrough"}


def expectation(seen: Seen, sent: Headers, path: str, host: str, asked: str | None, namespace: str) -> JsonObject:
    """The expectation, in its long form.

    `path`, `host` and `sent` are those of the request, `asked` is the fully qualified host that it asks for, and `namespace`
    the test's own.
    """
    if seen.outcome not in _SENDS:
        return _refused(seen, namespace)
    if seen.shares and seen.shares[0][0].host == PASSTHROUGH:
        return {"outcome": seen.outcome}
    found: JsonObject = {"to": _shares(seen.shares, asked, namespace)} if seen.shares else {"outcome": seen.outcome}
    if seen.path != path:
        found["path"] = {"exact": seen.path}
    if seen.host != host:
        found["host"] = {"exact": seen.host}
    found |= _headers(seen, sent)
    if seen.timeout:
        found["timeout"] = format_duration(seen.timeout)
    found |= _retries(seen.retry)
    if seen.mirrors:
        found["mirror"] = [_mirror(place, percent, asked, namespace) for place, percent in seen.mirrors]
    if seen.faults:
        found["fault"] = [
            {"delay": format_duration(fault.delay), "percent": _number(fault.percent)}
            if fault.delay is not None
            else {"abort": fault.status, "percent": _number(fault.percent)}
            for fault in seen.faults
        ]
    return found


def policy_reference(policy: Source, namespace: str) -> str:
    """How a test of `namespace` names a policy."""
    return policy.name if policy.namespace == namespace else f"{policy.namespace}/{policy.name}"


def _refused(seen: Seen, namespace: str) -> JsonObject:
    if seen.outcome == "denied" and seen.status != 429:
        by: JsonObject = {"policy": "default"}
        if seen.policies:
            by = {"policy": policy_reference(seen.policies[0], namespace)}
        known = bool(seen.policies) or "no ALLOW policy" in seen.reason
        return {"outcome": "denied", **({"by": by} if known else {})}
    if seen.outcome == "redirected":
        return {"status": seen.status, "location": seen.location}
    if seen.outcome == "answered" and seen.status is not None:
        return {"status": seen.status, **({"body": seen.body} if seen.body else {})}
    return {"outcome": seen.outcome}


def destination(place: Place, asked: str | None, namespace: str) -> JsonObject:
    """A place as short as it can be said: a version of what is asked for, a Service of the namespace, or all of it."""
    if place.host == asked and place.subset:
        return {"service": place.subset}  # a bare name, which is a version first
    labels = place.host.removesuffix(".svc.cluster.local").split(".")
    found: JsonObject = {"host": place.host}
    if place.host.endswith(".svc.cluster.local") and len(labels) == 2:
        found = {"service": labels[0]} if labels[1] == namespace else {"service": labels[0], "namespace": labels[1]}
    return {**found, **({"version": place.subset} if place.subset else {})}


def _shares(shares: Iterable[tuple[Place, float]], asked: str | None, namespace: str) -> list[JsonValue]:
    """The shares in whole percents that add up to 100: what is left over goes to the largest."""
    found = [(place, round(share)) for place, share in shares]
    rest = 100 - sum(weight for _, weight in found)
    largest = max(range(len(found)), key=lambda index: found[index][1])
    return [
        {**destination(place, asked, namespace), "weight": weight + (rest if index == largest else 0)}
        for index, (place, weight) in enumerate(found)
    ]


def _headers(seen: Seen, sent: Headers) -> JsonObject:
    """The headers that rules set or remove, without those that proxies set by themselves."""
    before = {name: value for name, value in sent if not name.startswith(_PROXIES_OWN)}
    after = {name: value for name, value in seen.headers if not name.startswith(_PROXIES_OWN)}
    added: JsonObject = {name: {"exact": value} for name, value in sorted(after.items()) if before.get(name) != value}
    removed: list[JsonValue] = [name for name in sorted(before) if name not in after and name != "authorization"]
    answer: JsonObject = {
        name: {"exact": value} for name, value in seen.response_headers if name not in {"server", "content-type", "date"}
    }
    gone: list[JsonValue] = [*dict.fromkeys(name for name in seen.removed if name not in answer)]
    found: JsonObject = {
        "headers": added,
        "withoutHeaders": removed,
        "responseHeaders": answer,
        "withoutResponseHeaders": gone,
    }
    return {name: value for name, value in found.items() if value}


def _retries(retry: Retry | None) -> JsonObject:
    """The retries, where they are not those that Istio has for all routes."""
    if retry is None:
        return {"retries": {"attempts": 0}}
    is_default = set(retry.on) <= _DEFAULT_RETRY
    if retry.attempts == 2 and is_default and not retry.codes and not retry.per_try_timeout:
        return {}
    codes: list[JsonValue] = [*map(str, retry.codes)]
    on: list[JsonValue] = [*(each for each in retry.on if not (codes and each == "retriable-status-codes")), *codes]
    found: JsonObject = {"attempts": retry.attempts, "on": on}
    if is_default and not retry.codes:
        del found["on"]
    if retry.per_try_timeout:
        found["perTryTimeout"] = format_duration(retry.per_try_timeout)
    return {"retries": found}


def _mirror(place: Place, percent: float, asked: str | None, namespace: str) -> JsonObject:
    to = destination(place, asked, namespace)
    return {"to": to, **({"percent": _number(percent)} if percent != 100 else {})}


def _number(value: float) -> int | float:
    return int(value) if value == int(value) else value
