from __future__ import annotations

from pathlib import Path

from meshgen import Result, compile_clusters, compile_project
from meshgen.check.suppressions import read_suppressions
from meshgen.diagnostics import Origin
from meshgen.diagnostics.catalogue.security import ALLOW_EVERYONE
from meshgen.load.document import Document

OPEN = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: {name}, namespace: shop, annotations: {{meshgen/ignore: "{ignore}"}}}}
spec: {{rules: [{{}}]}}
"""
BROKEN = "---\napiVersion: meshgen/v1\nkind: Service\nmetadata: {name: broken}\nspec: {prots: [80]}\n"
TWO_CLUSTERS = """
apiVersion: meshgen/v1
kind: Mesh
metadata: {name: mesh}
spec: {clusters: {east: {network: east}, west: {network: east}}}
---
"""


def project(root: Path, text: str, **files: str) -> Path:
    (root / "mesh.yaml").write_text(text)
    for name, content in files.items():
        (root / f"{name}.yaml").write_text(content)
    (root / "meshgen.yaml").write_text("apiVersion: meshgen/v1\nkind: Project\nspec: {sources: [mesh.yaml]}\n")
    return root


def compiled(root: Path, ignore: str, more: str = "") -> Result:
    return compile_project(project(root, OPEN.format(name="open", ignore=ignore) + more))


def codes(root: Path, ignore: str, more: str = "") -> list[str]:
    return [found.code.number for found in compiled(root, ignore, more).diagnostics]


def test_a_suppression_with_a_reason_hides_the_finding_of_its_document(tmp_path: Path):
    assert codes(tmp_path, "MG0401 the status page is for everyone") == []


def test_a_suppression_without_a_reason_hides_nothing_and_is_a_finding(tmp_path: Path):
    assert codes(tmp_path, "MG0401") == ["MG0190", "MG0401"]


def test_an_unknown_code_is_a_finding(tmp_path: Path):
    assert codes(tmp_path, "MG9999 because") == ["MG0190", "MG0401"]


def test_a_suppression_that_suppresses_nothing_is_a_finding_at_the_annotation(tmp_path: Path):
    (found,) = compiled(tmp_path, "MG0401 public; MG0402 no reason any more").diagnostics
    assert found.code.number == "MG0191"
    assert found.message == "the suppression of `MG0402` suppresses nothing here"
    assert found.origin.path == ("metadata", "annotations", "meshgen/ignore")


def test_the_same_code_twice_is_one_too_many(tmp_path: Path):
    (found,) = compiled(tmp_path, "MG0401 public; MG0401 really public").diagnostics
    assert found.message == "`MG0401` is suppressed twice"


def test_a_suppression_does_not_reach_into_other_documents(tmp_path: Path):
    result = compiled(tmp_path, "MG0401 public", "---" + OPEN.format(name="other", ignore=""))
    assert [found.origin.document for found in result.diagnostics] == [1]


def test_nor_into_other_items_of_a_list(tmp_path: Path):
    items = "".join(
        f"""
  - apiVersion: security.istio.io/v1
    kind: AuthorizationPolicy
    metadata: {{name: {name}, namespace: shop, annotations: {{{kept}}}}}
    spec: {{rules: [{{}}]}}"""
        for name, kept in (("one", 'meshgen/ignore: "MG0401 public"'), ("two", ""))
    )
    result = compile_project(project(tmp_path, f"apiVersion: v1\nkind: List\nitems:{items}\n"))
    assert [found.origin.path[:2] for found in result.diagnostics] == [("items", 1)]


def test_a_suppression_holds_for_what_an_overlay_says():
    place = Origin("overlay.yaml", 3, ("spec", "rules"))
    annotated = {"metadata": {"annotations": {"meshgen/ignore": "MG0401 public"}}}
    suppressions, _ = read_suppressions([Document(annotated, Origin("mesh.yaml"), {("spec", "rules"): place})])
    here, there = (ALLOW_EVERYONE.at(origin, "open") for origin in (place.at(0), Origin("overlay.yaml", 2)))
    assert suppressions.keep([here, there])[0] == (there,)


def test_an_error_is_never_suppressed(tmp_path: Path):
    assert codes(tmp_path, "MG0401 public; MG0010 not now", BROKEN)[0] == "MG0190"


def test_where_errors_keep_findings_from_being_made_no_suppression_is_called_of_no_use(tmp_path: Path):
    found = codes(tmp_path, "MG0401 public; MG0402 no reason any more", BROKEN)
    assert found
    assert "MG0191" not in found


def test_a_suppression_that_one_cluster_needs_is_of_use(tmp_path: Path):
    policy = OPEN.format(name="open", ignore="MG0401 public; MG0402 no reason any more")
    policy = policy.replace("annotations: {", 'annotations: {meshgen/clusters: "west", ')
    project(tmp_path, TWO_CLUSTERS + policy)
    results = compile_clusters(tmp_path)
    assert len(results) == 2
    for result in results:
        ours = [found.message for found in result.diagnostics if found.code.number in {"MG0191", "MG0401"}]
        assert ours == ["the suppression of `MG0402` suppresses nothing here"]
