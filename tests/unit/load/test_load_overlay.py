"""Overlays: JSON merge patch by kind, namespace and name, and where the values came from."""

from __future__ import annotations

from typing import Any

import pytest

from meshgen.diagnostics import Origin
from meshgen.load.document import Document
from meshgen.load.overlay import apply_overlays


def document(kind: str, name: str, spec: object = None, /, file: str = "base.yaml", **more: Any) -> Document:  # noqa: ANN401 - any JSON
    metadata = {"name": name, **more.pop("metadata", {})}
    value = {"kind": kind, "metadata": metadata, **({} if spec is None else {"spec": spec}), **more}
    return Document(value, Origin(file))


BASE = (
    document("Service", "catalog", {"ports": [80], "traffic": {"a": 1, "b": 2}, "calls": ["x", "y"]}),
    document("Canary", "catalog", {"weight": 10}, metadata={"namespace": "shop"}),
)


def overlay(*patches: Document) -> tuple[list[dict[str, Any]], list[str]]:
    documents, diagnostics = apply_overlays(BASE, patches)
    return [d.value for d in documents], [d.code.number for d in diagnostics]


def patch(kind: str, name: str, spec: object = None, **more: object) -> Document:
    return document(kind, name, spec, file="overlay.yaml", **more)


# The examples of RFC 7386, appendix A, that begin with a map.
@pytest.mark.parametrize(
    ("original", "change", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ({"a": 1}, {"a": True}, {"a": True}),
    ],
)
def test_the_examples_of_rfc_7386_hold(original: object, change: object, result: object):
    documents, diagnostics = apply_overlays((document("A", "a", original),), (patch("A", "a", change),))
    assert not diagnostics
    assert documents[0].value["spec"] == result
    assert repr(documents[0].value["spec"]) == repr(result)


def test_a_patched_value_points_to_the_overlay_and_its_neighbours_to_the_base():
    (service, _), _ = apply_overlays(BASE, (patch("Service", "catalog", {"traffic": {"b": 3}, "calls": ["z"]}),))
    assert service.value["spec"] == {"ports": [80], "traffic": {"a": 1, "b": 3}, "calls": ["z"]}
    assert service.origin_of("spec", "traffic", "b") == Origin("overlay.yaml", 0, ("spec", "traffic", "b"))
    assert service.origin_of("spec", "calls", 0) == Origin("overlay.yaml", 0, ("spec", "calls", 0))
    assert service.origin_of("spec", "traffic", "a").file == "base.yaml"
    assert service.origin_of("spec", "traffic").file == "base.yaml"
    assert BASE[0].value["spec"] == {"ports": [80], "traffic": {"a": 1, "b": 2}, "calls": ["x", "y"]}


def test_a_later_overlay_wins_and_owns_the_place():
    later = Document(patch("Service", "catalog", {"traffic": {"b": 4}}).value, Origin("later.yaml"))
    (service, _), _ = apply_overlays(BASE, (patch("Service", "catalog", {"traffic": {"b": 3}}), later))
    assert service.value["spec"]["traffic"] == {"a": 1, "b": 4}  # type: ignore[index, call-overload]
    assert service.origin_of("spec", "traffic", "b").file == "later.yaml"


def test_patch_delete_removes_the_document():
    values, found = overlay(patch("Service", "catalog", **{"$patch": "delete"}))
    assert [value["kind"] for value in values] == ["Canary"]
    assert found == []


def test_the_namespace_is_part_of_the_name_and_has_a_default():
    assert overlay(patch("Service", "catalog", metadata={"namespace": "default"}))[1] == []
    _, diagnostics = apply_overlays(BASE, (patch("Canary", "catalog", {"weight": 50}),))
    assert [(d.code.number, d.help) for d in diagnostics] == [("MG0060", "there is one in namespace `shop`")]


def test_an_overlay_that_changes_nothing_says_what_was_meant():
    _, diagnostics = apply_overlays(BASE, (patch("Service", "catalgo", {}),))
    assert [(d.code.number, d.help) for d in diagnostics] == [("MG0060", "did you mean `catalog`?")]


def test_a_resource_of_one_environment_is_added_without_its_mark():
    marked = patch("Mirror", "m", {}, metadata={"annotations": {"meshgen/overlay": "add", "team": "a"}})
    values, found = overlay(marked)
    assert found == []
    assert values[2] == {"kind": "Mirror", "metadata": {"name": "m", "annotations": {"team": "a"}}, "spec": {}}


@pytest.mark.parametrize(
    "wrong",
    [
        patch("Service", "catalog", {}, metadata={"annotations": {"meshgen/overlay": "add"}}),
        patch("Service", "catalog", {}, metadata={"annotations": {"meshgen/overlay": "replace"}}),
        patch("Service", "catalog", {}, **{"$patch": "replace"}),
    ],
)
def test_overlays_that_contradict_are_errors_and_change_nothing(wrong: Document):
    values, found = overlay(wrong)
    assert found == ["MG0061"]
    assert values == [d.value for d in BASE]
