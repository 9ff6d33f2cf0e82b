"""`meshgen schema` on what editors really open: the files of `meshgen init`, project files and mixed sources."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from meshgen.cli.app import cli
from meshgen.diagnostics.catalogue.load import UNKNOWN_INTENT_FIELD
from meshgen.intent.decode import decode_intents
from meshgen.load.yaml import parse_documents

EXAMPLES = Path(__file__).parents[3] / "examples"
GOLDEN = Path(__file__).parents[3] / "golden"


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft7Validator:
    schema: Any = json.loads(CliRunner().invoke(cli, ["schema"]).output)
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def complaints(validator: jsonschema.Draft7Validator, file: Path) -> list[str]:
    documents, found = parse_documents(file.read_bytes(), file.name)
    assert found == ()
    return [f"{file}: {error.message}" for document in documents for error in validator.iter_errors(document.value)]


def test_the_files_of_init_and_the_examples_are_fine(validator: jsonschema.Draft7Validator, tmp_path: Path) -> None:
    assert CliRunner().invoke(cli, ["init", str(tmp_path)]).exit_code == 0
    mesh = [*EXAMPLES.glob("*/meshgen.yaml"), *EXAMPLES.glob("*/mesh/**/*.yaml")]
    files = [*tmp_path.rglob("*.yaml"), *mesh]
    assert len(files) > 5
    assert [line for file in files for line in complaints(validator, file)] == []


@pytest.mark.parametrize(
    ("kind", "spec", "message"),
    [
        ("Project", {"sources": ["mesh", {"path": "more", "templated": True}]}, ""),
        ("Project", {"source": ["mesh"]}, "Additional properties are not allowed ('source' was unexpected)"),
        ("Service", {"prots": [80]}, "Additional properties are not allowed ('prots' was unexpected)"),
    ],
)
def test_typing_errors_are_marked(validator: jsonschema.Draft7Validator, kind: str, spec: object, message: str) -> None:
    document = {"apiVersion": "meshgen/v1", "kind": kind, "metadata": {"name": "x"}, "spec": spec}
    assert [error.message for error in validator.iter_errors(document)] == ([message] if message else [])


def test_native_objects_in_the_same_file_are_left_to_other_schemas(validator: jsonschema.Draft7Validator) -> None:
    native = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "x"},
        "spec": {"hosts": ["x"]},
    }
    assert validator.is_valid(native)


def documents_of(file: Path) -> list[Any]:
    documents, _ = parse_documents(file.read_bytes(), file.name)
    return [document.value for document in documents]


def test_the_schema_takes_every_document_of_the_cases(validator: jsonschema.Draft7Validator) -> None:
    files = [file for file in sorted(GOLDEN.rglob("in/**/*.yaml")) if {"errors", "env", "templated"}.isdisjoint(file.parts)]
    refused = [
        f"{file}: {error.json_path}: {error.message}"
        for file in files
        for document in documents_of(file)
        if str(document.get("apiVersion")).startswith("meshgen/")
        for error in validator.iter_errors(document)
    ]
    assert len(files) > 100
    assert refused == []


def test_the_schema_refuses_unknown_fields_where_the_compiler_does(validator: jsonschema.Draft7Validator) -> None:
    marked, missed = 0, []
    for file in sorted(GOLDEN.rglob("errors/**/in/**/*.yaml")):
        documents, _ = parse_documents(file.read_bytes(), file.name)
        for document in documents:
            _, found = decode_intents([document]) if document.api_version == "meshgen/v1" else ((), ())
            if any(each.code is UNKNOWN_INTENT_FIELD for each in found):
                marked += 1
                missed += [f"{file}: {document.name}"] if validator.is_valid(document.value) else []
    assert marked > 3
    assert missed == []
