"""What a class of requests that end differently is called, and what is said of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from meshgen.diff.classes.comparison import CALLER_FIELDS, Change, ClassOfRequests, Comparison, Sample
from meshgen.diff.classes.places import upstream_tls
from meshgen.diff.classes.region import Region
from meshgen.diff.classes.space import Box, Words
from meshgen.diff.fate import FindingKind, Verdict, compare_fates
from meshgen.trace import Decision

_NOBODY = "callers without mTLS"
_ASKED_BY_BROWSERS = ("header origin", "header access-control-request-method", "method")
_MOST_KINDS = 3
OTHERS = " of other kinds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One sentence of one place: `text` has `{hosts}` for the host, and `{callers}`, `{gain}`, `{lose}` for callers."""

    kind: FindingKind
    text: str
    callers: str = ""
    sample: Sample


def sentences_of(comparison: Comparison) -> Iterator[Sentence]:
    """Who may call first, then what becomes of requests."""
    for each in comparison.classes:
        if each.change is not Change.FATE:
            yield _access(comparison, each)
    yield from _fates(comparison)
    yield from _unforeseen(comparison)


def _words(words: Iterable[Words], *, callers: bool) -> list[Words]:
    return [each for each in words if (each.field in CALLER_FIELDS) is callers and each.options]


def _conditions(words: Iterable[Words], without: Sequence[str] = ()) -> str:
    """` with method GET or POST, path /items*`."""
    texts = []
    for each in words:
        if each.field in CALLER_FIELDS or each.field in without or not each.options:
            continue
        first, *more = (text for text, _ in each.options)
        label = f"{each.field.removeprefix('header ')}{':' if each.field.startswith('header ') else ''} "
        rest = [text.removeprefix(label) for text in more]
        if len(rest) > 5:
            rest = [*rest[:4], f"{len(rest) - 4} others"]
        texts.append(" or ".join((first, *rest)))
    return f" with {', '.join(dict.fromkeys(texts))}" if texts else ""


def _access(comparison: Comparison, found: ClassOfRequests) -> Sentence:
    place, sides = comparison.place, comparison.sides
    gains = found.change is Change.GAIN
    kind = FindingKind.GAIN if gains else FindingKind.LOSE
    callers = _caller(comparison, found)
    which = "" if _is_all_of_caller(comparison, found) else _conditions(found.words) + _kept(comparison, found)
    closed = sides[0].is_closed if gains else sides[1].is_closed
    if closed and place.inbound:
        speaks = "mTLS" if place.base.tls == "mtls" else "plaintext"
        which += f": {speaks} is {'accepted' if gains else 'refused'} now"
    elif not place.base.is_http:
        which = f" over TCP{which}"
    if gains and _needed_token(comparison, found):
        text = f"{{callers}} {{gain}} access to {{hosts}}{which} without a token, which was needed before"
        return Sentence(kind=FindingKind.OPEN, text=text, callers=callers, sample=found.samples[0])
    verb = "{gain}" if gains else "{lose}"
    return Sentence(kind=kind, text=f"{{callers}} {verb} access to {{hosts}}{which}", callers=callers, sample=found.samples[0])


def _is_all_of_caller(comparison: Comparison, found: ClassOfRequests) -> bool:
    """Whether nothing is left to a caller that loses access."""
    if found.change is Change.GAIN or comparison.sides[1].is_closed:
        return False
    told = _words(found.words, callers=True)
    bits = {each.field: found.region.box.bits[each.field] for each in told if each.field in found.region.box.bits}
    left = Region(Box(bits), demands=comparison.sides[1].passes)
    if not told:
        left = left.without(_named_callers(comparison))
    return comparison.search.point(left) is None


def _named_callers(comparison: Comparison) -> tuple[Box, ...]:
    """The callers that the rules of either side name."""
    boxes = (box for side in comparison.sides for gate in side.gates for box, _ in gate.entries)
    return tuple(
        Box({name: box.bits[name] for name in box.bits if name in CALLER_FIELDS})
        for box in boxes
        if any(name in CALLER_FIELDS for name in box.bits)
    )


def _kept(comparison: Comparison, found: ClassOfRequests) -> str:
    """The end of a sentence on access: which requests of the class's words are let in on both sides."""
    side = comparison.sides[0 if found.change is Change.GAIN else 1]
    kept: list[str] = []
    for gate in side.gates:
        for box, output in gate.entries:
            conditions = _conditions(box.words)
            told = {name for name in box.bits if name in CALLER_FIELDS}
            if output not in gate.passing or not told <= set(found.region.box.bits):
                continue
            part = Region(found.region.box, demands=side.passes).inside(box)
            if conditions and part is not None and comparison.search.point(part) is not None:
                kept.append(conditions)
    return f"; requests{_kinds(kept)} {'were already' if side is comparison.sides[0] else 'are still'} let in" if kept else ""


def _needed_token(comparison: Comparison, found: ClassOfRequests) -> bool:
    """Whether a gateway lets through without a token what it let through with one alone."""
    sample, atoms = found.samples[0], comparison.space.atoms.get("token")
    if comparison.place.inbound or sample.request.claims or atoms is None:
        return False
    none = atoms.index.get(atoms.met(None), 0)
    before = Region(demands=comparison.sides[0].passes)
    without, with_one = (before.inside(Box({"token": bits})) for bits in (1 << none, atoms.all & ~(1 << none)))
    if without is None or with_one is None:
        return False
    bits = {name: each for name, each in found.region.box.bits.items() if name != "token"}
    parts = without.inside(Box(bits)), with_one.inside(Box(bits))
    points = [part is not None and comparison.search.point(part) is not None for part in parts]
    return points == [False, True]


