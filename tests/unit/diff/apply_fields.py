"""Applies field changes to an object: what proves that a diff tells everything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from meshgen.diff.changes import ABSENT, ChangeKind, FieldChange, MaybeJson
from meshgen.json import JsonObject, JsonValue

_Step = tuple[tuple[str | int, ...], FieldChange]


def apply_fields(before: JsonObject, fields: Iterable[FieldChange]) -> JsonObject:
    """The object after the changes that `diff_objects` found; `before` stays as it is."""
    after = _apply(before, [(change.path, change) for change in fields])
    return after if isinstance(after, dict) else {}


def _apply(value: JsonValue, steps: Sequence[_Step]) -> JsonValue:
    if isinstance(value, dict):
        return _apply_to_map(value, steps)
    return _apply_to_list(value, steps) if isinstance(value, list) else value


def _apply_to_map(value: JsonObject, steps: Sequence[_Step]) -> JsonObject:
    result = dict(value)
    for name, inner in _by_first(steps).items():
        key = str(name)
        last = next((change for path, change in inner if len(path) == 1), None)
        if last is None:
            result[key] = _apply(value[key], [(path[1:], change) for path, change in inner])
        elif last.after is ABSENT:
            del result[key]
        else:
            result[key] = last.after
    return result


def _apply_to_list(value: list[JsonValue], steps: Sequence[_Step]) -> list[JsonValue]:
    """Removed items go, moved and added ones take their places, the others fill the rest in their old order."""
    here = [change for path, change in steps if len(path) == 1]
    gone = {change.path[-1] for change in here if change.kind is ChangeKind.REMOVED}
    moved = {_index(change.after): _index(change.before) for change in here if _is_move(change)}
    added = {_index(change.path[-1]): change.after for change in here if change.kind is ChangeKind.ADDED}
    staying = iter([i for i in range(len(value)) if i not in gone and i not in moved.values()])
    result: list[JsonValue] = []
    for j in range(len(value) - len(gone) + len(added)):
        new = added.get(j, ABSENT)
        result.append(value[moved[j] if j in moved else next(staying)] if new is ABSENT else new)
    for change in here:
        if change.kind in (ChangeKind.CHANGED, ChangeKind.NO_OP) and change.after is not ABSENT:
            result[_index(change.path[-1])] = change.after
    for place, inner in _by_first([(path, change) for path, change in steps if len(path) > 1]).items():
        result[_index(place)] = _apply(result[_index(place)], [(path[1:], change) for path, change in inner])
    return result


def _by_first(steps: Iterable[_Step]) -> dict[str | int, list[_Step]]:
    groups: dict[str | int, list[_Step]] = {}
    for path, change in steps:
        groups.setdefault(path[0], []).append((path, change))
    return groups


def _is_move(change: FieldChange) -> bool:
    return change.kind in (ChangeKind.MOVED, ChangeKind.REORDERED)


def _index(value: MaybeJson) -> int:
    """Indexes are ints by the contract of FieldChange."""
    return value if isinstance(value, int) else 0
