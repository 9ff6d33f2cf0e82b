"""The requests whose fate changes: what a diff of objects means for traffic.

It traces the classes of requests that the predicates of both configurations tell apart (hosts, paths, headers, methods,
callers), one example each, and not all their combinations: `Impact.reach` says so.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from meshgen.diff.callers import ANYBODY, Caller
from meshgen.diff.fate import FindingKind, Verdict, compare_fates, service_name
from meshgen.diff.predicates import Example
from meshgen.diff.targets import ANY_PORT, Key, Target, classes_of, targets_of
from meshgen.emit.envoy.snapshot import Snapshot
from meshgen.json import JsonObject
from meshgen.mesh import Proxy
from meshgen.trace import Decision, EnvoyConfig, Outcome, Request, trace
from meshgen.trace.fields import message, messages, string


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """A request that shows a sentence to be true, and what becomes of it at a proxy before and after."""

    proxy: str
    request: Request
    before: Decision
    after: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One sentence on traffic."""

    kind: FindingKind
    text: str
    proxies: tuple[str, ...]
    witness: Witness


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """What changes for requests, and how far that was looked at."""

    findings: tuple[Finding, ...] = ()
    proxies: int = 0  # that were compared
    classes: int = 0  # of requests that were traced on both sides
    missed: int = 0  # matchers for which no example request was found
    only_before: tuple[str, ...] = ()  # proxies that are not there any more
    only_after: tuple[str, ...] = ()  # new proxies

    @property
    def means_something(self) -> bool:
        """Whether requests or proxies differ."""
        return bool(self.findings or self.only_before or self.only_after)

    @property
    def sentences(self) -> tuple[str, ...]:
        """The findings in words; `no request changes` where there is none."""
        return tuple(finding.text for finding in self.findings) or ("no request changes",)

    @property
    def reach(self) -> str:
        """What the sentences rest on, in words."""
        classes = "1 class" if self.classes == 1 else f"{self.classes} classes"
        proxies = "1 proxy" if self.proxies == 1 else f"{self.proxies} proxies"
        text = f"from {classes} of requests that the configurations of {proxies} tell apart"
        if self.missed:
            text += f"; no example was found for {self.missed} matcher{'s' if self.missed > 1 else ''}"
        return text


_MOST_NAMES = 3  # in one sentence
_Spot = tuple[str, int]  # a proxy and one of its ports


@dataclass(slots=True)
class _Tally:
    """What was found so far: the sentences with the spots where they hold, and all spots that know the host."""

    found: dict[tuple[str, str, FindingKind, str], dict[_Spot, Witness]] = field(default_factory=lambda: defaultdict(dict))
    spots: dict[tuple[str, str], set[_Spot]] = field(default_factory=lambda: defaultdict(set))  # by direction and host
    classes: int = 0
    missed: int = 0


@dataclass(frozen=True, slots=True)
class _Pair:
    """A proxy before and after."""

    proxy: Proxy
    configs: tuple[EnvoyConfig, EnvoyConfig]
    targets: tuple[dict[Key, Target], dict[Key, Target]]

    @classmethod
    def of(cls, before: Snapshot, after: Snapshot) -> _Pair:
        served = _served(before) | _served(after)
        configs = _config(before, served), _config(after, served)
        workload = workload_name(after.proxy)
        return cls(after.proxy, configs, (targets_of(configs[0], workload), targets_of(configs[1], workload)))

    @property
    def all_targets(self) -> Iterable[Target]:
        return (*self.targets[0].values(), *self.targets[1].values())

    def differing(self) -> Iterator[tuple[Target | None, Target | None]]:
        """The targets whose requests may end differently, by key."""
        old, new = self.targets
        for key in sorted({*old, *new}):
            left, right = old.get(key), new.get(key)
            if left is None or right is None or not (left.same_as(right) or left.is_led_like(right)):
                yield left, right

    def also(self, target: Target) -> str:
        """` and www.example.com`: the hosts that share this target's virtual host on both sides."""
        old, new = self.targets
        hosts = [new[key].host for key in sorted({*old, *new}) if _follows(old.get(key), new.get(key), target)]
        return f" and {_list(hosts)}" if hosts else ""


