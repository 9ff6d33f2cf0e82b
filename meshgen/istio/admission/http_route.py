"""What istiod refuses of an HTTP route of a VirtualService."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from meshgen.istio.admission.hosts import is_label, regex_fault
from meshgen.istio.admission.said import host_faults, ignored, port_faults, wrong
from meshgen.istio.rules import Rules
from meshgen.istio.shared import Destination
from meshgen.istio.violation import Violation, show
from meshgen.istio.virtual_service import (
    CorsPolicy,
    FaultAbort,
    FaultDelay,
    HeaderOperations,
    Headers,
    HTTPDirectResponse,
    HTTPFaultInjection,
    HTTPMatchRequest,
    HTTPMirrorPolicy,
    HTTPRedirect,
    HTTPRetry,
    HTTPRewrite,
    HTTPRoute,
    Percent,
    StringMatch,
)
from meshgen.values import parse_duration

_HEADER = re.compile(r"[!#$%&'*+\-.^_`|~A-Za-z0-9]+")
_PSEUDO: Final = frozenset({":method", ":scheme", ":authority", ":path", ":status"})
_CLAIM: Final = "@request.auth.claims"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE", "*"})
_CONDITIONS: Final = frozenset({
    *("5xx", "gateway-error", "reset", "reset-before-request", "connect-failure", "retriable-4xx", "refused-stream"),
    *("retriable-status-codes", "retriable-headers", "envoy-ratelimited", "http3-post-connect-failure"),
    *("cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable"),
})
_GRPC: Final = frozenset({
    *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED"),
    *("RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE"),
    *("DATA_LOSS", "UNAUTHENTICATED"),
})
_LARGEST_BODY: Final = 1024 * 1024


def route(http: HTTPRoute) -> Iterator[Violation]:
    """One outcome, and what goes with it."""
    if http.delegate is not None:
        for outcome, name in ((http.redirect, "redirect"), (http.route, "route")):
            if outcome is not None:
                yield wrong(f"a rule with `delegate` leaves the outcome to another, and has no `{name}`", name)
        return
    yield from _outcome(http)
    if http.mirror is not None and http.mirrors:
        yield wrong("only one of `mirror` and `mirrors` can be given", "mirror", help="write all as `mirrors`")
    yield from _percent(http.mirror_percentage, "mirrorPercentage")
    yield from _authority_once(http.rewrite, http.headers)
    if http.redirect is not None and http.redirect.prefix_rewrite:
        for index, match in enumerate(http.match or ()):
            if match.uri is not None and match.uri.prefix is None:
                message = "`prefixRewrite` replaces a prefix, and this match has none"
                yield wrong(message, "match", index, "uri", help="match by `prefix`")


def _outcome(http: HTTPRoute) -> Iterator[Violation]:
    outcomes = {"route": http.route, "redirect": http.redirect, "directResponse": http.direct_response}
    given = [name for name, value in outcomes.items() if value]
    if not given:
        yield wrong("a rule needs a `route`, a `redirect`, a `directResponse` or a `delegate`")
    for other in given[1:]:
        yield wrong(f"a rule has one outcome: `{given[0]}` or `{other}`", other)
    answered = next((name for name in given if name != "route"), "")
    for value, name in ((http.fault, "fault"), (http.rewrite, "rewrite")) if answered else ():
        if value is not None:
            yield wrong(f"`{name}` does not go with `{answered}`, which forwards nothing", name)
    for share, name in ((http.mirror_percent, "mirrorPercent"), (http.mirror_percent_deprecated, "mirror_percent")):
        if share is not None and share > 100:
            yield wrong(f"a percentage is at most 100, not {share}", name)


def _authority_once(rewrite: HTTPRewrite | None, headers: Headers | None) -> Iterator[Violation]:
    if headers is None or headers.request is None:
        return
    seen = rewrite is not None and bool(rewrite.authority)
    for operation, entries in (("set", headers.request.set), ("add", headers.request.add)):
        for name in entries or ():
            if name.lower() in {":authority", "host"}:
                if seen:
                    yield wrong(
                        "the authority is set twice", "headers", "request", operation, name, help="set it once, in `rewrite`"
                    )
                seen = True


def _percent(share: Percent | None, *path: str | int) -> Iterator[Violation]:
    if share is not None and share.value is not None and not 0 <= share.value <= 100:
        yield wrong(f"a percentage is between 0 and 100, not {share.value:g}", *path, "value")


def match(request: HTTPMatchRequest) -> Iterator[Violation]:
    """Names and expressions of a match."""
    for field, entries in (("headers", request.headers), ("withoutHeaders", request.without_headers)):
        for name, value in (entries or {}).items():
            if not name.startswith(_CLAIM) and name not in _PSEUDO and _HEADER.fullmatch(name) is None:
                yield wrong(f"{show(name)} is no name of a header", field, name)
            if not (field == "withoutHeaders" and value.regex == "*"):
                yield from _text(value, field, name)
    for name, text in (("scheme", request.scheme), ("method", request.method), ("authority", request.authority)):
        yield from _text(text, name)
    yield from _expression(request.uri, "uri")
    for name, text in (request.query_params or {}).items():
        yield from _text(text, "queryParams", name)
    if request.port:
        yield from port_faults(request.port, "port")
    if request.source_namespace and not is_label(request.source_namespace):
        yield wrong(f"{show(request.source_namespace)} is no namespace", "sourceNamespace")


def _text(text: StringMatch | None, *path: str | int) -> Iterator[Violation]:
    if text is None:
        return
    if text.prefix == "":
        yield wrong(
            "an empty `prefix` matches everything", *path, "prefix", help="leave the match out, or write what it begins with"
        )
    yield from _expression(text, *path)


def _expression(text: StringMatch | None, *path: str | int) -> Iterator[Violation]:
    if text is not None and text.regex is not None:
        fault = regex_fault(text.regex)
        if fault:
            yield wrong(f"{show(text.regex) if text.regex else '`regex`'} {fault}", *path, "regex")


def header_operations(headers: Headers) -> Iterator[Violation]:
    """Names and values that Envoy can set."""
    for side, operations in (("request", headers.request), ("response", headers.response)):
        if operations is not None:
            yield from _operations(operations, side)


def _operations(operations: HeaderOperations, side: str) -> Iterator[Violation]:
    for operation, entries in (("set", operations.set), ("add", operations.add)):
        for name, value in (entries or {}).items():
            if side == "response" or name.lower() not in {":authority", "host"}:
                yield from _settable(name, side, operation, name)
            fault = _value_fault(value)
            if fault:
                yield wrong(f"{show(value)} {fault}", side, operation, name)
    for index, name in enumerate(operations.remove or ()):
        yield from _settable(name, side, "remove", index)


def _settable(name: str, *path: str | int) -> Iterator[Violation]:
    if not name:
        yield wrong("a header's name must not be empty", *path)
    elif name.startswith(":") or name.lower() == "host":
        yield wrong(f"{show(name)} is Envoy's own, and cannot be changed here", *path)


@lru_cache(maxsize=4096)
def _value_fault(value: str) -> str:
    if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value):
        return "has a control character"
    rest = re.sub(r"%%|%[A-Z][A-Z0-9_]*(\([^()]*\))?(:[0-9]+)?%", "", value)
    return "has a lone `%`: write `%%` for the sign itself" if "%" in rest else ""


def cors(policy: CorsPolicy) -> Iterator[Violation]:
    """What browsers are told."""
    for index, origin in enumerate(policy.allow_origins or ()):
        if not (origin.exact or origin.prefix or origin.regex):
            yield wrong("an origin is `exact`, `prefix` or `regex`, and not empty", "allowOrigins", index)
        else:
            yield from _expression(origin, "allowOrigins", index)
    for index, method in enumerate(policy.allow_methods or ()):
        if method not in _METHODS:
            yield wrong(f"{show(method)} is no HTTP method", "allowMethods", index, help="write it in capitals, as `GET`")
    for field, names in (("allowHeaders", policy.allow_headers), ("exposeHeaders", policy.expose_headers)):
        for index, name in enumerate(names or ()):
            if _HEADER.fullmatch(name) is None:
                yield wrong(f"{show(name)} is no name of a header", field, index)
    if policy.max_age is not None and parse_duration(policy.max_age) % 1_000_000_000:
        yield wrong(f"`maxAge` is told in whole seconds, not {show(policy.max_age)}", "maxAge")


def fault(injection: HTTPFaultInjection) -> Iterator[Violation]:
    """At least one fault."""
    if injection.abort is None and injection.delay is None:
        yield wrong("a `fault` needs a `delay` or an `abort`")


def abort(fault: FaultAbort) -> Iterator[Violation]:
    """The answer."""
    yield from _share(fault.percentage)
    if fault.http_status is not None:
        yield from _status(fault.http_status, "httpStatus")
    if fault.grpc_status is not None and fault.grpc_status not in _GRPC:
        yield wrong(f"{show(fault.grpc_status)} is no gRPC status", "grpcStatus", help="write its name, as `NOT_FOUND`")
    if fault.http2_error is not None:
        yield wrong(
            "Istio does not have faults by `http2Error` yet", "http2Error", help="write an `httpStatus` or a `grpcStatus`"
        )
    if fault.http_status is None and fault.grpc_status is None and fault.http2_error is None:
        yield ignored("an `abort` without a status aborts nothing", help="write an `httpStatus` or a `grpcStatus`")


def delay(fault: FaultDelay) -> Iterator[Violation]:
    """The time."""
    yield from _share(fault.percentage)
    if fault.exponential_delay is not None:
        yield wrong("Istio does not have `exponentialDelay` yet", "exponentialDelay", help="write a `fixedDelay`")


def _share(share: Percent | None) -> Iterator[Violation]:
    yield from _percent(share, "percentage")
    if share is not None and share.value is not None and 0 < share.value < 0.0001:
        yield wrong(f"a percentage is 0 or at least 0.0001, not {share.value:g}", "percentage", "value")


def _status(status: int, *path: str | int) -> Iterator[Violation]:
    if not 200 <= status <= 599:
        yield wrong(f"an HTTP status is between 200 and 599, not {status}", *path)


def retry(retries: HTTPRetry) -> Iterator[Violation]:
    """Attempts and conditions."""
    if retries.attempts is not None and retries.attempts < 0:
        yield wrong(f"`attempts` must be at least 0, not {retries.attempts}", "attempts")
    if not retries.attempts:
        others = (
            ("perTryTimeout", retries.per_try_timeout),
            ("retryOn", retries.retry_on or None),
            ("retryRemoteLocalities", retries.retry_remote_localities),
        )
        for name, value in others:
            if value is not None:
                yield wrong(f"`attempts: 0` retries nothing, and takes no `{name}`", name, help="write the `attempts`")
    for condition in (retries.retry_on or "").split(",") if retries.retry_on else ():
        if condition not in _CONDITIONS and not _is_status(condition):
            yield wrong(
                f"{show(condition)} is no condition to retry on", "retryOn", help="write names of Envoy's and statuses, with `,`"
            )


def _is_status(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) in {status.value for status in HTTPStatus}


def redirect(answer: HTTPRedirect) -> Iterator[Violation]:
    """Where to, and with which status."""
    if answer.uri and answer.prefix_rewrite:
        yield wrong("only one of `uri` and `prefixRewrite` can be given", "prefixRewrite")
    places = (answer.uri, answer.prefix_rewrite, answer.authority, answer.scheme)
    if not any(places) and answer.port is None and answer.derive_port is None:
        yield wrong("a `redirect` changes the `uri`, the `authority`, the `scheme` or the `port`")
    if answer.redirect_code and not 300 <= answer.redirect_code <= 399:
        yield wrong(f"a redirect has a status between 300 and 399, not {answer.redirect_code}", "redirectCode")
    if answer.scheme not in {None, "", "http", "https"}:
        yield wrong(f"`scheme` must be `http` or `https`, not {show(answer.scheme)}", "scheme")
    if answer.port:
        yield from port_faults(answer.port, "port")


def rewrite(change: HTTPRewrite) -> Iterator[Violation]:
    """One new path."""
    if change.uri and change.uri_regex_rewrite is not None:
        yield wrong("only one of `uri` and `uriRegexRewrite` can be given", "uriRegexRewrite")
    if not change.uri and change.uri_regex_rewrite is None and not change.authority:
        yield wrong("a `rewrite` changes the `uri`, by `uriRegexRewrite` or the `authority`")
    if change.uri_regex_rewrite is not None:
        pattern = change.uri_regex_rewrite.match or ""
        if not pattern or not change.uri_regex_rewrite.rewrite:
            yield wrong("`uriRegexRewrite` needs `match` and `rewrite`", "uriRegexRewrite")
        elif regex_fault(pattern):
            yield wrong(f"{show(pattern)} {regex_fault(pattern)}", "uriRegexRewrite", "match")


def direct_response(answer: HTTPDirectResponse) -> Iterator[Violation]:
    """Status and size."""
    yield from _status(answer.status, "status")
    if answer.body is not None:
        text = answer.body.string_ or answer.body.bytes_ or ""
        if len(text.encode()) > _LARGEST_BODY:
            yield wrong("the body of a direct response has at most 1 MiB", "body")


def mirror(policy: HTTPMirrorPolicy) -> Iterator[Violation]:
    """Where copies go."""
    yield from _percent(policy.percentage, "percentage")


def destination(target: Destination) -> Iterable[Violation]:
    """A host, a version and a port."""
    found: list[Violation] = []
    if target.host == "*":
        found.append(wrong("a destination is one host, not `*`", "host"))
    else:
        found += host_faults(target.host, "host")
    if target.subset and not is_label(target.subset):
        found.append(wrong(f"{show(target.subset)} is no name of a subset", "subset", help="letters, digits and `-`"))
    if target.port is not None:
        found += port_faults(target.port.number, "port", "number")
    return found


RULES: Final[Rules] = {
    HTTPRoute: (route,),
    HTTPMatchRequest: (match,),
    Headers: (header_operations,),
    CorsPolicy: (cors,),
    HTTPFaultInjection: (fault,),
    FaultAbort: (abort,),
    FaultDelay: (delay,),
    HTTPRetry: (retry,),
    HTTPRedirect: (redirect,),
    HTTPRewrite: (rewrite,),
    HTTPDirectResponse: (direct_response,),
    HTTPMirrorPolicy: (mirror,),
    Destination: (destination,),
}
