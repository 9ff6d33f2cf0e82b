"""Trees of Istio YAML without a project: what a team has before it writes intent."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from meshgen.cli.app import cli

TREE = """
apiVersion: v1
kind: Service
metadata: {name: catalog, namespace: shop}
spec: {selector: {app: catalog}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: webapp, namespace: shop}
spec: {selector: {app: webapp}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |-
    outboundTrafficPolicy: {mode: ALLOW_ANY}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: catalog, namespace: shop}
spec:
  selector: {matchLabels: {app: catalog}}
  portLevelMtls:
    8080: {mode: PERMISSIVE}
"""


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def tree(directory: Path, text: str = TREE) -> Path:
    directory.mkdir()
    (directory / "mesh.yaml").write_text(text)
    return directory


def test_ports_as_keys_need_no_quotes(tmp_path: Path) -> None:
    result = run("check", tree(tmp_path / "tree"))
    assert (result.exit_code, "no findings" in result.output) == (0, True)


def test_a_request_is_traced_without_a_project(tmp_path: Path) -> None:
    result = run("trace", "-f", tree(tmp_path / "tree"), "--from", "shop/webapp", "http://catalog/")
    assert result.exit_code == 0
    assert "outbound|80||catalog.shop.svc.cluster.local" in result.output


def test_a_change_of_mesh_config_is_a_difference(tmp_path: Path) -> None:
    before = tree(tmp_path / "before")
    after = tree(tmp_path / "after", TREE.replace("ALLOW_ANY", "REGISTRY_ONLY"))
    result = run("diff", "-d", before, after)
    assert result.exit_code == 1
    assert "outboundTrafficPolicy.mode: ALLOW_ANY → REGISTRY_ONLY" in result.output
    assert "requests to any other host are now answered 502" in result.output
    assert run("diff", "-d", before, before).output == "no differences\n"


def test_a_change_of_a_core_service_is_looked_at_for_what_it_does_to_requests(tmp_path: Path) -> None:
    before = tree(tmp_path / "before")
    after = tree(tmp_path / "after", TREE.replace("port: 80}", "port: 8080}", 1))
    result = run("diff", "-d", before, after)
    assert result.exit_code == 1
    assert "requests to catalog" in result.output
    assert "no Istio object differs; core objects do" in result.output


def test_what_can_be_given_without_a_project_is_said_for_each_verb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for verb, instead in ((["check"], "SOURCES"), (["trace", "http://x"], "-f"), (["diff"], "-d BEFORE AFTER")):
        result = run(*verb)
        assert (result.exit_code, f"and {instead} can be given instead" in result.output) == (2, True)
