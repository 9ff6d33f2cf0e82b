"""What differs between the releases of Envoy, of all that meshgen writes: the one table (docs/envoy-versions.md).

A difference is *written* where meshgen writes something else for older releases so that they decide the same; the rest are
given the same configuration and decide as the row says, as the Envoy of that release does under istiod.
Source: Envoy's release notes (`version_history`), each row names the release's; tests/envoy runs every golden on each release.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from meshgen.envoy_version import EnvoyVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that a release of Envoy does otherwise than the one before it."""

    since: EnvoyVersion
    subject: str  # the part of the configuration
    before: str  # what releases before `since` do
    after: str
    written: str = ""  # what meshgen writes for the older ones; empty where all releases are given the same

    def holds_in(self, version: EnvoyVersion) -> bool:
        """Whether a release is `since` or later."""
        return version[:2] >= self.since[:2]


ZERO_CHECK_TIMEOUT: Final = Difference(
    since=EnvoyVersion(1, 38),
    subject="`timeout: 0s` of an authorizer (`ext_authz`)",
    before="every check fails at once",
    after="no limit",
    written="the longest timeout there is",
)

CONTEXT_PROPAGATION: Final = Difference(
    since=EnvoyVersion(1, 38),
    subject="`disableContextPropagation` of Telemetry",
    before="trace headers are sent on all the same",
    after="no trace header is sent on",
)

FORMATTER_TAGS: Final = Difference(
    since=EnvoyVersion(1, 37),
    subject="a `formatter` of Telemetry's `customTags`",
    before="the field is not known, so such a tag is left out",
    after="the tag has the formatted value",
    written="no tag",
)

OTEL_LOG_SERVICE: Final = Difference(
    since=EnvoyVersion(1, 37),
    subject="the collector of an `envoyOtelAls` provider",
    before="named in `common_config`",
    after="named in `grpc_service`; the older field is deprecated",
    written="the older field",
)

BUDGET_INTERVAL: Final = Difference(
    since=EnvoyVersion(1, 39),
    subject="`retryBudget.budgetInterval` of a DestinationRule",
    before="the budget counts requests in flight",
    after="the budget counts the requests of the interval",
)

DIFFERENCES: Final = (
    FORMATTER_TAGS,
    OTEL_LOG_SERVICE,
    Difference(
        since=EnvoyVersion(1, 37),
        subject="`statusOnError` of a gRPC authorizer",
        before="403, whatever it says",
        after="the status that it says",
    ),
    Difference(
        since=EnvoyVersion(1, 37),
        subject="headers of an HTTP authorizer's answer that go to the client",
        before="some, `set-cookie` for one, are lost",
        after="those that `headersToDownstreamOnDeny` and `headersToDownstreamOnAllow` name",
    ),
    Difference(
        since=EnvoyVersion(1, 37),
        subject="an HTTP/2 stream that Envoy ends",
        before="reset with the upstream's own reason, or `NO_ERROR`",
        after="reset with `INTERNAL_ERROR`",
    ),
    ZERO_CHECK_TIMEOUT,
    CONTEXT_PROPAGATION,
    Difference(
        since=EnvoyVersion(1, 38),
        subject="an RSA certificate of an upstream whose `keyUsage` does not fit TLS",
        before="taken",
        after="refused",
    ),
    Difference(
        since=EnvoyVersion(1, 38),
        subject="requests that `http2MaxRequests` refuses",
        before="counted in `upstream_rq_pending_overflow`",
        after="counted in `upstream_rq_active_overflow`",
    ),
    BUDGET_INTERVAL,
    Difference(
        since=EnvoyVersion(1, 39),
        subject="a header that a request carries more than once, in the matches of routes, limits and retries",
        before="its values joined with `,` are matched",
        after="each value is matched by itself",
    ),
    Difference(
        since=EnvoyVersion(1, 39),
        subject="why TLS to an upstream failed",
        before="in the body of the 503 and in the access log",
        after="in the access log only",
    ),
    Difference(
        since=EnvoyVersion(1, 39),
        subject="sampling with an OpenTelemetry provider",
        before="a `traceparent` that says *sampled* is exported",
        after="the percentages of Telemetry decide also then",
    ),
    Difference(
        since=EnvoyVersion(1, 39),
        subject="the size of HTTP/2 cookies",
        before="not counted",
        after="counted into the limit of a request's headers",
    ),
    Difference(
        since=EnvoyVersion(1, 40),
        subject="headers that `outputPayloadToHeader` and `outputClaimToHeaders` name, as a client sends them",
        before="taken away where the token of that rule is checked",
        after="always taken away",
    ),
    Difference(
        since=EnvoyVersion(1, 40),
        subject="the method `QUERY` over HTTP/1",
        before="400",
        after="carried, with a `content-type`",
    ),
    Difference(
        since=EnvoyVersion(1, 40),
        subject="a name with addresses of one family, where the look-up of the other family fails",
        before="the cluster may lose its hosts",
        after="the cluster keeps its hosts",
    ),
)
"""All of them, by release."""
