"""What was expected of a request and what became of it, compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from meshgen.check.expectations import ExpectedNames, Wanted
from meshgen.intent.expectation import DEFAULT, DecidedBy, Expect, ExpectedFault, ExpectedMirror
from meshgen.intent.leaves import StringMatch
from meshgen.intent.rule import Share
from meshgen.trace.decision import Fault, Source
from meshgen.trace.match import full_match
from meshgen.traffic_tests.cases import Case
from meshgen.traffic_tests.seen import Headers, Place, Seen
from meshgen.values import format_duration, parse_duration

SIGMAS = 4.5
"""How far from its share a count of requests may be, in standard deviations: chance goes further once in 150,000 tests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """One expectation that does not hold."""

    field: str  # of Expect, by its YAML name
    wanted: str
    got: str
    source: Source | None = None  # the object that made it so


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The expectations that do not hold, and those that this engine cannot tell, each with why."""

    mismatches: tuple[Mismatch, ...] = ()
    unseen: tuple[tuple[str, str], ...] = ()


def compare(case: Case, seen: Seen, names: ExpectedNames) -> Comparison:
    """All expectations of a case."""
    expect, found, unseen = case.expect, [], []
    for field in _FIELDS:
        if getattr(expect, field) is None:
            continue
        key = _key(field)
        if key in seen.unseen:
            unseen.append((key, seen.unseen[key]))
            continue
        for wanted, got in _FIELDS[field](_Scene(case, seen, names)):
            found.append(Mismatch(field=key, wanted=wanted, got=got, source=seen.made_by.get(key if seen.arrived else "outcome")))
    return Comparison(mismatches=tuple(found), unseen=tuple(unseen))


def _key(field: str) -> str:
    name = Expect.model_fields[field].alias
    return name or field


@dataclass(frozen=True, slots=True)
class _Scene:
    case: Case
    seen: Seen
    names: ExpectedNames

    @property
    def expect(self) -> Expect:
        return self.case.expect

    @property
    def namespace(self) -> str:
        return self.case.test.model.namespace

    def wanted(self, share: Share | ExpectedMirror) -> Wanted:
        """What a destination means here; it was found to be known."""
        destination = share.to if isinstance(share, ExpectedMirror) else share
        return self.names.destination(destination, self.namespace, self.case.asked)

    def ended(self) -> str:
        """How a request ended that did not arrive."""
        return describe_end(self.seen)

    def near(self, wanted: float, got: float) -> bool:
        """Whether a share in percent is as expected, with the tolerance and, of counted requests, with what chance calls for."""
        chance = SIGMAS * sqrt(wanted * (100 - wanted) / self.seen.samples) if self.seen.samples else 0
        return abs(wanted - got) <= (self.expect.tolerance or 0) + chance + 1e-6


def describe_end(seen: Seen) -> str:
    """`denied with 403 (no rule allows it)`."""
    status = f" with {seen.status}" if seen.status is not None and not seen.arrived else ""
    place = f" at {', '.join(str(place) for place, _ in seen.shares)}" if seen.shares and seen.arrived else ""
    why = ""
    if seen.outcome == "denied" and "by" not in seen.unseen:
        why = f" by {policy_name(seen.policies[0])}" if seen.policies else ", as no rule allows it"
    elif seen.reason:
        why = f" ({seen.reason})"
    return f"{seen.outcome}{status}{place}{why}"


def policy_name(source: Source) -> str:
    """`shop/catalog-callers rule 0`."""
    rule = source.path.partition("[")[2].rstrip("]")
    return f"{source.namespace}/{source.name}" + (f" rule {rule}" if rule else "")


Difference = Iterator[tuple[str, str]]
"""What was expected, and what became of it."""


def _outcome(scene: _Scene) -> Difference:
    if scene.expect.outcome != scene.seen.outcome:
        yield str(scene.expect.outcome), scene.ended()


def _by(scene: _Scene) -> Difference:
    by, policies = scene.expect.by, scene.seen.policies
    if by is None:
        return
    outcome = scene.expect.outcome
    if outcome is None and scene.seen.outcome not in {"allowed", "denied"}:
        yield f"decided by {_decider(by)}", scene.ended()
    elif outcome is not None and outcome != scene.seen.outcome:
        return  # said already
    elif by.policy == DEFAULT:
        if policies or scene.seen.outcome != "denied":
            yield "denied, as no rule allows it", scene.ended()
    elif not any(_is_decider(by, policy) for policy in policies):
        got = f"by {' and '.join(map(policy_name, policies))}" if policies else "by no rule"
        yield f"{scene.seen.outcome} by {_decider(by)}", f"{scene.seen.outcome} {got}"


def _decider(by: DecidedBy) -> str:
    return by.policy + (f" rule {by.rule}" if by.rule is not None else "")


def _is_decider(by: DecidedBy, source: Source) -> bool:
    namespace, _, name = by.policy.rpartition("/")
    rule = by.rule is None or source.path.endswith(f"[{by.rule}]")
    return source.name == name and namespace in {"", source.namespace} and rule


def _to(scene: _Scene) -> Difference:
    shares = scene.expect.to or ()
    if not scene.seen.shares or not scene.seen.arrived:
        yield _shares_text((str(scene.wanted(share)), share.weight) for share in shares), scene.ended()
        return
    left, fits = dict(scene.seen.shares), True
    for share in shares:
        wanted = scene.wanted(share)
        taken = [place for place in left if is_place(wanted, place)]
        fits = scene.near(share.weight, sum(left.pop(place) for place in taken)) and fits
    if not fits or any(not scene.near(0, share) for share in left.values()):
        counted = f" ({scene.seen.samples} requests)" if scene.seen.samples else ""
        yield (
            _shares_text((str(scene.wanted(share)), share.weight) for share in shares),
            _shares_text((str(place), share) for place, share in scene.seen.shares) + counted,
        )


def is_place(wanted: Wanted, place: Place) -> bool:
    """Whether a place is one that was meant."""
    return (
        wanted.host in {None, place.host}
        and wanted.subset in {None, place.subset}
        and (wanted.port is None or wanted.port == place.port)
    )


def _shares_text(shares: Iterable[tuple[str, float]]) -> str:
    texts = list(shares)
    if len(texts) == 1 and texts[0][1] == 100:
        return texts[0][0]
    return ", ".join(f"{share:.4g}% to {place}" for place, share in texts)


def _through(scene: _Scene) -> Difference:
    wanted, got = scene.expect.through or (), scene.seen.through
    same = len(wanted) == len(got) and all(
        each in {proxy, proxy.rpartition("/")[2]} for each, proxy in zip(wanted, got, strict=True)
    )
    if not same:
        yield f"through {', '.join(wanted) or 'no gateway'}", f"through {', '.join(got) or 'no gateway'}"


def _status(scene: _Scene) -> Difference:
    wanted, got = scene.expect.status, scene.seen.status
    if wanted != got:
        known = scene.seen.arrived and got == 200
        yield str(wanted), f"{got}, as applications are taken to answer" if known else scene.ended()


def _text(name: str) -> Callable[[_Scene], Difference]:
    def differs(scene: _Scene) -> Difference:
        wanted, got = getattr(scene.expect, name), getattr(scene.seen, name)
        if wanted != got:
            yield f"`{wanted}`", f"`{got}`" if got else scene.ended()

    return differs


def matches(wanted: StringMatch, value: str) -> bool:
    """Whether a value is as a string match has it."""
    if wanted.exact is not None:
        return value == wanted.exact
    if wanted.prefix is not None:
        return value.startswith(wanted.prefix)
    return wanted.regex is None or full_match(wanted.regex, value)


def _match_text(wanted: StringMatch) -> str:
    if wanted.exact is not None:
        return f"`{wanted.exact}`"
    if wanted.prefix is not None:
        return f"`{wanted.prefix}*`"
    return f"~ `{wanted.regex}`" if wanted.regex is not None else "any value"


def _upstream(name: str) -> Callable[[_Scene], Difference]:
    def differs(scene: _Scene) -> Difference:
        wanted: StringMatch = getattr(scene.expect, name)
        if not scene.seen.arrived:
            yield _match_text(wanted), scene.ended()
        elif not matches(wanted, getattr(scene.seen, name)):
            yield _match_text(wanted), f"`{getattr(scene.seen, name)}`"

    return differs


def _header_differences(wanted: Mapping[str, StringMatch], headers: Headers) -> Difference:
    for name, match in wanted.items():
        values = [value for key, value in headers if key == name.lower()]
        joined = ",".join(values)
        if not values:
            yield f"{name}: {_match_text(match)}", f"no header {name}"
        elif not any(matches(match, value) for value in (joined, *values)):
            yield f"{name}: {_match_text(match)}", f"{name}: `{joined}`"


def _headers(scene: _Scene) -> Difference:
    if scene.seen.arrived:
        yield from _header_differences(scene.expect.headers or {}, scene.seen.headers)
    else:
        yield "headers at the application", scene.ended()


def _without_headers(scene: _Scene) -> Difference:
    for name in scene.expect.without_headers or ():
        values = [value for key, value in scene.seen.headers if key == name.lower()]
        if values:
            yield f"no header {name}", f"{name}: `{','.join(values)}`"
    if not scene.seen.arrived:
        yield "a request without these headers at the application", scene.ended()


def _response_headers(scene: _Scene) -> Difference:
    yield from _header_differences(scene.expect.response_headers or {}, scene.seen.response_headers)


def _without_response_headers(scene: _Scene) -> Difference:
    for name in scene.expect.without_response_headers or ():
        added = [value for key, value in scene.seen.response_headers if key == name.lower()]
        if added and name.lower() not in scene.seen.removed:
            yield f"no header {name} in the answer", f"{name}: `{','.join(added)}`"
        elif scene.seen.arrived and name.lower() not in scene.seen.removed and not added:
            yield f"no header {name} in the answer", "nobody removes it from what the application answers"


def _timeout(scene: _Scene) -> Difference:
    wanted = None if scene.expect.timeout == "none" else parse_duration(scene.expect.timeout or "0")
    if wanted != scene.seen.timeout:
        yield scene.expect.timeout or "none", format_duration(scene.seen.timeout) if scene.seen.timeout else "none"


def _retries(scene: _Scene) -> Difference:
    wanted, retry = scene.expect.retries, scene.seen.retry
    if wanted is None:
        return
    attempts = retry.attempts if retry is not None else 0
    if wanted.attempts is not None and wanted.attempts != attempts:
        yield f"{wanted.attempts} retries", f"{attempts} retries"
    on = (
        {*retry.on, *map(str, retry.codes)} - ({"retriable-status-codes"} if retry.codes else set())
        if retry is not None
        else set()
    )
    if wanted.on is not None and {str(each) for each in wanted.on} != on:
        yield f"on {', '.join(map(str, wanted.on))}", f"on {', '.join(sorted(on)) or 'nothing'}"
    per_try = retry.per_try_timeout if retry is not None else None
    if wanted.per_try_timeout is not None and parse_duration(wanted.per_try_timeout) != per_try:
        yield f"{wanted.per_try_timeout} for each try", f"{format_duration(per_try)} for each try" if per_try else "no limit"


def _mirror(scene: _Scene) -> Difference:
    wanted = [(scene.wanted(each), float(each.percent)) for each in scene.expect.mirror or ()]
    left = list(scene.seen.mirrors)
    for place, percent in wanted:
        found = next((each for each in left if is_place(place, each[0])), None)
        if found is None or not scene.near(percent, found[1]):
            left = [] if found is None else left
            break
        left.remove(found)
    else:
        if not left:
            return
    yield (
        _mirrors_text((str(place), percent) for place, percent in wanted),
        _mirrors_text((str(place), percent) for place, percent in scene.seen.mirrors),
    )


def _mirrors_text(mirrors: Iterable[tuple[str, float]]) -> str:
    return ", ".join(f"{percent:.4g}% mirrored to {place}" for place, percent in mirrors) or "no mirror"


def _fault(scene: _Scene) -> Difference:
    wanted = scene.expect.fault or ()
    got = scene.seen.faults
    fits = len(wanted) == len(got) and all(any(_is_fault(scene, each, fault) for fault in got) for each in wanted)
    if not fits:
        yield _faults_text(map(_fault_text, wanted)), _faults_text(map(_injected_text, got))


def _is_fault(scene: _Scene, wanted: ExpectedFault, got: Fault) -> bool:
    same = got.delay == parse_duration(wanted.delay) if wanted.delay is not None else got.status == wanted.abort
    return same and scene.near(float(wanted.percent), got.percent)


def _fault_text(fault: ExpectedFault) -> str:
    what = f"a delay of {fault.delay}" if fault.delay is not None else f"an abort with {fault.abort}"
    return f"{what} for {fault.percent:.4g}%"


def _injected_text(fault: Fault) -> str:
    what = f"a delay of {format_duration(fault.delay)}" if fault.delay is not None else f"an abort with {fault.status}"
    return f"{what} for {fault.percent:.4g}%"


def _faults_text(faults: Iterable[str]) -> str:
    return " and ".join(faults) or "no fault"


def _endpoints(scene: _Scene) -> Difference:
    wanted, got = set(scene.expect.endpoints or ()), set(scene.seen.endpoints)
    bare = {each.rpartition(":")[0] for each in got}
    missing = wanted - got - bare
    extra = {each for each in got if not wanted & {each, each.rpartition(":")[0]}}
    if missing or extra:
        yield ", ".join(sorted(wanted)) or "nobody", ", ".join(sorted(got)) or "none that is known"


def _locality(scene: _Scene) -> Difference:
    wanted, got = scene.expect.locality or "", scene.seen.localities
    if not got or any(each != wanted and not each.startswith(f"{wanted}/") for each in got):
        yield wanted, ", ".join(each or "one that is not said" for each in got) or "no endpoint that is known"


def _mtls(scene: _Scene) -> Difference:
    if scene.expect.mtls != scene.seen.mtls:
        words = {True: "mutual TLS", False: "plaintext", None: "no proxy of a server is met"}
        yield words[scene.expect.mtls], words[scene.seen.mtls]


_FIELDS: Mapping[str, Callable[[_Scene], Difference]] = {
    "outcome": _outcome,
    "by": _by,
    "to": _to,
    "through": _through,
    "status": _status,
    "location": _text("location"),
    "body": _text("body"),
    "path": _upstream("path"),
    "host": _upstream("host"),
    "headers": _headers,
    "without_headers": _without_headers,
    "response_headers": _response_headers,
    "without_response_headers": _without_response_headers,
    "timeout": _timeout,
    "retries": _retries,
    "mirror": _mirror,
    "fault": _fault,
    "endpoints": _endpoints,
    "locality": _locality,
    "mtls": _mtls,
}
"""How each field of `Expect` is compared, in the order in which failures are told."""

FIELDS: Sequence[str] = tuple(_FIELDS)
