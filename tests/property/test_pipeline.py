"""Whatever is written: diagnostics and never a traceback or half a tree; order means nothing; `fmt` changes no meaning."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import yaml
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from meshgen.cli.app import cli
from meshgen.emit.istio.yaml_writer import dump_documents
from meshgen.fmt import format_source
from meshgen.intent.decode import decode_intents
from meshgen.intent.document import to_document
from meshgen.load.load import Options
from meshgen.load.project import Project
from meshgen.load.yaml import parse_documents
from meshgen.pipeline import compile_project, envoy_snapshots

Json: TypeAlias = Any

GOLDEN = Path(__file__).parents[2] / "golden"
SOURCES = [path.read_bytes() for path in sorted(GOLDEN.rglob("in/**/*.yaml")) if path.name != "meshgen.yaml"]
VALUES: list[Json] = [
    value
    for path in sorted(GOLDEN.rglob("in/**/*.yaml"))
    if {"errors", "env", "templated"}.isdisjoint(path.parts) and path.name != "meshgen.yaml"
    for value in yaml.safe_load_all(path.read_bytes())
]
assert len(VALUES) > 60

CI = settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)


# --- strange input --------------------------------------------------------------------------------------------------------
WORDS = [
    b"- ",
    b": ",
    b"{",
    b"}",
    b"[",
    b"]",
    b"&a ",
    b"*a",
    b"<<: ",
    b"!!int ",
    b"|\n",
    b"'",
    b'"',
    b"\t",
    b"#",
    b"\n---\n",
    b"~",
]
WORDS += [
    b"\xff",
    b"\x00",
    b"\xe2\x80\xa8",
    b"\xed\xa0\x80",
    b"\r",
    b"-1",
    b"1e999",
    b"0x",
    b"null",
    b"spec",
    b"kind: Mesh",
    b"\xf0\x9f\x98\x80",
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good or bad golden source with a few stretches deleted, doubled, moved or replaced by a word of YAML."""
    data = draw(st.sampled_from(SOURCES))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 12)))
        word = draw(st.sampled_from([*WORDS, b"", data[start:end] * 2]))
        data = data[:start] + word + data[end:]
    return data


