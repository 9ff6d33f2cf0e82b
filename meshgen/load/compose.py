"""The reference reading of YAML: libyaml's events composed into nodes with their places.

PyYAML's own composer recurses in C and ends the process on deep nesting; this one keeps a stack and a limit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml
from yaml.cyaml import CParser  # type: ignore[attr-defined]  # the stubs leave it out

from meshgen.load.nodes import MAX_DEPTH, Alias, ComposeError, Mapping, Mark, Node, Scalar, Sequence, TooDeepError


class _Composer:
    """One document's stack of open collections and its anchors."""

    def __init__(self, first_line: int) -> None:
        self.first_line = first_line
        self.stack: list[Sequence | Mapping] = []
        self.anchors: dict[str, Scalar | Sequence | Mapping] = {}
        self.root: Node | None = None

    def mark(self, mark: Any) -> Mark:  # noqa: ANN401 - PyYAML's stubs have two Marks and None here
        return Mark(mark.line + self.first_line, mark.column)

    def take(self, event: Any) -> None:  # noqa: ANN401 - PyYAML's stubs say less than the parser gives
        start, end = self.mark(event.start_mark), self.mark(event.end_mark)
        match event:
            case yaml.ScalarEvent():
                node = Scalar(event.value, event.implicit[0] and event.tag is None, event.tag, start, end)
                self.add(node, event.anchor)
            case yaml.SequenceStartEvent():
                self.open(Sequence(event.tag, bool(event.flow_style), start, end), event.anchor)
            case yaml.MappingStartEvent():
                self.open(Mapping(event.tag, bool(event.flow_style), start, end), event.anchor)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self.stack.pop().end = end
            case yaml.AliasEvent():
                self.add(self.alias(event.anchor, start, end), None)

    def alias(self, name: str | None, start: Mark, end: Mark) -> Alias:
        node = self.anchors.get(name or "")
        if node is None:
            raise ComposeError(f"no anchor `&{name}` stands before this alias", start)
        if any(node is parent for parent in self.stack):
            raise ComposeError(f"the alias `*{name}` stands inside of its own anchor", start)
        return Alias(name or "", node, start, end)

    def add(self, node: Node, anchor: str | None) -> None:
        if anchor is not None and not isinstance(node, Alias):
            self.anchors[anchor] = node
        if self.stack:
            self.stack[-1].add(node)
        else:
            self.root = node

    def open(self, node: Sequence | Mapping, anchor: str | None) -> None:
        self.add(node, anchor)
        self.stack.append(node)
        if len(self.stack) > MAX_DEPTH:
            raise TooDeepError(f"more than {MAX_DEPTH} levels of nesting", node.start)


def compose(text: str, first_line: int = 0) -> Iterator[Node]:
    """The documents of a text, one node each; empty ones are a null scalar.

    Raises ComposeError, after the documents before it, for text that is no YAML or that exceeds the limits.
    """
    parser = CParser(text)
    composer = _Composer(first_line)
    try:
        while (event := parser.get_event()) is not None:
            if isinstance(event, yaml.DocumentEndEvent):
                if composer.root is not None:
                    yield composer.root
                composer = _Composer(first_line)
            else:
                composer.take(event)
    except yaml.MarkedYAMLError as error:
        raise _syntax(error, text, first_line) from None
    finally:
        parser.dispose()


def _syntax(error: yaml.MarkedYAMLError, text: str, first_line: int) -> ComposeError:
    mark = error.problem_mark
    lines = text.rstrip(" \n").split("\n")
    line, column = (mark.line, mark.column) if mark is not None else (0, 0)
    if line >= len(lines):  # libyaml places the end of the text on a line after it
        line, column = len(lines) - 1, len(lines[-1])
    return ComposeError(error.problem or "not YAML", Mark(line + first_line, column), context=error.context or "")
