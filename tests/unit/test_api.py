"""The public Python API: the stages as a program calls them."""

from pathlib import Path
from typing import get_args

import pytest

import meshgen
from meshgen.intent.kinds import KINDS
from meshgen.intent.model import Model
from meshgen.mesh import Mesh

PROJECT = "apiVersion: meshgen/v1\nkind: Project\n"
CATALOG = """\
apiVersion: meshgen/v1
kind: Service
metadata: {name: catalog, namespace: shop}
spec:
  ports: [80]
  versions: [v1, v2]
  routes: [{to: v1, timeout: 2s}]
---
apiVersion: meshgen/v1
kind: Service
metadata: {name: webapp, namespace: shop}
spec: {ports: [80], workload: {selector: {app: webapp}}}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "meshgen.yaml").write_text(PROJECT)
    (tmp_path / "mesh").mkdir()
    (tmp_path / "mesh" / "catalog.yaml").write_text(CATALOG)
    return tmp_path


def rewritten(shop: Path, old: str, new: str) -> Path:
    source = shop / "mesh" / "catalog.yaml"
    source.write_text(source.read_text().replace(old, new))
    return shop


def test_a_load_gives_the_documents_with_their_places(shop: Path):
    loaded, diagnostics = meshgen.load_project(shop)
    assert diagnostics == ()
    assert [each.title for each in loaded.workspace.intents] == ["Service shop/catalog", "Service shop/webapp"]
    assert {each.origin.file for each in loaded.workspace.intents} == {"mesh/catalog.yaml"}


def test_a_compile_gives_artifacts_and_a_mesh_and_takes_a_path_as_text(shop: Path):
    result = meshgen.compile_project(str(shop))
    assert not result.failed
    assert isinstance(result.mesh, Mesh)
    assert [(each.kind, each.name) for each in result.artifacts] == [
        ("DestinationRule", "catalog"),
        ("VirtualService", "catalog"),
    ]


def test_an_unknown_environment_is_a_finding_and_no_exception(shop: Path):
    assert [each.code.slug for each in meshgen.check_project(shop, environment="production")] == ["unknown-environment"]


def test_a_check_gives_the_findings_of_a_compile(shop: Path):
    assert not [each for each in meshgen.check_project(shop) if each.severity == "error"]
    found = meshgen.check_project(rewritten(shop, "to: v1", "to: v3"))
    assert [(each.code.slug, each.origin.file) for each in found if each.severity == "error"] == [
        ("unknown-version", "mesh/catalog.yaml")
    ]


def test_python_sources_are_refused_where_the_caller_wants_none(shop: Path):
    (shop / "mesh" / "more.py").write_text("mesh = []\n")
    assert [each.code.slug for each in meshgen.check_project(shop, python=False)] == ["python-refused"]


def test_a_diff_says_what_differs_and_for_which_requests(shop: Path):
    before = meshgen.compile_project(shop)
    after = meshgen.compile_project(rewritten(shop, "to: v1", "to: v2"))
    assert not meshgen.diff_projects(before, before).differs
    compared = meshgen.diff_projects(before, after)
    assert [(change.key.kind, change.key.name) for change in compared.changes.changed] == [("VirtualService", "catalog")]
    assert compared.impact is not None
    assert meshgen.diff_projects(before, after, traffic=False).impact is None


def test_a_trace_follows_a_request_from_the_caller_to_the_version_that_the_route_names(shop: Path):
    result = meshgen.compile_project(shop)
    first = meshgen.trace_request(result, "http://catalog/items", source="shop/webapp")[0]
    assert (first.side, first.decision.cluster) == ("out of", "outbound|80|v1|catalog.shop.svc.cluster.local")
    with pytest.raises(meshgen.UnanswerableError, match="did you mean `shop/webapp`"):
        meshgen.trace_request(result, "http://catalog/items", source="shop/webap")


def test_headers_and_method_of_a_trace_reach_the_rules(shop: Path):
    rules = "[{match: {method: POST, headers: {x-cohort: internal}}, to: v2}, {to: v1}]"
    result = meshgen.compile_project(rewritten(shop, "[{to: v1, timeout: 2s}]", rules))

    def cluster(method: str, headers: dict[str, str]) -> str:
        hops = meshgen.trace_request(result, "http://catalog/", source="shop/webapp", method=method, headers=headers)
        return hops[0].decision.cluster

    assert "|v2|" in cluster("POST", {"x-cohort": "internal"})
    assert "|v1|" in cluster("GET", {"x-cohort": "internal"})
    assert "|v1|" in cluster("POST", {})


def test_traffic_tests_run_from_a_program(shop: Path):
    (shop / "mesh" / "tests.yaml").write_text(
        "apiVersion: meshgen/v1\nkind: TrafficTest\nmetadata: {name: catalog, namespace: shop}\n"
        "spec: {from: webapp, tests: [{request: http://catalog/, expect: v1}]}\n"
    )
    report = meshgen.run_traffic_tests(meshgen.compile_project(shop))
    assert (report.exit_code, report.text) == (0, "1 passed")
    wrong = meshgen.run_traffic_tests(meshgen.compile_project(rewritten(shop, "to: v1", "to: v2")))
    assert (wrong.exit_code, "expected catalog.shop@v1" in wrong.text) == (1, True)


def test_a_directory_without_a_project_is_a_finding_and_an_empty_mesh(tmp_path: Path):
    result = meshgen.compile_project(tmp_path)
    assert [each.code.slug for each in result.diagnostics] == ["no-project"]
    assert (result.failed, result.mesh.services, result.artifacts) == (True, (), ())
    with pytest.raises(meshgen.UnanswerableError, match="there is no gateway"):
        meshgen.trace_request(result, "http://catalog/")


def parts_of(kind: object, found: set[type[Model]]) -> set[type[Model]]:
    """The models that a user may build for a field's type."""
    if isinstance(kind, type) and issubclass(kind, Model) and kind not in found:
        found.add(kind)
        for field in kind.model_fields.values():
            parts_of(field.annotation, found)
    for argument in get_args(kind):
        parts_of(argument, found)
    return found


def test_every_kind_and_part_of_the_language_is_public():
    found: set[type[Model]] = set()
    for kind in KINDS.values():
        parts_of(kind, found)
    # A rule of Access has a name for each use of it; metadata is given by name.
    assert {part.__name__ for part in found} - set(meshgen.__all__) == {"ExternalRule", "Metadata"}
