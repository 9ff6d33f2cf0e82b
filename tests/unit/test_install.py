"""What is written for Helm and for istioctl: values that Istio's charts have, and the same ones in both forms.

tests/data/helm-values.json names the values of the charts (Istio's `manifests/charts/*/values.yaml`, gateway's JSON Schema).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
KNOWN: dict[str, list[str]] = json.loads((ROOT / "tests" / "data" / "helm-values.json").read_text())
WRITTEN = sorted(path for path in (ROOT / "golden" / "mesh").glob("*/deliver/**/values.yaml"))
# Which profile, platform and release to be compatible with: read by the charts' own template, in no values.yaml.
_OF_ALL = {"profile", "platform", "compatibilityVersion"}
_PLATFORM = "global/platform"
_FREE = ("meshConfig/", "labels/", "env/", "nodeSelector/", "podAnnotations/", "cpu/", "global/proxy/resources/", "resources/")


def leaves(value: Any, path: str = "") -> Iterator[str]:  # noqa: ANN401 (JSON)
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from leaves(item, f"{path}/{key}" if path else key)
    else:
        yield path


def known(path: str, chart: str) -> bool:
    """Whether a chart has a value; what stands under `pilot` its template moves to the top."""
    path = path.removeprefix("pilot/")
    return (
        path.split("/")[0] in _OF_ALL
        or path.startswith((*_FREE, _PLATFORM))
        or any(path == each or path.startswith(f"{each}/") for each in KNOWN[chart])
    )


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.relative_to(ROOT / "golden" / "mesh").as_posix())
def test_the_charts_have_every_value_that_is_written(path: Path) -> None:
    chart = path.parent.name if path.parent.name in KNOWN else "gateway"
    assert [each for each in leaves(yaml.safe_load(path.read_text())) if not known(each, chart)] == []


def above_root(port: int) -> int:
    """IstioOperator refuses target ports of root."""
    return port if port >= 1024 else port + 8000


def test_helm_and_istioctl_are_told_the_same() -> None:
    directory = ROOT / "golden" / "mesh" / "install" / "deliver"
    spec = yaml.safe_load((directory / "istio-operator.yaml").read_text())["spec"]
    istiod = yaml.safe_load((directory / "istiod" / "values.yaml").read_text())
    base = yaml.safe_load((directory / "base" / "values.yaml").read_text())
    assert spec["meshConfig"] == istiod.pop("meshConfig")
    assert spec["revision"] == istiod.pop("revision")
    assert base["global"].items() <= istiod["global"].items()
    assert spec["values"] == {**base, **istiod}
    gateways = {each["name"]: each for kind in ("ingress", "egress") for each in spec["components"][f"{kind}Gateways"]}
    for name in ("edge", "way-out", "cross-network"):
        values = yaml.safe_load((directory / "gateways" / name / "values.yaml").read_text())
        told = [{**port, "targetPort": above_root(port["targetPort"])} for port in values["service"].get("ports", ())]
        assert gateways[name]["k8s"]["service"].get("ports", []) == told
        assert values.get("labels", {}).items() <= gateways[name].get("label", {}).items()
