"""`meshgen compile` with `delivery: configmap`: releases follow from what git has, and each is safe beside the one before."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from meshgen.cli.app import cli

PROJECT = """\
apiVersion: meshgen/v1
kind: Project
spec:
  sources: [mesh]
  outputs: {istio: null, envoy: {delivery: configmap}}
  targets:
    proxies:
    - {name: webapp, namespace: shop, labels: {app: webapp}}
    - {name: edge, namespace: shop, role: gateway, labels: {istio: edge}}
"""
GATEWAY = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec:
  selector: {istio: edge}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: edge, namespace: shop}
spec:
  hosts: ["*"]
  gateways: [edge]
  http: [{route: [{destination: {host: NAME}}]}]
"""
SERVICE = "---\napiVersion: meshgen/v1\nkind: Service\nmetadata: {name: NAME, namespace: shop}\nspec: {ports: [80]}\n"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["compile", *arguments])


def git(*arguments: str) -> None:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", *arguments]
    subprocess.run(command, check=True, capture_output=True)


def commit(message: str) -> None:
    git("add", ".")
    git("commit", "-q", "-m", message)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose first release is committed."""
    monkeypatch.chdir(tmp_path)
    git("init", "-q", "-b", "main")
    (tmp_path / "meshgen.yaml").write_text(PROJECT)
    (tmp_path / "mesh").mkdir()
    write(tmp_path, "catalog")
    assert run("-q").exit_code == 0
    commit("one")
    return tmp_path


def write(root: Path, *services: str) -> None:
    """A mesh of these services, the last of which the gateway's route leads to."""
    texts = [SERVICE.replace("NAME", name) for name in services]
    (root / "mesh" / "mesh.yaml").write_text(GATEWAY.replace("NAME", services[-1]) + "".join(texts))


def edge(root: Path) -> str:
    return (root / "out" / "envoy" / "shop" / "edge.yaml").read_text()


def test_a_route_to_a_new_service_takes_two_releases(project: Path):
    write(project, "cart")
    first = run()
    assert first.exit_code == 0
    assert "info[MG0947]: this release of `shop/edge` brings `outbound|80||cart.shop.svc.cluster.local`" in first.stderr
    assert '"cluster": "outbound|80||catalog.shop.svc.cluster.local"' in edge(project)
    assert '"name": "outbound|80||cart.shop.svc.cluster.local"' in edge(project)
    assert run("--check").exit_code == 0  # as long as nothing is committed, this is the release
    commit("two")
    assert run("--check").exit_code == 1
    second = run()
    assert "MG0947" not in second.stderr
    assert '"cluster": "outbound|80||cart.shop.svc.cluster.local"' in edge(project)
    assert '"name": "outbound|80||catalog.shop.svc.cluster.local"' in edge(project)  # for Pods that are not there yet
    commit("three")
    assert run("--check").exit_code == 0


def test_on_a_branch_the_release_is_the_one_after_the_named_revision(project: Path):
    git("checkout", "-q", "-b", "feature")
    write(project, "cart")
    run()
    commit("two")
    assert run("--check", "--released", "main").exit_code == 0
    assert run("--check").exit_code == 1
    unknown = run("--released", "nothing")
    assert unknown.exit_code == 2
    assert "git knows no revision `nothing`" in unknown.stderr


def test_one_proxy_is_compiled_beside_the_others(project: Path):
    tree = project / "out" / "envoy" / "kustomization.yaml"
    whole = tree.read_text()
    assert run("--proxy", "shop/edge").exit_code == 0
    assert tree.read_text() == whole
    assert "- shop/webapp.yaml" in whole


def test_without_git_what_stands_there_is_what_was_released(project: Path):
    (project / ".git").rename(project / "away")
    write(project, "cart")
    assert "MG0947" in run().stderr
    assert "MG0947" not in run().stderr
    assert '"cluster": "outbound|80||cart.shop.svc.cluster.local"' in edge(project)


def test_more_files_than_an_envoy_can_watch_are_said(project: Path):
    (project / "meshgen.yaml").write_text(PROJECT.replace("configmap", "filesystem"))
    write(project, *(f"service-{number}" for number in range(120)))
    assert "warning[MG0949]: `shop/edge` follows 125 files, each with an inotify instance" in run().stderr
