"""Core objects as facts: the ConfigMap that holds istiod's MeshConfig."""

from __future__ import annotations

import pytest

from meshgen import kubernetes as core
from meshgen.diagnostics import Diagnostic, Origin
from meshgen.json import JsonObject, JsonValue
from meshgen.load.kubernetes import decode_facts

HERE = Origin("istio.yaml", 2)


def facts_of(data: JsonValue, name: str = "istio") -> tuple[core.CoreFacts, tuple[Diagnostic, ...]]:
    value: JsonObject = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "istio-system"},
        "data": data,
    }
    return decode_facts([(value, HERE)])


def test_the_mesh_config_of_istiod_is_read_from_its_config_map() -> None:
    facts, found = facts_of({"mesh": "trustDomain: shop.example\nrootNamespace: mesh\n", "meshNetworks": "networks: {}"})
    assert found == ()
    assert [each.mesh for each in facts.mesh_configs] == [{"trustDomain": "shop.example", "rootNamespace": "mesh"}]
    assert facts.mesh_configs[0].origin == HERE.at("data", "mesh")


def test_an_empty_text_is_a_mesh_config_of_defaults() -> None:
    facts, found = facts_of({"mesh": "# nothing\n"})
    assert (found, facts.mesh_configs[0].mesh) == ((), {})


@pytest.mark.parametrize(("name", "data"), [("bookinfo", {"mesh": "trustDomain: x"}), ("istio", {"other": "x"}), ("istio", None)])
def test_other_config_maps_say_nothing(name: str, data: JsonValue) -> None:
    facts, found = facts_of(data, name)
    assert (facts, found) == (core.CoreFacts(), ())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ({"trustDomain": "x"}, "ConfigMap: `data.mesh` must be YAML text"),
        ("- a list", "ConfigMap: `data.mesh` must hold one map, the MeshConfig"),
        ("a: 1\n---\nb: 2", "ConfigMap: `data.mesh` must hold one map, the MeshConfig"),
        ("a: 1\na: 2", "MeshConfig: the key `a` is given twice"),
    ],
)
def test_what_cannot_be_read_is_said_where_the_text_stands(text: JsonValue, message: str) -> None:
    facts, found = facts_of({"mesh": text})
    assert facts.mesh_configs == ()
    assert [(each.message, each.origin) for each in found] == [(message, HERE.at("data", "mesh"))]
