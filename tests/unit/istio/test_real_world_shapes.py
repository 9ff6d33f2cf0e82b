"""Objects with unusual but legal content come out of a compile as they went in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshgen.diagnostics import Origin
from meshgen.emit.istio.yaml_writer import dump
from meshgen.istio.decode import decode_object
from meshgen.pipeline import compile_project

HOSTS = ["catalog.shop.svc.cluster.local"]
ROUTE = [{"destination": {"host": HOSTS[0]}}]
SHAPES: dict[str, dict[str, Any]] = {
    "an AuthorizationPolicy that denies all": {"kind": "AuthorizationPolicy", "spec": {}},
    "one that allows all": {"kind": "AuthorizationPolicy", "spec": {"rules": [{}]}},
    "one that allows nothing": {"kind": "AuthorizationPolicy", "spec": {"rules": []}},
    "retries that are off": {
        "kind": "VirtualService",
        "spec": {"hosts": HOSTS, "http": [{"retries": {"attempts": 0}, "route": ROUTE}]},
    },
    "tracing that is null": {"kind": "Telemetry", "spec": {"tracing": None}},
    "a spec that is null": {"kind": "AuthorizationPolicy", "spec": None},
    "empty maps and lists": {
        "kind": "DestinationRule",
        "metadata": {"annotations": {}, "labels": {}},
        "spec": {"host": HOSTS[0], "trafficPolicy": {"tls": {}, "loadBalancer": {}}, "subsets": [], "exportTo": []},
    },
    "annotations that nobody knows": {
        "kind": "Sidecar",
        "metadata": {"annotations": {"example.com/owner": "a: b # c", "x": "", "y": "null", "z": "007"}, "labels": {"a": "yes"}},
        "spec": {"egress": [{"hosts": ["./*"]}]},
    },
    "exportTo": {
        "kind": "ServiceEntry",
        "spec": {"hosts": ["a.example.com"], "ports": [{"number": 443, "name": "tls", "protocol": "TLS"}], "exportTo": ["~"]},
    },
    "a workloadSelector of a DestinationRule": {
        "kind": "DestinationRule",
        "spec": {
            "host": HOSTS[0],
            "workloadSelector": {"matchLabels": {"app": "a"}},
            "trafficPolicy": {"tls": {"mode": "DISABLE"}},
        },
    },
    "a workloadSelector of a Sidecar": {
        "kind": "Sidecar",
        "spec": {"workloadSelector": {"labels": {"app": "a"}}, "egress": [{"hosts": ["*/*"]}]},
    },
    "an empty workloadSelector": {
        "kind": "Sidecar",
        "spec": {"workloadSelector": {"labels": {}}, "egress": [{"hosts": ["*/*"]}]},
    },
    "a thousand headers": {
        "kind": "VirtualService",
        "spec": {
            "hosts": HOSTS,
            "http": [
                {"headers": {"request": {"set": {f"x-header-{number}": "v" * 200 for number in range(1000)}}}, "route": ROUTE},
            ],
        },
    },
    "a host in Unicode": {
        "kind": "ServiceEntry",
        "spec": {"hosts": ["bücher.example"], "ports": [{"number": 443, "name": "tls", "protocol": "TLS"}], "resolution": "NONE"},
    },
    "values in Unicode": {
        "kind": "VirtualService",
        "metadata": {"annotations": {"note": "größer als 100 % ✓"}},
        "spec": {"hosts": HOSTS, "http": [{"match": [{"headers": {"x": {"exact": "žluťoučký"}}}], "route": ROUTE}]},
    },
    "an older version of the API": {
        "kind": "VirtualService",
        "apiVersion": "networking.istio.io/v1alpha3",
        "spec": {"hosts": HOSTS, "http": [{"route": ROUTE}]},
    },
}
GROUPS = {"AuthorizationPolicy": "security.istio.io/v1", "Telemetry": "telemetry.istio.io/v1"}


def whole(shape: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": "a", "namespace": "shop", **shape.get("metadata", {})}
    version = shape.get("apiVersion", GROUPS.get(shape["kind"], "networking.istio.io/v1"))
    return {"apiVersion": version, "kind": shape["kind"], "metadata": metadata, "spec": shape["spec"]}


@pytest.mark.parametrize("name", SHAPES)
def test_what_is_loaded_is_emitted(name: str, tmp_path: Path):
    value = whole(SHAPES[name])
    (tmp_path / "meshgen.yaml").write_text("apiVersion: meshgen/v1\nkind: Project\n")
    (tmp_path / "mesh").mkdir()
    (tmp_path / "mesh" / "a.yaml").write_text(yaml.safe_dump(value, allow_unicode=True), encoding="utf-8")
    result = compile_project(tmp_path)
    assert not result.failed, [each.message for each in result.diagnostics]
    (artifact,) = result.artifacts
    assert artifact.object == value
    assert yaml.safe_load(dump(artifact.object)) == value


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x7f", min_codepoint=32), max_size=20)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(TEXT, TEXT, max_size=5), st.lists(st.sampled_from(["catalog", "a.b", "*.c.d"]), unique=True, min_size=1))
def test_metadata_and_lists_keep_their_content_and_order(annotations: dict[str, str], hosts: list[str]):
    value = whole({
        "kind": "VirtualService",
        "metadata": {"annotations": annotations},
        "spec": {"hosts": hosts, "http": [{"route": ROUTE}]},
    })
    native, found = decode_object(value, Origin("a.yaml"))
    assert (native is not None, found) == (True, ())
    assert native is not None
    assert yaml.safe_load(dump(native.to_json())) == value
