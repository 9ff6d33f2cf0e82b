"""Every field of every kind, given what it does not expect: findings that have a place and a message, and never a traceback."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshgen.adopt.project import adopt_project
from meshgen.compare import compare
from meshgen.diagnostics import Diagnostic, Origin
from meshgen.fmt import format_source
from meshgen.intent.decode import decode_intents
from meshgen.intent.kinds import KINDS
from meshgen.load.document import Document
from meshgen.load.load import Options
from meshgen.load.project import IstioOutput, Project
from meshgen.load.yaml import parse_documents
from meshgen.outputs import delivery_tree
from meshgen.pipeline import compile_clusters, envoy_snapshots, has_errors
from meshgen.report.places import place_of

Json: TypeAlias = Any
Steps: TypeAlias = tuple[str | int, ...]

ROOT = Path(__file__).parents[2]
CI = settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
NOTHING = Path("/nonexistent")  # a project without files: all of it comes from standard input


class Field(NamedTuple):
    """One field of a kind, and a source in which it is given."""

    documents: list[Json]
    index: int
    path: Steps

    @property
    def is_intent(self) -> bool:
        """Whether it is a field of the language, and not of a native object."""
        return self.documents[self.index]["apiVersion"] == "meshgen/v1"

    def given(self, value: Json) -> list[Json]:
        """The source's documents, with another value in the field; the field away for `GONE`."""
        documents = copy.deepcopy(self.documents)
        parent = documents[self.index]
        for step in self.path[:-1]:
            parent = parent[step]
        if value is GONE:
            del parent[self.path[-1]]
        elif value is TWICE:
            parent[self.path[-1]] = [parent[self.path[-1]]] * 2
        elif value is MORE:
            present = parent[self.path[-1]]
            parent[self.path[-1]] = {**present, "bogusKey": 1} if isinstance(present, dict) else {"a": {}}
        else:
            parent[self.path[-1]] = value
        return documents


GONE, TWICE, MORE = object(), object(), object()
WORDS = ["", "*", "0", "-1", "é☃", "a b", "a\nb", "\0", "x" * 5000, "${x}"]
WORDS += ["@", "[]:/", "a:b:c@d@e", ":80", "https://[", "(", "%zz", "-5s", "1.2.3.4", "10s", "1.2.3.4/99", "a.b.c", "/"]
NUMBERS = [True, False, 0, -1, 2**63 - 1, 1.5]
SHAPES: list[Json] = [None, [], {}, [None], [[]], [""], [{}], {"": ""}, {"name": None}, {"bogus": 1}, GONE, TWICE, MORE]
VALUES: list[Json] = [*WORDS, *NUMBERS, *SHAPES]


def sources() -> Iterator[list[Json]]:
    """The documents of each golden case and each example that has no error on purpose, each file by itself in the examples."""
    for path in sorted([*ROOT.glob("golden/**/in/**/*.yaml"), *ROOT.glob("examples/**/mesh/**/*.yaml")]):
        if path.name != "meshgen.yaml" and {"errors", "env", "templated"}.isdisjoint(path.parts):
            documents, found = parse_documents(path.read_bytes(), path.name)
            if not found:
                yield [document.value for document in documents]


def paths(value: Json, path: Steps = ()) -> Iterator[Steps]:
    """The path of every part of a value."""
    entries: Iterable[tuple[str | int, Json]] = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for step, item in entries:
        yield (*path, step)
        yield from paths(item, (*path, step))


def fields() -> dict[tuple[str, ...], Field]:
    """The first source of each field, by kind and path; items of a list are one field."""
    found: dict[tuple[str, ...], Field] = {}
    for documents in sources():
        for index, document in enumerate(documents):
            for path in paths(document):
                if path[0] in {"metadata", "spec"}:
                    key = (document["apiVersion"], document["kind"], *("[]" if isinstance(step, int) else step for step in path))
                    found.setdefault(key, Field(documents, index, path))
    return found


FIELDS = fields()
INTENTS = {key: field for key, field in FIELDS.items() if field.is_intent}


def text_of(documents: list[Json]) -> bytes:
    return yaml.safe_dump_all(documents, allow_unicode=True, sort_keys=False).encode()


def assert_readable(found: Iterable[Diagnostic], text: bytes = b"") -> None:
    """Each finding says something, in the language's own words; with the text, each has a line and a column."""
    for each in found:
        assert each.message.strip(), each
        assert not re.search(r"Traceback|\bNone\b|object at 0x|\[type=|JsonValue|\bdict\b|\btuple\b", each.message), each
        if text:
            place = place_of(each.origin, {"<stdin>": text})
            assert None not in {place.line, place.column}, each


def test_the_sources_have_every_kind() -> None:
    assert {key[1] for key in INTENTS} == set(KINDS)
    assert len(INTENTS) > 1200


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_with_a_strange_value_is_refused_or_means_something(kind: str) -> None:
    mine = [field for key, field in INTENTS.items() if key[1] == kind]
    for number, field in enumerate(mine):
        for value in VALUES[number % 3 :: 3]:
            document = field.given(value)[field.index]
            intents, found = decode_intents([Document(document, Origin("mesh.yaml"))])
            assert (intents == ()) is has_errors(found)
            assert_readable(found)


def accepted(documents: list[Json], index: int) -> bool:
    _, found = decode_intents([Document(documents[index], Origin("mesh.yaml"))])
    return not has_errors(found)


@st.composite
def strange(draw: st.DrawFn) -> bytes:
    """A source with a strange value in one field that the language takes, or in a field of a native object."""
    field = draw(st.sampled_from([*FIELDS.values()]))
    values = VALUES
    if field.is_intent:
        values = [value for value in VALUES if accepted(field.given(value), field.index)] or [GONE]
    return text_of(field.given(draw(st.sampled_from(values))))


@settings(CI, max_examples=80)
@given(strange())
def test_what_the_language_takes_goes_through_every_stage(text: bytes) -> None:
    options = Options(stdin=text, project=Project(sources=[]))
    results = compile_clusters(NOTHING, options)
    for result in results:
        assert_readable(result.diagnostics, text)
        if not result.failed:
            _, found = envoy_snapshots(result.mesh, result.proxies)
            assert_readable(found)
            delivery_tree(result, IstioOutput(), Path("out"))
        compare(results[0], result, traffic=False)
    assert_readable(adopt_project(NOTHING, options).diagnostics)
    for short in (True, False):
        formatted, found = format_source(text, "<stdin>", short=short)
        assert_readable(found, text)
        if not has_errors(found):
            assert format_source(formatted, "<stdin>", short=short)[0] == formatted


def lines(text: bytes) -> Iterator[tuple[bytes, bool]]:
    """The text with other line ends, a key given twice, a tab before a line; and whether it still is YAML."""
    yield text.replace(b"\n", b"\r\n"), True
    first = re.search(rb"^  \w+: .+\n", text, re.MULTILINE)
    assert first is not None
    yield text.replace(first[0], first[0] * 2, 1), False
    yield text.replace(first[0], b"\t" + first[0].lstrip(b" "), 1), False


@pytest.mark.parametrize("kind", KINDS)
def test_line_ends_double_keys_and_tabs_are_told_apart(kind: str) -> None:
    field = next(field for key, field in INTENTS.items() if key[1] == kind)
    text = text_of([field.documents[field.index]])
    meant, _ = parse_documents(text, "<stdin>")
    for other, fine in lines(text):
        documents, found = parse_documents(other, "<stdin>")
        assert_readable(found, other)
        assert has_errors(found) is not fine
        if fine:
            assert [each.value for each in documents] == [each.value for each in meant]
