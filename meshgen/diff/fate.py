"""How the fate of a request differs between two decisions, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from meshgen.trace import Decision, Outcome
from meshgen.values import format_duration

_PASSTHROUGH = "PassthroughCluster"


class FindingKind(StrEnum):
    """What a sentence of the impact is about, the gravest first."""

    OPEN = "open"  # a gateway asks for no token where it did
    GAIN = "gain"  # of access
    LOSE = "lose"
    OUTCOME = "outcome"
    SHARE = "share"
    MTLS = "mtls"  # how the server is spoken to
    REWRITE = "rewrite"
    MIRROR = "mirror"
    FAULT = "fault"
    TIMEOUT = "timeout"
    RETRIES = "retries"
    CORS = "cors"
    HEADERS = "headers"
    UNFORESEEN = "unforeseen"  # filters that nobody can simulate


@dataclass(frozen=True, slots=True)
class Verdict:
    """One difference. `text` has `{requests}` where the class of requests is named."""

    kind: FindingKind
    text: str


def compare_fates(before: Decision, after: Decision, host: str, path: str = "/") -> tuple[Verdict, ...]:
    """The differences between two decisions on one request to `host` and `path`."""
    if bool(before.method) != bool(after.method) and {before.outcome, after.outcome} == {Outcome.ROUTED}:
        forms = ("passed on as bytes", "read as HTTP")
        now, then = forms if before.method else forms[::-1]
        return (Verdict(FindingKind.OUTCOME, f"{{requests}} are now {now} instead of {then}"),)
    served = {before.outcome, after.outcome} <= {Outcome.ROUTED, Outcome.UNAVAILABLE}
    if before.outcome is after.outcome and served:
        return tuple(_routed(before, after, host))
    if _answers_preflight(before) or _answers_preflight(after):
        return _preflights(before, after, host, path)
    if any(_is_cut_off(each) for each in (before, after)) and all(_is_refused(each) for each in (before, after)):
        return ()  # who was refused is refused
    old, new = ending_of(before, host, path), ending_of(after, host, path)
    if old == new:
        return ()
    return (Verdict(FindingKind.OUTCOME, f"{{requests}} are now {new} instead of {old}"),)


def _routed(before: Decision, after: Decision, host: str) -> Iterator[Verdict]:
    yield from _shares(before, after, host)
    if (before.cluster == _PASSTHROUGH) != (after.cluster == _PASSTHROUGH):
        return  # nothing but the way is the proxy's to decide there
    yield from _rewrites(before, after)
    yield from _mirrors(before, after, host)
    if _faults(before) != _faults(after):
        text = f"{{requests}} meet {_faults(after) or 'no faults'} instead of {_faults(before) or 'none'}"
        yield Verdict(FindingKind.FAULT, text)
    if before.timeout != after.timeout:
        text = f"the timeout of {{requests}} is {_duration(after.timeout)} instead of {_duration(before.timeout)}"
        yield Verdict(FindingKind.TIMEOUT, text)
    if before.retry != after.retry:
        yield Verdict(FindingKind.RETRIES, _retried(before, after))
    yield from _origins(before, after)
    if _headers(before) != _headers(after):
        yield Verdict(FindingKind.HEADERS, f"{{requests}} get other headers: {_header_changes(before, after)}")


def _is_refused(decision: Decision) -> bool:
    return decision.outcome in {Outcome.NO_LISTENER, Outcome.CLOSED, Outcome.DENIED}


def _is_cut_off(decision: Decision) -> bool:
    """Whether the connection is refused or closed, for whatever reason."""
    return _is_refused(decision) and decision.status is None


def ending_of(decision: Decision, host: str, path: str = "/") -> str:
    """What becomes of the request, as `are now …` goes on."""
    status = decision.status
    if decision.outcome is Outcome.ROUTED:
        shares = sorted(shares_of(decision, host).items())
        return f"routed to {' and '.join(name if share == 1 else f'{name} ({_percent(share)})' for name, share in shares)}"
    endings = {
        Outcome.DIRECT: f"answered {status}{_body(decision)} by the proxy",
        Outcome.REDIRECT: f"redirected to {_location(decision, path)} ({status})",
        Outcome.DENIED: f"denied ({status})" if status else "denied",
        Outcome.ABORTED: f"aborted with {status}",
        Outcome.NOT_FOUND: f"answered {status or 404} for want of a route",
        Outcome.UNAVAILABLE: f"answered {status or 503} for want of a server",
        Outcome.REJECTED: f"answered {status or 400} as invalid",
        Outcome.NO_LISTENER: "refused, as nothing listens",
        Outcome.CLOSED: "refused by closing the connection",
        Outcome.NEEDS_ANSWER: "decided by an external service",
    }
    return endings[decision.outcome]


def _location(decision: Decision, path: str) -> str:
    """Where a redirect leads; that the path stays is said in words, for it holds for all paths."""
    if path != "/" and decision.location.endswith(path):
        return f"{decision.location.removesuffix(path)}/ with the same path"
    return f"{decision.location} with the same path" if decision.location.endswith("/") and path == "/" else decision.location


def _body(decision: Decision) -> str:
    return f" ({decision.body[:40]})" if decision.body else ""


def shares_of(decision: Decision, host: str) -> dict[str, float]:
    """The part (0 to 1) of the requests that each destination gets, by its name as seen from requests to `host`."""
    parts = [(each.cluster, each.share) for each in decision.weights] or [(decision.cluster, 1.0)]
    shares: dict[str, float] = {}
    for cluster, share in parts:
        name = destination_name(cluster, host)
        shares[name] = shares.get(name, 0.0) + share
    return shares


def destination_name(cluster: str, host: str) -> str:
    """`v2` for a version of the host that was asked, else `catalog v2`; clusters of other forms by their own name."""
    parts = cluster.split("|")
    if parts[0] == "inbound" or cluster == "InboundPassthroughCluster":
        return "the workload"
    if cluster == _PASSTHROUGH:
        return "where the client meant them to go"
    if len(parts) != 4 or parts[0] != "outbound":
        return cluster
    _, _, subset, destination = parts
    if destination == host and subset:
        return subset
    return f"{service_name(destination)} {subset}".strip()


def service_name(host: str) -> str:
    """`catalog` for `catalog.shop.svc.cluster.local`; hosts of other kinds as they are."""
    parts = host.split(".")
    return parts[0] if len(parts) > 3 and parts[2] == "svc" else host


def _shares(before: Decision, after: Decision, host: str) -> Iterator[Verdict]:
    old, new = shares_of(before, host), shares_of(after, host)
    grown = [name for name in sorted(new) if new[name] - old.get(name, 0.0) > 1e-9]
    for name in grown:
        gone = sorted(set(old) - set(new))
        if new[name] == 1.0 and gone:
            yield Verdict(FindingKind.SHARE, f"{{requests}} go to {name} instead of {' and '.join(gone)}")
        else:
            yield Verdict(
                FindingKind.SHARE, f"{_percent(old.get(name, 0.0))} → {_percent(new[name])} of {{requests}} go to {name}"
            )


def _percent(share: float) -> str:
    return f"{share * 100:.4g}%"


def _rewrites(before: Decision, after: Decision) -> Iterator[Verdict]:
    for what, old, new in (("path", before.path, after.path), ("host", before.host, after.host)):
        if old != new:
            yield Verdict(FindingKind.REWRITE, f"{{requests}} arrive with {what} {new} instead of {old}")


def _mirrors(before: Decision, after: Decision, host: str) -> Iterator[Verdict]:
    old = {destination_name(each.cluster, host): each.percent / 100 for each in before.mirrors}
    new = {destination_name(each.cluster, host): each.percent / 100 for each in after.mirrors}
    for name in sorted({*old, *new}):
        left, right = old.get(name, 0.0), new.get(name, 0.0)
        if left != right:
            yield Verdict(FindingKind.MIRROR, f"{_percent(left)} → {_percent(right)} of {{requests}} are mirrored to {name}")


def _faults(decision: Decision) -> str:
    texts = []
    for fault in decision.faults:
        what = f"a delay of {_duration(fault.delay)}" if fault.delay is not None else f"an abort with {fault.status}"
        texts.append(f"{what} ({_percent(fault.percent / 100)})")
    return " and ".join(texts)


def _duration(nanoseconds: int | None) -> str:
    return format_duration(nanoseconds) if nanoseconds else "none"


def _retried(before: Decision, after: Decision) -> str:
    old, new = _retries(before), _retries(after)
    if not new:
        return f"{{requests}} are not retried any more (before: {old})"
    return f"{{requests}} are retried {new} instead of {old or 'never'}"


def _retries(decision: Decision) -> str:
    """How a request is retried; nothing where it is not."""
    retry = decision.retry
    if retry is None or not retry.attempts:
        return ""
    per_try = f", each within {_duration(retry.per_try_timeout)}" if retry.per_try_timeout else ""
    conditions = ",".join((*retry.on, *(str(code) for code in retry.codes)))
    return f"{retry.attempts} time{'s' if retry.attempts > 1 else ''} on {conditions}{per_try}"


_CORS = "access-control-"


def _cors(decision: Decision) -> dict[str, str]:
    return {name: value for name, value in decision.response_headers if name.startswith(_CORS)}


def _answers_preflight(decision: Decision) -> bool:
    return decision.outcome is Outcome.DIRECT and any(step.chosen == "preflight answered" for step in decision.steps)


def _preflights(before: Decision, after: Decision, host: str, path: str) -> tuple[Verdict, ...]:
    """What becomes of a browser's question whether it may send a request."""
    old, new = (
        f"answered by the proxy with {_named(_cors(each)) or 'a refusal'}"
        if _answers_preflight(each)
        else ending_of(each, host, path)
        for each in (before, after)
    )
    if old == new:
        return ()
    return (Verdict(FindingKind.CORS, f"preflights of {{origin}} for {{requests}} are now {new} instead of {old}"),)


