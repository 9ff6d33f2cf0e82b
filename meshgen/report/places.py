"""Where something was written, found in the sources when it is shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from meshgen.diagnostics import UNKNOWN, Diagnostic, Origin
from meshgen.diagnostics.origin import render_path
from meshgen.load.positions import locate
from meshgen.report.printable import printable

Texts = Mapping[str, bytes]
"""The sources by the file names that origins have."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place to show: without a line where the source is not at hand."""

    file: str
    line: int | None = None
    column: int | None = None
    end_column: int | None = None
    snippet: str | None = None
    path: str = ""

    def __str__(self) -> str:
        """`shop.yaml:14:13`; the path where no line is known; empty where nothing is."""
        if not self.file:
            return ""
        if self.line is None:
            return printable(f"{self.file} {self.path}".rstrip())
        column = f":{self.column}" if self.column is not None else ""
        return f"{printable(self.file)}:{self.line}{column}"

    @property
    def short(self) -> str:
        """Without the column."""
        return f"{printable(self.file)}:{self.line}" if self.line is not None else str(self)


def places_in_order(diagnostics: Iterable[Diagnostic], texts: Texts) -> list[tuple[Diagnostic, Place]]:
    """Findings with their places, as a reader of the files meets them; those of one place stay in the order given."""
    found = [(each, place_of(each.origin, texts, key=each.code.at_key)) for each in diagnostics]
    return sorted(found, key=lambda pair: (pair[1].file, pair[1].line or 0, pair[1].column or 0))


def place_of(origin: Origin, texts: Texts, *, key: bool = False) -> Place:
    """The line and column of an origin, or of its key, if its source is among the texts."""
    if origin.file == UNKNOWN.file:
        return Place("")
    text = texts.get(origin.file)
    if text is None:
        return Place(origin.file, origin.line, origin.column, path=render_path(origin.path))
    found = locate(text, origin, key=key)
    path = render_path(origin.path)
    return Place(origin.file, found.line, found.column, found.end_column, found.snippet, path)
