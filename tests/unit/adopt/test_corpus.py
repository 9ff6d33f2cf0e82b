"""A corpus of native objects that uses every field of Istio's API: most of it becomes intent, and all of it comes back."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from adopted_tree import Tree, intents_of, keys, recompiled, tree_of

from meshgen.adopt.adopt import Adoption
from meshgen.adopt.meaning import meaning
from meshgen.emit.istio.yaml_writer import dump_documents
from meshgen.istio.object import IstioObject

ROOT = Path(__file__).parents[3]
CORPUS = sorted((ROOT / "tests/data/adopt").glob("*.yaml"))
sys.path.insert(0, str(ROOT / "tests/unit/istio"))

from test_crd_coverage import CRDS, leaves_of_schema  # noqa: E402 (a test's module, found above)


@cache
def corpus() -> Tree:
    return tree_of(*[path.read_bytes() for path in CORPUS])


@cache
def adoption() -> Adoption:
    return corpus().adopted()


def schema_of(kind: str) -> dict[str, Any]:
    spec: dict[str, Any] = CRDS[kind]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return spec


def leaves_of_value(value: object, schema: dict[str, Any], path: str) -> set[str]:
    """The leaf fields that a value uses, by their paths in the CRD."""
    if "properties" in schema and isinstance(value, dict):
        return {
            leaf
            for key, item in value.items()
            for leaf in leaves_of_value(item, schema["properties"].get(key, {}), f"{path}.{key}")
        }
    if schema.get("type") == "array":
        return {leaf for item in value for leaf in leaves_of_value(item, schema["items"], f"{path}[]")}
    if isinstance(schema.get("additionalProperties"), dict):
        inner = schema["additionalProperties"]
        return {leaf for item in value.values() for leaf in leaves_of_value(item, inner, path + "{}")}
    return {path}


@pytest.mark.parametrize("kind", sorted(CRDS))
def test_every_leaf_field_of_the_kind_occurs(kind: str):
    used = {
        leaf
        for native in corpus().natives
        if native.kind == kind and native.native is not None
        for leaf in leaves_of_value(native.native.get("spec", {}), schema_of(kind), kind)
    }
    assert {leaf for leaf, _ in leaves_of_schema(schema_of(kind), kind)} - used == set()


@pytest.mark.parametrize("native", corpus().natives, ids=lambda native: f"{native.kind}-{native.name}")
def test_the_object_is_one_that_the_crd_takes(native: IstioObject[Any]):
    assert native.native is not None
    jsonschema.validate(native.native.get("spec", {}), schema_of(native.kind))


def test_nine_of_ten_objects_become_intent():
    adopted, left = adoption().adopted, adoption().left
    share = len(adopted) / (len(adopted) + len(left))
    assert share >= 0.95, [(each.object.key, each.reason) for each in left]
    patched = [each.object.key for each in adopted if each.patched]
    assert len(patched) <= 0.05 * len(adopted), patched


def test_each_object_that_stays_native_has_a_reason():
    assert [each.object.key for each in adoption().left if not each.reason] == []


def test_every_object_comes_back_with_the_same_meaning():
    again = recompiled(adoption(), corpus().facts)
    assert sorted(again) == keys(corpus().natives)
    for native in corpus().natives:
        assert meaning(again[native.key]) == meaning(native)


def test_adopting_what_the_intent_compiles_to_gives_the_same_intent():
    facts = (ROOT / "tests/data/adopt/services.yaml").read_bytes()
    again = recompiled(adoption(), corpus().facts)
    second = tree_of(dump_documents([each.to_json() for each in again.values()]), facts).adopted()
    assert intents_of(second) == intents_of(adoption())
    assert keys(each.object for each in second.left) == keys(each.object for each in adoption().left)


def test_the_coverage_page_has_a_way_for_every_leaf_field():
    page = (ROOT / "docs/istio-coverage.md").read_text()
    kinds = [section.splitlines() for section in page.split("\n## ")[1:]]
    ways = {
        f"{lines[0]}.{line.split('`')[1]}": line.split(" | ", 1)[1] for lines in kinds for line in lines if line.startswith("| `")
    }
    assert set(ways) == {leaf for kind in CRDS for leaf, _ in leaves_of_schema(schema_of(kind), kind)}
    assert all(way.removesuffix(" |") for way in ways.values())
