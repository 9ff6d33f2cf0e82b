"""What can be said of a Lua program without running it: is anything left open, and is there a function that Envoy calls."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

_TOKEN: Final = re.compile(
    r"""(?P<comment>--(?!\[=*\[)[^\n]*)
    |(?P<long>(?:--)?\[(?P<level>=*)\[)
    |(?P<string>"(?:\\[\s\S]|[^"\\\n])*"|'(?:\\[\s\S]|[^'\\\n])*')
    |(?P<broken>["'])
    |(?P<word>[A-Za-z_][A-Za-z_0-9]*)
    |(?P<bracket>[()\[\]{}])""",
    re.VERBOSE,
)
_HANDLER: Final = re.compile(r"\benvoy_on_(request|response)\b")
_OPENERS: Final = {"function": "end", "if": "end", "do": "end", "repeat": "until", "(": ")", "[": "]", "{": "}"}
_CLOSERS: Final = frozenset(_OPENERS.values())


class Open(NamedTuple):
    """Something of a program that does not fit: the line, counted from 1, and what it is."""

    line: int
    message: str


class _Token(NamedTuple):
    text: str
    line: int
    kind: str  # word, bracket, or what is wrong


def handlers(code: str) -> bool:
    """Whether the program has a function that Envoy calls; a name in a comment is none."""
    return any(token.kind == "word" and _HANDLER.fullmatch(token.text) for token in _tokens(code))


def unbalanced(code: str) -> Open | None:
    """The first block, bracket, string or comment that is not closed, or is closed and was not open."""
    stack: list[_Token] = []
    for token in _tokens(code):
        if token.kind == "open":
            return Open(token.line, f"{token.text} is not closed")
        if token.text in _OPENERS:
            stack.append(token)
        elif token.text in _CLOSERS:
            if not stack:
                return Open(token.line, f"`{token.text}` closes nothing")
            opener = stack.pop()
            if _OPENERS[opener.text] != token.text:
                return Open(token.line, f"`{token.text}` does not close the `{opener.text}` of line {opener.line}")
    return Open(stack[-1].line, f"`{stack[-1].text}` has no `{_OPENERS[stack[-1].text]}`") if stack else None


def _tokens(code: str) -> Iterator[_Token]:
    """Words and brackets outside of strings and comments; what ends the reading comes last."""
    position = 0
    while (found := _TOKEN.search(code, position)) is not None:
        line = code.count("\n", 0, found.start()) + 1
        position = found.end()
        if found["long"] is not None:
            end = code.find(f"]{found['level']}]", position)
            if end < 0:
                yield _Token("a comment" if found["long"].startswith("-") else "a string", line, "open")
                return
            position = end + len(found["level"]) + 2
        elif found["broken"] is not None:
            yield _Token("a string", line, "open")
            return
        elif found["word"] is not None or found["bracket"] is not None:
            yield _Token(found[0], line, "word" if found["word"] else "bracket")
