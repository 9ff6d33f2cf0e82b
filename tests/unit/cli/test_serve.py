"""`meshgen serve` before it serves: bootstraps, addresses, packages. What it serves is in tests/envoy/test_live_ads.py."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from meshgen.cli.app import cli

PROJECT = """
apiVersion: meshgen/v1
kind: Project
spec:
  outputs: {envoy: {adminPort: 15900}}
  targets: {proxies: [{name: webapp, namespace: shop, labels: {app: webapp}}, {name: edge, namespace: shop, role: gateway}]}
"""
SHOP = """
{apiVersion: meshgen/v1, kind: Service, metadata: {name: webapp, namespace: shop},
 spec: {ports: [80], workload: {selector: {app: webapp}, serviceAccount: webapp}}}
"""


@pytest.fixture
def project(tmp_path: Path) -> str:
    (tmp_path / "mesh").mkdir()
    (tmp_path / "meshgen.yaml").write_text(PROJECT)
    (tmp_path / "mesh" / "shop.yaml").write_text(SHOP)
    return str(tmp_path)


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["serve", *arguments])
    return done.exit_code, done.output


def test_a_bootstrap_leads_to_the_server(project: str):
    code, output = run("-C", project, "--port", "18111", "--print-bootstrap", "shop/webapp")
    assert code == 0
    found = json.loads(output)
    (cluster,) = found["static_resources"]["clusters"]
    (endpoint,) = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
    assert endpoint["endpoint"]["address"]["socket_address"] == {"address": "127.0.0.1", "port_value": 18111}
    assert found["dynamic_resources"]["ads_config"]["api_type"] == "DELTA_GRPC"
    assert found["admin"]["address"]["socket_address"]["port_value"] == 15900


def test_a_bootstrap_of_the_other_form_without_admin(project: str):
    _, output = run("-C", project, "--print-bootstrap", "shop/edge", "--api-type", "GRPC", "--admin-port", "0")
    found = json.loads(output)
    assert found["dynamic_resources"]["ads_config"]["api_type"] == "GRPC"
    assert "admin" not in found


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "10.0.0.1", "localhost.example"])
def test_only_loopback_addresses_are_taken(project: str, address: str):
    code, output = run("-C", project, "--address", address)
    assert code == 2
    assert f"`{address}` is no loopback address" in output


@pytest.mark.parametrize("option", ["--proxy", "--print-bootstrap"])
def test_a_proxy_that_is_not_there(project: str, option: str):
    code, output = run("-C", project, option, "shop/webap")
    assert code == 2
    assert "there is no proxy `shop/webap`; did you mean `shop/webapp`?" in output


def test_a_project_that_does_not_compile_is_not_served(project: str):
    (Path(project) / "mesh" / "broken.yaml").write_text("kind: [")
    code, output = run("-C", project)
    assert code == 2
    assert "mesh/broken.yaml" in output


def test_packages_that_are_missing_are_named(project: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "envoy" else object())
    code, output = run("-C", project)
    assert code == 2
    assert "`meshgen serve` needs xds-protos: pip install 'meshgen[serve]'" in output