def _caller(comparison: Comparison, found: ClassOfRequests) -> str:
    """How sentences speak of the callers."""
    place, words = comparison.place, found.words
    told = {each.field: each for each in _words(words, callers=True)}
    if place.inbound and place.base.tls != "mtls":
        base = _NOBODY
    elif not place.inbound:
        base = "anyone"
    elif "principal" in told:
        names = [text for text, _ in told["principal"].options]
        base = " or ".join(f"workloads other than {each[4:]}" if each.startswith("not ") else each for each in names)
    else:
        named = _named_callers(comparison)
        parts = [part for box in named if (part := found.region.inside(box)) is not None]
        are_spared = all(comparison.search.point(part) is None for part in parts)
        base = "any other workload" if named and are_spared else "any workload"
    for name in ("address", "remote"):
        if name in told:
            base += f" from {' or '.join(text for text, _ in told[name].options)}"
    return base + _token([each for each in words if each.field == "token" and each.options])


def _token(words: Sequence[Words]) -> str:
    texts = [" or ".join(text for text, _ in each.options) for each in words]
    issuer = next((text for text in texts if text.startswith("iss: ")), "")
    without = next((text for text in texts if text.startswith("not iss: ")), "")
    others = [text for text in texts if text not in (issuer, without) and ": ~" not in text]
    if without and not issuer:
        return f" without a token of {without.removeprefix('not iss: ')}"
    named = "".join(f", {each}" for each in others)
    return f" with a token{f' of {issuer[5:]}' if issuer else ''}{named}" if texts else ""


def _verdicts(comparison: Comparison, found: ClassOfRequests) -> list[tuple[Verdict, Sample]]:
    """What differs in the samples of a class, each kind once."""
    kept: dict[FindingKind, list[tuple[Verdict, Sample]]] = {}
    for sample in found.samples:
        of_kind: dict[FindingKind, list[tuple[Verdict, Sample]]] = {}
        for verdict in (*_fate(sample, comparison), *_spoken(sample, comparison)):
            of_kind.setdefault(verdict.kind, []).append((verdict, sample))
        for kind, verdicts in of_kind.items():
            kept.setdefault(kind, verdicts)
    return [each for verdicts in kept.values() for each in verdicts]


def _fate(sample: Sample, comparison: Comparison) -> tuple[Verdict, ...]:
    return compare_fates(sample.before, sample.after, comparison.place.host, sample.request.path)


def _spoken(sample: Sample, comparison: Comparison) -> Iterator[Verdict]:
    """Whether the servers that take the request are spoken to otherwise."""
    configs = comparison.place.configs
    old, new = (
        {name: upstream_tls(config, name) for name in _clusters(decision)}
        for config, decision in zip(configs.both, (sample.before, sample.after), strict=True)
    )
    for name in old:
        if name in new and old[name] != new[name]:
            yield Verdict(FindingKind.MTLS, f"{{requests}} are sent on in {new[name]} instead of {old[name]}")
            return


def _clusters(decision: Decision) -> list[str]:
    return [decision.cluster] if decision.cluster else [each.cluster for each in decision.weights]


def _fates(comparison: Comparison) -> Iterator[Sentence]:
    """Sentences on what becomes of requests; what holds for all of them is not said again for some."""
    classes = [each for each in comparison.classes if each.change is Change.FATE]
    told = [(each, _verdicts(comparison, each)) for each in classes]
    general = {verdict for each, verdicts in told if not _conditions(each.words) for verdict, _ in verdicts}
    touched = {each.rule for each, verdicts in told if verdicts}
    rest = _unaffected(comparison, touched) if touched else ""
    for each, verdicts in told:
        for verdict, sample in verdicts:
            conditions = _conditions(each.words, _ASKED_BY_BROWSERS if verdict.kind is FindingKind.CORS else ())
            if not conditions or verdict not in general or verdict.kind is FindingKind.CORS:
                yield _fate_sentence(comparison, verdict, conditions, rest, sample)


def _fate_sentence(comparison: Comparison, verdict: Verdict, conditions: str, rest: str, sample: Sample) -> Sentence:
    place = comparison.place
    unsafe = " without mTLS" if place.inbound and place.base.tls == "none" else ""
    if not place.base.is_http:
        requests = f"connections to {{hosts}}{unsafe}{conditions}"
    else:
        requests = f"requests to {{hosts}}{unsafe}{conditions}"
    origin = next((value for name, value in sample.request.headers if name == "origin"), "")
    text = verdict.text.replace("{requests}", requests).replace("{origin}", origin)
    return Sentence(kind=verdict.kind, text=text + rest, sample=sample)


def _unaffected(comparison: Comparison, touched: Collection[int]) -> str:
    """The end of a sentence: which requests to the same host keep their fate."""
    kinds = [_conditions(words) or OTHERS for words in comparison.unaffected(touched)]
    return f"; requests{_kinds(list(dict.fromkeys(kinds)))} are unaffected" if kinds else ""


def _kinds(conditions: Sequence[str]) -> str:
    shown = sorted(conditions, key=lambda each: (each == OTHERS, each))[:_MOST_KINDS]
    more = f" and {len(conditions) - _MOST_KINDS} more kinds" if len(conditions) > _MOST_KINDS else ""
    return " or".join(shown) + more


def _unforeseen(comparison: Comparison) -> Iterator[Sentence]:
    """Filters that may change everything, and whose working nobody can foretell."""
    old, new = (side.opaque for side in comparison.sides)
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    if names and not any(side.is_closed for side in comparison.sides):
        request = comparison.space.request(comparison.place.base, dict.fromkeys(comparison.space.atoms, 0))
        text = f"what {' and '.join(names)} makes of requests to {{hosts}} may change: it is not simulated"
        yield Sentence(kind=FindingKind.UNFORESEEN, text=text, sample=comparison.trace(request))
