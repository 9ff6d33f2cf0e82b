"""One source, several clusters: what holds where, what is written, what is said once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from meshgen import check_project, compile_clusters, compile_project
from meshgen.cli.app import cli
from meshgen.load.load import Options
from meshgen.pipeline import compile_clusters as compile_with

MESH = """\
apiVersion: meshgen/v1
kind: Mesh
metadata: {name: mesh}
spec: {clusters: {west: {network: flat, ca: acme}, east: {network: flat, ca: acme}}}
"""
SERVICE = """\
---
apiVersion: meshgen/v1
kind: Service
metadata: {name: NAME, namespace: shop, clusters: WHERE}
spec: {ports: [80], workload: {selector: {app: NAME}}, versions: [v1], traffic: {outliers: {consecutive5xx: 5}}}
"""


def service(name: str, where: str) -> str:
    return SERVICE.replace("NAME", name).replace("WHERE", where)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mesh").mkdir()
    (tmp_path / "meshgen.yaml").write_text("apiVersion: meshgen/v1\nkind: Project\n")
    write(tmp_path, MESH + service("everywhere", "[west, east]") + service("near", "[west]") + service("far", "east"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(root: Path, text: str) -> None:
    (root / "mesh" / "mesh.yaml").write_text(text)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def files(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in (root / "out").rglob("*.yaml"))


def test_each_cluster_has_what_holds_in_it(shop: Path):
    names = {result.cluster: [each.name for each in result.objects] for result in compile_clusters(shop)}
    assert names == {"east": ["everywhere", "far"], "west": ["everywhere", "near"]}


def test_one_cluster_is_named_or_an_error_says_which_there_are(shop: Path):
    assert [each.name for each in compile_project(shop, cluster="west").objects] == ["everywhere", "near"]
    none, wrong = compile_project(shop), compile_project(shop, cluster="wset")
    assert [(each.code.number, each.help) for each in (*none.diagnostics, *wrong.diagnostics)] == [
        ("MG0141", "name one of `east`, `west`"),
        ("MG0140", "did you mean `west`?"),
    ]
    assert none.failed
    assert wrong.failed


def test_a_mesh_without_clusters_has_one_result_and_no_directory_of_a_cluster(shop: Path):
    write(shop, service("catalog", "[]").replace(", clusters: []", ""))
    (result,) = compile_clusters(shop)
    assert (result.cluster, result.diagnostics) == ("", ())
    assert run("compile").exit_code == 0
    assert files(shop) == ["out/istio/kustomization.yaml", "out/istio/shop/catalog.yaml"]


def test_a_document_that_names_a_cluster_in_a_mesh_without_any_is_an_error(shop: Path):
    write(shop, service("catalog", "[west]"))
    (found,) = check_project(shop)
    assert (found.code.number, found.help) == ("MG0140", "a Mesh names its `clusters`")


def test_each_cluster_is_written_to_a_directory_of_its_name_and_one_alone_leaves_the_others(shop: Path):
    assert run("compile").exit_code == 0
    before = files(shop)
    assert [path for path in before if "shop" in path] == [
        "out/istio/east/shop/everywhere.yaml",
        "out/istio/east/shop/far.yaml",
        "out/istio/west/shop/everywhere.yaml",
        "out/istio/west/shop/near.yaml",
    ]
    write(shop, MESH + service("everywhere", "[west, east]"))
    assert run("compile", "--cluster", "west").exit_code == 0
    assert set(before) - set(files(shop)) == {"out/istio/west/shop/near.yaml"}
    assert run("compile").exit_code == 0
    assert set(before) - set(files(shop)) == {"out/istio/west/shop/near.yaml", "out/istio/east/shop/far.yaml"}
    assert run("compile", "--check").exit_code == 0


def test_a_mesh_that_gets_clusters_loses_the_files_that_it_had_without(shop: Path):
    both = (shop / "mesh" / "mesh.yaml").read_text()
    write(shop, service("catalog", "[]").replace(", clusters: []", ""))
    run("compile")
    write(shop, both)
    run("compile")
    assert "out/istio/shop/catalog.yaml" not in files(shop)
    assert "out/istio/west/shop/near.yaml" in files(shop)


def test_a_finding_of_all_clusters_is_said_once_and_one_of_some_says_which(shop: Path):
    broken = "---\n" + service("everywhere", "[]").replace(", clusters: []", "").removeprefix("---\n").replace(
        "versions: [v1], ", ""
    )
    write(shop, MESH + broken.replace("traffic", "routes: [{to: v9}], traffic") + service("near", "[west]").replace("v1", "bad_"))
    numbers = [each.code.number for each in check_project(shop)]
    assert numbers.count("MG0100") == 1
    result = run("check")
    assert result.output.count("error[") == len(set(numbers))
    assert "`west`" in next(each.message for each in check_project(shop) if each.code.number != "MG0100")


def test_two_documents_of_one_name_may_stand_in_different_clusters_only(shop: Path):
    write(shop, MESH + service("catalog", "[west]") + service("catalog", "[east]"))
    assert check_project(shop) == ()
    write(shop, MESH + service("catalog", "[west]") + service("catalog", "[east, west]"))
    assert [each.code.number for each in check_project(shop)] == ["MG0072"]


@pytest.mark.usefixtures("shop")
def test_a_difference_is_shown_by_cluster_where_there_is_one(tmp_path_factory: pytest.TempPathFactory):
    other = tmp_path_factory.mktemp("other")
    write_other = (
        MESH + service("everywhere", "[west, east]") + service("near", "[west]") + service("far", "east").replace("5}", "7}")
    )
    (other / "mesh.yaml").write_text(write_other)
    result = run("diff", "-d", "mesh", str(other), "--objects-only")
    assert result.exit_code == 1
    assert "cluster east" in result.output
    assert "cluster west" not in result.output
    assert run("diff", "-d", "mesh", str(other), "--cluster", "west").exit_code == 0
    assert run("diff", "-d", "mesh", str(other), "--cluster", "wset").exit_code == 2
    report = json.loads(run("diff", "-d", "mesh", str(other), "--json", "--objects-only").output)
    assert {name: len(each["changes"]["changed"]) for name, each in report["clusters"].items()} == {"east": 1, "west": 0}


@pytest.mark.usefixtures("shop")
def test_a_cluster_that_appears_is_compared_with_the_mesh_that_had_none(tmp_path_factory: pytest.TempPathFactory):
    before = tmp_path_factory.mktemp("before")
    (before / "mesh.yaml").write_text(service("everywhere", "[]").replace(", clusters: []", ""))
    result = run("diff", "-d", str(before), "mesh", "--objects-only")
    assert ("cluster east" in result.output, "cluster west" in result.output) == (True, True)
    assert "everywhere" not in result.output


@pytest.mark.usefixtures("shop")
def test_a_trace_asks_for_its_cluster():
    assert "MG0141" in run("trace", "--from", "shop/near", "http://everywhere/").output
    assert run("trace", "--cluster", "west", "--from", "shop/near", "http://everywhere/").exit_code == 0


def test_what_clusters_have_in_common_is_loaded_once(shop: Path):
    one, other = compile_with(shop, Options())
    assert one.texts is other.texts


def test_an_overlay_patches_the_document_of_the_clusters_that_it_names(shop: Path):
    write(shop, MESH + service("catalog", "[west]") + service("catalog", "[east]"))
    (shop / "over").mkdir()
    (shop / "over" / "east.yaml").write_text(service("catalog", "[east]").replace("5}", "9}").removeprefix("---\n"))
    project = "apiVersion: meshgen/v1\nkind: Project\nspec: {environments: {prod: {overlays: [over]}}}\n"
    (shop / "meshgen.yaml").write_text(project)
    limits = {
        result.cluster: result.objects[0].to_json()["spec"]["trafficPolicy"]["outlierDetection"]["consecutive5xxErrors"]
        for result in compile_clusters(shop, environment="prod")
    }
    assert limits == {"east": 9, "west": 5}


ENDPOINT = """\
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: far, namespace: shop}
spec:
  hosts: [far.example]
  addresses: [240.0.0.9]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}]
  endpoints: [{address: 10.9.0.1, network: NETWORK}]
