"""All rules that an Istio object keeps beside its types: those of the CRDs, of the target's release and of istiod."""

from __future__ import annotations

from functools import lru_cache

from meshgen.istio.admission import TABLES
from meshgen.istio.crd_rules import CRD_RULES
from meshgen.istio.deprecated import deprecation_rules
from meshgen.istio.rules import Plan, Rules, plan, walk
from meshgen.istio.since import since_rules
from meshgen.istio.struct import IstioStruct
from meshgen.istio.versions import IstioVersion
from meshgen.istio.violation import Violation


@lru_cache(maxsize=16)
def schema_rules(target: IstioVersion) -> Rules:
    """What the API server of a release refuses."""
    return _joined((CRD_RULES, since_rules(target)))


@lru_cache(maxsize=16)
def admission_rules(target: IstioVersion) -> Rules:
    """What istiod refuses and warns of beyond it, and what has a successor."""
    return _joined((*TABLES, deprecation_rules(target)))


def _joined(tables: tuple[Rules, ...]) -> Rules:
    return {kind: tuple(rule for table in tables for rule in table.get(kind, ())) for kind in set().union(*tables)}


@lru_cache(maxsize=64)
def _schema_plan(kind: type[IstioStruct], target: IstioVersion) -> Plan | None:
    return plan(kind, schema_rules(target), {})


@lru_cache(maxsize=64)
def _admission_plan(kind: type[IstioStruct], target: IstioVersion) -> Plan | None:
    return plan(kind, admission_rules(target), {})


@lru_cache(maxsize=64)
def _whole_plan(kind: type[IstioStruct], target: IstioVersion) -> Plan | None:
    return plan(kind, _joined((schema_rules(target), admission_rules(target))), {})


def schema_violations(spec: IstioStruct, target: IstioVersion) -> list[Violation]:
    """Every rule of the CRDs and of the release that a typed spec breaks, with paths that start in it."""
    todo = _schema_plan(type(spec), target)
    return walk(spec, todo) if todo is not None else []


def admission_violations(spec: IstioStruct, target: IstioVersion) -> list[Violation]:
    """Every rule of istiod's, of a spec that the CRD takes."""
    todo = _admission_plan(type(spec), target)
    return walk(spec, todo) if todo is not None else []


def all_violations(spec: IstioStruct, target: IstioVersion) -> list[Violation]:
    """Both, in one walk."""
    todo = _whole_plan(type(spec), target)
    return walk(spec, todo) if todo is not None else []
