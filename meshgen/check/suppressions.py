"""Findings that an author keeps on purpose: the annotation `meshgen/ignore`.

Each line (or part between semicolons) is a code and the reason. It holds for findings in the document that carries it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from meshgen.diagnostics import Diagnostic, Origin, Related
from meshgen.diagnostics.catalogue import CODES
from meshgen.diagnostics.catalogue.link import MALFORMED_SUPPRESSION, UNUSED_SUPPRESSION

ANNOTATION = "meshgen/ignore"


@dataclass(frozen=True, slots=True)
class Suppression:
    """One code that a document suppresses."""

    code: str
    reason: str
    origin: Origin

    def covers(self, diagnostic: Diagnostic) -> bool:
        """Whether a finding is of this code and in this document."""
        return diagnostic.code.number == self.code and _document(diagnostic.origin) == _document(self.origin)


def _document(origin: Origin) -> tuple[str, int, int | None]:
    """What tells documents apart: file and number; in a Python source the line that made the object."""
    return (origin.file, origin.document, origin.line)


def read_suppressions(annotations: Mapping[str, str], origin: Origin) -> tuple[list[Suppression], list[Diagnostic]]:
    """The suppressions that an object's annotations hold, and what is wrong with them.

    `origin` is the object's own.
    """
    text = annotations.get(ANNOTATION)
    if text is None:
        return [], []
    place = origin.at("metadata", "annotations", ANNOTATION)
    found: list[Suppression] = []
    wrong: list[Diagnostic] = []
    for line in filter(None, (part.strip() for part in text.replace(";", "\n").splitlines())):
        code, _, reason = line.partition(" ")
        problem = _problem(code, reason)
        if problem:
            wrong.append(MALFORMED_SUPPRESSION.at(place, *problem[:1], help=problem[1]))
        else:
            found.append(Suppression(code, reason.strip(), place))
    return found, wrong


def _problem(code: str, reason: str) -> tuple[str, str] | None:
    if code not in CODES:
        return f"`{code}` is no code that a suppression can name", f"write `{ANNOTATION}: MG0301 the reason`"
    if not reason.strip():
        return f"the suppression of `{code}` gives no reason", f"write `{code}` and why the finding is right as it is"
    return None


def apply_suppressions(diagnostics: Iterable[Diagnostic], suppressions: Iterable[Suppression]) -> Iterator[Diagnostic]:
    """The findings that are not suppressed, and one for each suppression that suppresses nothing."""
    by_place: dict[tuple[str, tuple[str, int, int | None]], list[Suppression]] = {}
    for suppression in suppressions:
        by_place.setdefault((suppression.code, _document(suppression.origin)), []).append(suppression)
    used: set[tuple[str, tuple[str, int, int | None]]] = set()
    for diagnostic in diagnostics:
        key = (diagnostic.code.number, _document(diagnostic.origin))
        if key in by_place:
            used.add(key)
        else:
            yield diagnostic
    for key, places in by_place.items():
        spare = places if key not in used else places[1:]
        for suppression in spare:
            yield _unused(suppression, repeated=key in used, first=places[0])


def _unused(suppression: Suppression, *, repeated: bool, first: Suppression) -> Diagnostic:
    if repeated:
        return UNUSED_SUPPRESSION.at(
            suppression.origin,
            f"`{suppression.code}` is suppressed twice",
            help="remove one of the two",
            related=[Related(first.origin, "the first")],
        )
    return UNUSED_SUPPRESSION.at(
        suppression.origin,
        f"the suppression of `{suppression.code}` suppresses nothing here",
        help="remove it: it would hide the next fault of this kind",
    )
