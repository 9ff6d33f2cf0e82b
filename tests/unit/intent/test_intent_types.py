"""What a user's type checker says of Python sources: nothing of those that are fine, and where the others are wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from mypy import api

import meshgen
from meshgen.intent.decode import decode_intents
from meshgen.intent.document import to_document
from meshgen.intent.kind import Intent
from meshgen.intent.kinds import KINDS
from meshgen.intent.model import Model
from meshgen.json import JsonObject
from meshgen.load.yaml import parse_documents

ROOT = Path(__file__).parents[3]
SOURCES = [path for folder in ("golden", "examples") for path in sorted((ROOT / folder).rglob("*.yaml"))]
EXAMPLES = sorted((ROOT / "examples").rglob("*.py"))
CACHE = ROOT / ".mypy_cache/users"
NAMES = {getattr(meshgen, name): name for name in reversed(meshgen.__all__) if isinstance(getattr(meshgen, name), type)}


def intents() -> Iterator[Intent]:
    """Every intent of the golden cases and the examples that has no error."""
    for path in SOURCES:
        documents, _ = parse_documents(path.read_bytes(), path.name)
        found, _ = decode_intents([each for each in documents if each.api_version == "meshgen/v1" and each.kind != "Project"])
        yield from (each.model for each in found)


def expression(value: object) -> str:
    """The Python that makes a value, every part with its constructor."""
    if isinstance(value, Intent):
        given = {name: getattr(value.metadata, name) for name in value.metadata.model_fields_set}
        given |= {name: getattr(value, name) for name in value.model_fields_set - {"metadata"}}
        return f"{NAMES[type(value)]}({given.pop('name')!r}, {arguments(given)})"
    if isinstance(value, Model):
        return f"{NAMES[type(value)]}({arguments({name: getattr(value, name) for name in value.model_fields_set})})"
    if isinstance(value, tuple):
        return f"[{', '.join(map(expression, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key!r}: {expression(item)}' for key, item in value.items())}}}"
    return repr(value)


def in_full(intent: Intent) -> JsonObject:
    """The document in its long form; Python always says the namespace."""
    document = to_document(intent, short=False)
    metadata = document["metadata"]
    assert isinstance(metadata, dict)
    return document | {"metadata": {"namespace": "default", **metadata}}


def arguments(given: dict[str, object]) -> str:
    return ", ".join(f"{name}={expression(given[name])}" for name in sorted(given))


WRONG = {
    'Service("x", prots=[80])': 'Unexpected keyword argument "prots" for "Service"; did you mean "ports"?',
    'Rule(to="v1", timeout=2)': 'Argument "timeout" to "Rule" has incompatible type "int"; expected "str | None"',
    'Mirror("x", service="x")': 'Missing named argument "to" for "Mirror"',
    'Servce("x")': 'Name "Servce" is not defined; did you mean "Service"?',
}


@pytest.fixture(scope="module")
def complaints(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What mypy, strict and without meshgen's configuration, says of all programs of this file: it takes seconds to start."""
    directory = tmp_path_factory.mktemp("programs")
    programs = {f"example_{number}.py": path.read_text() for number, path in enumerate(EXAMPLES)}
    programs["all.py"] = "\n".join(["from meshgen import *", *map(expression, intents())])
    programs |= {f"wrong_{number}.py": f"from meshgen import *\n\n{text}\n" for number, text in enumerate(WRONG)}
    for name, text in programs.items():
        (directory / name).write_text(text)
    output, errors, _ = api.run(["--strict", "--config-file=", f"--cache-dir={CACHE}", str(directory)])
    assert not errors
    return [line.rpartition("/")[2] for line in output.splitlines() if ": error:" in line]


def test_every_intent_of_the_cases_is_the_same_in_python() -> None:
    written = {expression(intent): intent for intent in intents()}
    assert len(written) > 200
    assert {type(intent) for intent in written.values()} == set(KINDS.values())
    names = {name: getattr(meshgen, name) for name in meshgen.__all__}
    assert [text for text, intent in written.items() if in_full(eval(text, names)) != in_full(intent)] == []


def test_programs_that_are_fine_have_no_type_errors(complaints: list[str]) -> None:
    assert len(EXAMPLES) > 10
    assert [line for line in complaints if not line.startswith("wrong_")] == []


@pytest.mark.parametrize(("number", "message"), list(enumerate(WRONG.values())))
def test_a_mistake_is_found_before_the_program_runs(complaints: list[str], number: int, message: str) -> None:
    (line,) = (line for line in complaints if line.startswith(f"wrong_{number}."))
    assert re.fullmatch(rf"wrong_{number}\.py:3: error: {re.escape(message)}  \[[a-z-]+\]", line)
