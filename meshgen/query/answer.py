"""What a question gives: a table whose rows name who, what, and the line that made it so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One fact. `subject` is what an assertion names; the edge is what a graph draws; `holds` is false for a refusal."""

    subject: str
    cells: Mapping[str, str]  # by column
    where: tuple[str, ...] = ()  # lines of the sources, `mesh/catalog.yaml:40`
    edge: tuple[str, str, str] | None = None  # from, to, label
    holds: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer: the question in words, the columns in their order, the facts, and what the answer rests on."""

    question: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    nothing: str  # the sentence where no row holds
    notes: tuple[str, ...] = field(default=())

    @property
    def holding(self) -> tuple[Row, ...]:
        """The facts that answer with yes."""
        return tuple(row for row in self.rows if row.holds)
