"""RE2 expressions as automata over printable ASCII: as much of the syntax as configurations use."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

ALPHABET = frozenset(chr(code) for code in range(0x20, 0x7F))
_DIGITS = frozenset("0123456789")
_WORD = _DIGITS | frozenset("_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_SPACE = frozenset(" ")
_CLASSES = {
    "d": _DIGITS,
    "w": _WORD,
    "s": _SPACE,
    "D": ALPHABET - _DIGITS,
    "W": ALPHABET - _WORD,
    "S": ALPHABET - _SPACE,
}
_POSIX = {
    "alpha": _WORD - _DIGITS - {"_"},
    "digit": _DIGITS,
    "alnum": _WORD - {"_"},
    "word": _WORD,
    "space": _SPACE,
    "lower": frozenset("abcdefghijklmnopqrstuvwxyz"),
    "upper": frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    "xdigit": _DIGITS | frozenset("abcdefABCDEF"),
}
_MOST_STATES = 4000  # of one expression: `{1000}` multiplies

Chars = frozenset[str]


class UnreadError(ValueError):
    """An expression that is not read here: RE2 refuses it, or it has what these automata cannot say."""


@dataclass(slots=True)
class Nfa:
    """States by number; `steps` lead on by a character, `free` without one."""

    steps: list[list[tuple[Chars, int]]] = field(default_factory=list)
    free: list[list[int]] = field(default_factory=list)
    start: int = 0
    end: int = 0
    exact: bool = True  # false where an assertion was taken to hold

    def state(self) -> int:
        """One state more."""
        if len(self.steps) >= _MOST_STATES:
            raise UnreadError
        self.steps.append([])
        self.free.append([])
        return len(self.steps) - 1

    def closed(self, states: Iterable[int]) -> frozenset[int]:
        """The states and all that they lead to for free."""
        found, todo = set(states), list(states)
        while todo:
            for each in self.free[todo.pop()]:
                if each not in found:
                    found.add(each)
                    todo.append(each)
        return frozenset(found)


def read_regex(pattern: str, *, ignore_case: bool = False) -> Nfa:
    """The automaton of an expression that must match all of a text.

    Raises:
        UnreadError: for an expression that is not read here.
    """
    reader = _Reader(pattern, ignore_case)
    start, end = reader.alternatives()
    if reader.at < len(pattern):
        raise UnreadError
    reader.nfa.start, reader.nfa.end = start, end
    return reader.nfa


def literal(text: str, *, ignore_case: bool, before: bool, after: bool) -> Nfa:
    """A text, with anything before or after it."""
    nfa = Nfa()
    at = nfa.start = nfa.state()
    if before:
        nfa.steps[at].append((ALPHABET, at))
    for character in text:
        following = nfa.state()
        nfa.steps[at].append((_cased(frozenset(character), ignore_case=ignore_case), following))
        at = following
    if after:
        nfa.steps[at].append((ALPHABET, at))
    nfa.end = at
    return nfa


def _cased(chars: Chars, *, ignore_case: bool) -> Chars:
    return frozenset(each for char in chars for each in (char.lower(), char.upper())) if ignore_case else chars


class _Reader:
    """Reads an expression from left to right into fragments of one automaton, each with its start and its end."""

    def __init__(self, pattern: str, ignore_case: bool) -> None:
        self.pattern = pattern
        self.ignore_case = ignore_case
        self.at = 0
        self.nfa = Nfa()

    def peek(self, text: str) -> bool:
        return self.pattern.startswith(text, self.at)

    def take(self, text: str) -> bool:
        found = self.peek(text)
        self.at += len(text) if found else 0
        return found

    def alternatives(self) -> tuple[int, int]:
        start, end = self.nfa.state(), self.nfa.state()
        while True:
            first, last = self.sequence()
            self.nfa.free[start].append(first)
            self.nfa.free[last].append(end)
            if not self.take("|"):
                return start, end

    def sequence(self) -> tuple[int, int]:
        start = end = self.nfa.state()
        while self.at < len(self.pattern) and not self.peek("|") and not self.peek(")"):
            began = self.at
            first, last = self.atom()
            least, most = self.repetitions()
            if (least, most) != (1, 1):
                first, last = self.repeated(began, self.at, least, most)
            self.nfa.free[end].append(first)
            end = last
        return start, end

    def repeated(self, began: int, after: int, least: int, most: int | None) -> tuple[int, int]:
        """The atom that stands at `began`, read once for each time."""
        start = end = self.nfa.state()
        for number in range(least if most is None else most):
            first, last = self.again(began)
            self.nfa.free[end].append(first)
            if number >= least:
                self.nfa.free[end].append(last)
            end = last
        if most is None:
            first, last = self.again(began)
            self.nfa.free[end].append(first)
            self.nfa.free[last].append(first)
            following = self.nfa.state()
            self.nfa.free[last].append(following)
            self.nfa.free[end].append(following)
            end = following
        elif least < most:
            following = self.nfa.state()
            self.nfa.free[end].append(following)
            end = following
        self.at = after
        return start, end

    def again(self, began: int) -> tuple[int, int]:
        self.at = began
        first, last = self.atom()
        inner = self.nfa.state()  # so that a loop of one repetition never joins another
        self.nfa.free[inner].append(first)
        outer = self.nfa.state()
        self.nfa.free[last].append(outer)
        return inner, outer

    def repetitions(self) -> tuple[int, int | None]:
        least, most = 1, 1
        unbounded = False
        if self.take("*"):
            least, unbounded = 0, True
        elif self.take("+"):
            unbounded = True
        elif self.take("?"):
            least = 0
        elif self.peek("{"):
            found = self.counted()
            if found is not None:
                least, most, unbounded = found
        else:
            return 1, 1
        self.take("?")
        if self.peek("*") or self.peek("+") or self.peek("?"):
            raise UnreadError
        return least, None if unbounded else most

    def counted(self) -> tuple[int, int, bool] | None:
        end = self.pattern.find("}", self.at)
        first, comma, last = self.pattern[self.at + 1 : max(end, self.at + 1)].partition(",")
        if end < 0 or not first.isdigit() or (last and not last.isdigit()):
            raise UnreadError
        self.at = end + 1
        least = int(first)
        return least, (int(last) if last else least), bool(comma and not last)

    def atom(self) -> tuple[int, int]:
        if self.take("("):
            return self.group()
        if self.take("["):
            return self.one_of(self.bracket())
        if self.assertion():
            return self.nothing()
        character = self.pattern[self.at]
        self.at += 1
        if character == "\\":
            return self.one_of(self.escaped())
        if character in "*+?{":
            raise UnreadError
        return self.one_of(ALPHABET if character == "." else frozenset(character))

    def assertion(self) -> bool:
        """Whether an assertion stands here; one that does not hold by its place is taken to hold, which is no exact reading."""
        began = self.at
        if self.take("^") or self.take("\\A"):
            self.nfa.exact = self.nfa.exact and began == 0
        elif self.take("$") or self.take("\\z"):
            self.nfa.exact = self.nfa.exact and self.at == len(self.pattern)
        elif self.take("\\b") or self.take("\\B"):
            self.nfa.exact = False
        return self.at > began

    def group(self) -> tuple[int, int]:
        if self.take("?"):
            if self.take("P<") or self.take("<"):
                self.at = self.pattern.find(">", self.at) + 1
            elif not self.take(":"):
                return self.flags()
        start, end = self.alternatives()
        if not self.take(")"):
            raise UnreadError
        return start, end

    def flags(self) -> tuple[int, int]:
        if not self.take("i)") and not self.take("s)"):
            raise UnreadError
        if self.pattern[self.at - 2] == "i":
            if self.at != len("(?i)"):
                raise UnreadError
            self.ignore_case = True
        return self.nothing()

    def nothing(self) -> tuple[int, int]:
        state = self.nfa.state()
        return state, state

    def one_of(self, chars: Chars) -> tuple[int, int]:
        start, end = self.nfa.state(), self.nfa.state()
        self.nfa.steps[start].append((_cased(chars, ignore_case=self.ignore_case), end))
        return start, end

    def escaped(self) -> Chars:
        if self.at >= len(self.pattern):
            raise UnreadError
        character = self.pattern[self.at]
        self.at += 1
        if character in _CLASSES:
            return _CLASSES[character]
        if character.isalnum():  # \b, \x41, \pL, \Q …
            raise UnreadError
        return frozenset(character)

    def bracket(self) -> Chars:
        excludes = self.take("^")
        members: set[str] = set()
        first = True
        while first or not self.peek("]"):
            first = False
            if self.at >= len(self.pattern):
                raise UnreadError
            members |= self.member()
        self.at += 1
        chars = _cased(frozenset(members), ignore_case=self.ignore_case)
        return ALPHABET - chars if excludes else chars

    def member(self) -> Chars:
        if self.take("[:"):
            end = self.pattern.find(":]", self.at)
            name, self.at = self.pattern[self.at : end], end + 2
            if end < 0 or name not in _POSIX:
                raise UnreadError
            return _POSIX[name]
        low = self.single()
        if len(low) == 1 and self.peek("-") and not self.peek("-]"):
            self.at += 1
            high = self.single()
            if len(high) != 1:
                raise UnreadError
            return frozenset(map(chr, range(ord(min(low)), ord(min(high)) + 1)))
        return low

    def single(self) -> Chars:
        if self.at >= len(self.pattern):
            raise UnreadError
        character = self.pattern[self.at]
        self.at += 1
        return self.escaped() if character == "\\" else frozenset(character)
