"""What two sets of objects differ in, as values; `meshgen/report` makes text of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TypeAlias

from meshgen.diagnostics import UNKNOWN, JsonPath, Origin
from meshgen.json import JsonObject, JsonValue


class ChangeKind(StrEnum):
    """What became of a field or of an item of a list."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"  # to another place in a list whose order decides, such as `spec.http`
    REORDERED = "reordered"  # to another place in a list whose order means nothing, such as `spec.subsets`
    NO_OP = "no-op"  # written differently, means the same: `1s` and `1000ms`

    @property
    def means_something(self) -> bool:
        """Whether a mesh could behave differently after it."""
        return self not in (ChangeKind.REORDERED, ChangeKind.NO_OP)


class Absent(Enum):
    """What stands on the side where a field is not, which is something else than a null."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT
MaybeJson: TypeAlias = "JsonValue | Absent"


@dataclass(frozen=True, slots=True, order=True)
class ObjectKey:
    """What identifies an object. The version is no part of it: `v1` and `v1beta1` are one object of an API server."""

    group: str  # empty for core objects
    kind: str
    namespace: str  # empty where the kind has none, and for Envoy's resources
    name: str

    def __str__(self) -> str:
        """`VirtualService shop/catalog`."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One difference inside of an object.

    Indexes in `path` are those of the object after the change; only the last index of a REMOVED item is that of the object
    before. MOVED and REORDERED items have their old and new index as `before` and `after`. `names` says the same path in
    names that people know: list items by what identifies them (`spec`, `http`, `canary`, `route`, `v1`, `weight`).
    """

    path: JsonPath
    names: tuple[str, ...]
    kind: ChangeKind
    before: MaybeJson
    after: MaybeJson
    origin: Origin = field(default=UNKNOWN, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectChange:
    """An object that was added, removed or changed; `fields` only where it is on both sides."""

    key: ObjectKey
    before: JsonObject | None
    after: JsonObject | None
    fields: tuple[FieldChange, ...] = ()
    origin: Origin = field(default=UNKNOWN, compare=False)  # what made it: after the change, or before where it is gone

    @property
    def means_something(self) -> bool:
        """False where the object is only written differently."""
        return not self.fields or any(change.kind.means_something for change in self.fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """All differences between two sets of objects, each tuple sorted by key."""

    added: tuple[ObjectChange, ...] = ()
    removed: tuple[ObjectChange, ...] = ()
    changed: tuple[ObjectChange, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is any difference at all."""
        return bool(self.added or self.removed or self.changed)

    def __iter__(self) -> Iterator[ObjectChange]:
        """All of them by key."""
        return iter(sorted((*self.added, *self.removed, *self.changed), key=lambda change: change.key))

    @property
    def means_something(self) -> bool:
        """Whether anything but the way of writing differs: what exit code 1 of `meshgen diff` stands for."""
        return bool(self.added or self.removed) or any(change.means_something for change in self.changed)

    def meaningful(self) -> Changes:
        """Without what is only written differently: what a live diff shows."""
        kept = (_meaningful(change) for change in self.changed if change.means_something)
        return Changes(added=self.added, removed=self.removed, changed=tuple(kept))


def _meaningful(change: ObjectChange) -> ObjectChange:
    fields = tuple(each for each in change.fields if each.kind.means_something)
    return ObjectChange(key=change.key, before=change.before, after=change.after, fields=fields, origin=change.origin)
