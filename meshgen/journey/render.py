"""A journey for people at a terminal: the answer in the first line, then a tree of its steps."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from meshgen.journey.cluster_names import cluster_words, short_cluster
from meshgen.journey.follow import Copy, Hop, Journey
from meshgen.journey.words import Locate, answer, details, hop_words, policy_words, source_words
from meshgen.report.paint import Paint
from meshgen.report.printable import printable
from meshgen.trace import Decision, Outcome, Step
from meshgen.trace.decision import Endpoint

_NEAR = 3  # policies that nearly decided are told of a refusal even where nobody asks
_ENDPOINTS = 4  # of a locality
_GOOD = frozenset({Outcome.ROUTED, Outcome.DIRECT, Outcome.REDIRECT})


@dataclass(frozen=True, slots=True)
class _Node:
    label: str
    style: tuple[str, ...] = ()
    below: tuple[_Node, ...] = ()


def render_journey(
    journey: Journey, *, explain: bool = False, color: bool = False, locate: Locate | None = None, width: int | None = None
) -> str:
    """The answer, then a branch for each proxy with its steps. `explain` adds what was nearly chosen, and why it was not.

    Lines are broken at `width` columns; None leaves them as long as they are, for what is piped on. No line break at the end.
    """
    paint, tree = Paint(color), _Tree(explain=explain, locate=locate)
    good = journey.last.decision.outcome in _GOOD
    lines = _wrapped(answer(journey, locate), width, "")
    shown = [paint(printable(line), "bold", "green" if good else "red") for line in lines]
    shown += [paint(printable(line), "yellow") for note in journey.notes for line in _wrapped(f"note: {note}", width, "  ")]
    nodes = [*(tree.hop(hop) for hop in journey.hops), *(tree.copy(copy) for copy in journey.copies)]
    return "\n".join([*shown, *_drawn(nodes, "", paint, width)])


def _wrapped(text: str, width: int | None, indent: str) -> list[str]:
    if width is None or len(text) <= width:
        return [text]
    options = {"break_long_words": False, "break_on_hyphens": False, "subsequent_indent": indent}
    return textwrap.wrap(text, max(width, 20), **options) or [text]  # type: ignore[arg-type]


def _drawn(nodes: list[_Node] | tuple[_Node, ...], prefix: str, paint: Paint, width: int | None) -> Iterator[str]:
    for index, node in enumerate(nodes):
        last = index == len(nodes) - 1
        room = None if width is None else width - len(prefix) - 3
        first, *more = _wrapped(node.label, room, "  ")
        yield f"{prefix}{'└─' if last else '├─'} {paint(printable(first), *node.style)}"
        inner = f"{prefix}{'   ' if last else '│  '}"
        yield from (f"{inner}{paint(printable(line), *node.style)}" for line in more)
        yield from _drawn(node.below, inner, paint, width)


@dataclass(frozen=True, slots=True)
class _Tree:
    explain: bool
    locate: Locate | None

    def hop(self, hop: Hop) -> _Node:
        decision = hop.decision
        style = ("bold",) if decision.outcome in _GOOD or decision.outcome is Outcome.NEEDS_ANSWER else ("bold", "red")
        below = [self._step(step, decision) for step in decision.steps]
        below += [_Node(line) for line in details(decision)]
        return _Node(hop_words(hop), style, tuple(below))

    def copy(self, copy: Copy) -> _Node:
        label = f"a copy of {copy.mirror.percent:.4g}% to {cluster_words(copy.mirror.cluster)}, whose answer nobody waits for"
        return _Node(label, ("bold",), tuple(_Node(hop_words(hop)) for hop in copy.hops))

    def _step(self, step: Step, decision: Decision) -> _Node:
        below: list[_Node] = []
        if step.source is not None:
            below.append(_Node(f"made by {source_words(step.source, self.locate)}", ("dim",)))
        below += self._nearly(step, decision)
        if step.stage == "action" and step.chosen == "split":
            return _Node("shares", (), tuple(_shares(decision)))
        if step.stage == "cluster" and decision.endpoints:
            below += _endpoints(decision.endpoints)
            below += [_Node(f"balanced {decision.balancing.lower().replace('_', ' ')}")] if decision.balancing else []
        chosen = f" {step.chosen}" if step.chosen else ""
        reason = f": {step.reason}" if step.reason and not (step.stage == "rbac" and step.source) else ""
        return _Node(f"{step.stage}{chosen}{reason}", (), tuple(below))

    def _nearly(self, step: Step, decision: Decision) -> Iterator[_Node]:
        refused = step.stage == "rbac" and step.chosen == "denied" and decision.outcome is Outcome.DENIED
        shown = step.nearly if self.explain else step.nearly[:_NEAR] if refused else ()
        for name, why in shown:
            called = policy_words(name, self.locate) if step.stage == "rbac" else name
            yield _Node(f"not {called}: {why}", ("dim",))


def _shares(decision: Decision) -> Iterator[_Node]:
    for weight in decision.weights:
        followed = " (followed)" if weight.cluster == decision.cluster else ""
        yield _Node(f"{weight.share * 100:.4g}% {short_cluster(weight.cluster)}{followed}", ("cyan",) if followed else ())


def _endpoints(endpoints: tuple[Endpoint, ...]) -> Iterator[_Node]:
    """The endpoints by priority and locality; nothing to say where one address is all."""
    groups: dict[tuple[int, str], list[Endpoint]] = {}
    for each in endpoints:
        groups.setdefault((each.priority, each.locality), []).append(each)
    several = len({priority for priority, _ in groups}) > 1
    for (priority, locality), held in groups.items():
        place = " ".join(part for part in (f"priority {priority}" if several else "", locality) if part)
        weight = f" (weight {held[0].locality_weight})" if held[0].locality_weight and len(groups) > 1 else ""
        names = [f"{each.address}:{each.port}" + (f" x{each.weight}" if each.weight != 1 else "") for each in held[:_ENDPOINTS]]
        more = f" and {len(held) - _ENDPOINTS} more" if len(held) > _ENDPOINTS else ""
        yield _Node(f"{f'{place}{weight}: ' if place else ''}{', '.join(names)}{more}")
