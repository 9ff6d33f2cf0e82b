"""Runs all rules over a mesh and gathers what they found and what they could not judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from meshgen.check.context import Context
from meshgen.check.rule import Inventory, Lacking, Rule
from meshgen.check.rules import RULES
from meshgen.diagnostics import Code, Diagnostic, sort_diagnostics
from meshgen.mesh import Mesh


@dataclass(frozen=True, slots=True)
class NotChecked:
    """A number of places that one rule could not judge, for lack of one thing. Never a warning."""

    code: Code
    lacking: str  # "Services of namespace payments"
    count: int  # 0 where the rule was not asked at all


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What all rules say about a mesh."""

    diagnostics: tuple[Diagnostic, ...]  # sorted by place
    not_checked: tuple[NotChecked, ...]  # by code, then what is lacking


def check(mesh: Mesh, rules: Iterable[Rule] = RULES) -> CheckResult:
    """Runs the rules over a mesh.

    Args:
        mesh: the linked mesh.
        rules: all of them, unless a test wants one.
    """
    context = Context(mesh)
    findings: list[Diagnostic] = []
    lacking: Counter[tuple[str, str]] = Counter()
    asked = tuple(rules)
    for rule in asked:
        missing = [need for need in rule.needs if not _has(mesh, need)]
        for need in missing:
            lacking[rule.code.number, need.value] += 0
        for answer in () if missing else rule.find(context):
            if isinstance(answer, Lacking):
                lacking[rule.code.number, answer.what] += 1
            else:
                findings.append(answer)
    codes = {rule.code.number: rule.code for rule in asked}
    not_checked = tuple(NotChecked(codes[number], what, count) for (number, what), count in sorted(lacking.items()))
    return CheckResult(sort_diagnostics(findings), not_checked)


def _has(mesh: Mesh, need: Inventory) -> bool:
    facts = mesh.facts
    match need:
        case Inventory.SERVICES:
            return bool(mesh.services)
        case Inventory.WORKLOADS:
            return bool(mesh.workloads)
        case Inventory.SECRETS:
            return bool(facts.secrets)
        case Inventory.SERVICE_ACCOUNTS:
            return bool(facts.service_accounts)
