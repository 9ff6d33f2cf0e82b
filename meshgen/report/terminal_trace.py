"""A decision for people at a terminal: the outcome, then step by step why."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from meshgen.report.paint import Paint
from meshgen.report.printable import printable
from meshgen.report.requests import request_line
from meshgen.trace import Decision, Outcome, Request, Step
from meshgen.trace.decision import Source
from meshgen.values import format_duration

_GOOD = frozenset((Outcome.ROUTED, Outcome.DIRECT, Outcome.REDIRECT))
Locate = Callable[[Source], str]
"""The line that made an object: `catalog.yaml:14`, or nothing."""


def render_decision(
    decision: Decision, request: Request | None = None, *, color: bool = False, locate: Locate | None = None
) -> str:
    """A tree: the outcome at its root, a branch for each step, and under it what was nearly chosen. No line break at the end."""
    paint = Paint(color)
    lines = [paint(printable(request_line(request)), "bold")] if request is not None else []
    lines.append(paint(printable(_outcome(decision)), "bold", "green" if decision.outcome in _GOOD else "red"))
    branches = [list(_step(step, paint, locate)) for step in decision.steps] + [[line] for line in _details(decision)]
    for index, branch in enumerate(branches):
        last = index == len(branches) - 1
        lines.append(f"{'└─' if last else '├─'} {branch[0]}")
        lines += [f"{'  ' if last else '│ '} {line}" for line in branch[1:]]
    return "\n".join(lines)


def _outcome(decision: Decision) -> str:
    status = f" {decision.status}" if decision.status is not None else ""
    place = decision.cluster or decision.location
    return f"{decision.outcome.value}{status}{f' → {place}' if place else ''}"


def _step(step: Step, paint: Paint, locate: Locate | None) -> Iterator[str]:
    reason = f": {step.reason}" if step.reason else ""
    chosen = f" {printable(step.chosen)}" if step.chosen else ""
    yield f"{paint(printable(step.stage), 'cyan')}{chosen}{paint(printable(reason), 'dim')}".rstrip()
    if step.source is not None:
        yield paint(f"  made by {printable(_source(step.source, locate))}", "dim")
    for name, why in step.nearly:
        yield paint(f"  not {printable(name)}: {printable(why)}", "dim")


def _source(source: Source, locate: Locate | None) -> str:
    place = f"{source.namespace}/{source.name}" if source.namespace else source.name
    line = locate(source) if locate is not None else ""
    return f"{source.kind} {place} {source.path}".rstrip() + (f" ({line})" if line else "")


def _details(decision: Decision) -> Iterator[str]:
    for weight in decision.weights:
        yield printable(f"{weight.share * 100:.4g}% to {weight.cluster}")
    for mirror in decision.mirrors:
        yield printable(f"{mirror.percent:.4g}% mirrored to {mirror.cluster}")
    if decision.method:
        yield printable(f"upstream {decision.method} {decision.path} host {decision.host}")
    if decision.timeout:
        yield f"timeout {format_duration(decision.timeout)}"
    if decision.retry is not None and decision.retry.attempts:
        yield printable(f"up to {decision.retry.attempts} retries on {','.join(decision.retry.on)}")
    for name in decision.opaque:
        yield printable(f"{name} may change this; it is not simulated")
