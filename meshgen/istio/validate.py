"""All rules that an Istio object keeps beside its types: those of the CRDs, of the target's release and of istiod."""

from __future__ import annotations

from functools import lru_cache

from meshgen.istio.crd_rules import CRD_RULES
from meshgen.istio.rules import Plan, Rules, plan, walk
from meshgen.istio.since import since_rules
from meshgen.istio.struct import IstioStruct
from meshgen.istio.versions import IstioVersion
from meshgen.istio.violation import Violation


@lru_cache(maxsize=16)
def rules_for(target: IstioVersion) -> Rules:
    """The rules of a release, by struct."""
    tables = (CRD_RULES, since_rules(target))
    return {kind: tuple(rule for table in tables for rule in table.get(kind, ())) for kind in set().union(*tables)}


@lru_cache(maxsize=64)
def _plan(kind: type[IstioStruct], target: IstioVersion) -> Plan | None:
    return plan(kind, rules_for(target), {})


def rule_violations(spec: IstioStruct, target: IstioVersion) -> list[Violation]:
    """Every rule that a typed spec breaks, with paths that start in it."""
    todo = _plan(type(spec), target)
    return walk(spec, todo) if todo is not None else []
