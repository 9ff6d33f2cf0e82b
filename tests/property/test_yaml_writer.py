"""What the YAML writer writes, PyYAML (1.1), ruamel.yaml (1.1 and 1.2), yaml-rs and, where it is one line, json read back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TypeAlias

import pytest
import yaml
import yaml_rs
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from meshgen.emit.istio.yaml_writer import dump, dump_documents
from meshgen.json import JsonValue

Reader: TypeAlias = Callable[[str], object]


def ruamel(version: str) -> Reader:
    def read(text: str) -> object:
        reader = YAML(typ="safe", pure=True)
        reader.version = version
        return reader.load(text)

    return read


READERS: dict[str, Reader] = {
    "PyYAML": lambda text: yaml.load(text, yaml.SafeLoader),
    "libyaml": lambda text: yaml.load(text, yaml.CSafeLoader),
    "ruamel 1.1": ruamel("1.1"),
    "ruamel 1.2": ruamel("1.2"),
    "yaml-rs": lambda text: yaml_rs.loads(text, parse_datetime=False),  # by default it takes even quoted dates for dates
}

# Each has been taken for something else by some reader, or lost a part of itself.
TRAPS = (
    *("y", "Y", "n", "N", "yes", "No", "ON", "off", "true", "False", "null", "Null", "~", "NaN", ".nan", ".inf"),
    *("-.Inf", "inf", "Infinity"),
    *("1", "-1", "+1", "012", "0o14", "0x1F", "0b11", "1_000", "_1", "__", "1e3", "1E3", "1e+3", "1.", ".5"),
    *("5.", "1,000", "0.1.2", "10.0.0.1"),
    *("12:30", "12:30:45", "190:20:30.15", "2001-12-14", "2001-12-14t21:59:43.10-05:00", "22:22", "1:1"),
    "60:60",
    *("", " ", "  a", "a ", "\ta", "a\t", "\n", "\n\n", "a\n", "a\n\n", "a\n\n\n", "\na", " a\nb", "a\n b\n"),
    *("a\n\tb\n", "a \nb", "a\n \nb", "a\n  "),
    *("a: b", "a:", ":a", ": ", "a #b", "a#b", "# a", "#", "-", "- a", "-a", "--- a", "---", "...", "... a"),
    *("?", "? a", "?a", "a ?", ":"),
    *("!a", "!!str a", "&a", "*a", "*", "*.example.com", "|", "|-", ">", "%a", "%REQ(:path)%", "@a", "`a", "="),
    *("<<", "{", "}", "{}", "[", "]", "[]", ","),
    *("'", "''", "it's", '"', '"a"', "\\", "\\n", "a\\", "a\"b'c\\d"),
    *("a\rb", "a\r\nb", "a\x85b", "a\u2028b\nc", "a\u2029b", "a\xa0b", "\xa0", "\ufeffa", "a\ufeffb\nc", "\x00"),
    *("\x07", "\x1b[0m", "\x7f", "\x80"),
    *("\ufffe", "\uffff", "\U0001f600", "\U0010ffff", "é", "e\u0301", "日本\u3000語\nx", "\u200b", "\u202e", "ﬁ"),
    *("2s", "500ms", "1m30s", "1.5h", "5m", "1h", "10.0.0.0/8", "a/b:c", "http://x/y?z=1"),
    *("spiffe://a/ns/b/sa/c", "outbound|80||a", "a, b"),
    *("function f()\n\treturn 1\nend\n", "---\na\n", "a\n---\nb", "a\n...\nb\n", "# a\nb"),
    *("key: value\nother: |\n  x\n", "${var}\n$${x}"),
    *("x" * 3000, "x y " * 800, "k" * 1000, "k" * 1023, "k" * 1024, "é" * 999, "\x07" * 400, "q\n" * 900),
)  # fmt: skip

pieces = st.sampled_from([
    *TRAPS[:140],
    *":#-?|>&*!%@`{}[],'\"\\=~/_. \t\n\r",
    "\x85",
    "\u2028",
    "true",
    "0x",
    "1e",
    "e+",
    "1_0",
    "\n\n",
])
strings = st.one_of(
    st.text(alphabet=st.characters(exclude_categories=("Cs",))),
    st.text(alphabet="yYnN01eE+-_.:xoOtTzZ TFrufalsni~<=\n\t #-", max_size=12),
    st.lists(pieces, max_size=6).map("".join),
)
numbers = st.one_of(st.integers(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False))
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False), strings
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(strings, inner, max_size=4), max_leaves=12
)


def same(left: object, right: object) -> bool:
    """Equal in value and in type, key order included: 1, 1.0 and true are three values, and 0.0 is not -0.0."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict) and isinstance(right, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return repr(left) == repr(right)


def assert_read_back(value: JsonValue) -> None:
    text = dump(value)
    for name, read in READERS.items():
        assert same(read(text), value), f"{name} reads {text!r} as {read(text)!r}"


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("text", TRAPS, ids=lambda text: ascii(text[:30]))
def test_a_trap_is_read_back_as_a_value_a_key_an_item_and_a_document(text: str, reader: str):
    for value in (text, {text: text}, [text], {"a": {text: [text, {text: text}], "b": text}, "c": text}, [[text], [[text, 1]]]):
        assert same(READERS[reader](dump(value)), value)


@settings(deadline=None, max_examples=150)
@given(values)
def test_every_reader_reads_any_structure_back(value: JsonValue):
    assert_read_back(value)


@settings(deadline=None, max_examples=200)
@given(strings)
@example("e" * 1001)
def test_every_reader_reads_any_string_back_deep_inside(text: str):
    assert_read_back({"spec": [{text: text, "b": [text, [text]]}], "z": text})


@settings(deadline=None, max_examples=150)
@given(numbers)
@example(1e16)
@example(1e-7)
@example(-0.0)
@example(5e-324)
@example(1.7976931348623157e308)
@example(123456789012345680.0)
def test_numbers_keep_their_type_and_value(number: float):
    text = dump({"a": number, "b": [number]})
    for name, read in READERS.items():
        if isinstance(number, int) and abs(number) >= 2**63 and name == "yaml-rs":
            continue  # 64 bits are all that Kubernetes has; the other readers show that the text is right
        assert same(read(text), {"a": number, "b": [number]}), (name, text)


@settings(deadline=None)
@given(st.lists(values, max_size=4))
def test_documents_are_read_back_one_by_one(documents: list[JsonValue]):
    data = dump_documents(documents)
    assert same(list(yaml.load_all(data, yaml.CSafeLoader)), documents)
    assert (data == b"") == (not documents)


@settings(deadline=None, max_examples=150)
@given(strings)
def test_a_quoted_string_is_also_json(text: str):
    written = dump(text)
    if written.startswith('"'):
        assert json.loads(written) == text


@settings(deadline=None, max_examples=150)
@given(values)
def test_the_text_is_printable_and_has_no_trailing_blanks(value: JsonValue):
    text = dump(value)
    assert text.endswith("\n")
    assert re.search("[\x00-\x08\x0b-\x1f\x7f-\xa0\u2028\u2029\ufeff]", text) is None
    assert re.search(r"[ \t]$", text, re.MULTILINE) is None
    assert text.encode().decode() == text


@settings(deadline=None)
@given(values)
def test_writing_what_was_read_gives_the_same_text(value: JsonValue):
    text = dump(value)
    assert dump(yaml.load(text, yaml.CSafeLoader)) == text
