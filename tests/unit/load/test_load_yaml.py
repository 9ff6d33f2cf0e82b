"""Text to documents: places, limits, lists, and texts made to break a parser."""

from __future__ import annotations

import subprocess
import sys

import pytest

from meshgen.diagnostics import Origin
from meshgen.load import fast
from meshgen.load.yaml import parse_documents, parse_values


def codes(text: str | bytes) -> list[str]:
    data = text.encode() if isinstance(text, str) else text
    return [d.code.number for d in parse_documents(data, "f.yaml")[1]]


def test_empty_documents_are_dropped_but_counted():
    documents, diagnostics = parse_documents(b"# nothing\n---\na: 1\n---\n---\n# only words\n---\nb: 2\n", "f.yaml")
    assert not diagnostics
    assert [(d.value, d.origin) for d in documents] == [
        ({"a": 1}, Origin("f.yaml", 0)),
        ({"b": 2}, Origin("f.yaml", 3)),
    ]


def test_a_mistake_leaves_the_other_documents_readable():
    documents, diagnostics = parse_documents(b"a: 1\n---\nb: [\n---\nc: 3\n---\nd: 4\nd: 5\n", "f.yaml")
    assert [d.value for d in documents] == [{"a": 1}, {"c": 3}]
    assert [(d.code.number, d.origin.document, d.origin.line) for d in diagnostics] == [("MG0001", 1, 3), ("MG0005", 3, 8)]


def test_a_duplicate_key_names_both_places():
    (finding,) = parse_documents(b"metadata:\n  name: a\n  labels: {}\n  name: b\n", "f.yaml")[1]
    assert (finding.origin.line, finding.origin.column) == (4, 3)
    assert [(r.origin.line, r.origin.column) for r in finding.related] == [(2, 3)]


def test_items_of_a_list_are_documents_with_their_own_place():
    text = b"apiVersion: v1\nkind: List\nitems:\n- {kind: A}\n- {apiVersion: v1, kind: List, items: [{kind: B}]}\n"
    documents, _ = parse_documents(text, "f.yaml")
    assert [(d.value, d.origin.path) for d in documents] == [
        ({"kind": "A"}, ("items", 0)),
        ({"kind": "B"}, ("items", 1, "items", 0)),
    ]


def test_items_of_a_typed_list_have_its_type():
    text = b'{"apiVersion": "networking.istio.io/v1", "kind": "VirtualServiceList", "items": [{"spec": {}}]}'
    (document,), _ = parse_documents(text, "f.json")
    assert (document.api_version, document.kind) == ("networking.istio.io/v1", "VirtualService")


def test_a_warning_in_a_list_follows_the_item_that_it_is_in():
    text = b"kind: List\nitems:\n- {apiVersion: meshgen/v1, v: on}\n- {apiVersion: v1, v: on}\n"
    assert [d.origin.path for d in parse_documents(text, "f.yaml")[1]] == [("items", 1, "v")]


@pytest.mark.parametrize("text", ["[1, 2]", "hello", "- a: 1\n"])
def test_a_document_that_is_no_map_is_an_error(text: str):
    assert codes(text) == ["MG0012"]


def test_json_may_use_tabs_and_surrogate_pairs():
    documents, diagnostics = parse_documents(b'{\n\t"a":"\\ud83d\\ude00",\r\n\t"b": 1e3}', "f.json")
    assert not diagnostics
    assert documents[0].value == {"a": "\U0001f600", "b": 1000.0}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"a": 1, "a": 2}', "MG0005"),
        ('{"a": 1e999}', "MG0008"),
        ('{"a": NaN}', ""),  # the string: YAML 1.2 has no other reading for it
        ('{"a": 99999999999999999999}', "MG0008"),
        ('{"a": "\\ud83d"}', "MG0001"),
        ('{"a": 1} {"b": 2}', "MG0001"),
    ],
)
def test_json_has_the_same_limits(text: str, code: str):
    assert codes(text) == ([code] if code else [])


