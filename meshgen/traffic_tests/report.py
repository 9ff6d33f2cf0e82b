"""A run of TrafficTests for people at a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.journey import source_line
from meshgen.report.paint import Paint
from meshgen.report.places import place_of
from meshgen.report.printable import printable
from meshgen.report.terminal import render_diagnostics
from meshgen.traffic_tests.compare import Mismatch
from meshgen.traffic_tests.coverage import Coverage
from meshgen.traffic_tests.run import Outcome, TrafficReport, Verdict
from meshgen.traffic_tests.words import curl_line, trace_line

_SHADES = {Verdict.PASSED: "green", Verdict.FAILED: "red", Verdict.BROKEN: "yellow", Verdict.UNSEEN: "blue"}
_MOST_MISSED = 40
QUIET = frozenset({Verdict.PASSED, Verdict.UNSEEN})


def render_report(report: TrafficReport, *, verbose: bool = False, color: bool = False) -> str:
    """Each case that did not pass with what was expected, what happened and why; then one line that sums up.

    With `verbose` a line for each case that passed.
    """
    paint = Paint(color)
    blocks = [_block(outcome, paint) for outcome in report.outcomes if verbose or outcome.verdict not in QUIET]
    text = "".join(f"{block}\n" for block in blocks)
    return text + "".join(f"{line}\n" for line in _unseen(report)) + _summary(report, paint)


def place(outcome: Outcome) -> str:
    """The line of a case's row, `tests/catalog.yaml:8`."""
    return place_of(outcome.case.origin, outcome.result.texts).short


def _block(outcome: Outcome, paint: Paint) -> str:
    word = paint(f"{outcome.verdict.value:<6}", "bold", _SHADES[outcome.verdict])
    head = f"{word} {paint(printable(outcome.case.title), 'bold')}  {paint(printable(place(outcome)), 'dim')}"
    if outcome.verdict in QUIET:
        return head
    lines = [head, *_details(outcome, paint)]
    return "\n".join(lines) + "\n"


def _details(outcome: Outcome, paint: Paint) -> Iterator[str]:
    if outcome.problem is not None:
        text = render_diagnostics((outcome.problem,), outcome.result.texts, color=paint.color)
        yield from (f"  {line}".rstrip() for line in text.splitlines())
    for mismatch in outcome.mismatches:
        yield from _mismatch(outcome, mismatch, paint)
    if outcome.case.question is not None:
        yield f"  {paint('request', 'cyan')}   {printable(curl_line(outcome.case.question))}"
        if not outcome.case.sender.plaintext:
            yield f"  {paint('look', 'cyan')}      {printable(trace_line(outcome.case))}"


def _mismatch(outcome: Outcome, mismatch: Mismatch, paint: Paint) -> Iterator[str]:
    yield f"  {paint(mismatch.field, 'cyan')}"
    yield f"    expected {printable(mismatch.wanted)}"
    yield f"    got      {paint(printable(mismatch.got), 'bold')}"
    if mismatch.source is not None:
        line = source_line(outcome.result, mismatch.source)
        name = f"{mismatch.source.kind} {mismatch.source.namespace}/{mismatch.source.name} {mismatch.source.path}".rstrip()
        yield paint(f"    made by  {printable(name)}" + (f" ({printable(line)})" if line else ""), "dim")


def _unseen(report: TrafficReport) -> Iterator[str]:
    """What this engine could not tell, each field once."""
    found: dict[tuple[str, str], int] = {}
    for outcome in report.outcomes:
        for pair in outcome.unseen:
            found[pair] = found.get(pair, 0) + 1
    for (field, why), count in sorted(found.items()):
        yield f"not seen by this engine: `{field}` of {count} test{'s' if count > 1 else ''}: {why}"


def _summary(report: TrafficReport, paint: Paint) -> str:
    counts = [(verdict, report.count(verdict)) for verdict in Verdict]
    parts = [paint(f"{count} {verdict.value}", "bold", _SHADES[verdict]) for verdict, count in counts if count]
    text = ", ".join(parts) or "no tests"
    return text + (", stopped at the first that did not pass" if report.stopped else "")


def render_coverage(coverage: Coverage, *, color: bool = False) -> str:
    """How much the tests reach, and the lines that they do not."""
    paint = Paint(color)
    parts = [f"{reached} of {total} {kind}{'s' if total > 1 else ''}" for kind, reached, total in coverage.counts()]
    lines = [paint(f"coverage {coverage.percent:.1f}%", "bold") + f": {', '.join(parts) or 'there is nothing to reach'}"]
    missed = coverage.missed
    width = max((len(unit.place) for unit in missed[:_MOST_MISSED]), default=0)
    lines += [
        f"  not reached {printable(unit.place):<{width}}  {unit.kind:<11}  {printable(', '.join(unit.names))}"
        for unit in missed[:_MOST_MISSED]
    ]
    if len(missed) > _MOST_MISSED:
        lines.append(f"  and {len(missed) - _MOST_MISSED} more; --json has all of them")
    return "\n".join(lines)