def _named(headers: dict[str, str]) -> str:
    return ", ".join(f"{name.removeprefix(_CORS)}: {value}" for name, value in sorted(headers.items()))


def _origins(before: Decision, after: Decision) -> Iterator[Verdict]:
    """Whose pages may read the answer."""
    old, new = _cors(before), _cors(after)
    if old == new:
        return
    if not old or not new:
        may = "may read" if new else "may no longer read"
        yield Verdict(FindingKind.CORS, f"pages of {{origin}} {may} answers to {{requests}}")
    else:
        yield Verdict(
            FindingKind.CORS, f"answers to {{requests}} tell pages of {{origin}} {_named(new)} instead of {_named(old)}"
        )


def _answered(decision: Decision) -> list[tuple[str, str]]:
    return sorted(pair for pair in decision.response_headers if not pair[0].startswith(_CORS))


def _headers(decision: Decision) -> tuple[object, ...]:
    return _sent(decision), _answered(decision), sorted(decision.response_headers_removed)


def _sent(decision: Decision) -> list[tuple[str, str]]:
    """The headers sent upstream, without those by which Envoy tells what has a sentence of its own (timeouts, old paths)."""
    return sorted(pair for pair in decision.request_headers if not pair[0].startswith("x-envoy-"))


def _header_changes(before: Decision, after: Decision) -> str:
    """`+ x-one: 1, - x-two: 2`; those of the answer say so."""
    old = {*_sent(before), *((f"{name} (of the answer)", value) for name, value in _answered(before))}
    new = {*_sent(after), *((f"{name} (of the answer)", value) for name, value in _answered(after))}
    removed_before, removed_after = set(before.response_headers_removed), set(after.response_headers_removed)
    texts = [f"+ {name}: {value}" for name, value in sorted(new - old)]
    texts += [f"- {name}: {value}" for name, value in sorted(old - new)]
    texts += [f"- {name} (of the answer)" for name in sorted(removed_after - removed_before)]
    return ", ".join(texts + [f"+ {name} (of the answer, no longer removed)" for name in sorted(removed_before - removed_after)])