def run(*arguments: str, stdin: bytes | None = None) -> Result:
    result = CliRunner().invoke(cli, arguments, input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def assert_all_or_nothing(data: bytes) -> None:
    """Every verb that reads a source has an exit code for it, and a compile writes a whole tree or none."""
    with TemporaryDirectory() as name:
        directory = Path(name)
        source = directory / "mesh.yaml"
        source.write_bytes(data)
        output = directory / "out"
        targets = ["-t", "istio", "-t", "envoy"]
        result = run("compile", str(source), "-o", str(output), *targets)
        assert result.exit_code in {0, 2}
        assert (result.exit_code == 0) is output.exists()
        assert (result.exit_code == 2) is ("error[MG" in result.stderr)
        if result.exit_code == 0:
            assert run("compile", str(source), "-o", str(output), "--check", *targets).exit_code == 0
        assert run("check", str(source)).exit_code in {0, 1, 2}
        json.loads(run("check", "--json", str(source)).stdout)
        before = source.read_bytes()
        if run("fmt", str(source)).exit_code:
            assert source.read_bytes() == before


@settings(CI, max_examples=40)
@given(st.binary(max_size=80) | st.text(max_size=80).map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(b"")
@example(b"\xef\xbb\xbf")
@example(b"--- {}\n...\n---")
def test_any_bytes_are_answered(data: bytes):
    assert_all_or_nothing(data)


@settings(CI, max_examples=80)
@given(mutated())
def test_any_damage_to_a_source_is_answered(data: bytes):
    assert_all_or_nothing(data)


STRANGE = st.sampled_from([
    None,
    "",
    "*",
    "a.b.c",
    "-1",
    -1,
    0,
    2**70,
    1.5,
    True,
    [],
    {},
    [[]],
    {"": None},
    "x" * 300,
    "\u202e",
    "ä",
    "a/b",
])


def places(value: Json) -> Iterator[tuple[Json, str | int]]:
    """Every map or list of a value with each of its keys."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from places(value[key])


@settings(CI, max_examples=80)
@given(st.data())
def test_any_wrong_value_anywhere_is_answered(data: st.DataObject):
    picked = data.draw(st.lists(st.sampled_from(range(len(VALUES))), min_size=1, max_size=4, unique=True))
    values = [json.loads(json.dumps(VALUES[index])) for index in picked]
    for _ in range(data.draw(st.integers(1, 2))):
        holder, key = data.draw(st.sampled_from(list(places(values))))
        holder[key] = data.draw(STRANGE)
    assert_all_or_nothing(b"\n---\n".join(json.dumps(value).encode() for value in values))


URLS = st.sampled_from([
    "http://catalog/",
    "https://shop.example.com/api/",
    "http://",
    "//",
    "http://[",
    "catalog:80",
    "http://a:b/",
])


@settings(CI, max_examples=40)
@given(
    url=URLS | st.text(max_size=20),
    header=st.sampled_from(["x: 1", ":path: /", "", ":", "host: other", "x-é: ü", "a\nb: c"]) | st.text(max_size=8),
    method=st.sampled_from(["GET", "", "get", "Ü", "A B"]),
    source=st.sampled_from(["", "shop/webapp", "shop/nobody"]),
)
def test_any_request_is_answered(url: str, header: str, method: str, source: str):
    project = GOLDEN / "sources" / "overlay" / "in"
    arguments = ["trace", "-C", str(project), "-H", header, "-X", method, "--from", source, "--", url]
    assert run(*arguments).exit_code in {0, 1, 2}


# --- order ----------------------------------------------------------------------------------------------------------------
def compiled(values: list[Json]) -> tuple[bytes, list[str], bytes]:
    """All that documents in this order give."""
    text = b"\n---\n".join(json.dumps(value).encode() for value in values)
    with TemporaryDirectory() as empty:
        result = compile_project(Path(empty), Options(stdin=text, project=Project(sources=[])))
    istio = dump_documents([artifact.object for artifact in result.artifacts])
    codes = sorted(f"{each.code.number} {each.message}" for each in result.diagnostics)
    if result.failed or result.mesh is None:
        return istio, codes, b""
    snapshots, _ = envoy_snapshots(result.mesh, result.proxies)
    return istio, codes, json.dumps([[s.proxy.id, s.listeners, s.routes, s.clusters, s.endpoints] for s in snapshots]).encode()


def identity(value: Json) -> str:
    metadata = value["metadata"]
    return f"{value['kind']} {metadata.get('namespace')} {metadata['name'] if value['kind'] != 'Mesh' else ''}"


@settings(CI, max_examples=40)
@given(st.data())
def test_the_order_of_documents_changes_nothing(data: st.DataObject):
    picked = data.draw(st.lists(st.sampled_from(range(len(VALUES))), min_size=2, max_size=8, unique=True))
    values = list({identity(VALUES[index]): VALUES[index] for index in picked}.values())
    again = data.draw(st.permutations(values))
    assert compiled(again) == compiled(values)
    assert compiled(values) == compiled(values)


# --- fmt ------------------------------------------------------------------------------------------------------------------
INTENT = [source for source in SOURCES if not any(d.severity == "error" for d in parse_documents(source, "")[1])]


def meaning(source: bytes) -> list[Json]:
    """The intents of a source in their long form, with everything else as it stands."""
    documents, _ = parse_documents(source, "")
    intents, found = decode_intents([each for each in documents if each.api_version == "meshgen/v1"])
    assert not any(each.severity == "error" for each in found)
    forms = [to_document(each.model, short=False) for each in intents]
    return [*forms, *(each.value for each in documents if each.api_version != "meshgen/v1")]


GOOD = [source for source in INTENT if not format_source(source, "", short=True)[1]]
assert len(GOOD) > 40


@settings(CI, max_examples=40)
@given(source=st.sampled_from(GOOD), short=st.booleans(), data=st.data())
def test_fmt_keeps_comments_and_meaning_and_is_done_after_one_run(source: bytes, short: bool, data: st.DataObject):
    lines = source.decode().splitlines()
    comments = []
    for number in sorted(data.draw(st.sets(st.integers(0, len(lines) - 1), max_size=3)), reverse=True):
        comment = f"# remark {number}"
        comments.append(comment)
        indent = lines[number][: len(lines[number]) - len(lines[number].lstrip())]
        lines.insert(number, f"{indent}{comment}")
    commented = ("\n".join(lines) + "\n").encode()
    once, found = format_source(commented, "", short=short)
    assert not found
    assert [comment for comment in comments if comment.encode() not in once] == []
    assert meaning(once) == meaning(source)
    assert format_source(once, "", short=short) == (once, ())
    back, _ = format_source(once, "", short=not short)
    assert meaning(back) == meaning(source)


def test_fmt_leaves_a_formatted_file_alone_byte_for_byte():
    for source in GOOD:
        once, _ = format_source(source, "", short=True)
        assert format_source(once, "", short=True)[0] == once
