"""Tests that are recorded from a mesh pass on it, and fail when the mesh means something else."""

from __future__ import annotations

from hypothesis import given, settings
from whole_meshes import compiled, whole_meshes

from meshgen.traffic_tests.coverage import coverage
from meshgen.traffic_tests.record.propose import propose
from meshgen.traffic_tests.record.write import document_text
from meshgen.traffic_tests.run import Verdict, run


@given(whole_meshes())
@settings(max_examples=30, deadline=None)
def test_what_is_recorded_passes_as_it_is_written(text: str):
    result = compiled(text)
    if result.failed:  # rules that contradict each other
        return
    proposal = propose(result)
    assert proposal.dropped == 0
    recorded = document_text(proposal).decode()
    again = compiled(f"{text}---\n{recorded}")
    assert again.diagnostics == result.diagnostics
    report = run([again])
    assert len(report.outcomes) == proposal.requests
    assert [each.mismatches or each.problem for each in report.outcomes if each.verdict is not Verdict.PASSED] == []


@given(whole_meshes())
@settings(max_examples=12, deadline=None)
def test_what_is_recorded_reaches_every_version_that_gets_requests(text: str):
    result = compiled(text)
    if result.failed:
        return
    again = compiled(f"{text}---\n{document_text(propose(result)).decode()}")
    reached = coverage([again], run([again]))
    versions = [unit for unit in reached.units if unit.kind == "version"]
    routed = {
        name
        for name in ("v1", "v2")
        if any(f"|{name}|" in str(hop.decision) for each in run([again]).outcomes for hop in each.hops)
    }
    assert sum(unit.reached for unit in versions) == len(routed)


def test_a_mesh_that_means_something_else_fails_its_old_tests():
    text = (
        "{apiVersion: meshgen/v1, kind: Service, metadata: {name: catalog, namespace: shop}, spec: {ports: [80],"
        " workload: {selector: {app: catalog}}, versions: [v1, v2], routes: [{timeout: 2s, to: v1}]}}\n"
    )
    recorded = document_text(propose(compiled(text))).decode()
    for change in (("to: v1", "to: v2"), ("timeout: 2s", "timeout: 3s"), ("timeout: 2s, to: v1", "directResponse: 404")):
        report = run([compiled(f"{text.replace(*change)}---\n{recorded}")])
        assert report.count(Verdict.FAILED) == 1, change
