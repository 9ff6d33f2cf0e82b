"""How long a request may take and how often it is tried: the route's settings, and headers that override them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meshgen.trace.decision import Retry
from meshgen.trace.fields import boolean, integer, message, messages, string
from meshgen.trace.steps.durations import nanoseconds
from meshgen.trace.steps.grpc import is_grpc

if TYPE_CHECKING:
    from meshgen.json import JsonObject
    from meshgen.trace.message import HttpMessage

_DEFAULT_TIMEOUT = 15_000_000_000  # nanoseconds, of a route that says nothing
_MILLISECOND = 1_000_000
_BACK_OFF = 25 * _MILLISECOND  # upstream.base_retry_backoff_ms; the longest is ten times the base
_TIMEOUT = "x-envoy-upstream-rq-timeout-ms"
_PER_TRY = "x-envoy-upstream-rq-per-try-timeout-ms"
_RETRY_ON = "x-envoy-retry-on"
_RETRY_GRPC_ON = "x-envoy-retry-grpc-on"
_ATTEMPTS = "x-envoy-max-retries"
_HEDGE = "x-envoy-hedge-on-per-try-timeout"
_CODES = "x-envoy-retriable-status-codes"
_UNITS = {"H": 3_600_000, "M": 60_000, "S": 1_000, "m": 1, "u": 0.001, "n": 0.000_001}

ROUTER_HEADERS = frozenset({_TIMEOUT, _PER_TRY, _RETRY_ON, _RETRY_GRPC_ON, _ATTEMPTS, _HEDGE, _CODES})
"""Request headers that are for the router and go no further (`FilterUtility::finalTimeout`, `RetryStateImpl::create`)."""


def limits_of(action: JsonObject, virtual_host: JsonObject, sent: HttpMessage) -> tuple[int | None, Retry | None]:
    """The timeout (None is no limit) and the retry policy in force.

    A client that may send `x-envoy-…` headers overrides the route; a time for each try that is no shorter than the whole is none.
    """
    timeout = _timeout(action, sent)
    retry = _retry(action, virtual_host, sent)
    per_try = _milliseconds(sent, _PER_TRY)
    if retry is not None:
        wanted = retry.per_try_timeout if per_try is None else per_try
        within = wanted if wanted and (timeout is None or wanted < timeout) else None
        retry = replace(retry, per_try_timeout=within)
    return timeout, retry


def _timeout(action: JsonObject, sent: HttpMessage) -> int | None:
    asked = _milliseconds(sent, _TIMEOUT)
    if asked is not None:
        return asked or None
    if "max_stream_duration" in action:  # which takes the place of the older settings
        return None
    if "max_grpc_timeout" in action and is_grpc(sent):
        return _grpc_timeout(action, sent) or None
    if "timeout" not in action:
        return _DEFAULT_TIMEOUT
    return nanoseconds(string(action, "timeout")) or None


def _grpc_timeout(action: JsonObject, sent: HttpMessage) -> int:
    """The deadline that a gRPC client sets, no longer than the route takes over; 0 is no limit on either side."""
    value = sent.header("grpc-timeout") or ""
    longest = nanoseconds(string(action, "max_grpc_timeout")) or 0
    digits, unit = value[:-1], value[-1:]
    asked = int(int(digits) * _UNITS[unit] * _MILLISECOND) if digits.isdigit() and len(digits) < 9 and unit in _UNITS else 0
    return min(asked, longest) if longest and asked else asked or longest


def _milliseconds(sent: HttpMessage, name: str) -> int | None:
    value = sent.header(name)
    return int(value) * _MILLISECOND if value is not None and value.isascii() and value.isdigit() and len(value) < 16 else None


def _retry(action: JsonObject, virtual_host: JsonObject, sent: HttpMessage) -> Retry | None:
    policy = message(action, "retry_policy") or message(virtual_host, "retry_policy")
    asked = ",".join(value for name in (_RETRY_ON, _RETRY_GRPC_ON) if (value := sent.header(name)))
    on = tuple(each.strip() for each in f"{string(policy, 'retry_on')},{asked}".split(",") if each.strip())
    if not on:
        return None
    attempts = sent.header(_ATTEMPTS) or ""
    own_codes = policy.get("retriable_status_codes")
    codes = [code for code in own_codes if isinstance(code, int)] if isinstance(own_codes, list) else []
    codes += [int(code) for each in (sent.header(_CODES) or "").split(",") if (code := each.strip()).isdigit() and len(code) < 5]
    back_off = message(policy, "retry_back_off")
    base = nanoseconds(string(back_off, "base_interval")) or _BACK_OFF
    predicates = [string(each, "name") for each in messages(policy, "retry_host_predicate")]
    return Retry(
        on=on,
        attempts=int(attempts) if attempts.isdigit() and len(attempts) < 9 else integer(policy, "num_retries", 1),
        per_try_timeout=nanoseconds(string(policy, "per_try_timeout")),
        codes=tuple(codes),
        back_off=base,
        longest_back_off=nanoseconds(string(back_off, "max_interval")) or 10 * base,
        hedges=boolean(message(action, "hedge_policy") or message(virtual_host, "hedge_policy"), "hedge_on_per_try_timeout"),
        elsewhere="envoy.retry_host_predicates.previous_hosts" in predicates,
    )
