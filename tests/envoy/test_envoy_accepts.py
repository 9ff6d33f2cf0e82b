"""A real Envoy accepts what meshgen makes for every recorded proxy: each bootstrap is loaded whole (`--mode validate`)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from certificates import Authority
from harness import find_envoy
from meshes import options, snapshot
from oracle import PROXIES, load_case

from meshgen.emit.envoy.bootstrap import static_bootstrap

pytestmark = pytest.mark.envoy

Json: TypeAlias = Any


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root, authority = tmp_path_factory.mktemp("certificates"), Authority()
    authority.workload(root, "cluster.local/ns/shop/sa/webapp")
    authority.credential(root / "any", "shop.example")
    return root


def _with_existing_files(value: Json, root: Path) -> Json:
    """Every file that a configuration names as one that is there: Envoy reads them when it loads."""
    names = {"certificate_chain": "any/tls.crt", "private_key": "any/tls.key", "trusted_ca": "any/ca.crt"}
    if isinstance(value, dict):
        return {
            key: {"filename": str(root / names[key])} if key in names else _with_existing_files(item, root)
            for key, item in value.items()
        }
    return [_with_existing_files(item, root) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("case", "name"), PROXIES)
def test_envoy_accepts_the_bootstrap(case: str, name: str, certificates: Path, tmp_path: Path):
    loaded = load_case(case)
    bootstrap = static_bootstrap(snapshot(loaded.mesh, loaded.proxies[name]), options(certificates))
    file = tmp_path / "bootstrap.json"
    file.write_text(json.dumps(_with_existing_files(bootstrap, certificates)))
    command = [str(find_envoy()), "--mode", "validate", "-c", str(file), "-l", "error", "--base-id-path", str(tmp_path / "id")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
