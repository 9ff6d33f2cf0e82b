"""Where a decision comes from: the lines of the user's sources."""

from __future__ import annotations

import re
from dataclasses import replace

from meshgen.diagnostics import JsonPath
from meshgen.load.positions import locate
from meshgen.pipeline import Result
from meshgen.trace import Decision
from meshgen.trace.decision import Source


def without_alternatives(decision: Decision) -> Decision:
    """The decision without what was nearly chosen."""
    return replace(decision, steps=tuple(replace(step, nearly=()) for step in decision.steps))


def source_line(result: Result, source: Source) -> str:
    """The line of the user's sources that made a piece of configuration, `mesh/catalog.yaml:14`; empty where none is known."""
    key = (source.kind, source.namespace, source.name)
    found = next((each for each in result.objects if each.key == key), None)
    if found is None:
        return ""
    origin = found.origin_of(*parse_path(source.path))
    text = result.texts.get(origin.file)
    line = locate(text, origin).line if text is not None else origin.line
    return f"{origin.file}:{line}" if line is not None else origin.file


def parse_path(text: str) -> JsonPath:
    """`spec.http[2]` as a path: `("spec", "http", 2)`."""
    parts: list[str | int] = []
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", text):
        parts.append(int(index) if index else name)
    return tuple(parts)
