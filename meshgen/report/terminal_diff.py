"""Differences for people at a terminal: traffic first, then objects and fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from meshgen.diff.changes import Changes, ObjectChange
from meshgen.diff.findings import Finding
from meshgen.diff.impact import Impact
from meshgen.emit.istio.yaml_writer import dump
from meshgen.json import JsonValue
from meshgen.report.fields import FieldLine, field_lines
from meshgen.report.paint import Paint
from meshgen.report.places import Texts, place_of
from meshgen.report.printable import printable
from meshgen.report.traffic import before_after, command_line, presence, sections, strong

_COLORS = {"+": "green", "-": "red", "~": "yellow", "=": "dim"}


def render_diff(
    changes: Changes,
    impact: Impact | None = None,
    texts: Mapping[str, bytes] | None = None,
    *,
    color: bool = False,
    full: bool = False,
) -> str:
    """The sentences on traffic, then every object with its fields and the source lines that made them, then the counts.

    `full` also prints the content of objects that were added or removed. No line break at the end.
    """
    paint = Paint(color)
    blocks = ["\n".join(_impact(impact, paint))] if impact is not None else []
    blocks += ["\n".join(_object(change, texts or {}, paint, full=full)) for change in changes]
    only_traffic = not changes and impact is not None and impact.means_something
    return "\n\n".join([*blocks, "no Istio object differs; core objects do" if only_traffic else count(changes)])


def count(changes: Changes) -> str:
    """`1 object added, 2 changed`; `no differences` where there is none."""
    numbers = ((len(changes.added), "added"), (len(changes.removed), "removed"), (len(changes.changed), "changed"))
    parts = [(number, what) for number, what in numbers if number]
    if not parts:
        return "no differences"
    first, *rest = parts
    texts = [f"{first[0]} object{'s' if first[0] > 1 else ''} {first[1]}", *(f"{number} {what}" for number, what in rest)]
    return ", ".join(texts)


def _impact(impact: Impact, paint: Paint) -> Iterator[str]:
    yield paint("Traffic", "bold")
    for title, findings in sections(impact):
        yield f"  {title}"
        for finding in findings:
            yield from _finding(finding, paint)
    if not impact.findings:
        yield f"  {impact.sentences[0]}"
    for text in presence(impact):
        yield f"  {printable(text)}"
    yield paint(f"  ({impact.reach})", "dim")


def _finding(finding: Finding, paint: Paint) -> Iterator[str]:
    warning = paint(f"{strong(finding)}: ", "bold", "red") if strong(finding) else ""
    yield f"  {paint('•', 'cyan')} {warning}{printable(finding.text)}"
    change = before_after(finding)
    yield paint(f"      {printable(command_line(finding))}", "dim")
    if change:
        yield paint(f"      {printable(change)}", "dim")


def _object(change: ObjectChange, texts: Texts, paint: Paint, *, full: bool) -> Iterator[str]:
    symbol = "+" if change.before is None else "-" if change.after is None else "~"
    place = place_of(change.origin, texts).short
    made_by = paint(f"  ({place})", "dim") if place else ""
    yield paint(f"{symbol} {printable(str(change.key))}", "bold", _COLORS[symbol]) + made_by
    whole = change.after if change.before is None else change.before if change.after is None else None
    if whole is not None and full:
        yield from _value(symbol, whole, paint, "    ")
    for line in field_lines(change):
        yield from _field(line, paint)
        if line.origin != change.origin and (source := _made_by(line, texts)):
            yield paint(f"        {source}", "dim")


def _field(line: FieldLine, paint: Paint) -> Iterator[str]:
    separator = ": " if line.text else ":" if line.value is not None else ""
    yield paint(f"    {line.symbol} {printable(line.path)}{separator}{printable(line.text)}", _COLORS[line.symbol])
    if line.value is not None:
        yield from _value(line.symbol, line.value, paint, "        ")


def _made_by(line: FieldLine, texts: Texts) -> str:
    """The source line behind a field: `canary.yaml:6 | weight: 25`."""
    place = place_of(line.origin, texts)
    if place.snippet is None:
        return ""
    return f"{place.short} | {printable(place.snippet.strip())}"


def _value(symbol: str, value: JsonValue, paint: Paint, indent: str) -> Iterator[str]:
    for line in yaml_lines(value):
        yield paint(f"{indent}{symbol} {printable(line)}", _COLORS[symbol])


def yaml_lines(value: JsonValue) -> Iterable[str]:
    """A value as YAML; what YAML cannot hold (a lone surrogate) as Python shows it."""
    try:
        return dump(value).splitlines()
    except ValueError:
        return [ascii(value)]
