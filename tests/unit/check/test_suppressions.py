from __future__ import annotations

from mesh_text import mesh_of

from meshgen.check import check
from meshgen.check.suppressions import Suppression
from meshgen.diagnostics import Origin

OPEN = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: open, namespace: shop, annotations: {{meshgen/ignore: "{ignore}"}}}}
spec: {{rules: [{{}}]}}
"""


def codes(ignore: str) -> list[str]:
    return [found.code.number for found in check(mesh_of(OPEN.format(ignore=ignore))).diagnostics]


def test_a_suppression_with_a_reason_hides_the_finding_of_its_document():
    assert codes("MG0401 the status page is for everyone") == []


def test_a_suppression_without_a_reason_hides_nothing_and_is_a_finding():
    assert codes("MG0401") == ["MG0190", "MG0401"]


def test_an_unknown_code_is_a_finding():
    assert codes("MG9999 because") == ["MG0190", "MG0401"]


def test_a_suppression_that_suppresses_nothing_is_a_finding_at_the_annotation():
    (found,) = check(mesh_of(OPEN.format(ignore="MG0401 public; MG0402 no reason any more"))).diagnostics
    assert found.code.number == "MG0191"
    assert found.message == "the suppression of `MG0402` suppresses nothing here"
    assert found.origin.path == ("metadata", "annotations", "meshgen/ignore")


def test_the_same_code_twice_is_one_too_many():
    (found,) = check(mesh_of(OPEN.format(ignore="MG0401 public; MG0401 really public"))).diagnostics
    assert found.message == "`MG0401` is suppressed twice"


def test_a_suppression_does_not_reach_into_other_documents():
    mesh = mesh_of(OPEN.format(ignore="MG0401 public") + "---\n" + OPEN.format(ignore="").replace("open", "other"))
    assert [found.origin.document for found in check(mesh).diagnostics] == [1]


def test_a_suppression_of_an_intents_document_counts_like_an_objects():
    mesh = mesh_of(OPEN.format(ignore=""))
    given = [Suppression("MG0401", "public", Origin("mesh.yaml", 0, ("metadata", "annotations", "meshgen/ignore")))]
    assert check(mesh, given).diagnostics == ()
