"""A journey in a sentence, and the names of what it meets as people call them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from meshgen.journey.cluster_names import cluster_words, short_cluster
from meshgen.journey.follow import Hop, Journey
from meshgen.trace import Decision, Outcome, Step
from meshgen.trace.decision import Source
from meshgen.trace.source import source_of_policy
from meshgen.trace.steps.rbac_rules import NOTHING
from meshgen.values import format_duration

Locate = Callable[[Source], str]
"""The line that made an object: `catalog.yaml:14`, or nothing."""

_DECIDING = ("rbac", "jwt", "ext_authz", "local rate limit", "rate limit")
_FAULTS = {"abort": "aborted", "delay": "delayed"}
_ENDS = {
    Outcome.DIRECT: "answered",
    Outcome.REDIRECT: "redirected",
    Outcome.DENIED: "denied",
    Outcome.ABORTED: "aborted",
    Outcome.NOT_FOUND: "not found",
    Outcome.UNAVAILABLE: "unavailable",
    Outcome.REJECTED: "rejected",
    Outcome.NO_LISTENER: "refused",
    Outcome.CLOSED: "closed",
}


def answer(journey: Journey, locate: Locate | None = None) -> str:
    """What becomes of the request, in one line: who answers, or who refuses it and why."""
    last = journey.last
    decision = last.decision
    if decision.outcome in (Outcome.ROUTED, Outcome.NEEDS_ANSWER):
        return f"reaches {journey.end}{_reserve(journey)}"
    place = f" in cluster {last.cluster}" if last.cluster else ""
    said = f"{_ENDS[decision.outcome]}{status_of(decision)}"
    if decision.location:
        said += f" to {decision.location}"
    why = _why(decision, locate)
    return f"{said} at {last.proxy.id}{place}{f': {why}' if why else ''}"


def status_of(decision: Decision) -> str:
    """` 403`, ` 200 (gRPC status 7)`, or nothing."""
    if decision.status is None:
        return ""
    return f" {decision.status}" + (f" (gRPC status {decision.grpc_status})" if decision.grpc_status is not None else "")


def _reserve(journey: Journey) -> str:
    """On what conditions, and for how many of the requests, the answer holds."""
    parts: list[str] = []
    for hop in journey.hops:
        decision = hop.decision
        shares = [f"{each.share * 100:.4g}% {short_cluster(each.cluster)}" for each in decision.weights if each.weight]
        if len(shares) > 1:
            parts.append(f" ({', '.join(shares)})")
        parts += [f", but {fault.percent:.4g}% are {_FAULTS[fault.kind]} at {hop.proxy.id}" for fault in decision.faults]
        if decision.outcome is Outcome.NEEDS_ANSWER:
            parts.append(f", if {' and '.join(f'`{each}`' for each in decision.asked)} allows it")
    return "".join(parts)


def _why(decision: Decision, locate: Locate | None) -> str:
    step = deciding_step(decision)
    if step is None:
        return ""
    if step.source is not None:
        return source_words(step.source, locate)
    if decision.outcome in (Outcome.DIRECT, Outcome.REDIRECT):
        made = next((each.source for each in reversed(decision.steps) if each.source is not None), None)
        return source_words(made, locate) if made is not None else ""
    near = next(((name, why) for name, why in step.nearly if not why.endswith(NOTHING)), None) if step.stage == "rbac" else None
    reason = step.reason or step.chosen
    return f"{reason}; nearest is {policy_words(near[0], locate)}: {near[1]}" if near is not None else reason


def policy_words(name: str, locate: Locate | None) -> str:
    """The object behind the name that a policy has in Envoy's configuration, else that name."""
    source = source_of_policy(name)
    return source_words(source, locate) if source is not None else name


def deciding_step(decision: Decision) -> Step | None:
    """The step that ended the request here."""
    if decision.outcome is Outcome.DENIED:
        return next((step for step in reversed(decision.steps) if step.stage in _DECIDING), None)
    return decision.steps[-1] if decision.steps else None


def source_words(source: Source, locate: Locate | None) -> str:
    """`VirtualService shop/catalog spec.http[1] (catalog.yaml:14)`."""
    place = f"{source.namespace}/{source.name}" if source.namespace else source.name
    line = locate(source) if locate is not None else ""
    return f"{source.kind} {place} {source.path}".rstrip() + (f" ({line})" if line else "")


def hop_words(hop: Hop) -> str:
    """What a proxy does, in a few words."""
    decision = hop.decision
    place = f" in cluster {hop.cluster}" if hop.cluster else ""
    head = f"{hop.side} {hop.proxy.id}{place}: {decision.outcome.value}{status_of(decision)}"
    target = decision.location or (cluster_words(decision.cluster) if decision.cluster else "")
    return f"{head} to {target}" if target else head


def details(decision: Decision) -> Iterator[str]:
    """What is sent on and within which limits, a line each."""
    if decision.method:
        host = f", host {decision.host}"
        yield f"sends {decision.method} {decision.path}{host}, {tls_words(decision)}"
    elif decision.cluster and decision.outcome in (Outcome.ROUTED, Outcome.NEEDS_ANSWER):
        yield f"sends the connection on, {tls_words(decision)}"
    yield from limits(decision)
    for name in decision.opaque:
        yield f"{name} may change this; it is not simulated"
    for prefix, verdict in decision.shadow:
        yield f"dry run {prefix.rstrip('_')}: {verdict}" if prefix else f"dry run: {verdict}"


def limits(decision: Decision) -> Iterator[str]:
    """Within what time, with which further tries, and what is copied on the way."""
    if decision.timeout:
        yield f"timeout {format_duration(decision.timeout)}"
    if decision.retry is not None and decision.retry.attempts:
        yield retry_words(decision)
    for mirror in decision.mirrors:
        yield f"copies {mirror.percent:.4g}% to {cluster_words(mirror.cluster)}"


def tls_words(decision: Decision) -> str:
    """What is spoken to the next one."""
    tls = decision.upstream_tls
    if tls is None:
        return "as it came" if decision.tls == "passed on" else "in plaintext"
    kind = "mutual TLS" if tls.has_certificate else "TLS"
    return f"over {kind}" + (f" (SNI {tls.sni})" if tls.sni else "")


def retry_words(decision: Decision) -> str:
    """How often and how it is tried again."""
    retry = decision.retry
    if retry is None:
        return ""
    times = f"up to {retry.attempts} retries" if retry.attempts != 1 else "one retry"
    parts = [f"{times} on {','.join(retry.on)}"]
    if retry.codes:
        parts.append(f"codes {','.join(str(code) for code in retry.codes)}")
    if retry.per_try_timeout:
        parts.append(f"{format_duration(retry.per_try_timeout)} for each try")
    parts.append(f"back-off {format_duration(retry.back_off)} to {format_duration(retry.longest_back_off)}")
    if retry.hedges:
        parts.append("a slow try goes on beside the next")
    return ", ".join(parts)
