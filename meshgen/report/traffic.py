"""What is said of traffic, in the order in which a reviewer needs it."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.diff.fate import FindingKind, ending_of
from meshgen.diff.findings import Finding, Way
from meshgen.diff.impact import Impact
from meshgen.report.requests import request_line

SECTIONS: tuple[tuple[str, frozenset[FindingKind]], ...] = (
    ("Who gains access", frozenset({FindingKind.OPEN, FindingKind.GAIN})),
    ("Who loses access", frozenset({FindingKind.LOSE})),
    ("Where requests go", frozenset({FindingKind.OUTCOME, FindingKind.SHARE, FindingKind.MIRROR})),
    ("What else changes", frozenset(FindingKind)),
)
"""Headings, each with the kinds of sentences below it; the last one has the rest."""


def sections(impact: Impact) -> Iterator[tuple[str, list[Finding]]]:
    """The headings that have sentences, with them."""
    told: set[FindingKind] = set()
    for title, kinds in SECTIONS:
        found = [each for each in impact.findings if each.kind in kinds - told]
        told |= kinds
        if found:
            yield title, found


def strong(finding: Finding) -> str:
    """What stands before a sentence that nobody may overlook."""
    return "OPEN TO THE INTERNET" if finding.kind is FindingKind.OPEN else ""


def command_line(finding: Finding) -> str:
    """How to see it: a command, or the request in words where no command can ask it."""
    witness = finding.witness
    return witness.command or f"{request_line(witness.request)} at {witness.proxy}"


def before_after(finding: Finding) -> str:
    """What becomes of the witness: at its proxy where the sentence does not say it, and at the others on the way."""
    witness = finding.witness
    host = finding.hosts[0] if finding.hosts else witness.request.host
    ends = [ending_of(each, host, witness.request.path) for each in (witness.before, witness.after)]
    texts = [f"{ends[0]} → {ends[1]}"] if ends[0] != ends[1] and finding.kind not in _SAID else []
    return "; ".join((*texts, *_elsewhere(witness.way, witness.proxy)))


_SAID = frozenset({FindingKind.SHARE, FindingKind.OUTCOME, FindingKind.CORS})


def _elsewhere(way: tuple[Way, Way], own: str) -> Iterator[str]:
    """What the other proxies on the way make of it, unless they just hand it on."""
    old, new = (dict(each) for each in way)
    if not old and not new:
        return
    arrives = any(place.endswith(f" {own}") for place in (*old, *new))
    if not arrives:
        yield f"it does not get there: {', then '.join(f'{place} {ending}' for place, ending in way[1] or way[0])}"
        return
    for place in {**old, **new}:
        before, after = old.get(place, "nothing comes"), new.get(place, "nothing comes")
        if place.endswith(f" {own}") or (before == after and (after == "let in" or after.startswith("routed"))):
            continue
        yield f"{place}: {after}, as before" if before == after else f"{place}: {before} → {after}"


def presence(impact: Impact) -> Iterator[str]:
    """New and removed proxies, with what they take."""
    for names, what in ((impact.only_after, "new"), (impact.only_before, "gone")):
        for name in names:
            meaning = impact.meanings.get(name, "")
            yield f"{name} is {what}{f': {meaning}' if meaning else ''}"
