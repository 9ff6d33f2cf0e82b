"""Retry policies (envoy-mapping.md §3.4). Istio retries twice unless told otherwise."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import msgspec

from meshgen.emit.envoy.extension import extension
from meshgen.istio.virtual_service import HTTPRetry
from meshgen.json import JsonObject, JsonValue
from meshgen.values import duration_to_envoy

DEFAULT_RETRY_ON: Final = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes"
_BY_STATUS = "retriable-status-codes"
_STATUSES = frozenset(str(int(status)) for status in HTTPStatus)
_DEFAULT = HTTPRetry(attempts=2)

# A retry goes to another host than the one that failed; five draws to find one.
_PREVIOUS_HOSTS: Final[JsonObject] = extension(
    "envoy.retry_host_predicates.previous_hosts",
    "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
)
_PREVIOUS_PRIORITIES: Final[JsonObject] = extension(
    "envoy.retry_priorities.previous_priorities",
    "envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
    {"update_frequency": 2},
)
_INBOUND_RETRY: Final[JsonObject] = {"num_retries": 2, "retry_on": "reset-before-request"}


def retry_policy(retries: HTTPRetry | None, mesh_default: HTTPRetry | None, *, hashed: bool) -> JsonObject | None:
    """The `RetryPolicy` of a route; None where retries are off.

    Args:
        retries: the rule's own.
        mesh_default: MeshConfig.defaultHttpRetryPolicy.
        hashed: whether the single destination picks hosts by hash; then a retry may not insist on another host.
    """
    policy = retries or mesh_default or _DEFAULT
    if not policy.attempts or policy.attempts <= 0:
        return None
    retry_on, codes = split_retry_on(policy.retry_on)
    found: JsonObject = {"num_retries": policy.attempts, "retry_on": retry_on}
    if codes:
        found["retriable_status_codes"] = codes
    ignored = policy.retry_ignore_previous_hosts
    if ignored or (ignored is None and not hashed):
        found["retry_host_predicate"] = [_PREVIOUS_HOSTS]
    found["host_selection_retry_max_attempts"] = 5
    if policy.per_try_timeout:
        found["per_try_timeout"] = duration_to_envoy(policy.per_try_timeout)
    if policy.backoff:
        found["retry_back_off"] = {"base_interval": duration_to_envoy(policy.backoff)}
    if policy.retry_remote_localities:
        found["retry_priority"] = _PREVIOUS_PRIORITIES
    return found


def inbound_retry(mesh_default: HTTPRetry | None) -> JsonObject | None:
    """What a server's sidecar does for its own application; None where MeshConfig.defaultInboundHttpRetryPolicy turns it off.

    By default what was not sent yet is tried again, so that nothing can happen twice.
    """
    if mesh_default is None:
        return _INBOUND_RETRY
    if not mesh_default.attempts or mesh_default.attempts <= 0:
        return None
    policy = msgspec.structs.replace(mesh_default, retry_on=mesh_default.retry_on or "reset-before-request")
    return retry_policy(policy, None, hashed=policy.retry_ignore_previous_hosts is None)


def split_retry_on(text: str | None) -> tuple[str, list[JsonValue]]:
    """Envoy's conditions and the HTTP statuses among Istio's `retryOn`.

    >>> split_retry_on("503,gateway-error")
    ('gateway-error,retriable-status-codes', [503])
    """
    if not text:
        return DEFAULT_RETRY_ON, []
    words = [word.strip() for word in text.split(",")]
    codes: list[JsonValue] = [int(word) for word in words if word in _STATUSES]
    conditions = [word for word in words if word and word not in _STATUSES]
    if codes and _BY_STATUS not in conditions:
        conditions.append(_BY_STATUS)
    return ",".join(conditions), codes
