"""Answers as a table, as JSON, and as a graph (Mermaid and Graphviz DOT)."""

from __future__ import annotations

import json
from collections.abc import Iterable

from meshgen.journey.mermaid import escaped
from meshgen.json import JsonObject, JsonValue
from meshgen.query.answer import Answer, Row
from meshgen.report.paint import Paint
from meshgen.report.printable import printable, width

_GAP = "  "


def render_table(answer: Answer, *, color: bool = False, with_refusals: bool = False) -> str:
    """The question, a line for each fact, and what the answer rests on; `with_refusals` has the facts that do not hold, too."""
    paint = Paint(color)
    rows = answer.rows if with_refusals else answer.holding
    lines = [paint(printable(answer.question), "bold")]
    if rows:
        lines += _table(answer.columns, rows, paint)
    else:
        lines.append(answer.nothing)
    lines += [f"note: {printable(note)}" for note in answer.notes]
    return "\n".join(lines) + "\n"


def _table(columns: tuple[str, ...], rows: Iterable[Row], paint: Paint) -> list[str]:
    texts = [[_cell(row, column) for column in columns] for row in rows]
    used = [index for index in range(len(columns)) if any(line[index] for line in texts)]
    widths = {index: max(width(text) for text in (columns[index], *(line[index] for line in texts))) for index in used}
    head = _GAP.join(_padded(columns[index], widths[index]) for index in used).rstrip()
    return [paint(head, "blue"), *(_GAP.join(_padded(line[index], widths[index]) for index in used).rstrip() for line in texts)]


def _cell(row: Row, column: str) -> str:
    return ", ".join(row.where) if column == "line" else printable(row.cells.get(column, ""))


def _padded(text: str, columns: int) -> str:
    return text + " " * (columns - width(text))


def to_json(answer: Answer) -> JsonObject:
    """`{question, rows: [{subject, holds, …columns, where}], notes}`."""
    rows: list[JsonValue] = [
        {"subject": row.subject, "holds": row.holds, **{key: row.cells.get(key, "") for key in answer.columns if key != "line"},
         "where": [*row.where]}
        for row in answer.rows
    ]  # fmt: skip
    return {"question": answer.question, "rows": rows, "notes": [*answer.notes]}


# --- graphs -----------------------------------------------------------------------------------------------------------
def render_mermaid(answer: Answer) -> str:
    """A flowchart: who leads to whom, and with what."""
    names: dict[str, str] = {}
    lines = ["flowchart LR"]
    for start, end, label in _edges(answer):
        for name in (start, end):
            if name not in names:
                names[name] = f"n{len(names)}"
                lines.append(f'  {names[name]}["{_mermaid(name)}"]')
        text = f'|"{_mermaid(label)}"|' if label else ""
        lines.append(f"  {names[start]} -->{text} {names[end]}")
    return "\n".join(lines) + "\n"


def _mermaid(text: str) -> str:
    """As in a sequence diagram; here a `|` would end an edge's label as well."""
    return escaped(printable(text)).replace("|", "#124;")


def render_dot(answer: Answer) -> str:
    """The same for Graphviz."""
    lines = ["digraph {", "  rankdir=LR;"]
    for start, end, label in _edges(answer):
        text = f" [label={json.dumps(label)}]" if label else ""
        lines.append(f"  {json.dumps(start)} -> {json.dumps(end)}{text};")
    return "\n".join([*lines, "}"]) + "\n"


def _edges(answer: Answer) -> list[tuple[str, str, str]]:
    return list(dict.fromkeys(row.edge for row in answer.holding if row.edge is not None))