def _follows(left: Target | None, right: Target | None, target: Target) -> bool:
    """Whether `target` speaks for a host."""
    if left is None or right is None or right.key[:-1] != target.key[:-1]:
        return False
    return left.is_led_like(right) and right.leader == target.host


def impact(before: Sequence[Snapshot], after: Sequence[Snapshot]) -> Impact:
    """Trace the classes of requests of every proxy that is on both sides and whose configuration differs."""
    old, new = {each.proxy.id: each for each in before}, {each.proxy.id: each for each in after}
    tally = _Tally()
    pairs = [_Pair.of(old[name], new[name]) for name in sorted(set(old) & set(new))]
    names = _short_names(target.host for pair in pairs for target in pair.all_targets if not target.inbound)
    for pair in pairs:
        for target in pair.all_targets:
            tally.spots[_place(pair.proxy, target, names)].add((pair.proxy.id, target.base.port))
        for left, right in pair.differing():
            _compare(tally, pair, left, right, names)
    return Impact(
        findings=_findings(tally),
        proxies=len(pairs),
        classes=tally.classes,
        missed=tally.missed,
        only_before=tuple(sorted(set(old) - set(new))),
        only_after=tuple(sorted(set(new) - set(old))),
    )


def _served(snapshot: Snapshot) -> frozenset[str]:
    """The clusters that have endpoints."""
    found = (each for each in snapshot.endpoints if any(messages(group, "lb_endpoints") for group in messages(each, "endpoints")))
    return frozenset(string(each, "cluster_name") for each in found)


_SOMEBODY: JsonObject = {"socket_address": {"address": "192.0.2.1", "port_value": 80}}


def _config(snapshot: Snapshot, served: frozenset[str]) -> EnvoyConfig:
    """The configuration, with somebody behind each cluster that has no endpoints on either side.

    Sources rarely say which Pods run, and a route must not count as broken for that.
    """
    somebody: JsonObject = {"lb_endpoints": [{"endpoint": {"address": _SOMEBODY}}]}
    names = [string(message(each, "eds_cluster_config"), "service_name") or string(each, "name") for each in snapshot.clusters]
    assumed: list[JsonObject] = [{"cluster_name": name, "endpoints": [somebody]} for name in names if name not in served]
    endpoints = (*(each for each in snapshot.endpoints if string(each, "cluster_name") in served), *assumed)
    return EnvoyConfig.from_snapshot({}, snapshot.listeners, snapshot.clusters, snapshot.routes, endpoints)


def _short_names(hosts: Iterable[str]) -> Mapping[str, str]:
    """`catalog` for each host, or the whole host where two hosts have that short name."""
    short = {host: service_name(host) for host in hosts}
    uses = Counter(short.values())
    return {host: name if uses[name] == 1 else host for host, name in short.items()}


def _place(proxy: Proxy, target: Target, names: Mapping[str, str]) -> tuple[str, str]:
    """Direction and the name by which sentences speak of the target."""
    return ("inbound", workload_name(proxy)) if target.inbound else ("outbound", names[target.host])


def _compare(tally: _Tally, pair: _Pair, left: Target | None, right: Target | None, names: Mapping[str, str]) -> None:
    target = right or left
    assert target is not None, "one of two keys is there"  # noqa: S101 - a bug of ours
    classes = classes_of(left, right)
    tally.missed += classes.missed
    scene = _Scene(
        tally, pair, target, _place(pair.proxy, target, names), has_policies=bool(classes.callers), also=pair.also(target)
    )
    let_in = scene.compare_access(classes.callers)
    scene.compare_requests(classes.requests, let_in)


def workload_name(proxy: Proxy) -> str:
    """How people call what a proxy stands in front of: its canonical name or `app` label, else its own name."""
    labels = ("service.istio.io/canonical-name", "app.kubernetes.io/name", "app")
    return next((proxy.labels[label] for label in labels if proxy.labels.get(label)), proxy.name)


