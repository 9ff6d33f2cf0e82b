"""The fast reading: `yaml-rs`, and `json` for JSON, only for texts on which they cannot differ from the reference.

docs/decisions/0002-yaml-parsing.md has the figures; tests/property/test_load_readings.py holds both readings equal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import orjson

from meshgen.json import JsonObject, JsonValue
from meshgen.load.nodes import MAX_DEPTH
from meshgen.load.scalars import TRUTH_WORDS, check_integer

try:
    from yaml_rs import loads as _loads

    yaml_rs_loads: Callable[..., Any] | None = _loads
except ImportError:  # no wheel for this platform: the reference reads everything, slower
    yaml_rs_loads = None


# Where a text may mean something else to yaml-rs than to the reference. Too much may match, never too little: what matches is
# read slowly. Each expression begins with a character class, which lets Python's engine run over the rest of the text at a few
# nanoseconds a character.
_DOUBTFUL_TEXT = (
    "\t",
    "<<",  # merge keys
    # In brackets, keys without a value and values without a key.
    *(":,", ":[", ":]", ":{", ":}", " :", "[:", "{:", ",:", "\n:"),
)
_DOUBTFUL = (
    # Where a value begins: anchors, tags, complex keys, directives, reserved characters, block scalars (empty ones differ).
    re.compile(r"[&!?%`@|>](?<![^\s\[{,:\-].)"),
    # At the start of a plain scalar, numbers that the versions or yaml-rs read in their own way.
    re.compile(
        r"""[0-9](?<![^\s\[{,:+\-][0-9])(?:
              (?<=0)[0-9bBoOxX_]        # 012, 0b1, 0o17, 0x1f
            | [0-9]{15}                 # what a double cannot hold
            | [0-9]*+_                  # 1_000
            | [0-9]*+:[0-9]             # 12:30
            | [0-9]*+\.?[0-9_]*+[eE:]   # 1e3, 1.5e3, 1:30.5
            | [0-9]*+\.[0-9]*+_         # 1.5_0
        )""",
        re.VERBOSE,
    ),
    re.compile(r"[.+_](?<=[\s\[{,:+\-].)(?=[0-9iInN._])"),  # .5, .inf, +1, _1
    # 40 columns of indentation hold at most 80 levels, brackets on one line 6 more: MAX_DEPTH is out of reach.
    re.compile(r"\n[ \-]{40}"),
)
# Comments before anything else: nothing can be hidden in them, and people write backticks there.
_HEADER = re.compile(r"(?:#[^\n]*\n)+")
_DEEP_START = re.compile(r"[ \-]{40}")


def _flow(levels: int) -> str:
    """A regular expression for the rest of a flow collection that closes on its own line, so many levels deep at most."""
    inner = rf"|[\[{{]{_flow(levels - 1)}" if levels > 1 else ""
    return rf"""(?:[^\[\]{{}}"'\n]++|"[^"\n]*+"|'[^'\n]*+'{inner})*+[\]}}]"""


# Every bracket closes on its line; over several lines yaml-rs takes keys that the reference refuses.
_BRACKETS_CLOSE = re.compile(rf"[^\[{{]*+(?:[\[{{]{_flow(6)}[^\[{{]*+)*+")
# The truth words of YAML 1.1, each by itself: `y`, `no`, `off` and the like.
_WORD_ENDS = "|".join(sorted({word[1:] for word in TRUTH_WORDS}, key=len, reverse=True))
_WORD = re.compile(rf"[yYnNoO](?<![\w.\-/].)(?:{_WORD_ENDS})(?![\w\-./])")


def is_plain(text: str) -> bool:
    """Whether the fast reading of this text is known to be the reference's, as far as its characters tell."""
    header = _HEADER.match(text)
    if header is not None:
        text = text[header.end() - 1 :]
    for piece in _DOUBTFUL_TEXT:  # loops: a generator would take as long as the search itself
        if piece in text:
            return False
    for doubtful in _DOUBTFUL:
        if doubtful.search(text) is not None:
            return False
    return _DEEP_START.match(text) is None and _BRACKETS_CLOSE.fullmatch(text) is not None


def read_fast(text: str) -> tuple[bool, JsonValue]:
    """The value of one plain document; (False, None) where only the reference can tell, errors included."""
    if yaml_rs_loads is None:
        return False, None
    try:
        value = yaml_rs_loads(text, parse_datetime=False)
        orjson.dumps(value)  # refuses keys that are no strings and integers beyond 64 bits, at a tenth of the parser's cost
    except (ValueError, TypeError, RecursionError):
        return False, None
    if not isinstance(value, dict):  # nothing that becomes a document
        return False, None
    return not _has_truth_words(text, value), value


def _has_truth_words(text: str, value: JsonObject) -> bool:
    """In an intent `on` is the string that it looks like; for native objects the reference writes a warning."""
    if value.get("apiVersion") == "meshgen/v1":
        return False
    return _WORD.search(text) is not None


def depth_of(value: JsonValue) -> int:
    """Levels of lists and maps; a scalar has none."""
    deepest, stack = 0, [(value, 1)]
    while stack:
        current, depth = stack.pop()
        if isinstance(current, (dict, list)):
            deepest = max(deepest, depth)
            stack.extend((item, depth + 1) for item in (current.values() if isinstance(current, dict) else current))
    return deepest


def looks_like_json(text: str) -> bool:
    """Whether a document is worth a try as JSON."""
    return text.lstrip(" \t\n")[:1] in {"{", "["}


def read_json(text: str) -> tuple[bool, JsonValue]:
    """The value of a text that is JSON (RFC 8259) within our limits, else (False, None), as for duplicate keys."""
    try:
        value: JsonValue = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_refuse, parse_int=_integer, parse_float=_number
        )
        orjson.dumps(value)  # refuses half surrogate pairs
    except (ValueError, TypeError, RecursionError):
        return False, None
    return depth_of(value) <= MAX_DEPTH, value


def _unique(pairs: list[tuple[str, JsonValue]]) -> JsonObject:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("duplicate keys")
    return value


def _refuse(_constant: str) -> JsonValue:
    raise ValueError("no JSON")


def _integer(digits: str) -> int:
    return check_integer(int(digits))


def _number(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError("too large for a number")
    return number
