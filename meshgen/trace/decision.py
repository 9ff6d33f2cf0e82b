"""What becomes of a request, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from meshgen.json import JsonObject


class Outcome(StrEnum):
    """How a request ends at this proxy."""

    ROUTED = "routed"  # sent to a cluster
    DIRECT = "direct response"  # answered by a route, a CORS preflight
    REDIRECT = "redirect"
    DENIED = "denied"  # RBAC, JWT, external authorization, rate limit
    ABORTED = "aborted"  # fault injection
    NOT_FOUND = "not found"  # no virtual host or no route: 404
    UNAVAILABLE = "unavailable"  # no such cluster, or nobody in it: 503, or a closed connection
    REJECTED = "rejected"  # not a valid request: 400
    NO_LISTENER = "no listener"
    CLOSED = "closed"  # no filter chain, a TLS mismatch, a network filter that closes
    NEEDS_ANSWER = "needs external answer"  # the rest of the decision holds if the external service allows it


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The object that made a piece of configuration: the line to edit."""

    kind: str
    namespace: str = ""
    name: str = ""
    path: str = ""  # within the object, such as `spec.http[2]`


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One decision on the way: what was chosen, why, and what was nearly chosen, each with why it was not."""

    stage: str
    chosen: str
    reason: str = ""
    nearly: tuple[tuple[str, str], ...] = ()
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Weight:
    """A cluster of a split and its part of the requests, 0 to 1."""

    cluster: str
    weight: int
    share: float


@dataclass(frozen=True, slots=True)
class Mirror:
    """A cluster that receives a copy of some percent of the requests."""

    cluster: str
    percent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """An injected fault and the percent of requests that it meets: a delay in nanoseconds, or a status."""

    kind: str  # delay, abort
    percent: float
    delay: int | None = None
    status: int | None = None
    grpc_status: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """The retry policy in force."""

    on: tuple[str, ...]
    attempts: int
    per_try_timeout: int | None = None  # nanoseconds, as all times here
    codes: tuple[int, ...] = ()
    back_off: int = 25_000_000  # the base of the jittered exponential back-off
    longest_back_off: int = 250_000_000
    hedges: bool = False  # whether a try that takes too long goes on beside the next one
    elsewhere: bool = False  # whether hosts that have been tried are avoided


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One address of the chosen cluster."""

    address: str
    port: int
    priority: int = 0
    locality: str = ""  # region/zone/subzone
    locality_weight: int = 0  # of the locality within its priority; 0 where localities are not weighed
    weight: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamTls:
    """What this proxy speaks to the chosen cluster. `is_workload` says that it presents the workload's own certificate."""

    sni: str = ""
    alpn: tuple[str, ...] = ()
    has_certificate: bool = False
    is_workload: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Hash:
    """What picks the endpoint where load is balanced by a hash; `value` is empty where the request does not bring it."""

    by: str  # header `x-user`, cookie `session`, source address, query parameter `id`
    value: str = ""
    terminal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRef:
    """A route in its virtual host."""

    name: str
    index: int
    metadata: JsonObject = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What becomes of one request. Names are those of the Envoy configuration; empty means: did not come that far."""

    outcome: Outcome
    status: int | None = None  # if Envoy itself answers
    grpc_status: int | None = None  # of an answer to a gRPC request, whose HTTP status is 200
    body: str = ""  # of Envoy's own answer
    location: str = ""  # of a redirect
    listener: str = ""
    filter_chain: str = ""
    route_config: str = ""
    virtual_host: str = ""
    route: RouteRef | None = None
    cluster: str = ""  # empty for a split: see weights
    cluster_type: str = ""
    weights: tuple[Weight, ...] = ()
    method: str = ""
    path: str = ""  # as sent upstream
    host: str = ""  # as sent upstream
    request_headers: tuple[tuple[str, str], ...] = ()  # as sent upstream
    response_headers: tuple[tuple[str, str], ...] = ()  # that Envoy adds to the answer
    response_headers_removed: tuple[str, ...] = ()
    timeout: int | None = None  # nanoseconds; None is no limit
    retry: Retry | None = None
    mirrors: tuple[Mirror, ...] = ()
    faults: tuple[Fault, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    tls: str = "none"  # the client's: none, passed on, terminated, mutual
    upstream_tls: UpstreamTls | None = None  # None is plaintext
    upstream_protocol: str = ""  # http, http2 or tcp
    balancing: str = ""  # the cluster's load balancing policy
    hashes: tuple[Hash, ...] = ()  # in their order
    spent: tuple[str, ...] = ()  # issuers of tokens that are accepted and not sent on
    asked: tuple[str, ...] = ()  # external authorization services that are asked
    opaque: tuple[str, ...] = ()  # filters that may change the outcome in ways that configuration does not show
    shadow: tuple[tuple[str, str], ...] = ()  # dry-run verdicts: stat prefix, `allowed` or `denied by <policy>`
    steps: tuple[Step, ...] = ()
