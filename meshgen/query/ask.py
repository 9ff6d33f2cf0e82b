"""The questions that there are, as words of a command or as a sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from meshgen.diagnostics import suggest
from meshgen.journey import UnanswerableError
from meshgen.query.answer import Answer
from meshgen.query.callers import callers
from meshgen.query.doors import plaintext, unprotected
from meshgen.query.egress import egress, ways
from meshgen.query.exposed import exposed
from meshgen.query.reach import reach
from meshgen.query.scene import Scene


@dataclass(frozen=True, slots=True)
class Kind:
    """One question: what it is about, what name it takes, and how people put it."""

    summary: str
    takes: str  # what its name is of; empty where it takes none
    answer: Callable[[Scene, str], Answer]
    sentences: tuple[str, ...]  # patterns of whole sentences, without their question mark


QUESTIONS: dict[str, Kind] = {
    "callers": Kind(
        "who can call a service", "service", callers, (r"who (?:can|may|is allowed to) (?:call|reach|access) (\S+)",)
    ),
    "reach": Kind(
        "what a workload can reach", "workload", reach, (r"what (?:can|may) (\S+) (?:reach|call|access)", r"who can (\S+) call")
    ),
    "ways": Kind(
        "all chains of calls that lead to a service",
        "service",
        ways,
        (
            r"(?:what|which) ways lead to (\S+)",
            r"how (?:can|does|may) (?:anybody|anyone|the internet) (?:reach|get to) (\S+)",
        ),
    ),
    "exposed": Kind(
        "which hosts are open to the internet, and for whom",
        "",
        lambda scene, _: exposed(scene),
        (r"(?:which|what) hosts are (?:open|exposed)(?: to the internet)?",),
    ),
    "open": Kind(
        "which of them need no token",
        "",
        lambda scene, _: exposed(scene, without_token=True),
        (r"(?:which|what) hosts are (?:open|exposed)(?: to the internet)? without (?:a |any )?tokens?",),
    ),
    "plaintext": Kind(
        "which services still accept plaintext",
        "",
        lambda scene, _: plaintext(scene),
        (r"(?:which|what) services (?:still )?(?:accept|take|allow) plain ?text",),
    ),
    "unprotected": Kind(
        "which services let in any workload",
        "",
        lambda scene, _: unprotected(scene),
        (r"(?:which|what) services (?:have no polic(?:y|ies)|let in (?:any|every) ?(?:body|one|workload))",),
    ),
    "egress": Kind(
        "which hosts outside are reached, and by whom",
        "",
        lambda scene, _: egress(scene),
        (r"(?:which|what) (?:external )?hosts (?:outside )?(?:are|can be) (?:reached|called)(?: outside)?",),
    ),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that was read."""

    kind: str
    name: str = ""


def read_question(words: Sequence[str]) -> Asked:
    """`callers payments`, or `who can call payments?` as one text or as words.

    Raises:
        UnanswerableError: for what is neither, with what is near.
    """
    text = re.sub(r"\s+", " ", " ".join(words)).strip().rstrip("?").strip()
    kind, _, name = text.partition(" ")
    if kind in QUESTIONS:
        return _checked(kind, name)
    for found, known in QUESTIONS.items():
        for pattern in known.sentences:
            if match := re.fullmatch(pattern, text, re.IGNORECASE):
                return Asked(found, match.group(1) if known.takes else "")
    if not text:
        message = "no question is asked; ask as in `meshgen query 'who can call payments?'`"
        raise UnanswerableError(message)
    examples = "`who can call payments?`, `what can webapp reach?`"
    message = f"`{text}` is no question that is known; {suggest(kind, QUESTIONS)}; or ask as in {examples}"
    raise UnanswerableError(message)


def _checked(kind: str, name: str) -> Asked:
    takes = QUESTIONS[kind].takes
    if takes and (not name or " " in name):
        message = f"`{kind}` takes one {takes}, as in `meshgen query {kind} shop/payments`"
        raise UnanswerableError(message)
    if not takes and name:
        message = f"`{kind}` takes no name; `{name}` is left over"
        raise UnanswerableError(message)
    return Asked(kind, name)


def answer(scene: Scene, asked: Asked) -> Answer:
    """The answer.

    Raises:
        UnanswerableError: for a name that the mesh does not have.
    """
    return QUESTIONS[asked.kind].answer(scene, asked.name)
