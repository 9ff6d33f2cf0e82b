"""Whether Istio takes what the intents give: the same types and rules that native objects are held to.

A model of intent refuses most of it earlier and in its own words; this is the net below, and for patches.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from meshgen.diagnostics import Diagnostic
from meshgen.diagnostics.catalogue.load import INVALID_FIELD, UNKNOWN_FIELD
from meshgen.diagnostics.catalogue.lower import OBJECT_REFUSED
from meshgen.istio.decode import violations
from meshgen.istio.kinds import KINDS
from meshgen.istio.object import IstioObject
from meshgen.istio.since import kind_violation
from meshgen.istio.struct import IstioStruct
from meshgen.istio.validate import rule_violations
from meshgen.istio.versions import IstioVersion
from meshgen.istio.violation import Violation
from meshgen.lower.result import Made


def refused(made: Iterable[Made], target: IstioVersion) -> Iterator[Diagnostic]:
    """Every place of the made objects that Istio's API or istiod refuses, or warns of."""
    for each in made:
        if isinstance(each.object, IstioObject):
            for violation in _violations(each.object, target):
                yield _said(violation, each, each.object)


def _violations(made: IstioObject[IstioStruct], target: IstioVersion) -> Iterable[Violation]:
    kind = KINDS[made.kind]
    if target < kind.since:
        return (kind_violation(kind.name, kind.since, target),)
    try:
        # The structs check nothing when they are made; reading what they write does.
        msgspec.json.decode(msgspec.json.encode(made.spec), type=kind.spec)
    except msgspec.ValidationError:
        return violations(made.to_json(), kind, target)
    return [violation.under("spec") for violation in rule_violations(made.spec, target)]


def _said(violation: Violation, made: Made, target: IstioObject[IstioStruct]) -> Diagnostic:
    origin = target.origin_of(*violation.path)
    place = f"the {target.kind} `{target.namespace}/{target.name}` of {made.intents[0].spoken}"
    if violation.code in {INVALID_FIELD, UNKNOWN_FIELD}:
        return OBJECT_REFUSED.at(origin, f"Istio would refuse {place}: {violation.message}", help=violation.help)
    return violation.code.at(origin, f"{violation.message}; it is in {place}", help=violation.help)
