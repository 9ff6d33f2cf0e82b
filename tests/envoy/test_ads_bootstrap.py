"""A real Envoy loads the bootstraps for a control plane, with the certificates that they name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from certificates import Authority
from validation import refusal

from meshgen.load.load import Options
from meshgen.load.project import parse_project
from meshgen.outputs import envoy_tree
from meshgen.pipeline import compile_project

pytestmark = pytest.mark.envoy

GOLDEN = Path(__file__).parents[2] / "golden" / "envoy"


@pytest.mark.parametrize("case", ["ads-bootstrap", "ads-mutual-tls"])
def test_envoy_takes_the_bootstrap(case: str, tmp_path: Path):
    Authority().credential(tmp_path / "certificates" / "fleet", "xds.example")
    text = (GOLDEN / case / "in" / "meshgen.yaml").read_text().replace("/srv/", f"{tmp_path}/")
    project, _ = parse_project(text.encode())
    assert project is not None
    assert project.outputs.envoy is not None
    result = compile_project(GOLDEN / case / "in", Options(project=project))
    tree, _ = envoy_tree(result, project.outputs.envoy, tmp_path / "envoy", result.output_proxies)
    for path, content in tree.files.items():
        place = tmp_path / "envoy" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    bootstraps = [path for path in tree.files if path.endswith("bootstrap.json")]
    assert len(bootstraps) == len(result.output_proxies)
    for path in bootstraps:
        assert refusal(json.loads(tree.files[path]), tmp_path / "bootstrap.json") == ""
