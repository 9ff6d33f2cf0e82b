"""What the reference reading composes of a text (`compose.py`): nodes with their places."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

MAX_DEPTH = 100
"""Levels of lists and maps in one document; the deepest of Istio's API needs twelve."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file, line and column counted from 0."""

    line: int
    column: int


@dataclass(slots=True, eq=False)
class Scalar:
    """A leaf. `plain` says that its text decides its type."""

    text: str
    plain: bool
    tag: str | None
    start: Mark
    end: Mark


@dataclass(slots=True, eq=False)
class Sequence:
    """A list, in block or flow style."""

    tag: str | None
    flow: bool
    start: Mark
    end: Mark
    items: list[Node] = field(default_factory=list)

    def add(self, node: Node) -> None:
        """Take the next item."""
        self.items.append(node)


@dataclass(slots=True, eq=False)
class Mapping:
    """A map, in block or flow style, its entries as written: duplicates and merge keys included."""

    tag: str | None
    flow: bool
    start: Mark
    end: Mark
    entries: list[tuple[Node, Node]] = field(default_factory=list)
    key: Node | None = None

    def add(self, node: Node) -> None:
        """Take the next key, or the value of the key before."""
        if self.key is None:
            self.key = node
        else:
            self.entries.append((self.key, node))
            self.key = None


@dataclass(slots=True, eq=False)
class Alias:
    """`*name`; `node` is what it stands for."""

    name: str
    node: Scalar | Sequence | Mapping
    start: Mark
    end: Mark


Node: TypeAlias = Scalar | Sequence | Mapping | Alias


class ComposeError(Exception):
    """What libyaml or the limits have against a text. Never leaves this room."""

    def __init__(self, reason: str, mark: Mark, *, context: str = "") -> None:
        super().__init__(reason)
        self.reason, self.mark, self.context = reason, mark, context


class TooDeepError(ComposeError):
    """More than MAX_DEPTH levels."""
