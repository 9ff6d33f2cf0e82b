"""The sentences of all proxies as one list: what is said of several hosts, callers or proxies alike is said once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from meshgen.diff.classes.comparison import Comparison
from meshgen.diff.classes.places import ANY_PORT
from meshgen.diff.fate import FindingKind, service_name
from meshgen.diff.knowing import Known, Spot
from meshgen.diff.sentences import sentences_of
from meshgen.mesh import Proxy
from meshgen.trace import Decision, Request

_MOST_NAMES = 4  # in one sentence


Way = tuple[tuple[str, str], ...]
"""What each proxy on a request's way does: `("into shop/catalog", "denied (403)")`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """A request that shows a sentence to be true, and what becomes of it at a proxy before and after."""

    proxy: str
    request: Request
    before: Decision
    after: Decision
    source: str = ""  # the proxy of the workload that sends it, where that is known
    command: str = ""  # that traces it, where it can be asked
    way: tuple[Way, Way] = ((), ())  # from proxy to proxy, before and after


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One sentence on traffic."""

    kind: FindingKind
    text: str
    proxies: tuple[str, ...]
    witness: Witness
    hosts: tuple[str, ...] = ()
    callers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Said:
    """What tells one sentence from another before sentences are joined."""

    kind: FindingKind
    text: str
    callers: str
    inbound: bool
    hosts: tuple[str, ...]


@dataclass(slots=True)
class Tally:
    """What was found so far, and how far was looked."""

    identities: Mapping[str, str]  # proxies by the identity that they call with
    said: dict[_Said, dict[Spot, Witness]] = field(default_factory=lambda: defaultdict(dict))
    classes: int = 0
    sampled: set[str] = field(default_factory=set)
    gave_up: bool = False

    def add(self, proxy: Proxy, comparison: Comparison, others: Sequence[str] = ()) -> None:
        """Keep what one place of a proxy has to say; it speaks for others as well."""
        place = comparison.place
        touched = {each.rule for each in comparison.classes}
        self.classes += (comparison.traced + len(comparison.unaffected(touched))) * (1 + len(others))
        self.sampled |= comparison.space.sampled
        self.gave_up = self.gave_up or comparison.search.gave_up
        for each in sentences_of(comparison):
            sample = each.sample
            source = "" if not place.inbound else self.identities.get(sample.request.principal, "")
            if not place.inbound and sample.request.capture != "none":
                source = proxy.id
            witness = Witness(
                proxy=proxy.id, request=sample.request, before=sample.before, after=sample.after, source=source
            )  # fmt: skip
            callers = each.callers.removeprefix(f"{proxy.namespace}/")
            hosts = place.hosts if place.base.is_http and not place.inbound else (place.host,)
            said = _Said(each.kind, each.text, callers, place.inbound, hosts)
            for name in (proxy.id, *others):
                self.said[said].setdefault((name, place.base.port), witness)


@dataclass(frozen=True, slots=True)
class _Joined:
    """A sentence with all hosts and callers that it is true of."""

    kind: FindingKind
    text: str
    where: str
    hosts: tuple[str, ...]
    callers: tuple[str, ...]
    proxies: tuple[str, ...]
    witness: Witness

    def finding(self, names: Mapping[str, str]) -> Finding:
        hosts = [names.get(host, host) for host in self.hosts]
        several = len(self.callers) > 1 or self.callers[0].startswith("callers ")
        text = (
            self.text
            .replace("{callers}", listed(self.callers, "and"))
            .replace("{gain}", "gain" if several else "gains")
            .replace("{lose}", "lose" if several else "loses")
            .replace("{hosts}", listed(hosts, "and"))
        )
        callers = tuple(each for each in self.callers if each)
        return Finding(
            kind=self.kind, text=text + self.where, proxies=self.proxies, witness=self.witness, hosts=self.hosts, callers=callers
        )  # fmt: skip


def findings_of(tally: Tally, known: Known) -> tuple[Finding, ...]:
    """All sentences, the gravest kinds first; those that differ in hosts or in callers alone are one."""
    sentences = []
    for said, witnesses in tally.said.items():
        spots = set(witnesses)
        proxies = tuple(dict.fromkeys(proxy for proxy, _ in sorted(spots)))
        where = _where(spots, known.spots(said.hosts[0], spots, inbound=said.inbound))
        witness = witnesses[min(spots, key=lambda spot: (_is_own(spot[0], said.hosts), _usual(spot)))]
        sentences.append(_Joined(said.kind, said.text, where, said.hosts, (said.callers,), proxies, witness))
    for attribute in ("hosts", "callers"):
        sentences = _joined(sentences, attribute)
    names = _short_names(host for each in sentences for host in each.hosts)
    found = [each.finding(names) for each in sentences]
    order = list(FindingKind)
    return tuple(sorted(found, key=lambda each: (order.index(each.kind), each.text)))


def _joined(sentences: Sequence[_Joined], attribute: str) -> list[_Joined]:
    """Sentences that differ in one attribute alone, as one with all of its values."""
    groups: defaultdict[tuple[object, ...], list[_Joined]] = defaultdict(list)
    for each in sentences:
        other = each.callers if attribute == "hosts" else each.hosts
        groups[each.kind, each.text, each.where, other].append(each)
    joined = []
    for group in groups.values():
        values = tuple(sorted({value for each in group for value in getattr(each, attribute)}))
        proxies = tuple(sorted({proxy for each in group for proxy in each.proxies}))
        first = min(group, key=lambda each: each.witness.proxy)
        values = getattr(first, attribute) if len(group) == 1 else values
        if attribute == "hosts":
            joined.append(replace(first, proxies=proxies, hosts=values))
        else:
            joined.append(replace(first, proxies=proxies, callers=values))
    return joined


def _short_names(hosts: Iterable[str]) -> dict[str, str]:
    """`catalog` for each host, or the whole host where two hosts have that short name."""
    short = {host: service_name(host) for host in hosts}
    uses = Counter(short.values())
    return {host: name if uses[name] == 1 else host for host, name in short.items()}


def _is_own(proxy: str, hosts: Sequence[str]) -> bool:
    """Whether the host is what the proxy itself stands in front of: others show better who calls it."""
    return proxy.rpartition("/")[2] in [service_name(host) for host in hosts]


def _usual(spot: Spot) -> tuple[str, bool, int]:
    """The first proxy's first port, a real one if there is one: what a witness is best from."""
    return (spot[0], spot[1] == ANY_PORT, spot[1])


def _where(spots: set[Spot], everywhere: set[Spot]) -> str:
    """Which proxies and ports a sentence holds for, unless it holds wherever its host is known."""
    proxies, ports = sorted({proxy for proxy, _ in spots}), sorted({port for _, port in spots})
    texts = []
    if not {proxy for proxy, _ in everywhere} <= set(proxies):
        texts.append(f"at {listed(proxies, 'and')}")
    if not {port for proxy, port in everywhere if proxy in proxies} <= set(ports):
        named = [str(port) for port in ports if port != ANY_PORT]
        others = " and others" if len(named) < len(ports) else ""
        texts.append(f"on port {listed(named, 'and')}{others}" if named else "on other ports")
    return f" ({', '.join(texts)})" if texts else ""


def listed(names: Sequence[str], word: str) -> str:
    """`a, b and c`, or the first few and how many more there are."""
    if len(names) > _MOST_NAMES:
        names = [*names[: _MOST_NAMES - 1], f"{len(names) - _MOST_NAMES + 1} more"]
    return f" {word} ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
