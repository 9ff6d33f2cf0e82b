"""What a project says about its outputs reaches the files."""

from pathlib import Path

import pytest
import yaml

from meshgen.diagnostics import Diagnostic
from meshgen.envoy_version import EnvoyVersion
from meshgen.outputs import delivery_tree
from meshgen.pipeline import compile_project

FLUX = "{repository: 'https://git.example.com/mesh.git', revision: main, interval: 1h, prune: false, namespace: flux}"


def delivered(tmp_path: Path, deliver: str, mesh: str = "") -> tuple[dict[str, bytes], list[Diagnostic]]:
    """The files beside the Istio tree of a project named `shop`."""
    root = tmp_path / "shop"
    (root / "mesh").mkdir(parents=True)
    text = f"apiVersion: meshgen/v1\nkind: Project\nspec: {{outputs: {{istio: {{deliver: {deliver}}}}}}}\n"
    (root / "meshgen.yaml").write_text(text)
    if mesh:
        (root / "mesh" / "mesh.yaml").write_text(mesh)
    result = compile_project(root)
    assert result.project is not None
    assert result.project.outputs.istio is not None
    tree, diagnostics = delivery_tree(result, result.project.outputs.istio, root / "deliver")
    return dict(tree.files) if tree is not None else {}, list(diagnostics)


def test_what_the_project_says_of_flux_stands_in_its_documents(tmp_path: Path):
    files, diagnostics = delivered(tmp_path, f"{{flux: {FLUX}}}")
    assert diagnostics == []
    repository, kustomization = yaml.safe_load_all(files["flux/sync.yaml"])
    assert repository["metadata"] == {"name": "shop", "namespace": "flux"}
    assert (repository["spec"]["url"], repository["spec"]["ref"]) == ("https://git.example.com/mesh.git", {"branch": "main"})
    spec = kustomization["spec"]
    assert (spec["interval"], spec["prune"], spec["path"]) == ("1h", False, "./out/istio")


def test_what_the_project_does_not_say_of_flux_is_a_finding_at_its_place(tmp_path: Path):
    files, diagnostics = delivered(tmp_path, "{flux: {repository: a}, argocd: {repository: b}}")
    assert sorted(files) == ["argocd/application.yaml", "flux/sync.yaml"]
    assert [(each.code.number, each.origin.path[-1], each.message.split("`")[3]) for each in diagnostics] == [
        ("MG0809", "flux", "revision")
    ]


def test_a_project_that_names_no_delivery_has_none(tmp_path: Path):
    assert delivered(tmp_path, "{}") == ({}, [])


MESH = "apiVersion: meshgen/v1\nkind: Mesh\nmetadata: {name: mesh}\nspec: "


def test_what_the_mesh_sets_of_istiod_stands_in_its_helm_values(tmp_path: Path):
    files, _ = delivered(tmp_path, "{}", MESH + "{outbound: registryOnly, trustDomain: shop.example, accessLog: /dev/stdout}\n")
    assert yaml.safe_load(files["istiod/values.yaml"]) == {
        "meshConfig": {
            "trustDomain": "shop.example",
            "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
            "accessLogFile": "/dev/stdout",
        }
    }


def test_a_mesh_that_sets_nothing_of_istiod_gives_no_helm_values(tmp_path: Path):
    assert delivered(tmp_path, "{}", MESH + "{mtls: strict}\n") == ({}, [])


@pytest.mark.parametrize(("envoy", "carried"), [("", EnvoyVersion(1, 38)), ("envoy: '1.37.2', ", EnvoyVersion(1, 37, 2))])
def test_every_proxy_has_the_versions_that_the_project_targets(envoy: str, carried: EnvoyVersion, tmp_path: Path):
    (tmp_path / "mesh").mkdir()
    catalog = "{ports: [80], workload: {selector: {app: catalog}}}"
    text = f"apiVersion: meshgen/v1\nkind: Service\nmetadata: {{name: catalog}}\nspec: {catalog}\n"
    (tmp_path / "mesh" / "shop.yaml").write_text(text)
    spec = f"{{targets: {{istio: '1.30.2', {envoy}proxies: [{{name: edge, role: gateway, labels: {{istio: edge}}}}]}}}}"
    (tmp_path / "meshgen.yaml").write_text(f"apiVersion: meshgen/v1\nkind: Project\nspec: {spec}\n")
    proxies = compile_project(tmp_path).proxies
    assert [(proxy.id, proxy.istio_version) for proxy in proxies] == [("default/catalog", "1.30.2"), ("default/edge", "1.30.2")]
    assert {proxy.envoy_version for proxy in proxies} == {carried}
