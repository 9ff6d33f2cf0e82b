"""Field changes as short lines, for any medium: no escapes and no colour yet."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from meshgen.diagnostics import Origin
from meshgen.diff.changes import Absent, ChangeKind, FieldChange, MaybeJson, ObjectChange
from meshgen.json import JsonValue

SYMBOLS = {
    ChangeKind.ADDED: "+",
    ChangeKind.REMOVED: "-",
    ChangeKind.CHANGED: "~",
    ChangeKind.MOVED: "~",
    ChangeKind.REORDERED: "=",
    ChangeKind.NO_OP: "=",
}
_LONGEST_VALUE = 60


@dataclass(frozen=True, slots=True)
class FieldLine:
    """One line: what changed, and how in a few words; `value` is what was added or removed where that takes more lines."""

    symbol: str
    path: str
    text: str
    origin: Origin
    value: JsonValue = None


def field_lines(change: ObjectChange) -> list[FieldLine]:
    """The changed fields; the weights of one list share a line: `v1 90 → 75, v2 10 → 25`."""
    lines: list[FieldLine] = []
    for key, group in groupby(change.fields, key=_weights_of):
        fields = list(group)
        lines += [_weights(fields)] if key else [_line(field) for field in fields]
    return lines


def _weights_of(field: FieldChange) -> tuple[str | int, ...]:
    """The list whose weight changed; empty for any other field."""
    is_weight = field.names[-1] == "weight" and len(field.path) > 1 and isinstance(field.path[-2], int)
    return field.path[:-2] if is_weight and field.kind is ChangeKind.CHANGED else ()


def _weights(fields: Sequence[FieldChange]) -> FieldLine:
    text = ", ".join(f"{each.names[-2]} {short(each.before)} → {short(each.after)}" for each in fields)
    first = fields[0]
    return FieldLine(
        "~", path_of(first, -2), text, next((f.origin for f in fields if f.origin.line or f.origin.path), first.origin)
    )


def _line(field: FieldChange) -> FieldLine:
    symbol, path = SYMBOLS[field.kind], path_of(field)
    if field.kind in (ChangeKind.MOVED, ChangeKind.REORDERED):
        places = f"from place {_ordinal(field.before)} to {_ordinal(field.after)}"
        note = "" if field.kind is ChangeKind.MOVED else ", which means nothing"
        return FieldLine(symbol, path, f"moved {places}{note}", field.origin)
    if field.kind is ChangeKind.NO_OP:
        return FieldLine(symbol, path, f"{short(field.before)} → {short(field.after)}, which means the same", field.origin)
    if field.kind is ChangeKind.CHANGED:
        return FieldLine(symbol, path, f"{short(field.before)} → {short(field.after)}", field.origin)
    value = field.before if isinstance(field.after, Absent) else field.after
    many = isinstance(value, (dict, list)) and bool(value)
    return FieldLine(symbol, path, "" if many else short(value), field.origin, _json(value) if many else None)


def _json(value: MaybeJson) -> JsonValue:
    return None if isinstance(value, Absent) else value


def _ordinal(value: MaybeJson) -> str:
    return str(value + 1) if isinstance(value, int) else "?"


def path_of(field: FieldChange, end: int | None = None) -> str:
    """`spec.http[canary].route[v1].weight`: list items by name."""
    return "".join(_parts(field, end)).removeprefix(".")


def _parts(field: FieldChange, end: int | None) -> Iterator[str]:
    for part, name in zip(field.path[:end], field.names[:end], strict=True):
        plain = name.replace("_", "").replace("-", "").isalnum()
        yield f"[{name}]" if isinstance(part, int) else f".{name}" if plain else f"[{json.dumps(name)}]"


def short(value: MaybeJson) -> str:
    """A value on one line, cut where it is long; texts stand in quotes only where they need them."""
    if isinstance(value, Absent):
        return "nothing"
    text = value if isinstance(value, str) and _is_plain(value) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"


def _is_plain(text: str) -> bool:
    """Whether nobody takes the text for a number or a word of JSON, or overlooks it."""
    if not text or text != text.strip() or text in ("true", "false", "null"):
        return False
    try:
        float(text)
    except ValueError:
        return True
    return False
