"""What two sets of objects differ in, object by object and field by field.

deepdiff compares only the objects that differ, and only once their lists are maps by identity: on everything it is 800 times
as slow as `==`, and its own matching of list items is superlinear. It is imported late, for importing it costs 0.2 s.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TypeAlias

from meshgen.diagnostics import UNKNOWN, JsonPath, Origin
from meshgen.diff.align import align
from meshgen.diff.changes import ABSENT, ChangeKind, Changes, FieldChange, MaybeJson, ObjectChange, ObjectKey
from meshgen.diff.content import content
from meshgen.diff.identity import ListRule, item_name, list_rule
from meshgen.diff.normalise import group_of, same_meaning
from meshgen.emit.istio.artifact import Artifact
from meshgen.istio.object import IstioObject
from meshgen.istio.struct import IstioStruct
from meshgen.json import JsonObject, JsonValue
from meshgen.kubernetes import KubernetesObject

Comparable: TypeAlias = "JsonObject | Artifact | IstioObject[IstioStruct] | KubernetesObject"
"""A plain object, or one that knows where it came from: those of the compiler even know it for each field."""


def diff_objects(before: Iterable[Comparable], after: Iterable[Comparable]) -> Changes:
    """Compare two sets of Kubernetes objects, in whatever order they come.

    Objects are the same object if group, kind, namespace and name are. Applying the fields of a change to the object before
    gives the object after (`tests/unit/diff/apply_fields.py` does it).
    """
    old, new = _by_key(before), _by_key(after)
    added: list[ObjectChange] = []
    removed: list[ObjectChange] = []
    changed: list[ObjectChange] = []
    for key in sorted({*old, *new}):
        for left, right in zip_longest(old.get(key, ()), new.get(key, ())):
            if left is None:
                added.append(ObjectChange(key=key, before=None, after=right.object, origin=right.origin))
            elif right is None:
                removed.append(ObjectChange(key=key, before=left.object, after=None, origin=left.origin))
            elif left.content != right.content:
                changed.append(_compare(key, left, right))
    return Changes(added=tuple(added), removed=tuple(removed), changed=tuple(changed))


@dataclass(frozen=True, slots=True)
class _Side:
    """One object of one of the two sets."""

    object: JsonObject
    content: bytes
    origin: Origin
    source: Comparable

    def origin_of(self, path: JsonPath) -> Origin:
        return self.source.origin_of(*path) if isinstance(self.source, IstioObject | KubernetesObject) else self.origin


def value_of(source: Comparable) -> JsonObject:
    """The plain object."""
    if isinstance(source, Artifact):
        return source.object
    return source.to_json() if isinstance(source, IstioObject | KubernetesObject) else source


def _side(source: Comparable) -> _Side:
    value = value_of(source)
    return _Side(value, content(value), UNKNOWN if isinstance(source, dict) else source.origin, source)


def _by_key(sources: Iterable[Comparable]) -> dict[ObjectKey, list[_Side]]:
    """Objects of one key (a mistake that `link` reports) are compared in the order of their content, never of their coming."""
    sides: defaultdict[ObjectKey, list[_Side]] = defaultdict(list)
    for source in sources:
        side = _side(source)
        sides[key_of(side.object)].append(side)
    for same in sides.values():
        same.sort(key=lambda side: side.content)
    return sides


def key_of(value: JsonObject) -> ObjectKey:
    """What identifies a Kubernetes object."""
    metadata = value.get("metadata")
    meta = metadata if isinstance(metadata, dict) else {}
    return ObjectKey(
        group_of(value.get("apiVersion")), _text(value.get("kind")), _text(meta.get("namespace")), _text(meta.get("name"))
    )


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""


def _compare(key: ObjectKey, before: _Side, after: _Side) -> ObjectChange:
    fields = [
        FieldChange(
            path=change.path,
            names=change.names,
            kind=change.kind,
            before=change.before,
            after=change.after,
            origin=before.origin_of(change.path_before) if change.after is ABSENT else after.origin_of(change.path),
        )
        for change in compare_values(key.kind, before.object, after.object)
    ]
    return ObjectChange(key=key, before=before.object, after=after.object, fields=tuple(fields), origin=after.origin)


Token: TypeAlias = "str | int"  # noqa: S105 - no password
"""A key of a keyed tree: a field's name, an item's index after the change, or `-1 - index` of an item that is gone."""


@dataclass(frozen=True, slots=True)
class _Item:
    """An item of a list that is on both sides, or on one."""

    name: str
    before: int | None


@dataclass(slots=True)
class _Keyed:
    """Two JSON values with every list that is on both sides turned into a map by identity, for one comparison."""

    kind: str
    items: dict[tuple[Token, ...], _Item] = field(default_factory=dict)
    moves: list[tuple[tuple[Token, ...], int, int, ChangeKind]] = field(default_factory=list)

    def pair(self, before: JsonValue, after: JsonValue, path: tuple[Token, ...]) -> tuple[object, object]:
        """Both sides in keyed form."""
        if isinstance(before, dict) and isinstance(after, dict):
            return self._maps(before, after, path)
        if isinstance(before, list) and isinstance(after, list):
            return self._lists(before, after, path)
        return before, after

    def _maps(
        self, before: JsonObject, after: JsonObject, path: tuple[Token, ...]
    ) -> tuple[dict[Token, object], dict[Token, object]]:
        both = {name: self.pair(value, after[name], (*path, name)) for name, value in before.items() if name in after}
        left: dict[Token, object] = {name: both[name][0] if name in both else value for name, value in before.items()}
        right: dict[Token, object] = {name: both[name][1] if name in both else value for name, value in after.items()}
        return left, right

    def _lists(
        self, before: list[JsonValue], after: list[JsonValue], path: tuple[Token, ...]
    ) -> tuple[dict[Token, object], dict[Token, object]]:
        rule = list_rule(self.kind, pattern_of(path))
        alignment = align(before, after, rule)
        old_by_new = {j: i for i, j in alignment.pairs}
        self._note_items(path, before, after, old_by_new)
        self._note_moves(path, alignment.moved, rule)
        gone = set(range(len(before))) - set(old_by_new.values())
        left: dict[Token, object] = {-1 - i: before[i] for i in sorted(gone)}
        right: dict[Token, object] = {}
        for j, item in enumerate(after):
            right[j] = item
            if j in old_by_new:
                left[j], right[j] = self.pair(before[old_by_new[j]], item, (*path, j))
        return left, right

    def _note_items(
        self, path: tuple[Token, ...], before: Sequence[JsonValue], after: Sequence[JsonValue], old_by_new: Mapping[int, int]
    ) -> None:
        for j, name in enumerate(_unique_names(after)):
            self.items[*path, j] = _Item(name, old_by_new.get(j))
        for i, name in enumerate(_unique_names(before)):
            self.items[*path, -1 - i] = _Item(name, i)

    def _note_moves(self, path: tuple[Token, ...], moved: Iterable[tuple[int, int]], rule: ListRule) -> None:
        kind = ChangeKind.MOVED if rule.ordered else ChangeKind.REORDERED
        self.moves += [((*path, j), i, j, kind) for i, j in moved]


def pattern_of(path: Iterable[Token]) -> tuple[str, ...]:
    """The path with `*` for every index."""
    return tuple("*" if isinstance(token, int) else token for token in path)


def _unique_names(items: Sequence[JsonValue]) -> list[str]:
    names = [item_name(item, index) for index, item in enumerate(items)]
    return [name if names.count(name) == 1 else f"{name} #{index}" for index, name in enumerate(names)]


@dataclass(frozen=True, slots=True)
class ValueChange:
    """One difference of two JSON values; `path_before` is the same place by the indexes before the change."""

    path: JsonPath
    path_before: JsonPath
    names: tuple[str, ...]
    kind: ChangeKind
    before: MaybeJson
    after: MaybeJson


def compare_values(kind: str, before: JsonValue, after: JsonValue) -> tuple[ValueChange, ...]:
    """The differences of two JSON values, sorted by path; `kind` says how lists are matched and what means the same."""
    keyed = _Keyed(kind)
    left, right = keyed.pair(before, after, ())
    found = [_value_change(keyed, *difference) for difference in _differences(left, right)]
    found += [_move(keyed, *move) for move in keyed.moves]
    return tuple(sorted(found, key=_order))


def _differences(left: object, right: object) -> Iterator[tuple[tuple[Token, ...], MaybeJson, MaybeJson]]:
    """Paths and both values of all differences, as deepdiff finds them."""
    from deepdiff import DeepDiff  # noqa: PLC0415 - 0.2 s to import, and most objects do not differ
    from deepdiff.helper import NotPresent  # noqa: PLC0415 - as above

    # Keys that begin with `__` are ordinary keys here, and unlike maps are compared to the end.
    difference = DeepDiff(left, right, view="tree", ignore_private_variables=False, threshold_to_diff_deeper=0)
    for levels in difference.values():
        for level in levels:
            before = ABSENT if isinstance(level.t1, NotPresent) else level.t1
            after = ABSENT if isinstance(level.t2, NotPresent) else level.t2
            yield tuple(level.path(output_format="list")), before, after


def _value_change(keyed: _Keyed, path: tuple[Token, ...], before: MaybeJson, after: MaybeJson) -> ValueChange:
    kind = ChangeKind.CHANGED
    if before is ABSENT or after is ABSENT:
        kind = ChangeKind.ADDED if before is ABSENT else ChangeKind.REMOVED
    if path and not isinstance(path[-1], int) and same_meaning(keyed.kind, pattern_of(path), before, after):
        kind = ChangeKind.NO_OP
    return _change(keyed, path, kind, before, after)


def _move(keyed: _Keyed, path: tuple[Token, ...], before: int, after: int, kind: ChangeKind) -> ValueChange:
    return _change(keyed, path, kind, before, after)


def _change(keyed: _Keyed, tokens: tuple[Token, ...], kind: ChangeKind, before: MaybeJson, after: MaybeJson) -> ValueChange:
    path: list[Token] = []
    path_before: list[Token] = []
    names: list[str] = []
    for end, token in enumerate(tokens, start=1):
        item = keyed.items[tokens[:end]] if isinstance(token, int) else None
        names.append(item.name if item else str(token))
        path.append(-1 - token if isinstance(token, int) and token < 0 else token)
        path_before.append(token if item is None or item.before is None else item.before)
    return ValueChange(tuple(path), tuple(path_before), tuple(names), kind, before, after)


def _order(change: ValueChange) -> tuple[tuple[tuple[int, str], ...], bool, str]:
    path = tuple((part, "") if isinstance(part, int) else (-1, part) for part in change.path)
    return (path, change.before is ABSENT, change.kind.value)