@dataclass(frozen=True, slots=True)
class _Scene:
    """One target at one proxy, before and after."""

    tally: _Tally
    pair: _Pair
    target: Target
    place: tuple[str, str]
    has_policies: bool  # on either side
    also: str  # the other hosts that this one speaks for

    @property
    def proxy(self) -> Proxy:
        return self.pair.proxy

    @property
    def host(self) -> str:
        return self.place[1]

    def trace(self, request: Request) -> tuple[Decision, Decision]:
        """What becomes of a request before and after."""
        self.tally.classes += 1
        before, after = self.pair.configs
        return trace(before, request), trace(after, request)

    def note(self, verdict: Verdict, conditions: str, request: Request, decisions: tuple[Decision, Decision]) -> None:
        """Keep a difference with its witness."""
        witness = Witness(proxy=self.proxy.id, request=request, before=decisions[0], after=decisions[1])
        unsafe = " without mTLS" if self.target.inbound and self.target.base.tls == "none" else ""
        text = verdict.text.replace("{requests}", f"requests to {self.host}{self.also}{unsafe}{conditions}")
        key = (*self.place, verdict.kind, text)
        self.tally.found[key].setdefault((self.proxy.id, self.target.base.port), witness)

    def compare_requests(self, examples: Sequence[Example], caller: Caller) -> None:
        """Sentences on what becomes of this caller's requests; what holds for all of them is not said again for some."""
        general: tuple[Verdict, ...] = ()
        differing: list[tuple[Example, tuple[Decision, Decision], tuple[Verdict, ...]]] = []
        unaffected: list[str] = []
        for example in examples:
            example = replace(example, request=caller.sends(example.request, self.target.issuers))  # noqa: PLW2901 - sent by somebody
            decisions = self.trace(example.request)
            verdicts = self._verdicts(decisions, example.request.path)
            if not example.conditions:
                general = verdicts
            if verdicts and (not example.conditions or verdicts != general):
                differing.append((example, decisions, verdicts))
            elif not verdicts:
                unaffected.append(_conditions(example) or _OTHERS)
        rest = _unaffected(unaffected)
        for example, decisions, verdicts in differing:
            for verdict in verdicts:
                if not example.conditions or verdict not in general:
                    self.note(Verdict(verdict.kind, verdict.text + rest), _conditions(example), example.request, decisions)

    def _verdicts(self, decisions: tuple[Decision, Decision], path: str) -> tuple[Verdict, ...]:
        """The differences; who is let in has sentences of its own where policies decide it."""
        denied = any(decision.outcome is Outcome.DENIED for decision in decisions)
        return () if denied and self.has_policies else compare_fates(*decisions, self.target.host, path)

    def compare_access(self, callers: Sequence[tuple[Caller, Example]]) -> Caller:
        """Sentences on who may call; gives a caller that is let in on both sides, if there is one."""
        by_caller: defaultdict[str, list[_Case]] = defaultdict(list)
        let_in = ANYBODY
        alone = all(caller == ANYBODY for caller, _ in callers)
        for caller, example in callers:
            request = caller.sends(example.request, self.target.issuers)
            case = _Case(example, request, self.trace(request))
            by_caller[self._name(caller, alone=alone)].append(case)
            if let_in is ANYBODY and case.was_let_in and case.is_let_in:
                let_in = caller
        for name, cases in by_caller.items():
            self._compare_caller(name, cases)
        return let_in

    def _name(self, caller: Caller, *, alone: bool) -> str:
        mutual = self.target.base.tls == "mtls" and self.target.inbound
        name = caller.name(inbound=self.target.inbound, mutual=mutual, namespace=self.proxy.namespace)
        return name.replace("any other workload", "any workload") if alone else name

    def _compare_caller(self, name: str, cases: Sequence[_Case]) -> None:
        changes = (
            ("gain", [case for case in cases if not case.was_let_in and case.is_let_in], all(c.is_let_in for c in cases)),
            ("lose", [case for case in cases if case.was_let_in and not case.is_let_in], not any(c.is_let_in for c in cases)),
        )
        for verb, found, whole in changes:
            if found:
                kept = [_conditions(case.example) or _OTHERS for case in cases if case.was_let_in and case.is_let_in]
                which = "" if whole else _alternatives([case.example for case in found]) + _keep(kept, verb)
                ending = "" if name.startswith("callers ") else "s"
                verdict = Verdict(FindingKind.ACCESS, f"{name} {verb}{ending} access to {self.host}{which}")
                self.note(verdict, "", found[0].request, found[0].decisions)


