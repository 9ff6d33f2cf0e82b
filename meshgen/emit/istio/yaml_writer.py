"""JSON values as block YAML that people like to read and that every YAML 1.1 and 1.2 reader reads alike.

Why a writer of our own: docs/decisions/0003-yaml-writing.md. The form is kubectl's: two spaces, a list's dash under its key, keys
in the order given. A string stands plain only if no reader could take it for anything else; else it stands in double quotes, in
JSON's own escapes. Text of several lines stands as a literal block where that is safe.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable

from meshgen.json import JsonValue

# Starts with a letter or `/`, or with `_` and a letter (`_1` is a number to some): no number, date, indicator or `<<` starts so.
# `:` must be followed by a character of the word and ` #` cannot occur, so neither a key nor a comment can be seen in it.
_PLAIN = re.compile(r"(?:_*[A-Za-z]|/)(?:[A-Za-z0-9_./+=@%$()|*~^-]|:(?=[A-Za-z0-9_./-])| (?=[A-Za-z0-9_./=(]))*")

# A Go duration is the one plain form that may start with a digit: no reader takes a number with such a unit for a number.
_DURATION = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{1,9})?(?:ms|us|ns|h|m|s))+")

# YAML 1.1's and 1.2's null and booleans; readers differ in which spellings they know, so the comparison ignores case. `nan` and
# `inf` are no YAML words without a dot, but some readers hand the text to a float parser that knows them.
_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf", "infinity"))

# What JSON leaves alone and YAML does not print or takes for a line break or a mark: DEL, C1 with NEL, no-break space, LS, PS,
# surrogates, the byte-order mark and the two non-characters.
_ESCAPED = re.compile("[\x7f-\xa0\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")

# A block is written only if nobody can lose a part of it: no control character, nothing that `_ESCAPED` names, the first line not
# empty or indented (its indentation would be taken for the block's), no blank at the end of a line (editors cut it).
_BLOCK = re.compile("(?![ \t\n])(?:[^\x00-\x20\x7f-\xa0\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]+|[ \t]+(?![ \t\n]|\\Z)|\n)+")

_LINE_WITH_TEXT = re.compile(r"\n(?=[^\n])")

# An implicit key may have 1,024 characters (YAML 1.2.2, section 7.4.2); a longer one takes the explicit form, `? key`.
_LONGEST_KEY = 1000

_CONSTANTS = {None: "null", True: "true", False: "false"}

_MEMO_LIMIT = 1 << 17  # some 30 MB; a mesh of 10,000 services has about half as many strings


def dump(value: JsonValue) -> str:
    """One YAML document, ending in a line break, without a `---`.

    Keys keep the order given. The depth is bounded by Python's recursion limit.

    Raises:
        ValueError: for NaN and infinities, and for lone surrogates, which no UTF-8 file can hold.
        TypeError: for a value or a key that JSON has not.

    >>> print(dump({"hosts": ["*.example.com", "a.example.com"], "port": 80, "on": "yes"}), end="")
    hosts:
    - "*.example.com"
    - a.example.com
    port: 80
    "on": "yes"
    """
    lines: list[str] = []
    _document(value, lines)
    return "".join(lines)


def dump_documents(values: Iterable[JsonValue]) -> bytes:
    """Several documents as UTF-8, `---` between them; no documents are no bytes.

    Raises what `dump` raises.
    """
    lines: list[str] = []
    for value in values:
        if lines:
            lines.append("---\n")
        _document(value, lines)
    return "".join(lines).encode()


def _document(value: JsonValue, lines: list[str]) -> None:
    if isinstance(value, dict) and value:
        _mapping(value, "", "", lines)
    elif isinstance(value, list) and value:
        _sequence(value, "", "", lines)
    else:
        lines.append(f"{_scalar(value, '')}\n")


def _mapping(value: dict[str, JsonValue], first: str, pad: str, lines: list[str]) -> None:
    """The entries of a map that is not empty: the first behind `first` (a list's dashes), the others behind `pad`."""
    lead = first
    inner = f"{pad}  "
    for key, item in value.items():
        text = _KEYS[key]
        if text[0] == "?":
            text = text.replace("\n", f"\n{pad}")
        if type(item) is str:
            scalar = _STRINGS[item]
            if "\n" in scalar:
                scalar = _LINE_WITH_TEXT.sub(f"\n{inner}", scalar)
            lines.append(f"{lead}{text} {scalar}\n")
        elif item and isinstance(item, dict):
            lines.append(f"{lead}{text}\n")
            _mapping(item, inner, inner, lines)
        elif item and isinstance(item, list):
            lines.append(f"{lead}{text}\n")
            _sequence(item, pad, pad, lines)
        else:
            lines.append(f"{lead}{text} {_scalar(item, pad)}\n")
        lead = pad


def _sequence(value: list[JsonValue], first: str, pad: str, lines: list[str]) -> None:
    """The items of a list that is not empty: the first behind `first`, the others behind `pad`, each with its dash."""
    lead = f"{first}- "
    inner = f"{pad}  "
    for item in value:
        if item and isinstance(item, dict):
            _mapping(item, lead, inner, lines)
        elif item and isinstance(item, list):
            _sequence(item, lead, inner, lines)
        else:
            lines.append(f"{lead}{_scalar(item, pad)}\n")
        lead = f"{pad}- "


def _scalar(value: JsonValue, pad: str) -> str:
    """A scalar, `{}` or `[]`; the lines of a block stand two spaces deeper than `pad`."""
    if isinstance(value, str):
        return _LINE_WITH_TEXT.sub(f"\n{pad}  ", _STRINGS[str.__str__(value)])
    if value is None or isinstance(value, bool):
        return _CONSTANTS[value]
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, dict):
        return "{}"
    if isinstance(value, list):
        return "[]"
    message = f"JSON has no {type(value).__name__}: {value!r}"
    raise TypeError(message)


