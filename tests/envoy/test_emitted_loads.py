"""A real Envoy loads what is emitted for every recorded proxy, as one static bootstrap each."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from certificates import Authority
from harness import find_envoy
from oracle import PROXIES, load_case

from meshgen.emit.envoy.bootstrap import BootstrapOptions, static_bootstrap
from meshgen.emit.envoy.translate import emit_envoy

Json: TypeAlias = Any

pytestmark = pytest.mark.envoy


def with_real_files(value: Json, files: dict[str, str]) -> Json:
    """Each file that a secret names replaced with one that is there."""
    if isinstance(value, dict):
        return {
            key: {"filename": files[key]} if key in files and isinstance(item, dict) else with_real_files(item, files)
            for key, item in value.items()
        }
    return [with_real_files(item, files) for item in value] if isinstance(value, list) else value


def refusal(bootstrap: Json, file: Path) -> str:
    """What Envoy says against a bootstrap; empty where it takes it."""
    file.write_text(json.dumps(bootstrap))
    command = [str(find_envoy()), "--mode", "validate", "--log-level", "error", "-c", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return done.stderr[-800:] if done.returncode else ""


def test_envoy_takes_the_configuration_of_every_recorded_proxy(tmp_path: Path):
    place = Authority().credential(tmp_path / "credential", "shop.example")
    files = {
        "certificate_chain": str(place / "tls.crt"),
        "private_key": str(place / "tls.key"),
        "trusted_ca": str(place / "ca.crt"),
    }
    options = BootstrapOptions(certificates=str(tmp_path), admin_port=-1)
    refused: dict[str, str] = {}
    for case, name in PROXIES:
        loaded = load_case(case)
        snapshot, _ = emit_envoy(loaded.mesh, loaded.proxies[name])
        bootstrap = with_real_files(static_bootstrap(snapshot, options), files)
        reason = refusal(bootstrap, tmp_path / "bootstrap.json")
        if reason:
            refused[f"{case} {name}"] = reason
    assert not refused, json.dumps(refused, indent=1)
