"""The actions of an HTTP rule in Istio's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from meshgen.istio.virtual_service import (
    CorsPolicy,
    Delegate,
    FaultAbort,
    FaultDelay,
    HeaderOperations,
    Headers,
    HTTPBody,
    HTTPDirectResponse,
    HTTPFaultInjection,
    HTTPRedirect,
    HTTPRetry,
    HTTPRewrite,
    Percent,
    RegexRewrite,
)
from meshgen.lower.matches import string_match

if TYPE_CHECKING:  # a kind is imported where the mesh has it
    from meshgen.intent import actions as intent
    from meshgen.intent.rule import Rule

DERIVE_PORT: dict[str, Literal["FROM_PROTOCOL_DEFAULT", "FROM_REQUEST_PORT"]] = {
    "fromProtocolDefault": "FROM_PROTOCOL_DEFAULT",
    "fromRequestPort": "FROM_REQUEST_PORT",
}


def actions_of(rule: Rule) -> dict[str, object]:
    """The fields of HTTPRoute that a rule gives, except match, route and mirrors; only those that were given."""
    fields: dict[str, object] = {}
    if rule.name is not None:
        fields["name"] = rule.name
    if rule.redirect is not None:
        fields["redirect"] = redirect(rule.redirect)
    if rule.direct_response is not None:
        fields["direct_response"] = direct_response(rule.direct_response)
    if rule.delegate is not None:
        fields["delegate"] = Delegate(name=rule.delegate.name, namespace=rule.delegate.namespace)
    if rule.rewrite is not None:
        fields["rewrite"] = rewrite(rule.rewrite)
    if rule.headers is not None:
        fields["headers"] = headers(rule.headers)
    return fields | _resilience_of(rule)


def _resilience_of(rule: Rule) -> dict[str, object]:
    fields: dict[str, object] = {}
    if rule.timeout is not None:
        fields["timeout"] = rule.timeout
    if rule.retries is not None:
        fields["retries"] = retries(rule.retries)
    if rule.fault is not None:
        fields["fault"] = fault(rule.fault)
    if rule.cors is not None:
        fields["cors_policy"] = cors(rule.cors)
    return fields


def redirect(value: intent.Redirect) -> HTTPRedirect:
    """`redirect`."""
    return HTTPRedirect(
        uri=value.path,
        prefix_rewrite=value.prefix_rewrite,
        authority=value.authority,
        scheme=value.scheme,
        port=value.port,
        derive_port=DERIVE_PORT[value.derive_port] if value.derive_port is not None else None,
        redirect_code=value.code,
    )


def direct_response(value: intent.DirectResponse) -> HTTPDirectResponse:
    """`directResponse`."""
    body = None
    if value.body is not None or value.body_bytes is not None:
        body = HTTPBody(string_=value.body, bytes_=value.body_bytes)
    return HTTPDirectResponse(status=value.status, body=body)


def rewrite(value: intent.Rewrite) -> HTTPRewrite:
    """`rewrite`."""
    regex = value.path_regex
    return HTTPRewrite(
        uri=value.path,
        authority=value.authority,
        uri_regex_rewrite=None if regex is None else RegexRewrite(match=regex.match, rewrite=regex.rewrite),
    )


def headers(value: intent.Headers) -> Headers:
    """`headers`."""
    return Headers(request=_operations(value.request), response=_operations(value.response))


def _operations(value: intent.HeaderOperations | None) -> HeaderOperations | None:
    return None if value is None else HeaderOperations(set=value.set, add=value.add, remove=value.remove)


def retries(value: intent.Retries) -> HTTPRetry:
    """`retries`; conditions and status codes are one list in Istio."""
    return HTTPRetry(
        attempts=value.attempts,
        per_try_timeout=value.per_try_timeout,
        retry_on=None if value.on is None else ",".join(map(str, value.on)),
        backoff=value.backoff,
        retry_remote_localities=value.remote_localities,
        retry_ignore_previous_hosts=value.ignore_previous_hosts,
    )


def fault(value: intent.Fault) -> HTTPFaultInjection:
    """`fault`."""
    delay, abort = value.delay, value.abort
    return HTTPFaultInjection(
        delay=None
        if delay is None
        else FaultDelay(
            percentage=percent(delay.percent), fixed_delay=delay.fixed_delay, exponential_delay=delay.exponential_delay
        ),
        abort=None
        if abort is None
        else FaultAbort(
            percentage=percent(abort.percent),
            http_status=abort.http_status,
            grpc_status=abort.grpc_status,
            http2_error=abort.http2_error,
        ),
    )


def percent(value: float | None) -> Percent | None:
    """A percentage as a message of its own."""
    return None if value is None else Percent(value=value)


def cors(value: intent.Cors) -> CorsPolicy:
    """`corsPolicy`."""
    preflights = value.unmatched_preflights
    return CorsPolicy(
        allow_origins=None if value.allow_origins is None else tuple(map(string_match, value.allow_origins)),
        allow_methods=value.allow_methods,
        allow_headers=value.allow_headers,
        expose_headers=value.expose_headers,
        max_age=value.max_age,
        allow_credentials=value.allow_credentials,
        unmatched_preflights=None if preflights is None else "FORWARD" if preflights == "forward" else "IGNORE",
    )
