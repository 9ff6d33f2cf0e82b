"""Texts that a matcher takes: the raw material of example requests."""

from __future__ import annotations

from meshgen.json import JsonObject
from meshgen.trace.fields import message, string
from meshgen.trace.match import full_match, why_not_string

_CLASSES = {"d": "1", "w": "a", "s": " ", "D": "a", "W": "-", "S": "a", "b": "", "B": "", "A": "", "z": ""}
_OUTSIDE = "aA1-/_.~"  # tried for a class that excludes characters


def text_for(matcher: JsonObject) -> str | None:
    """A text that a `StringMatcher` takes; None where none was found."""
    if "safe_regex" in matcher:
        return text_for_regex(string(message(matcher, "safe_regex"), "regex"))
    found = next((string(matcher, kind) for kind in ("exact", "prefix", "suffix", "contains") if kind in matcher), None)
    return found if found is not None and why_not_string(matcher, found) is None else None


def text_for_regex(pattern: str) -> str | None:
    """A short text that the whole of an RE2 expression matches: the first alternative, the fewest repetitions.

    None where this simple reading of the expression gives a text that RE2 does not take.
    """
    text, _ = _alternatives(pattern, 0)
    return text if full_match(pattern, text) else None


def _alternatives(pattern: str, start: int) -> tuple[str, int]:
    """The first alternative from `start`, and where the group that it stands in ends."""
    text, at = _sequence(pattern, start)
    while at < len(pattern) and pattern[at] == "|":
        _, at = _sequence(pattern, at + 1)
    return text, at


def _sequence(pattern: str, at: int) -> tuple[str, int]:
    text = ""
    while at < len(pattern) and pattern[at] not in "|)":
        piece, at = _atom(pattern, at)
        times, at = _repetitions(pattern, at)
        text += piece * times
    return text, at


def _atom(pattern: str, at: int) -> tuple[str, int]:
    character = pattern[at]
    if character == "(":
        text, end = _alternatives(pattern, _inside_group(pattern, at))
        return text, end + 1
    if character == "[":
        return _bracket(pattern, at + 1)
    if character == "\\" and at + 1 < len(pattern):
        return _CLASSES.get(pattern[at + 1], pattern[at + 1]), at + 2
    return {"^": "", "$": "", ".": "x"}.get(character, character), at + 1


def _inside_group(pattern: str, at: int) -> int:
    """Past `(`, and past `?:` or the name of a group."""
    if pattern.startswith("(?:", at):
        return at + 3
    if pattern.startswith(("(?P<", "(?<"), at):
        return pattern.find(">", at) + 1 or len(pattern)
    return at + 1


def _bracket(pattern: str, at: int) -> tuple[str, int]:
    excluded = pattern.startswith("^", at)
    end = pattern.find("]", at + (2 if excluded else 1))
    if end < 0:
        return "", len(pattern)
    members = pattern[at + excluded : end]
    if excluded:
        return next((each for each in _OUTSIDE if not full_match(f"[{members}]", each)), "x"), end + 1
    first = _CLASSES.get(members[1], members[1]) if members.startswith("\\") and len(members) > 1 else members[:1]
    return first, end + 1


def _repetitions(pattern: str, at: int) -> tuple[int, int]:
    """The fewest repetitions that stand behind an atom."""
    times = 1
    if at < len(pattern) and pattern[at] in "*+?":
        times, at = (1 if pattern[at] == "+" else 0), at + 1
    elif at < len(pattern) and pattern[at] == "{":
        end = pattern.find("}", at)
        least = pattern[at + 1 : end].partition(",")[0]
        if end > 0 and least.isdigit():
            times, at = min(int(least), 64), end + 1
    lazy = at < len(pattern) and pattern[at] == "?"
    return times, at + lazy
