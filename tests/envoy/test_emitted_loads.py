"""A real Envoy loads what is emitted for every recorded proxy, as one static bootstrap each."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from certificates import Authority
from harness import find_envoy
from oracle import PROXIES, load_case

from meshgen.emit.envoy.bootstrap import BootstrapOptions, static_bootstrap
from meshgen.emit.envoy.translate import emit_envoy
from meshgen.mesh import Capture, Mesh, Proxy

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


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    place = Authority().credential(tmp_path / "credential", "shop.example")
    return {
        "certificate_chain": str(place / "tls.crt"),
        "private_key": str(place / "tls.key"),
        "trusted_ca": str(place / "ca.crt"),
    }


def refusal_of(mesh: Mesh, proxy: Proxy, files: dict[str, str], place: Path) -> str:
    snapshot, _ = emit_envoy(mesh, proxy)
    options = BootstrapOptions(certificates=str(place), admin_port=-1)
    return refusal(with_real_files(static_bootstrap(snapshot, options), files), place / "bootstrap.json")


def test_envoy_takes_the_configuration_of_every_recorded_proxy(files: dict[str, str], tmp_path: Path):
    refused = {}
    for case, name in PROXIES:
        loaded = load_case(case)
        refused[f"{case} {name}"] = refusal_of(loaded.mesh, loaded.proxies[name], files, tmp_path)
    assert not {key: reason for key, reason in refused.items() if reason}


@pytest.mark.parametrize(
    ("case", "name"),
    [
        ("21-sni-passthrough", "webapp"),
        ("27-service-entry", "webapp"),
        ("30-sidecar-egress", "catalog-v1"),
        ("33-peer-authentication", "catalog-v1"),
        ("45-protocols", "catalog-v1"),
        ("46-tcp-routes", "webapp"),
    ],
)
def test_envoy_takes_it_with_sockets_on_loopback_too(case: str, name: str, files: dict[str, str], tmp_path: Path):
    loaded = load_case(case)
    proxy = replace(loaded.proxies[name], capture=Capture.LOOPBACK)
    assert refusal_of(loaded.mesh, proxy, files, tmp_path) == ""
