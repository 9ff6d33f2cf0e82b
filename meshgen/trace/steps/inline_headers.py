"""Headers of which Envoy keeps one value only: it joins those that come several times (`HeaderMap`'s inline headers)."""

from __future__ import annotations

from typing import Final

# Envoy's own, and those that its filters register: they are so in every build that has the filter, used or not.
_INLINE: Final = frozenset({
    "accept", "accept-encoding", "access-control-request-headers", "access-control-request-method", "authorization",
    "cache-control", "connection", "content-length", "content-type", "expect", "grpc-timeout", "keep-alive", "origin",
    "proxy-connection", "proxy-status", "te", "transfer-encoding", "upgrade", "user-agent", "via", "x-client-trace-id",
    "x-envoy-attempt-count", "x-envoy-decorator-operation", "x-envoy-downstream-service-cluster",
    "x-envoy-downstream-service-node", "x-envoy-expected-rq-timeout-ms", "x-envoy-external-address", "x-envoy-force-trace",
    "x-envoy-hedge-on-per-try-timeout", "x-envoy-internal", "x-envoy-ip-tags", "x-envoy-is-timeout-retry",
    "x-envoy-max-retries", "x-envoy-original-path", "x-envoy-original-url", "x-envoy-retriable-header-names",
    "x-envoy-retriable-status-codes", "x-envoy-retry-grpc-on", "x-envoy-retry-on", "x-envoy-upstream-alt-stat-name",
    "x-envoy-upstream-rq-per-try-timeout-ms", "x-envoy-upstream-rq-timeout-alt-response", "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-upstream-stream-duration-ms", "x-forwarded-client-cert", "x-forwarded-for", "x-forwarded-host",
    "x-forwarded-port", "x-forwarded-proto", "x-request-id",
})  # fmt: skip


def joined(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """The headers as Envoy holds them, names in lower case: an inline header stands once, at its first place."""
    names = [name for name, _ in headers]
    if len(set(names)) == len(names):
        return headers
    kept: dict[object, tuple[str, str]] = {}
    for index, (name, value) in enumerate(headers):
        key: object = name if name in _INLINE else index
        kept[key] = (name, f"{kept[key][1]},{value}") if key in kept else (name, value)
    return tuple(kept.values())
