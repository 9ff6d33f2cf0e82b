from __future__ import annotations

from pathlib import Path

import pytest
from mesh_text import mesh_of
from rule_cases import CASES, Case

import meshgen.check
from meshgen.check import check
from meshgen.check.rule import Rule
from meshgen.check.rules import RULES
from meshgen.diagnostics import Diagnostic
from meshgen.diagnostics.catalogue import CODES
from meshgen.diagnostics.origin import render_path

each_case = pytest.mark.parametrize("case", CASES, ids=[case.code for case in CASES])
each_rule = pytest.mark.parametrize("rule", RULES, ids=[rule.code.number for rule in RULES])


def findings(text: str, number: str) -> tuple[Diagnostic, ...]:
    result = check(mesh_of(text.rstrip("-\n")), rules=[rule for rule in RULES if rule.code.number == number])
    assert [missing for missing in result.not_checked if missing.code.number != number] == []
    return result.diagnostics


@each_case
def test_a_bad_mesh_has_one_finding_at_its_place(case: Case):
    (found,) = findings(case.bad, case.code)
    assert found.code.number == case.code
    assert (render_path(found.origin.path), found.message) == (case.place, case.message)
    assert found.origin.document == case.bad.rstrip("-\n").count("\n---")
    assert found.help


@each_case
def test_a_good_mesh_has_none(case: Case):
    assert findings(case.good, case.code) == ()


def test_every_rule_has_a_bad_and_a_good_mesh():
    assert [case.code for case in CASES] == [rule.code.number for rule in RULES]


def test_no_rule_file_is_missing_from_the_registry():
    folder = Path(meshgen.check.__file__).parent / "rules"
    expected = sorted(path.stem for path in folder.glob("*/mg*.py"))
    assert [f"{rule.code.number.lower()}_{rule.code.slug.replace('-', '_')}" for rule in RULES] == sorted(
        f"{rule.code.number.lower()}_{rule.code.slug.replace('-', '_')}" for rule in RULES
    )
    assert [rule.find.__module__.rpartition(".")[2] for rule in RULES] == expected


@each_rule
def test_a_rules_file_begins_with_its_code_and_its_code_is_in_the_catalogue(rule: Rule):
    assert rule.find.__module__.rpartition(".")[2].startswith(f"{rule.code.number.lower()}_")
    assert CODES[rule.code.number] is rule.code
