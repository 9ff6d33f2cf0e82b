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
from meshgen.testing.golden import read_case
from meshgen.testing.outputs import compile_case_clusters

GOLDEN = Path(__file__).parents[2] / "golden"

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


def test_envoy_takes_a_custom_bootstrap(files: dict[str, str], tmp_path: Path):
    (result,) = compile_case_clusters(read_case(GOLDEN / "telemetry" / "bootstrap-envoy"))
    proxies = {proxy.id: proxy for proxy in result.proxies}
    snapshot, found = emit_envoy(result.mesh, proxies["shop/webapp"])
    assert "stats_sinks" in static_bootstrap(snapshot)
    assert [each.code.number for each in found] == ["MG0906"]
    assert refusal_of(result.mesh, proxies["shop/webapp"], files, tmp_path) == ""
