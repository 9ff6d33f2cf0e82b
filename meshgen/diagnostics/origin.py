"""Where a value was written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import msgspec

JsonPath: TypeAlias = tuple[str | int, ...]


class Origin(msgspec.Struct, frozen=True, gc=False):  # a mesh of 10,000 services has 300,000 of them
    """Where a value was written: file, document and JSON path.

    Line and column are absent for YAML: `meshgen.load.positions` finds them by re-reading the file when a diagnostic is
    printed, so that the fast parser pays nothing. Python sources know their line from the start.
    """

    file: str  # as shown to the user: relative to the project's root, or "<stdin>"
    document: int = 0  # index of the document in its file, counted from 0, empty documents included
    path: JsonPath = ()
    line: int | None = None  # counted from 1; the path is not looked up where a line is given
    column: int | None = None

    def at(self, *path: str | int) -> Origin:
        """The origin of something inside of this value."""
        return Origin(self.file, self.document, (*self.path, *path), self.line, self.column)

    def sort_key(self) -> tuple[str, int, int, tuple[tuple[int, str], ...]]:
        """Order by file, document, line and path; numbers in a path compare as numbers."""
        path = tuple((part, "") if isinstance(part, int) else (-1, part) for part in self.path)
        return (self.file, self.document, self.line or 0, path)


UNKNOWN = Origin("<unknown>")


def origin_in(origin: Origin, origins: Mapping[JsonPath, Origin], path: JsonPath) -> Origin:
    """The origin of a part of a document: its own where an overlay wrote it, else a place inside of the document.

    `origins` names the parts that were written elsewhere; the longest prefix of the path wins.
    """
    for length in range(len(path), 0, -1) if origins else ():
        other = origins.get(path[:length])
        if other is not None:
            return other.at(*path[length:])
    return origin.at(*path)


def render_path(path: JsonPath) -> str:
    """A JSON path as people write it: `spec.http[2].route`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part.replace("_", "").replace("-", "").isalnum():
            text += f".{part}" if text else part
        else:
            text += f"[{part!r}]"
    return text
