"""User text made safe and measured: nothing that a file says may steer a terminal."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_TAB = 4
_JOINER = "\u200d"  # holds families of emoji together
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\x1b": "\\e"}


def printable(text: str) -> str:
    """The text with control characters, invisible marks and reversals of writing direction as escapes."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_cell(character)[0] if character != "\t" else "\\t" for character in text)


def cells(line: str) -> list[tuple[str, int]]:
    """What is shown for each character of a source line and how many columns it takes; tabs are four spaces."""
    return [(" " * _TAB, _TAB) if character == "\t" else _cell(character) for character in line]


def width(text: str) -> int:
    """The columns that a printable text takes."""
    return len(text) if text.isascii() else sum(_cell(character)[1] for character in text)


@lru_cache(maxsize=4096)
def _cell(character: str) -> tuple[str, int]:
    # Not printable: controls, reversals of direction ("Trojan Source"), surrogates, line ends, spaces that look like ours.
    if not character.isprintable() and character != _JOINER:
        escaped = _NAMED.get(character) or _escape(ord(character))
        return escaped, len(escaped)
    if character == _JOINER or unicodedata.category(character) in ("Mn", "Me"):
        return character, 0
    return character, 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def _escape(number: int) -> str:
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