def _float(value: float) -> str:
    """The shortest form that gives the same float, always with a point: YAML 1.1 takes `1e+16` for a string."""
    if not math.isfinite(value):
        message = f"JSON has no {value!r}"
        raise ValueError(message)
    text = float.__repr__(value)
    return text if "." in text else text.replace("e", ".0e")


def _quoted(text: str) -> str:
    """In double quotes, in JSON's escapes, so that a JSON reader takes it too."""
    return _ESCAPED.sub(_escape, json.dumps(text, ensure_ascii=False))


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xD800 <= code <= 0xDFFF:
        message = f"the lone surrogate U+{code:04X} cannot be written as UTF-8"
        raise ValueError(message)
    return f"\\u{code:04x}"


def _string(text: str) -> str:
    """A string in the form in which it is read back; a block comes with its lines not yet indented."""
    if _PLAIN.fullmatch(text):
        return text if text.lower() not in _WORDS else f'"{text}"'
    if "\n" in text and _BLOCK.fullmatch(text):
        return _block(text)
    return text if _DURATION.fullmatch(text) else _quoted(text)


def _block(text: str) -> str:
    """A literal block: `|` where one line break ends the text, `|-` where none does, `|+` where several do."""
    if not text.endswith("\n"):
        return f"|-\n{text}"
    return f"|+\n{text[:-1]}" if text.endswith("\n\n") else f"|\n{text[:-1]}"


def _key(text: str) -> str:
    """A key with its colon; never a block. A key that is too long to be implicit takes the explicit form, on two lines."""
    if not isinstance(text, str):
        message = f"JSON has no key of type {type(text).__name__}: {text!r}"
        raise TypeError(message)
    key = _quoted(text) if "\n" in text else _string(str.__str__(text))
    return f"{key}:" if len(key) <= _LONGEST_KEY else f"? {key}\n:"


class _Memo(dict[str, str]):
    """What a string is written as, worked out once. Forgets everything when full: memory stays bounded, results are the same."""

    __slots__ = ("_form",)

    def __init__(self, form: Callable[[str], str]) -> None:
        self._form = form

    def __missing__(self, text: str) -> str:
        form = self._form(text)
        if len(self) >= _MEMO_LIMIT:
            self.clear()
        if len(form) <= _LONGEST_KEY:
            self[text] = form
        return form


_STRINGS = _Memo(_string)
_KEYS = _Memo(_key)
