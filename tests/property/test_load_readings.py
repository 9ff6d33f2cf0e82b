"""Any text at all: documents or diagnostics, never an exception; and the fast reading is the reference's."""

from __future__ import annotations

import json
from typing import Any

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from meshgen.diagnostics import Origin
from meshgen.emit.istio.yaml_writer import dump
from meshgen.load.fast import is_plain, read_fast
from meshgen.load.positions import locate
from meshgen.load.project import parse_project
from meshgen.load.text import split
from meshgen.load.workspace import build_workspace
from meshgen.load.yaml import parse_documents, parse_values

# Pieces that YAML's grammar is about, so that random texts come near its corners.
PARTS = st.sampled_from([
    *(
        "a",
        "b",
        "key: ",
        "v1",
        "on",
        "y",
        "true",
        "null",
        "~",
        "1",
        "0",
        "80",
        "1.5",
        "5s",
        "100%",
        "x y",
        "/api/*",
        "a@b",
        "é",
        "☃",
    ),
    *("012", "1e3", "1_000", "12:30", "0x1F", ".5", ".inf", "-1", "+", "_", "0.0.0.0/0", "http://x:80/"),
    *("- ", "-", " ", "  ", "    ", "\n", "\n  ", "\n- ", ": ", ":", "{", "}", "[", "]", ", ", ",", "'", '"', "#", " # c"),
    *("&a ", "*a", "!!str ", "!x ", "? ", "%", "@", "`", "<<: ", "<<", "---", "\n---\n", "\n...\n", "|", ">-\n  ", "|\n  "),
    *("\\n", "\\", "\t", "\r", "a|b", "apiVersion: meshgen/v1\n", "kind: List\n", "items:\n", "metadata: {name: a}\n"),
])
TEXTS = st.builds(
    lambda start, parts, end: start + "".join(parts) + end,
    st.sampled_from(["", "a: ", "a:\n  b: ", "a:\n- ", "apiVersion: v1\nkind: A\nb: ", "# `a`: \t[\n#\n"]),
    st.lists(PARTS, max_size=20),
    st.sampled_from(["", "\n"]),
)


@settings(max_examples=500, deadline=None)
@given(TEXTS)
@example("a: {b\n1: c}\n")
@example("a: [100%:]\n")
@example("a: |\n\n")
@example("- - a: 1")
@example("a: 'it''s'\n")
def test_the_fast_reading_is_the_references(text: str):
    for piece in split(text):
        done, value = read_fast(piece.text) if is_plain(piece.text) and not piece.whole else (False, None)
        if done:
            values, diagnostics = parse_values(piece.text.encode(), "f.yaml", fast=False)
            assert diagnostics == ()
            assert repr([v for v, _ in values]) == repr([value])


@settings(max_examples=500, deadline=None)
@given(TEXTS)
def test_with_and_without_the_fast_reading_a_file_is_the_same(text: str):
    assert repr(parse_values(text.encode(), "f.yaml")) == repr(parse_values(text.encode(), "f.yaml", fast=False))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | TEXTS.map(str.encode) | st.text(max_size=100).map(str.encode))
def test_any_bytes_give_documents_or_diagnostics(data: bytes):
    documents, diagnostics = parse_documents(data, "f.yaml")
    for document in documents:
        json.dumps(document.value, allow_nan=False)
    for diagnostic in diagnostics:
        position = locate(data, diagnostic.origin)
        assert position.line >= 1
        assert position.end_column > position.column >= 1
    build_workspace(documents, texts={"f.yaml": data})


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | TEXTS.map(lambda text: f"apiVersion: meshgen/v1\nkind: Project\nspec:\n  {text}".encode()))
def test_any_bytes_give_a_project_or_diagnostics(data: bytes):
    project, diagnostics = parse_project(data)
    assert project is not None or any(d.severity == "error" for d in diagnostics)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=20)
    | st.sampled_from([
        "on",
        "012",
        "1e3",
        "12:30",
        "~",
        "<<",
        "=",
        "- a",
        "a: b",
        "#",
        "'",
        "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
    ])
)
KEYS = st.text(st.characters(codec="utf-8"), max_size=10)
VALUES = st.dictionaries(
    KEYS,
    st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=20),
)


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_what_is_written_as_json_is_read_back(value: dict[str, Any]):
    for text in (json.dumps(value), json.dumps(value, indent=2), json.dumps(value, indent="\t")):
        values, diagnostics = parse_values(text.encode(), "f.json")
        assert diagnostics == ()
        assert repr(values) == repr(((value, Origin("f.json")),))


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_what_our_own_writer_writes_is_read_back(value: dict[str, Any]):
    values, _ = parse_values(dump(value).encode(), "f.yaml")
    assert repr(values) == repr(((value, Origin("f.yaml")),))


PLAIN_KEYS = st.text("abcdxyzé", min_size=1, max_size=5)
PLAIN = st.recursive(
    st.text("abc xyz-/.*é", max_size=8) | st.integers(0, 99999) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN_KEYS, inner, max_size=3),
    max_leaves=15,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(PLAIN_KEYS, PLAIN, max_size=4), st.booleans())
def test_what_pyyaml_writes_is_read_back(value: dict[str, Any], flow: bool):
    text = yaml.safe_dump(value, default_flow_style=flow, allow_unicode=True, sort_keys=False)
    values, _ = parse_values(text.encode(), "f.yaml")
    assert repr(values) == repr(((value, Origin("f.yaml")),))
