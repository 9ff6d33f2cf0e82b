"""The line and column of a JSON path, in every style of writing."""

from __future__ import annotations

import pytest

from meshgen.diagnostics import Origin
from meshgen.load.positions import locate

TEXT = b"""# shop
---
kind: A
---
spec:
  hosts:
  - a.example.com
  - 'b.example.com'
  http: [{to: v1}, {to: v2,
    timeout: 5}]
  base: &base {retries: 3, on: *other}
"""
TEXT = (
    TEXT.replace(b", on: *other", b"")
    + b"""  use:
    <<: *base
    again: *base
  text: |
    line
"""
)


def found(*path: str | int, document: int = 1, key: bool = False) -> tuple[int, str]:
    position = locate(TEXT, Origin("f.yaml", document, path), key=key)
    assert position.snippet == TEXT.decode().splitlines()[position.line - 1]
    return position.line, position.snippet[position.column - 1 : position.end_column - 1]


@pytest.mark.parametrize(
    ("path", "line", "text"),
    [
        (("spec", "hosts", 0), 7, "a.example.com"),
        (("spec", "hosts", 1), 8, "'b.example.com'"),
        (("spec", "hosts"), 6, "hosts"),  # block style: the key
        (("spec",), 5, "spec"),
        (("spec", "http"), 9, "[{to: v1}, {to: v2,"),  # over two lines: the first
        (("spec", "http", 0), 9, "{to: v1}"),
        (("spec", "http", 1, "timeout"), 10, "5"),
        (("spec", "http", 1, "retries"), 9, "{to: v2,"),  # not there: what would hold it
        (("spec", "http", 7), 9, "http"),
        (("spec", "nothing", "at", "all"), 5, "spec"),
        (("spec", "use", "retries"), 11, "3"),  # through the merge key
        (("spec", "use", "again", "retries"), 11, "3"),  # through the alias
        (("spec", "use", "again"), 14, "*base"),
        ((), 5, "spec:"),
    ],
)
def test_a_value_is_found(path: tuple[str | int, ...], line: int, text: str):
    assert found(*path) == (line, text)


def test_a_key_is_found():
    assert found("spec", "hosts", key=True) == (6, "hosts")
    assert found("spec", "http", 1, "timeout", key=True) == (10, "timeout")
    assert found("spec", "text", key=True) == (15, "text")


def test_the_document_is_chosen_by_its_index():
    assert found("kind", document=0) == (3, "A")


def test_json_is_located_with_tabs_and_surrogate_pairs():
    text = b'{\r\n\t"a": ["\\ud83d\\ude00",\r\n\t\t7]}'
    position = locate(text, Origin("f.json", 0, ("a", 1)))
    assert (position.line, position.column, position.snippet) == (3, 3, "\t\t7]}")


def test_a_known_line_is_not_looked_up():
    position = locate(b"import x\n  mesh = []\n", Origin("f.py", 3, ("spec",), line=2))
    assert (position.line, position.column, position.end_column) == (2, 3, 12)


@pytest.mark.parametrize("text", [b"", b"\xff\xfe", b"a: [", b"a: 1", b"- " * 5000, b"\n\n\n"])
def test_nothing_breaks_it(text: bytes):
    position = locate(text, Origin("f.yaml", 4, ("a", 0, "b")))
    assert position.line >= 1
    assert position.end_column > position.column >= 1
    assert locate(text, Origin("f.yaml", line=99)).snippet == ""
