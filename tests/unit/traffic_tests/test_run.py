"""`meshgen test`: exit codes, choices, machine output; and how many cases a second."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from meshgen.cli.app import cli

PROJECT = "apiVersion: meshgen/v1\nkind: Project\nmetadata: {name: shop}\nspec: {sources: [mesh]}\n"
MESH = """
apiVersion: meshgen/v1
kind: Service
metadata: {name: catalog, namespace: shop}
spec:
  ports: [80]
  workload: {selector: {app: catalog}}
  versions: [v1, v2]
  routes: [{match: {headers: {x-cohort: internal}}, to: v2}, {to: v1}]
---
apiVersion: meshgen/v1
kind: Service
metadata: {name: webapp, namespace: shop}
spec: {ports: [80], workload: {selector: {app: webapp}}}
"""
TEST = """
apiVersion: meshgen/v1
kind: TrafficTest
metadata: {name: catalog, namespace: shop}
spec:
  from: webapp
  tests:
    - {name: all see the old version, request: http://catalog/items, expect: v1}
"""
FAILS = TEST.replace("catalog, namespace", "wrong, namespace").replace("expect: v1", "expect: v2")
BROKEN = TEST.replace("catalog, namespace", "broken, namespace").replace("from: webapp", "from: nobody")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mesh").mkdir()
    (tmp_path / "meshgen.yaml").write_text(PROJECT)
    (tmp_path / "mesh/mesh.yaml").write_text(MESH)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["test", *arguments])


test.__test__ = False  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("sources", "code", "summary"),
    [
        (TEST, 0, "1 passed"),
        (f"{TEST}---{FAILS}", 1, "1 passed, 1 failed"),
        (f"{TEST}---{FAILS}---{BROKEN}", 2, "1 passed, 1 failed, 1 broken"),
    ],
)
def test_the_exit_code_says_how_it_went(project: Path, sources: str, code: int, summary: str):
    (project / "mesh/tests.yaml").write_text(sources)
    result = test()
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (code, summary)


def test_no_tests_at_all_cannot_be_a_success(project: Path):
    assert (test().exit_code, "there are no tests" in test().stderr) == (2, True)
    (project / "mesh/tests.yaml").write_text(TEST)
    assert (test("-k", "nothing like it").exit_code, "no test is chosen" in test("-k", "nothing").stderr) == (2, True)


def test_errors_in_the_mesh_stop_before_the_tests(project: Path):
    (project / "mesh/tests.yaml").write_text(TEST.replace("request:", "requst:"))
    result = test()
    assert (result.exit_code, "MG0051" in result.stderr, result.stdout) == (2, True, "")


def test_a_part_can_be_chosen_by_title_and_by_path(project: Path):
    (project / "mesh/good.yaml").write_text(TEST)
    (project / "mesh/bad.yaml").write_text(FAILS)
    assert test("-k", "SHOP/CATALOG").exit_code == 0
    assert test("mesh/good.yaml").exit_code == 0
    assert test("mesh").exit_code == 1
    assert test("mesh/none.yaml").exit_code == 2


def test_a_path_beside_the_sources_is_read_as_well(project: Path):
    (project / "checks").mkdir()
    (project / "checks/catalog.yaml").write_text(TEST)
    assert test().exit_code == 2
    assert test("checks").stdout == "1 passed\n"


def test_without_a_project_the_paths_are_the_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "all.yaml").write_text(f"{MESH}---{TEST}")
    monkeypatch.chdir(tmp_path)
    assert test("all.yaml").stdout == "1 passed\n"


def test_fail_fast_stops_at_the_first_failure(project: Path):
    (project / "mesh/tests.yaml").write_text(f"{TEST}---{FAILS}---{BROKEN}")
    assert test("--fail-fast", "-k", "wrong").stdout.endswith("1 failed, stopped at the first that did not pass\n")


def test_too_little_coverage_fails(project: Path):
    (project / "mesh/tests.yaml").write_text(TEST)
    result = test("--coverage-min", "80")
    assert (result.exit_code, result.stderr) == (1, "the tests reach less than 80%\n")
    assert "coverage 50.0%: 1 of 2 route rules, 1 of 2 versions" in result.stdout
    assert test("--coverage-min", "50").exit_code == 0


def test_json_has_all_that_people_see(project: Path):
    (project / "mesh/tests.yaml").write_text(f"{TEST}---{FAILS}---{BROKEN}")
    said = json.loads(test("--json", "--coverage").stdout)
    assert said["summary"] == {"passed": 1, "failed": 1, "broken": 1, "unseen": 0, "stopped": False}
    failed = next(each for each in said["tests"] if each["verdict"] == "failed")
    assert (failed["file"], failed["line"], failed["request"]) == ("mesh/tests.yaml", 16, "curl http://catalog/items")
    (mismatch,) = failed["mismatches"]
    assert (mismatch["expected"], mismatch["got"]) == ("catalog.shop@v2", "catalog.shop:80@v1")
    assert mismatch["madeBy"]["place"] == "mesh/mesh.yaml:9"
    assert next(each for each in said["tests"] if each["verdict"] == "broken")["problem"]["code"] == "MG1012"
    assert said["coverage"]["percent"] == 50.0


def test_junit_has_a_suite_for_each_test_and_survives_odd_names(project: Path):
    odd = FAILS.replace("all see the old version", '"<odd> & \\0 \\uFFFF ü"')
    (project / "mesh/tests.yaml").write_text(f"{TEST}---{odd}---{BROKEN}")
    assert test("--junit", "reports/junit.xml").exit_code == 2
    root = ET.parse(project / "reports/junit.xml").getroot()
    assert {key: root.get(key) for key in ("tests", "failures", "errors")} == {"tests": "3", "failures": "1", "errors": "1"}
    suites = {suite.get("name"): suite for suite in root}
    assert list(suites) == ["shop/catalog", "shop/wrong", "shop/broken"]
    (case,) = suites["shop/wrong"]
    assert (case.get("classname"), case.get("file"), case.get("line")) == ("shop.wrong", "mesh/tests.yaml", "16")
    assert "made by mesh/mesh.yaml:9" in (case[0].text or "")


def test_a_test_can_be_written_in_python(project: Path):
    (project / "meshgen.yaml").write_text(PROJECT.replace("[mesh]", "[mesh, tests.py]"))
    (project / "tests.py").write_text(
        "from meshgen import Expect, TrafficRequest, TrafficRow, TrafficTest\n"
        "mesh = [TrafficTest('catalog', namespace='shop', from_='webapp', tests=[\n"
        "    TrafficRow(request='http://catalog/', expect='v1'),\n"
        "    TrafficRow(request=TrafficRequest(url='http://catalog/', headers={'x-cohort': 'internal'}),\n"
        "               expect=Expect(to='v2')),\n"
        "])]\n"
    )
    assert test("--coverage").stdout.splitlines() == ["2 passed", "coverage 100.0%: 2 of 2 route rules, 2 of 2 versions"]


def test_clusters_are_tested_each(project: Path):
    (project / "mesh/clusters.yaml").write_text(
        "apiVersion: meshgen/v1\nkind: Mesh\nmetadata: {name: mesh}\n"
        "spec: {clusters: {east: {network: one}, west: {network: one}}}\n"
    )
    (project / "mesh/tests.yaml").write_text(TEST)
    assert test().stdout == "2 passed\n"
    assert "shop/catalog (east): all see" in test("-v").stdout
    assert test("--cluster", "west").stdout == "1 passed\n"


def test_what_is_recorded_is_written_once_and_passes(project: Path):
    file = project / "mesh/recorded.yaml"
    result = test("--record", "--output", "mesh/recorded.yaml")
    assert (result.exit_code, result.stdout) == (
        0,
        "mesh/recorded.yaml: 5 requests in 2 TrafficTests, all of which pass\n",
    ), result.stderr
    before = file.read_bytes()
    assert test().exit_code == 0
    assert test("--record", "-o", "mesh/recorded.yaml").exit_code == 0
    assert file.read_bytes() == before


def test_a_file_that_somebody_wrote_is_not_overwritten(project: Path):
    (project / "mesh/tests.yaml").write_text(TEST)
    result = test("--record", "-o", "mesh/tests.yaml")
    assert (result.exit_code, "stays as it is" in result.stderr) == (2, True)
    assert (project / "mesh/tests.yaml").read_text() == TEST


@pytest.mark.usefixtures("project")
def test_what_one_workload_sends_can_be_recorded_alone():
    said = test("--record", "--from", "shop/webapp").stdout
    assert "from: webapp" in said
    assert "from: catalog" not in said
    result = test("--record", "--from", "weebapp")
    assert (result.exit_code, "did you mean" in result.stderr) == (2, True)


def test_nothing_to_record_is_said(project: Path):
    (project / "mesh/mesh.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n")
    assert (test("--record").exit_code, "there is nothing to record" in test("--record").stderr) == (2, True)


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("options", [("--from", "webapp"), ("-o", "x.yaml"), ("--envoy", "/bin/false")])
def test_an_option_that_would_do_nothing_is_refused(options: tuple[str, str]):
    result = test(*options)
    assert (result.exit_code, "--record" in result.stderr or "--engine" in result.stderr) == (2, True)
