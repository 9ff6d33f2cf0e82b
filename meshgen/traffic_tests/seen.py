"""What became of a request, whoever tells it: the simulator or a real Envoy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from meshgen.check.expectations import short_host
from meshgen.emit.envoy.names import PASSTHROUGH, parse_outbound
from meshgen.journey import Hop
from meshgen.trace import Decision, Outcome, Step
from meshgen.trace.decision import Fault, Retry, Source
from meshgen.trace.source import source_of_policy

Headers = tuple[tuple[str, str], ...]
UPSTREAM_STATUS = 200
"""What applications are taken to answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where requests go: a service's port, perhaps one of its subsets; a cluster of another kind by its name as host."""

    host: str
    port: int | None = None
    subset: str = ""

    def __str__(self) -> str:
        """`catalog.shop:80@v2`."""
        port = f":{self.port}" if self.port is not None else ""
        return f"{short_host(self.host)}{port}" + (f"@{self.subset}" if self.subset else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What became of a request. What `unseen` names this engine cannot tell; `made_by` has the object behind a field."""

    outcome: str
    policies: tuple[Source, ...] = ()  # those that decided: one that denies, or all that allow; none: no rule allows it
    shares: tuple[tuple[Place, float], ...] = ()  # in percent
    through: tuple[str, ...] = ()  # gateways
    status: int | None = None
    location: str = ""
    body: str = ""
    arrived: bool = False  # at an application, or outside of the mesh
    path: str = ""
    host: str = ""
    headers: Headers = ()
    response_headers: Headers = ()
    removed: tuple[str, ...] = ()  # headers of the application's answer that proxies remove
    timeout: int | None = None  # nanoseconds; None is no limit
    retry: Retry | None = None
    mirrors: tuple[tuple[Place, float], ...] = ()
    faults: tuple[Fault, ...] = ()
    endpoints: tuple[str, ...] = ()
    localities: tuple[str, ...] = ()  # of the endpoints that are tried first
    mtls: bool | None = None  # None: no proxy of a server is met
    samples: int = 0  # requests that the shares were counted from; 0: they are exact
    unseen: Mapping[str, str] = field(default_factory=dict)  # field of an expectation → why it cannot be told
    made_by: Mapping[str, Source] = field(default_factory=dict)  # field of an expectation → the object that decided
    reason: str = ""  # of a request that goes nowhere, in the engine's words


_OUTCOMES = {
    Outcome.DIRECT: "answered",
    Outcome.REDIRECT: "redirected",
    Outcome.ABORTED: "aborted",
    Outcome.NOT_FOUND: "noRoute",
    Outcome.NO_LISTENER: "noRoute",
    Outcome.UNAVAILABLE: "unavailable",
    Outcome.REJECTED: "answered",
    Outcome.CLOSED: "closed",
}
_GOES_ON = (Outcome.ROUTED, Outcome.NEEDS_ANSWER)
_OF_ROUTE = ("to", "timeout", "retries", "mirror", "fault", "path", "host", "headers", "endpoints", "location", "body", "status")


def place_of_cluster(cluster: str) -> Place:
    """The place that an outbound cluster leads to."""
    parts = parse_outbound(cluster)
    if parts is None:
        return Place(host=cluster)
    return Place(host=parts.host, port=parts.port, subset=parts.subset)


def seen_by_simulator(hops: Sequence[Hop], asked: str | None = None) -> Seen:
    """What the simulator tells of a request for the host `asked` that went over these hops."""
    routing = [hop for hop in hops if hop.side != "into"] or list(hops)
    sending, end = routing[-1].decision, hops[-1].decision
    first = hops[0].decision
    arrived = end.outcome in _GOES_ON
    status = UPSTREAM_STATUS if arrived else end.status
    return Seen(
        outcome=_outcome(hops),
        policies=_policies(hops),
        shares=_shares(sending, asked) if sending.outcome in _GOES_ON else (),
        through=tuple(hop.proxy.id for hop in hops if hop.side in {"in at", "through"}),
        status=status,
        location=end.location,
        body=end.body,
        arrived=arrived,
        path=end.path,
        host=end.host,
        headers=end.request_headers,
        response_headers=tuple(pair for hop in reversed(hops) for pair in hop.decision.response_headers),
        removed=tuple(name for hop in hops for name in hop.decision.response_headers_removed),
        timeout=next((hop.decision.timeout for hop in routing if hop.decision.timeout), None),
        retry=first.retry,
        mirrors=tuple((place_of_cluster(each.cluster), each.percent) for hop in routing for each in hop.decision.mirrors),
        faults=tuple(fault for hop in hops for fault in hop.decision.faults),
        endpoints=tuple(f"{each.address}:{each.port}" for each in sending.endpoints),
        localities=_first_localities(sending),
        mtls=_is_mutual(hops[-1]),
        made_by=_made_by(hops, sending, end),
        reason=_reason(hops),
    )


def _outcome(hops: Sequence[Hop]) -> str:
    end = hops[-1].decision
    if end.outcome in _GOES_ON:
        return "passedThrough" if end.cluster == PASSTHROUGH else "allowed"
    if end.virtual_host == "block_all":  # istiod's answer to hosts that nobody knows, where only known ones may be called
        return "noRoute"
    if end.outcome is Outcome.DENIED:
        return "unauthorized" if end.steps and end.steps[-1].stage == "jwt" else "denied"
    return _OUTCOMES[end.outcome]


def _decided(decision: Decision) -> list[Step]:
    return [step for step in decision.steps if step.stage == "rbac"]


def _policies(hops: Sequence[Hop]) -> tuple[Source, ...]:
    end = hops[-1].decision
    if end.outcome is Outcome.DENIED:
        last = next((step.source for step in reversed(_decided(end)) if step.chosen == "denied"), None)
        return (last,) if last is not None else ()
    steps = (step for hop in hops for step in _decided(hop.decision) if step.chosen == "allowed")
    return tuple(step.source for step in steps if step.source is not None)


def _shares(decision: Decision, asked: str | None) -> tuple[tuple[Place, float], ...]:
    if decision.cluster.startswith("inbound|") and asked is not None:
        return ((Place(host=asked), 100.0),)
    if len(decision.weights) > 1 or not decision.cluster:
        return tuple((place_of_cluster(each.cluster), each.share * 100) for each in decision.weights if each.weight)
    return ((place_of_cluster(decision.cluster), 100.0),)


def _first_localities(decision: Decision) -> tuple[str, ...]:
    first = min((each.priority for each in decision.endpoints), default=0)
    return tuple(dict.fromkeys(each.locality for each in decision.endpoints if each.priority == first))


def _is_mutual(hop: Hop) -> bool | None:
    """Whether the server's proxy terminates Istio's TLS: the filter chain that it chose says so."""
    if hop.side != "into":
        return None
    return hop.request.is_tls if hop.decision.filter_chain else False


def _made_by(hops: Sequence[Hop], sending: Decision, end: Decision) -> dict[str, Source]:
    made: dict[str, Source] = {}
    route = _source(sending, "route") or _source(end, "route")
    if route is not None:
        made |= dict.fromkeys(_OF_ROUTE, route)
    decided = next((step for hop in reversed(hops) for step in reversed(_decided(hop.decision))), None)
    policy = _policy_behind(decided) if decided is not None else None
    if policy is not None:
        made |= {"by": policy, "outcome": policy}
    if route is not None and (policy is None or end.outcome is not Outcome.DENIED):
        made["outcome"] = route
    return made


def _policy_behind(step: Step) -> Source | None:
    """The policy that decided; where no rule allows a request, the one whose rules it did not meet."""
    if step.source is not None:
        return step.source
    missed = (source_of_policy(name) for name, _ in reversed(step.nearly))
    return next((replace(source, path="spec") for source in missed if source is not None), None)


def _source(decision: Decision, stage: str) -> Source | None:
    found = (step.source for step in reversed(decision.steps) if step.stage == stage and step.source is not None)
    return next((source for source in found if source.kind != "Service"), None)


def _reason(hops: Sequence[Hop]) -> str:
    """The step at which a request that does not arrive ends: `rbac denied: no ALLOW policy matches`."""
    end = hops[-1].decision
    if end.outcome in _GOES_ON or not end.steps:
        return ""
    step = end.steps[-1]
    reason = f"{step.stage} {step.chosen}".strip() + (f": {step.reason}" if step.reason else "")
    if hops[0].decision.cluster == PASSTHROUGH:
        return f"{hops[0].proxy.id} does not know this service and passes the request through in plaintext; {reason}"
    return reason
