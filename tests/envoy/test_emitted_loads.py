"""A real Envoy loads what is emitted for every recorded proxy, as one static bootstrap each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from oracle import PROXIES, load_case
from validation import real_files, refusal, with_real_files

from meshgen.emit.envoy.bootstrap import BootstrapOptions, static_bootstrap
from meshgen.emit.envoy.translate import emit_envoy
from meshgen.mesh import Capture, Mesh, Proxy

pytestmark = pytest.mark.envoy


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    return real_files(tmp_path)


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