@dataclass(frozen=True, slots=True)
class _Case:
    """One caller's request, before and after."""

    example: Example
    request: Request
    decisions: tuple[Decision, Decision]

    @property
    def was_let_in(self) -> bool:
        return _lets_in(self.decisions[0])

    @property
    def is_let_in(self) -> bool:
        return _lets_in(self.decisions[1])


def _lets_in(decision: Decision) -> bool:
    return decision.outcome not in (Outcome.DENIED, Outcome.CLOSED, Outcome.NO_LISTENER)


_OTHERS = " of other kinds"


def _conditions(example: Example) -> str:
    return f" with {', '.join(example.conditions)}" if example.conditions else ""


def _alternatives(examples: Sequence[Example]) -> str:
    """` with path /a or with path /b`: the widest conditions, the first few of them."""
    known = [frozenset(example.conditions) for example in examples if example.conditions]
    wide = [each for each in examples if each.conditions and not any(other < frozenset(each.conditions) for other in known)]
    shown = [_conditions(each) for each in wide] or [" with requests of other kinds"]
    more = f" and {len(shown) - 3} more kinds of requests" if len(shown) > 3 else ""
    return " or".join(shown[:3]) + more


def _unaffected(conditions: Sequence[str]) -> str:
    """The end of a sentence: which requests to the same host keep their fate."""
    return f"; requests{_kinds(conditions)} are unaffected" if conditions else ""


def _keep(conditions: Sequence[str], verb: str) -> str:
    """The end of a sentence on access: which requests of the same caller are let in on both sides."""
    if not conditions:
        return ""
    return f"; requests{_kinds(conditions)} {'are still' if verb == 'lose' else 'were already'} let in"


def _kinds(conditions: Sequence[str]) -> str:
    shown = sorted(conditions, key=lambda each: (each == _OTHERS, each))[:3]
    more = f" and {len(conditions) - 3} more kinds" if len(conditions) > 3 else ""
    return " or".join(shown) + more


def _findings(tally: _Tally) -> tuple[Finding, ...]:
    order = list(FindingKind)
    findings = []
    for (direction, host, kind, text), witnesses in tally.found.items():
        spots = sorted(witnesses)
        proxies = tuple(dict.fromkeys(proxy for proxy, _ in spots))
        where = _where(set(spots), tally.spots[direction, host])
        findings.append(Finding(kind=kind, text=text + where, proxies=proxies, witness=witnesses[min(spots, key=_usual)]))
    return tuple(sorted(findings, key=lambda each: (order.index(each.kind), each.text)))


def _usual(spot: _Spot) -> tuple[str, bool, int]:
    """The first proxy's first port, a real one if there is one: what a witness is best from."""
    return (spot[0], spot[1] == ANY_PORT, spot[1])


def _where(spots: set[_Spot], everywhere: set[_Spot]) -> str:
    """Which proxies and ports a sentence holds for, unless it holds wherever its host is known."""
    if spots == everywhere:
        return ""
    proxies, ports = sorted({proxy for proxy, _ in spots}), sorted({port for _, port in spots})
    texts = []
    if {proxy for proxy, _ in everywhere} != set(proxies):
        texts.append(f"at {_list(proxies)}")
    if {port for proxy, port in everywhere if proxy in proxies} != set(ports):
        texts.append(f"on port {_list(['any other' if port == ANY_PORT else str(port) for port in ports[::-1]])}")
    return f" ({', '.join(texts)})" if texts else ""


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more
