"""What a project says about its outputs reaches the files."""

from pathlib import Path

import yaml

from meshgen.load.project import Project, parse_project
from meshgen.outputs import delivery_tree
from meshgen.pipeline import compile_project

FLUX = "{repository: 'https://git.example.com/mesh.git', revision: main, interval: 1h, prune: false, namespace: flux}"


def project(deliver: str) -> Project:
    text = f"apiVersion: meshgen/v1\nkind: Project\nspec: {{outputs: {{istio: {{deliver: {deliver}}}}}}}\n"
    found, diagnostics = parse_project(text.encode())
    assert found is not None, diagnostics
    return found


def test_what_the_project_says_of_flux_stands_in_its_documents():
    tree, diagnostics = delivery_tree(project(f"{{flux: {FLUX}}}"), "mesh", Path("out"))
    assert diagnostics == ()
    assert tree is not None
    repository, kustomization = yaml.safe_load_all(tree.files["flux/sync.yaml"])
    assert repository["metadata"] == {"name": "mesh", "namespace": "flux"}
    assert (repository["spec"]["url"], repository["spec"]["ref"]) == ("https://git.example.com/mesh.git", {"branch": "main"})
    spec = kustomization["spec"]
    assert (spec["interval"], spec["prune"], spec["path"]) == ("1h", False, "./out/istio")


def test_what_the_project_does_not_say_of_flux_is_a_finding_at_its_place():
    tree, diagnostics = delivery_tree(project("{flux: {repository: a}, argocd: {repository: b}}"), "mesh", Path("out"))
    assert tree is not None
    assert sorted(tree.files) == ["argocd/application.yaml", "flux/sync.yaml"]
    assert [(each.code.number, each.origin.path[-1], each.message.split("`")[3]) for each in diagnostics] == [
        ("MG0809", "flux", "revision")
    ]


def test_a_project_that_names_no_delivery_has_none():
    assert delivery_tree(project("{}"), "mesh", Path("out")) == (None, ())


def test_every_proxy_has_the_istio_version_that_the_project_targets(tmp_path: Path):
    (tmp_path / "mesh").mkdir()
    catalog = "{ports: [80], workload: {selector: {app: catalog}}}"
    text = f"apiVersion: meshgen/v1\nkind: Service\nmetadata: {{name: catalog}}\nspec: {catalog}\n"
    (tmp_path / "mesh" / "shop.yaml").write_text(text)
    spec = "{targets: {istio: '1.30.2', proxies: [{name: edge, role: gateway, labels: {istio: edge}}]}}"
    (tmp_path / "meshgen.yaml").write_text(f"apiVersion: meshgen/v1\nkind: Project\nspec: {spec}\n")
    proxies = compile_project(tmp_path).proxies
    assert [(proxy.id, proxy.istio_version) for proxy in proxies] == [("default/catalog", "1.30.2"), ("default/edge", "1.30.2")]