def test_a_byte_order_mark_is_no_part_of_the_first_key():
    assert parse_documents(b"\xef\xbb\xbfa: 1\n", "f.yaml")[0][0].value == {"a": 1}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "latin-1"])
def test_other_encodings_are_refused_at_the_first_wrong_byte(encoding: str):
    text = "a: 1\nb: \xe9\n".encode(encoding)
    (finding,) = parse_documents(text, "f.yaml")[1]
    assert finding.code.number in {"MG0003", "MG0004"}
    assert finding.origin.line == (1 if encoding == "utf-16" else 2)


def test_directives_and_document_ends_are_read():
    documents, diagnostics = parse_documents(b"%YAML 1.2\n---\na: 1\n...\n%YAML 1.1\n---\nb: 2\n", "f.yaml")
    assert not diagnostics
    assert [(d.value, d.origin.document) for d in documents] == [({"a": 1}, 0), ({"b": 2}, 1)]


def test_aliases_of_aliases_are_bounded():
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    assert codes(bomb) == ["MG0010"]
    chain = "a: &a {x: 1}\n" + "".join(f"k{i}: &{i} {{<<: *{i - 1 if i else 'a'}}}\n" for i in range(5000))
    assert codes(chain) == ["MG0009"]


DEEP = {
    "block list": "- " * 50_000 + "a",
    "block map": "".join(" " * depth + "a:\n" for depth in range(2_000)),
    "open brackets": "[" * 50_000,
    "brackets": "a: " + "[" * 50_000 + "]" * 50_000,
    "braces": "{a: " * 50_000 + "}" * 50_000,
    "JSON": '{"a":' * 50_000 + "1" + "}" * 50_000,
    "JSON list": "[" * 50_000 + "]" * 50_000,
    "complex keys": "? " * 50_000 + "a",
    "anchors": "".join(f"&a{depth} [" for depth in range(50_000)),
}


@pytest.mark.parametrize("name", DEEP)
def test_deep_nesting_ends_neither_the_process_nor_with_a_traceback(name: str):
    # In a process of its own, for a parser that recurses in C takes the process with it.
    program = (
        "import sys; from meshgen.load.yaml import parse_documents\n"
        "print(*(d.code.number for d in parse_documents(sys.stdin.buffer.read(), 'f.yaml')[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=DEEP[name].encode(), capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr, done.stdout.decode().split()) == (0, b"", ["MG0009"])


def test_a_hundred_levels_are_read_and_one_more_is_not():
    for opened, closed in (("[", "]"), ("{a: ", "}")):
        assert codes("a: " + opened * 99 + closed * 99 + "\n") == []
        assert codes("a: " + opened * 100 + closed * 100 + "\n") == ["MG0009"]
    assert codes("a: " + '{"a":' * 99 + "1" + "}" * 99) == []


def test_without_yaml_rs_the_same_is_read(monkeypatch: pytest.MonkeyPatch):
    text = b"a: {b: [1, x]}\nc: 'd'\n"
    before = parse_documents(text, "f.yaml")
    monkeypatch.setattr(fast, "yaml_rs_loads", None)
    assert parse_documents(text, "f.yaml") == before


def test_ordinary_intent_takes_the_fast_reading(monkeypatch: pytest.MonkeyPatch):
    text = (
        "apiVersion: meshgen/v1\nkind: Service\nmetadata: {name: catalog, namespace: shop}\nspec:\n"
        "  ports: [80]\n  traffic:\n    outliers: {consecutive5xx: 5, maxEjected: 100%, interval: 0.5s}\n  routes:\n"
        "    - match: {path: /api/*, headers: {x-cohort: internal}}  # a comment\n      to: catalog.shop:8080@v2\n"
        "      retries: {attempts: 3, on: [5xx, connect-failure]}\n    - to: 'é'\n"
    )
    wanted = parse_values(text.encode(), "f.yaml", fast=False)

    def refuse(*_: object) -> None:
        raise AssertionError("the reference was asked")

    monkeypatch.setattr("meshgen.load.compose.compose", refuse)
    assert parse_values(text.encode(), "f.yaml") == wanted
