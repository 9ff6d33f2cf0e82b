"""The line and column of a JSON path, found by reading the file again when a diagnostic is printed."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

from meshgen.diagnostics import JsonPath, Origin
from meshgen.load.compose import compose
from meshgen.load.nodes import Alias, ComposeError, Mapping, Mark, Node, Scalar, Sequence
from meshgen.load.text import Piece, decode, pieces_of
from meshgen.load.values import is_merge, merge_sources

# JSON writes characters beyond U+FFFF as two escapes, which libyaml refuses; for places another escape of that length does.
_SURROGATE = re.compile(r"\\u[dD][89abA-Fa-f][0-9a-fA-F]{2}")


# What a caret stands under where only its start is known: one word, quoted or plain.
_WORD = re.compile(r"""[^\s,:#'"\[\]{}]+|"[^"]*"|'[^']*'""")


@dataclass(frozen=True, slots=True)
class Position:
    """A stretch of one line, counted from 1; `end_column` is the column behind it."""

    line: int
    column: int
    end_column: int
    snippet: str  # the whole line, without its end


def locate(text: bytes, origin: Origin, *, key: bool = False) -> Position:
    """Where the value under `origin` stands in the file's bytes, or its key.

    A path that is not there (a required field that is missing) gives its longest prefix that is. A map or list in block style
    is shown by its key, as is any value where `key` is asked for; what an alias or a merge key brings in is shown where it
    was written.
    Never raises: for bytes that are no text or no YAML it is the place that is known, at worst the first line.
    """
    if origin.line is not None:
        return _stretch(text, origin.line - 1, origin.column and origin.column - 1, None)
    piece = _piece(text, origin.document)
    if piece is None:
        return _stretch(text, 0, None, None)
    roots = _roots(piece)
    index = origin.document - piece.document
    if index >= len(roots):
        return _stretch(text, _first_line(piece), None, None)
    start, end = _find(roots[index], origin.path, key=key, piece=piece)
    return _stretch(text, start.line, start.column, end)


def _piece(text: bytes, document: int) -> Piece | None:
    candidates = [piece for piece in pieces_of(text) if piece.document <= document]
    return candidates[-1] if candidates else None


@lru_cache(maxsize=64)
def _roots(piece: Piece) -> tuple[Node, ...]:
    """The documents of a piece up to its first mistake."""
    roots: list[Node] = []
    with suppress(ComposeError):
        roots.extend(compose(_SURROGATE.sub(r"\\u0020", piece.text), piece.line))
    return tuple(roots)


def _first_line(piece: Piece) -> int:
    """The first line of the piece that is no separator, comment or blank."""
    for offset, line in enumerate(piece.text.split("\n")):
        if line.strip() and not line.startswith(("---", "#")):
            return piece.line + offset
    return piece.line


def _find(root: Node, path: JsonPath, *, key: bool, piece: Piece) -> tuple[Mark, Mark]:
    """Start and end of the value under the path, or of its key."""
    node, holder = root, None
    for position, part in enumerate(path):
        step = _step(node, part)
        if step is None:
            nested = _nested(node, path[position:], key=key, piece=piece)
            if nested is not None:
                return nested
            break
        holder, node = step
    else:
        target = node
        block = isinstance(node, (Sequence, Mapping)) and not node.flow
        if holder is not None and (key or block):
            target = holder
        return target.start, target.end
    target = holder if holder is not None and not isinstance(node, Scalar) else node
    return target.start, target.end


def _nested(node: Node, path: JsonPath, *, key: bool, piece: Piece) -> tuple[Mark, Mark] | None:
    """A place in YAML that is held as text, as a ConfigMap holds MeshConfig: `mesh: |` and lines of YAML."""
    if not isinstance(node, Scalar) or node.plain:
        return None
    lines = piece.text.split("\n")[node.start.line - piece.line :]
    if not lines[0][node.start.column :].startswith("|"):
        return None
    inner = Piece(node.text, node.start.line + 1, piece.document)
    number, first = next(((index, line) for index, line in enumerate(node.text.split("\n")) if line.strip()), (0, ""))
    roots = _roots(inner)
    if not roots or number + 1 >= len(lines):
        return None
    start, end = _find(roots[0], path, key=key, piece=inner)
    indent = len(lines[number + 1]) - len(first)
    return Mark(start.line, start.column + indent), Mark(end.line, end.column + indent)


def _step(node: Node, part: str | int) -> tuple[Node | None, Node] | None:
    """The key, where there is one, and the value of one part of a path."""
    if isinstance(node, Alias):
        node = node.node
    if isinstance(node, Sequence):
        return (None, node.items[part]) if isinstance(part, int) and 0 <= part < len(node.items) else None
    if not isinstance(node, Mapping):
        return None
    for key, value in node.entries:
        written = key.node if isinstance(key, Alias) else key
        if isinstance(written, Scalar) and written.text == part and not is_merge(key):
            return key, value
    return _merged_step(node, part)


def _merged_step(node: Mapping, part: str | int) -> tuple[Node | None, Node] | None:
    """The same, through a merge key."""
    for key, value in node.entries:
        for source in (merge_sources(value) or []) if is_merge(key) else []:
            step = _step(source, part)
            if step is not None:
                return step
    return None


def _stretch(text: bytes, line: int, column: int | None, end: Mark | None) -> Position:
    """A stretch of the line; without a column, all that is written on it."""
    decoded = decode(text, "")
    if not isinstance(decoded, str):
        decoded = text.decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
    snippet = _line(decoded, line)
    if column is None:
        column = len(snippet) - len(snippet.lstrip())
        word = None
    else:
        word = _WORD.match(snippet, column) if end is None else None
    stop = end.column if end is not None and end.line == line else word.end() if word else len(snippet.rstrip())
    return Position(line + 1, column + 1, max(stop, column + 1) + 1, snippet)


def _line(text: str, line: int) -> str:
    start = 0
    for _ in range(line):
        found = text.find("\n", start)
        if found < 0:
            return ""
        start = found + 1
    end = text.find("\n", start)
    return text[start:] if end < 0 else text[start:end]
