"""Every field of Istio's API has its place in docs/envoy-coverage.md, and what it says of the field is so."""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

import pytest

from meshgen.diagnostics.catalogue import CODES
from meshgen.emit.envoy.coverage import FATES, Coverage, coverage

TOOLS = Path(__file__).parents[3] / "tools"
sys.path.insert(0, str(TOOLS))

from envoy_coverage import holds, leaves, read_proofs, wanted_proofs  # noqa: E402 - a tool, not a package

PROOFS = read_proofs()
BY_CASE = {
    case: [leaf for leaf, _ in found]
    for case, found in groupby(sorted(PROOFS.items(), key=lambda each: each[1].case), key=lambda each: each[1].case)
}


def test_each_field_that_is_carried_or_reported_has_a_case_and_no_other_has():
    assert sorted(wanted_proofs()) == sorted(PROOFS)


@pytest.mark.parametrize("case", sorted(BY_CASE))
def test_the_output_of_the_case_changes_with_the_field(case: str):
    assert [leaf for leaf in BY_CASE[case] if not holds(leaf, PROOFS[leaf])] == []


def test_what_is_not_carried_says_why_and_what_is_reported_its_code_and_what_to_do():
    fates = {leaf: coverage(leaf) for leaf in leaves()}
    assert [leaf for leaf, fate in fates.items() if fate.coverage is not Coverage.CARRIED and not fate.reason] == []
    reported = [fate for fate in fates.values() if fate.coverage is Coverage.REPORTED]
    assert all(fate.code in CODES and fate.instead for fate in reported)


def test_each_entry_of_the_table_speaks_of_a_field():
    used = {coverage(leaf) for leaf in leaves()}
    assert [key for key, fate in FATES.items() if fate not in used] == []


def test_a_field_can_be_looked_up():
    assert coverage("VirtualService.http[].corsPolicy.maxAge").coverage is Coverage.CARRIED
    assert coverage("VirtualService.http[].fault.delay.exponentialDelay").code == "MG0906"
    assert coverage("Sidecar.ingress[].port.name").coverage is Coverage.NOT_APPLICABLE
