"""Findings that an author keeps on purpose: the annotation `meshgen/ignore`.

Each line (or part between semicolons) is a code and the reason. It holds for warnings and infos at anything that the document
says which carries it, whatever stage finds them; an error is never kept.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from meshgen.diagnostics import Diagnostic, Origin, Related, Severity
from meshgen.diagnostics.catalogue import CODES
from meshgen.diagnostics.catalogue.link import MALFORMED_SUPPRESSION, UNUSED_SUPPRESSION
from meshgen.load.document import Document

ANNOTATION = "meshgen/ignore"
_BACKEND = "MG09"  # how the codes begin that are found only while Envoy configuration is written


@dataclass(frozen=True, slots=True)
class Suppression:
    """One code that a document keeps, and why."""

    code: str
    reason: str
    origin: Origin  # of the annotation
    places: tuple[Origin, ...]  # where the document was written: its own place, then those of its overlays and files

    def covers(self, diagnostic: Diagnostic) -> bool:
        """Whether a finding is of this code and in this document."""
        return diagnostic.code.number == self.code and any(_within(diagnostic.origin, place) for place in self.places)


def _within(origin: Origin, place: Origin) -> bool:
    """Whether a place is in a document: file and number; in a Python source the line that made the object."""
    same = (origin.file, origin.document) == (place.file, place.document) and place.line in {None, origin.line}
    return same and origin.path[: len(place.path)] == place.path


class Suppressions:
    """All suppressions of the sources."""

    def __init__(self, held: Iterable[Suppression] = ()) -> None:
        """`held` in the order of the documents: of two that keep the same, the first counts."""
        self._held = tuple(held)
        self._by_code: dict[str, list[Suppression]] = {}
        for suppression in self._held:
            self._by_code.setdefault(suppression.code, []).append(suppression)

    def keep(self, diagnostics: Iterable[Diagnostic]) -> tuple[tuple[Diagnostic, ...], frozenset[Suppression]]:
        """The findings that nobody keeps, and the suppressions that keep one."""
        if not self._held:
            return tuple(diagnostics), frozenset()
        used: set[Suppression] = set()
        left: list[Diagnostic] = []
        for diagnostic in diagnostics:
            keeper = self._keeper(diagnostic)
            if keeper is None:
                left.append(diagnostic)
            else:
                used.add(keeper)
        return tuple(left), frozenset(used)

    def _keeper(self, diagnostic: Diagnostic) -> Suppression | None:
        if diagnostic.severity is Severity.ERROR:
            return None
        candidates = self._by_code.get(diagnostic.code.number, ())
        return next((each for each in candidates if each.covers(diagnostic)), None)

    def unused(self, used: Collection[Suppression]) -> Iterator[Diagnostic]:
        """A finding for each suppression that keeps nothing; those of codes that only the Envoy backend gives are not judged."""
        for suppression in self._held:
            if suppression not in used and not suppression.code.startswith(_BACKEND):
                twin = next((each for each in used if _same(each, suppression)), None)
                yield _unused(suppression) if twin is None else _repeated(suppression, twin)


def _same(one: Suppression, other: Suppression) -> bool:
    return (one.code, one.places[0]) == (other.code, other.places[0])


def _unused(suppression: Suppression) -> Diagnostic:
    message = f"the suppression of `{suppression.code}` suppresses nothing here"
    return UNUSED_SUPPRESSION.at(suppression.origin, message, help="remove it: it would hide the next fault of this kind")


def _repeated(suppression: Suppression, first: Suppression) -> Diagnostic:
    related = [Related(first.origin, "the first")]
    message = f"`{suppression.code}` is suppressed twice"
    return UNUSED_SUPPRESSION.at(suppression.origin, message, help="remove one of the two", related=related)


def read_suppressions(documents: Iterable[Document]) -> tuple[Suppressions, tuple[Diagnostic, ...]]:
    """The suppressions that documents hold, and what is wrong with them."""
    found: list[Suppression] = []
    wrong: list[Diagnostic] = []
    for document in documents:
        text = document.annotation(ANNOTATION)
        if text:
            _read(document, text, found, wrong)
    return Suppressions(found), tuple(wrong)


def _read(document: Document, text: str, found: list[Suppression], wrong: list[Diagnostic]) -> None:
    origin = document.origin_of("metadata", "annotations", ANNOTATION)
    places = (document.origin, *_elsewhere(document))
    for line in filter(None, (part.strip() for part in text.replace(";", "\n").splitlines())):
        code, _, reason = line.partition(" ")
        problem = _problem(code, reason)
        if problem:
            wrong.append(MALFORMED_SUPPRESSION.at(origin, problem[0], help=problem[1]))
        else:
            found.append(Suppression(code, reason.strip(), origin, places))


def _elsewhere(document: Document) -> Iterator[Origin]:
    """The documents and files, beside its own, that parts of a document were written in."""
    files = dict.fromkeys((each.file, each.document) for each in document.origins.values())
    return (Origin(file, number) for file, number in files)


def _problem(code: str, reason: str) -> tuple[str, str] | None:
    known = CODES.get(code)
    if known is None:
        return f"`{code}` is no code that a suppression can name", f"write `{ANNOTATION}: MG0301 the reason`"
    if known.severity is Severity.ERROR:
        return f"`{code}` is an error, which cannot be suppressed", f"remove it, and mend what `{code}` finds"
    if not reason.strip():
        return f"the suppression of `{code}` gives no reason", f"write `{code}` and why the finding is right as it is"
    return None