"""
NETWORKS = MESH.replace("west: {network: flat", "west: {network: w, eastWest: {}").replace(
    "east: {network: flat", "east: {network: e, eastWest: {}"
)


def test_endpoints_behind_another_networks_gateway_are_told_to_users_of_stock_envoy(shop: Path):
    write(shop, NETWORKS + service("near", "[west]").replace("versions: [v1], ", "") + ENDPOINT.replace("NETWORK", "e"))
    result = run("compile", "--target", "envoy", "--cluster", "west", "--proxy", "shop/near")
    assert result.exit_code == 0, result.output
    assert "`far.example` has endpoints on the network `e`, whose gateway has no address here" in result.output
    assert result.output.count("and none of `east`") == 1
    write(shop, NETWORKS + service("near", "[west]").replace("versions: [v1], ", "") + ENDPOINT.replace("NETWORK", "w"))
    assert "whose gateway" not in run("compile", "--target", "envoy", "--cluster", "west").output


def test_machines_of_another_network_need_a_way_to_istiod(shop: Path):
    machines = "---\napiVersion: meshgen/v1\nkind: VirtualMachines\nmetadata: {name: vm, namespace: shop, clusters: west}\nspec: "
    write(shop, NETWORKS + machines + "{template: {labels: {app: vm}, network: machines}}")
    (found,) = check_project(shop)
    assert (found.code.number, found.origin.path[-1]) == ("MG0146", "network")
    write(shop, NETWORKS + machines + "{template: {labels: {app: vm}, network: machines}, join: {controlPlane: 203.0.113.7}}")
    assert check_project(shop) == ()
