"""Assertions on answers: the whole list of those for whom something may hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from meshgen.json import JsonObject
from meshgen.pipeline import Result
from meshgen.query.answer import Answer, Row
from meshgen.query.ask import answer, read_question
from meshgen.query.scene import Scene

NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """What an assertion does not allow: a fact that holds for somebody it does not name."""

    row: Row
    text: str

    @property
    def line(self) -> str:
        """The sentence and where it comes from."""
        return f"{self.text} ({', '.join(self.row.where)})" if self.row.where else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One of the project's assertions, and what it does not allow."""

    query: str
    breaches: tuple[Breach, ...]
    unmet: tuple[str, ...]

    def to_json(self) -> JsonObject:
        """`{query, holds, breaches, unmet}`."""
        return {
            "query": self.query,
            "holds": not self.breaches,
            "breaches": [each.line for each in self.breaches],
            "unmet": [*self.unmet],
        }


def hold(result: Result) -> tuple[Held, ...]:
    """The project's assertions, each asked of the mesh.

    Raises:
        UnanswerableError: for one whose question cannot be answered.
    """
    scene = Scene(result)
    found: list[Held] = []
    for assertion in result.project.assertions if result.project is not None else ():
        given = answer(scene, read_question([assertion.query]))
        found.append(Held(query=assertion.query, breaches=breaches(given, assertion.only), unmet=unmet(given, assertion.only)))
    return tuple(found)


def breaches(answer: Answer, allowed: Iterable[str]) -> tuple[Breach, ...]:
    """The facts that hold for subjects which no allowed name or pattern (`shop/*`) has; `none` allows nobody."""
    patterns = [each for text in allowed for each in _names(text) if each != NONE]
    return tuple(
        Breach(row=row, text=_sentence(answer, row))
        for row in answer.holding
        if not any(fnmatchcase(row.subject, pattern) for pattern in patterns)
    )


def unmet(answer: Answer, allowed: Iterable[str]) -> tuple[str, ...]:
    """Allowed names, not patterns, for which nothing holds: a list that has grown stale, or a name that is wrong."""
    subjects = {row.subject for row in answer.holding}
    names = [each for text in allowed for each in _names(text) if each != NONE and not set(each) & set("*?[")]
    return tuple(name for name in names if name not in subjects)


def _names(text: str) -> Sequence[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _sentence(answer: Answer, row: Row) -> str:
    said = ((key, row.cells.get(key, "")) for key in answer.columns if key != "line")
    shown = [f"{key} {text}" for key, text in said if text not in ("", row.subject)]
    return f"{row.subject}: {', '.join(shown)}"
