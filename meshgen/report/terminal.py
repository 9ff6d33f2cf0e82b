"""Diagnostics for people at a terminal: code, message, place, source line, caret, help."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from meshgen.diagnostics import Diagnostic, Severity
from meshgen.report.paint import Paint
from meshgen.report.places import Place, Texts, place_of, places_in_order
from meshgen.report.printable import cells, printable

_COLORS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "blue"}
_WIDTH = 120  # columns of a source line that are shown


def render_diagnostics(
    diagnostics: Iterable[Diagnostic], texts: Mapping[str, bytes], *, color: bool = False, width: int = _WIDTH
) -> str:
    """All findings in the order of their lines, a blank line between two, without a line break at the end.

    `texts` are the sources by the file names of origins; a finding in a file that is not among them has no source line. Longer
    source lines than `width` columns are cut around the caret.
    """
    paint = Paint(color)
    return "\n\n".join(_diagnostic(each, place, texts, paint, width) for each, place in places_in_order(diagnostics, texts))


def _diagnostic(diagnostic: Diagnostic, place: Place, texts: Texts, paint: Paint, width: int) -> str:
    severity, shade = diagnostic.severity, _COLORS[diagnostic.severity]
    gutter = len(str(place.line)) if place.line is not None else 1
    head = paint(f"{severity.value}[{diagnostic.code.number}]", "bold", shade)
    lines = [f"{head}{paint(': ' + printable(diagnostic.message), 'bold')}"]
    if str(place):
        lines.append(f"{' ' * gutter}{paint('-->', 'blue')} {place}")
    if place.snippet is not None and not diagnostic.code.secret:
        lines += _source(place, printable(diagnostic.label), paint, shade, width)
    elif diagnostic.label:
        lines.append(_note(gutter, "note", diagnostic.label, paint))
    for related in diagnostic.related:
        where = place_of(related.origin, texts).short
        lines.append(_note(gutter, "related", f"{where}: {related.note}" if where else related.note, paint))
    if diagnostic.help:
        lines.append(_note(gutter, "help", diagnostic.help, paint))
    return "\n".join(lines)


def _note(gutter: int, name: str, text: str, paint: Paint) -> str:
    return f"{' ' * gutter} {paint('=', 'blue')} {paint(f'{name}:', 'bold')} {printable(text)}"


def _source(place: Place, label: str, paint: Paint, shade: str, width: int) -> list[str]:
    """The source line with a caret under the value."""
    number = str(place.line)
    start = (place.column or 1) - 1
    shown, offset, length = window(place.snippet or "", start, (place.end_column or start + 2) - 1, width)
    bar = paint("|", "blue")
    mark = paint(("^" * length + (f" {label}" if label else "")), "bold", shade)
    empty = f"{' ' * len(number)} {bar}"
    return [empty, f"{paint(number, 'blue')} {bar} {shown}".rstrip(), f"{empty} {' ' * offset}{mark}"]


def window(line: str, start: int, end: int, width: int) -> tuple[str, int, int]:
    """The part of a line that is shown, and offset and length of the caret in columns.

    `start` and `end` count characters from 0. Wide characters take two columns, combining ones none.
    """
    shown = cells(line)
    first, last = _cut([columns for _, columns in shown], min(start, len(shown)), width)
    left, right = "…" if first else "", "…" if last < len(shown) else ""
    text = left + "".join(text for text, _ in shown[first:last]) + right
    offset = len(left) + sum(columns for _, columns in shown[first:start])
    length = sum(columns for _, columns in shown[start : min(end, last)])
    return text, offset, max(length, 1)


def _cut(columns: list[int], start: int, width: int) -> tuple[int, int]:
    """First and last character of a stretch of at most `width` columns that has `start` in its first third."""
    if sum(columns) <= width:
        return 0, len(columns)
    first, room = start, width // 3
    while first > 0 and room >= columns[first - 1]:
        first -= 1
        room -= columns[first]
    last, room = first, width - 2
    while last < len(columns) and room >= columns[last]:
        room -= columns[last]
        last += 1
    return first, last


def summarize(diagnostics: Iterable[Diagnostic], *, color: bool = False) -> str:
    """`2 errors, 1 warning; meshgen explain MG0104 says more`; `no findings` where there is none."""
    paint, found = Paint(color), list(diagnostics)
    counts = Counter(each.severity for each in found)
    parts = [
        paint(f"{counts[severity]} {severity.value}{'s' if counts[severity] > 1 else ''}", "bold", _COLORS[severity])
        for severity in Severity
        if counts[severity]
    ]
    if not parts:
        return "no findings"
    return f"{', '.join(parts)}; `meshgen explain {min(found, key=_gravity).code.number}` says more"


def _gravity(diagnostic: Diagnostic) -> tuple[int, str]:
    return (diagnostic.severity.rank, diagnostic.code.number)
