"""Bytes to text, and text to pieces of one document each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from meshgen.diagnostics import Diagnostic, Origin
from meshgen.diagnostics.catalogue.yaml import CONTROL_CHARACTER, NOT_UTF8

_BOUNDARY = re.compile(r"\n---(?=[ \t\n]|\Z)")
_STREAM_MARKS = ("\n%", "\n...")  # directives and ends of documents; more may match
_PRINTED = re.compile(r"^[ \t]*[^ \t\n#]", re.MULTILINE)
# What libyaml refuses, and the three characters that end a line in YAML 1.1 but not in 1.2.
_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_ASCII_ALLOWED = bytes([9, 10, *range(0x20, 0x7F)])
_LINE_BREAKS = "\x85\u2028\u2029"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a file that is parsed by itself: one document, or the whole stream where it has directives or `...`."""

    text: str
    line: int  # lines before it
    document: int  # index of its first document
    whole: bool = False  # the whole stream, which may hold several documents


def decode(data: bytes, file: str) -> str | Diagnostic:
    """The text with every line ended by a line feed and without a byte-order mark, or why there is none."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        return _not_utf8(data, error.start, file)
    text = text.removeprefix("\ufeff")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _forbidden(text, file) or text


def _not_utf8(data: bytes, start: int, file: str) -> Diagnostic:
    before = data[:start].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    line = before.count(b"\n") + 1
    column = len(before[before.rfind(b"\n") + 1 :].decode()) + 1
    what = "UTF-16" if data.startswith(_UTF16) else f"byte 0x{data[start]:02x}"
    return NOT_UTF8.at(
        Origin(file, line=line, column=column), f"{what} in a file that has to be UTF-8", help="save the file as UTF-8"
    )


def _forbidden(text: str, file: str) -> Diagnostic | None:
    if text.isascii() and not text.encode().translate(None, _ASCII_ALLOWED):
        return None
    found = _FORBIDDEN.search(text)
    if found is None:
        return None
    line, column = line_and_column(text, found.start())
    name = f"U+{ord(found[0]):04X}"
    message = f"control character {name}"
    if found[0] in _LINE_BREAKS:
        message = f"{name} ends a line for YAML 1.1 readers and is an ordinary character for YAML 1.2"
    escape = f"\\u{ord(found[0]):04x}"
    hint = f"remove it, or write `{escape}` in a string in double quotes"
    return CONTROL_CHARACTER.at(Origin(file, line=line, column=column), message, help=hint)


def line_and_column(text: str, index: int) -> tuple[int, int]:
    """Both counted from 1."""
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


def split(text: str) -> tuple[Piece, ...]:
    """The documents of a stream, cut at `---`, so that a mistake in one leaves the others readable.

    A `---` at the start of a line ends whatever stands before it, in a block scalar too (YAML 1.2, 9.1.2).
    """
    if text.startswith(("%", "...")) or any(mark in text for mark in _STREAM_MARKS):
        return (Piece(text, 0, 0, whole=True),)
    starts = [0] if _BOUNDARY.match("\n" + text[:4]) else []
    starts += [match.start() + 1 for match in _BOUNDARY.finditer(text)]
    if not starts or (starts[0] and _PRINTED.search(text, 0, starts[0])):
        starts.insert(0, 0)
    pieces = []
    line = text.count("\n", 0, starts[0])
    for index, (start, end) in enumerate(zip(starts, [*starts[1:], len(text)], strict=True)):
        piece = text[start:end]
        pieces.append(Piece(piece, line, index))
        line += piece.count("\n")
    return tuple(pieces)


@lru_cache(maxsize=8)
def pieces_of(data: bytes) -> tuple[Piece, ...]:
    """The pieces of a file, remembered for the next diagnostic that points into it; none where it is no text."""
    text = decode(data, "")
    return split(text) if isinstance(text, str) else ()
