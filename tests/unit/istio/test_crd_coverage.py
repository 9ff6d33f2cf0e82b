"""The generated structs say what Istio's CRDs say, field for field; they are walked here by other code than the generator's."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec import inspect

from meshgen.istio.kinds import KINDS

ROOT = Path(__file__).parents[3]
CRDS = {
    crd["spec"]["names"]["kind"]: crd["spec"]
    for crd in yaml.load_all((ROOT / "tests/data/istio-crds.yaml").read_text(), yaml.CSafeLoader)
    if crd
}


def test_every_kind_of_the_crds_is_registered_with_its_group_versions_and_plural():
    expected = {
        kind: (crd["group"], {v["name"] for v in crd["versions"] if v["served"]}, crd["names"]["plural"])
        for kind, crd in CRDS.items()
    }
    assert {kind.name: (kind.group, set(kind.versions), kind.plural) for kind in KINDS.values()} == expected


def leaves_of_schema(schema: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    if "properties" in schema:
        for name, child in schema["properties"].items():
            yield from leaves_of_schema(child, f"{path}.{name}")
    elif schema.get("type") == "array":
        yield from leaves_of_schema(schema["items"], path + "[]")
    elif isinstance(schema.get("additionalProperties"), dict):
        yield from leaves_of_schema(schema["additionalProperties"], path + "{}")
    else:
        yield path, constraint_of_schema(schema)


def constraint_of_schema(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return f"enum {sorted(schema['enum'])}"
    if schema["type"] == "integer":
        low, high = schema.get("minimum"), schema.get("maximum")
        if schema.get("format") == "int32":
            low, high = -(2**31) if low is None else low, 2**31 - 1 if high is None else high
        return f"integer {low} {high}"
    if schema["type"] == "string":
        duration = any("duration(self)" in rule["rule"] for rule in schema.get("x-kubernetes-validations", ()))
        return "duration" if duration else f"string {schema.get('minLength')} {schema.get('maxLength')} {schema.get('pattern')}"
    return str(schema["type"])


def leaves_of_type(kind: inspect.Type, path: str) -> Iterator[tuple[str, str]]:
    match kind:
        case inspect.UnionType():
            yield from leaves_of_type(next(t for t in kind.types if not isinstance(t, inspect.NoneType)), path)
        case inspect.StructType():
            for field in kind.fields:
                yield from leaves_of_type(field.type, f"{path}.{field.encode_name}")
        case inspect.VarTupleType():
            yield from leaves_of_type(kind.item_type, path + "[]")
        case inspect.DictType() if not isinstance(kind.value_type, inspect.AnyType):
            yield from leaves_of_type(kind.value_type, path + "{}")
        case _:
            yield path, constraint_of_type(kind)


def constraint_of_type(kind: inspect.Type) -> str:
    match kind:
        case inspect.LiteralType():
            return f"enum {sorted(kind.values)}"
        case inspect.IntType():
            return f"integer {kind.ge} {kind.le}"
        case inspect.StrType() if kind.pattern and "ms|us" in kind.pattern:
            return "duration"
        case inspect.StrType():
            pattern = kind.pattern and kind.pattern.replace(r"\Z", "$")
            return f"string {kind.min_length} {kind.max_length} {pattern}"
    return {inspect.BoolType: "boolean", inspect.FloatType: "number", inspect.DictType: "object"}[type(kind)]


@pytest.mark.parametrize("name", sorted(CRDS))
def test_every_leaf_of_every_served_version_is_a_field_with_the_same_constraint(name: str):
    ours = dict(leaves_of_type(inspect.type_info(KINDS[name].spec), name))
    for version in CRDS[name]["versions"]:
        schema = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
        theirs = dict(leaves_of_schema(schema, name))
        assert sorted(theirs.items() - ours.items()) == [], f"missing or weaker in ours, {version['name']}"
        assert sorted(ours.items() - theirs.items()) == [], f"not in the CRD, {version['name']}"


def required_fields(schema: dict[str, Any], path: str) -> Iterator[str]:
    for name in schema.get("required", ()):
        yield f"{path}.{name}"
    for name, child in schema.get("properties", {}).items():
        yield from required_fields(child, f"{path}.{name}")
    if schema.get("type") == "array":
        yield from required_fields(schema["items"], path + "[]")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from required_fields(schema["additionalProperties"], path + "{}")


def required_of_type(kind: inspect.Type, path: str) -> Iterator[str]:
    match kind:
        case inspect.UnionType():
            yield from required_of_type(next(t for t in kind.types if not isinstance(t, inspect.NoneType)), path)
        case inspect.StructType():
            for field in kind.fields:
                if field.required:
                    yield f"{path}.{field.encode_name}"
                yield from required_of_type(field.type, f"{path}.{field.encode_name}")
        case inspect.VarTupleType():
            yield from required_of_type(kind.item_type, path + "[]")
        case inspect.DictType():
            yield from required_of_type(kind.value_type, path + "{}")


@pytest.mark.parametrize("name", sorted(CRDS))
def test_the_same_fields_are_required(name: str):
    schema = CRDS[name]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    assert sorted(required_of_type(inspect.type_info(KINDS[name].spec), name)) == sorted(required_fields(schema, name))


def test_the_crds_have_the_number_of_leaves_that_the_chapters_page_counts():
    leaves = {
        leaf
        for name, crd in CRDS.items()
        for leaf, _ in leaves_of_schema(crd["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"], name)
    }
    assert len(leaves) == 754


def test_the_generated_modules_are_current():
    run = subprocess.run(
        [sys.executable, "tools/generate_istio.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout.strip()) == (0, "current")
