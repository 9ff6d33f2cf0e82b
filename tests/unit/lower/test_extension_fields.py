"""Every field of TrafficExtension, WasmPlugin and EnvoyFilter comes out of the golden cases of Extension."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
CASES = sorted((ROOT / "golden/extension").glob("*/istio.yaml"))

# WasmPlugin's `targetRef` is deprecated for `targetRefs`; Istio takes no `namespace` there but the object's own.
BEYOND = {
    "EnvoyFilter": {"targetRefs.namespace"},
    "TrafficExtension": {"targetRefs.namespace"},
    "WasmPlugin": {"targetRef.group", "targetRef.kind", "targetRef.name", "targetRef.namespace", "targetRefs.namespace"},
}


def leaves(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """The paths of a CRD's leaf fields, without indexes."""
    if schema.get("type") == "array":
        yield from leaves(schema["items"], path)
    elif schema.get("properties"):
        for name, inner in schema["properties"].items():
            yield from leaves(inner, f"{path}.{name}" if path else name)
    else:
        yield path


def given(value: object, path: str = "") -> Iterator[str]:
    """All paths of a value, without indexes."""
    yield path
    if isinstance(value, list):
        for item in value:
            yield from given(item, path)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from given(item, f"{path}.{name}" if path else str(name))


@pytest.fixture(scope="module")
def schemas() -> dict[str, dict[str, Any]]:
    documents = yaml.load_all((ROOT / "tests/data/istio-crds.yaml").read_text(), Loader=yaml.CSafeLoader)
    crds = {document["spec"]["names"]["kind"]: document["spec"]["versions"][0] for document in documents if document}
    return {kind: crd["schema"]["openAPIV3Schema"]["properties"]["spec"] for kind, crd in crds.items()}


@pytest.mark.parametrize("kind", sorted(BEYOND))
def test_every_field_is_said_by_some_case(kind: str, schemas: dict[str, dict[str, Any]]) -> None:
    objects = [each for case in CASES for each in yaml.safe_load_all(case.read_text())]
    said = {path for each in objects if each["kind"] == kind for path in given(each["spec"])}
    assert set(leaves(schemas[kind])) - said == BEYOND[kind]
