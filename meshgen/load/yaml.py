"""YAML and JSON text to documents. docs/yaml.md says what every odd spelling means here."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from meshgen.diagnostics import Diagnostic, JsonPath, Origin
from meshgen.diagnostics.catalogue.yaml import INVALID_YAML, NOT_A_MAPPING, TABS, TOO_DEEP
from meshgen.json import JsonValue
from meshgen.load.document import Document, flatten_lists
from meshgen.load.fast import is_plain, looks_like_json, read_fast, read_json
from meshgen.load.nodes import ComposeError, TooDeepError
from meshgen.load.text import Piece, decode, split

__all__ = ["Document", "parse_documents", "parse_values"]

INTENT = "meshgen/v1"


def parse_documents(text: bytes, file: str) -> tuple[tuple[Document, ...], tuple[Diagnostic, ...]]:
    """The documents of a file and what is wrong with it; never raises for a text.

    A document that has an error is left out, the others stand. Empty documents are dropped, though their index counts; the
    items of a List become documents of their own. Every value is plain JSON, with string keys.
    """
    values, diagnostics = parse_values(text, file)
    documents = []
    for value, origin in values:
        if isinstance(value, dict):
            documents.append(Document(value, origin))
        elif value is not None:
            what = "a list" if isinstance(value, list) else "a single value"
            hint = "a document is a map with `apiVersion`, `kind` and `metadata`"
            diagnostics = (*diagnostics, NOT_A_MAPPING.at(origin, f"the document is {what}", help=hint))
    return flatten_lists(tuple(documents)), diagnostics


def parse_values(
    text: bytes, file: str, *, fast: bool = True
) -> tuple[tuple[tuple[JsonValue, Origin], ...], tuple[Diagnostic, ...]]:
    """The values of a stream, whatever they are; `fast=False` reads everything by the reference."""
    decoded = decode(text, file)
    if isinstance(decoded, Diagnostic):
        return (), (decoded,)
    plain = fast and is_plain(decoded)
    diagnostics: list[Diagnostic] = []
    values = [item for piece in split(decoded) for item in _read(piece, file, diagnostics, fast=fast, plain=plain)]
    return tuple(values), tuple(diagnostics)


def _read(
    piece: Piece, file: str, diagnostics: list[Diagnostic], *, fast: bool, plain: bool
) -> Iterator[tuple[JsonValue, Origin]]:
    body = piece.text.removeprefix("---")
    if not piece.whole and looks_like_json(body):
        done, value = read_json(body)
        if done:
            yield value, Origin(file, piece.document)
            return
    if fast and (plain or is_plain(piece.text)) and not piece.whole:
        done, value = read_fast(piece.text)
        if done:
            yield value, Origin(file, piece.document)
            return
    yield from _reference(piece, file, diagnostics)


def _reference(piece: Piece, file: str, diagnostics: list[Diagnostic]) -> Iterator[tuple[JsonValue, Origin]]:
    """Every document of the piece that has no error, by libyaml."""
    from meshgen.load.compose import compose  # noqa: PLC0415 (PyYAML takes 12 ms to import, and plain texts go without it)
    from meshgen.load.values import Reader  # noqa: PLC0415 (as above)

    document = piece.document
    try:
        for node in compose(piece.text, piece.line):
            reader = Reader(file, document)
            value = reader.read(node)
            if not reader.diagnostics:
                yield value, Origin(file, document)
            reader.warn(partial(_in_intent, value))
            diagnostics.extend(reader.diagnostics)
            document += 1
    except ComposeError as error:
        diagnostics.append(_syntax(error, piece, file, document))


def _in_intent(value: JsonValue, path: JsonPath) -> bool:
    """Whether a path of a document lies in an intent, be it an item of a List."""
    if not isinstance(value, dict):
        return False
    items = value.get("items")
    if isinstance(items, list) and len(path) > 1 and path[0] == "items" and isinstance(path[1], int):
        item = items[path[1]]
        return isinstance(item, dict) and item.get("apiVersion") == INTENT
    return value.get("apiVersion") == INTENT


_PLAIN_WORDS = {
    "mapping values are not allowed in this context": "a `:` where no key can stand",
    "found unexpected end of stream": "the text ends inside of a string in quotes",
    "found character that cannot start any token": "a value cannot start with this character",
}
_HELP = {
    "mapping values are not allowed in this context": "put the value in quotes, or check the indentation",
    "found character that cannot start any token": "put the value in quotes",
}


def _syntax(error: ComposeError, piece: Piece, file: str, document: int) -> Diagnostic:
    line, column = error.mark.line, error.mark.column
    origin = Origin(file, document, (), line + 1, column + 1)
    if isinstance(error, TooDeepError):
        return TOO_DEEP.at(origin, error.reason)
    lines = piece.text.split("\n")
    written = lines[line - piece.line] if line - piece.line < len(lines) else ""
    if written[column : column + 1] == "\t":
        return TABS.at(origin, "a tab where YAML wants spaces", help="indent with spaces")
    message = _PLAIN_WORDS.get(error.reason, error.reason)
    context = f" ({error.context})" if error.context else ""
    return INVALID_YAML.at(origin, message + context, help=_HELP.get(error.reason, ""))
