"""Texts that tell string matchers apart: a shortest one for each set of matchers that some text meets and no other does."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from meshgen.diff.classes.regex import ALPHABET, Nfa, UnreadError, literal, read_regex

_MOST_VISITED = 6000  # states of the product, after which the answer is a sample
_NICE = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_."


@dataclass(frozen=True, slots=True)
class Pattern:
    """What a string matcher asks of a text: `kind` is exact, prefix, suffix, contains or regex."""

    kind: str
    text: str
    ignore_case: bool = False


@dataclass(slots=True)
class _Automaton:
    """The deterministic side of an automaton, made as far as it is walked."""

    nfa: Nfa
    start: frozenset[int]
    moves: dict[tuple[frozenset[int], str], frozenset[int]] = field(default_factory=dict)
    takes_all: dict[frozenset[int], bool] = field(default_factory=dict)

    @classmethod
    def of(cls, nfa: Nfa) -> _Automaton:
        return cls(nfa, nfa.closed((nfa.start,)))

    def step(self, state: frozenset[int], character: str) -> frozenset[int]:
        key = (state, character)
        found = self.moves.get(key)
        if found is None:
            reached = {target for each in state for chars, target in self.nfa.steps[each] if character in chars}
            found = self.moves[key] = self.nfa.closed(reached)
        return found

    def accepts(self, state: frozenset[int]) -> bool:
        return self.nfa.end in state

    def is_settled(self, state: frozenset[int], characters: str) -> bool:
        """Whether whatever follows is taken: the state is left by no character, and accepts."""
        found = self.takes_all.get(state)
        if found is None:
            found = self.accepts(state) and all(self.step(state, each) == state for each in characters)
            self.takes_all[state] = found
        return found


@lru_cache(maxsize=1024)
def _nfa(pattern: Pattern) -> Nfa:
    if pattern.kind == "regex":
        return read_regex(pattern.text, ignore_case=pattern.ignore_case)
    before, after = pattern.kind in ("suffix", "contains"), pattern.kind in ("prefix", "contains")
    return literal(pattern.text, ignore_case=pattern.ignore_case, before=before, after=after)


def telling_words(patterns: Iterable[Pattern], domain: str) -> tuple[list[str], bool]:
    """A word of the domain (an expression) for each set of patterns that one meets, and whether these are all sets."""
    automata: list[_Automaton] = []
    complete = True
    for pattern in dict.fromkeys(patterns):
        try:
            nfa = _nfa(pattern)
            automata.append(_Automaton.of(nfa))
            complete = complete and nfa.exact
        except (UnreadError, IndexError, RecursionError):
            complete = False
    bounds = _Automaton.of(_nfa(Pattern("regex", domain)))
    words, visited_all = _walk(automata, bounds, _characters([bounds, *automata]))
    return words, complete and visited_all


def _characters(automata: Sequence[_Automaton]) -> str:
    """One character for each class that the automata tell apart, a plain one where there is one."""
    sets = list({chars for each in automata for steps in each.nfa.steps for chars, _ in steps})
    found: dict[tuple[bool, ...], str] = {}
    for character in (*_NICE, *sorted(ALPHABET - set(_NICE))):
        found.setdefault(tuple(character in each for each in sets), character)
    return "".join(found.values())


_Live = tuple[tuple[int, frozenset[int]], ...]


def _walk(automata: Sequence[_Automaton], bounds: _Automaton, characters: str) -> tuple[list[str], bool]:
    """Breadth first through the product, of which only the automata are carried whose answer is still open."""
    live, mask = _sorted_out(automata, [(index, each.start) for index, each in enumerate(automata)], 0, characters)
    start = (bounds.start, live, mask)
    seen = {start}
    todo = deque([("", start)])
    words: dict[int, str] = {}
    while todo:
        word, (limit, live, mask) = todo.popleft()
        if bounds.accepts(limit):
            met = mask | sum(1 << index for index, state in live if automata[index].accepts(state))
            words.setdefault(met, word)
        for character in characters:
            inside = bounds.step(limit, character)
            if not inside:
                continue
            moved = [(index, automata[index].step(state, character)) for index, state in live]
            following = (inside, *_sorted_out(automata, moved, mask, characters))
            if following not in seen:
                seen.add(following)
                todo.append((word + character, following))
        if len(seen) > _MOST_VISITED:
            return list(words.values()), False
    return list(words.values()), True


def _sorted_out(
    automata: Sequence[_Automaton], states: Iterable[tuple[int, frozenset[int]]], mask: int, characters: str
) -> tuple[_Live, int]:
    """The automata that are still open, and the mask with those that are settled."""
    live = []
    for index, state in states:
        if not state:
            continue
        if automata[index].is_settled(state, characters):
            mask |= 1 << index
        else:
            live.append((index, state))
    return tuple(live), mask
