"""Texts that matches of routes and policies take."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from meshgen.istio.virtual_service import StringMatch
from meshgen.trace.match import full_match

_MOST = 64  # characters that a repetition is written out to


def text_of(match: StringMatch) -> str | None:
    """A text that a match takes, `1` for one that asks for presence alone; None where none was found."""
    if match.exact is not None:
        return match.exact
    if match.prefix is not None:
        return match.prefix
    return text_of_regex(match.regex) if match.regex is not None else "1"


def text_of_pattern(pattern: str) -> str:
    """A text for a pattern of an AuthorizationPolicy: `/items*`, `*.png`, `/items/{*}`, `*`."""
    if pattern == "*":
        return ""
    text = pattern.replace("{**}", "x").replace("{*}", "x")
    if text.endswith("*"):
        return text[:-1]
    return f"/x{text[1:]}" if text.startswith("*") else text


def text_of_regex(pattern: str) -> str | None:
    """A short text that the whole of an RE2 expression matches; None where none was found."""
    parser: Any = import_module("re._parser")  # Python's own reading of expressions, which are nearly RE2's
    try:
        text = _sequence(parser.parse(pattern))
    except (ValueError, OverflowError, RecursionError, KeyError, AttributeError, LookupError):
        return None
    except Exception as error:
        if type(error).__name__ in {"error", "PatternError"}:  # re.error, which has two names
            return None
        raise
    return text if full_match(pattern, text) else None


def _sequence(items: Any) -> str:  # noqa: ANN401 (Python's trees of expressions have no types)
    return "".join(_piece(str(kind), content) for kind, content in items)


def _piece(kind: str, content: Any) -> str:  # noqa: ANN401, PLR0911 (as above; a table of kinds)
    match kind:
        case "LITERAL":
            return chr(content)
        case "NOT_LITERAL":
            return "a" if content != ord("a") else "b"
        case "ANY":
            return "x"
        case "IN":
            return _one_of(content)
        case "BRANCH":
            return _sequence(content[1][0])
        case "SUBPATTERN":
            return _sequence(content[3])
        case "MAX_REPEAT" | "MIN_REPEAT":
            least, _, inner = content
            return _sequence(inner) * min(int(least), _MOST)
        case _:
            return ""  # anchors


_OF_CATEGORY = {"CATEGORY_DIGIT": "1", "CATEGORY_WORD": "a", "CATEGORY_SPACE": " ", "CATEGORY_NOT_DIGIT": "a"}


def _one_of(members: Any) -> str:  # noqa: ANN401 (as above)
    if str(members[0][0]) == "NEGATE":
        excluded = {chr(code) for kind, value in members[1:] for code in _codes(str(kind), value)}
        return next(each for each in "aA1-_.~x0" if each not in excluded)
    kind, value = members[0]
    if str(kind) == "CATEGORY":
        return _OF_CATEGORY.get(str(value), "-")
    return chr(value[0] if str(kind) == "RANGE" else value)


def _codes(kind: str, value: Any) -> range:  # noqa: ANN401 (as above)
    if kind == "RANGE":
        return range(value[0], value[1] + 1)
    return range(value, value + 1) if kind == "LITERAL" else range(0)
