"""Whether Istio takes the objects, native ones and those that intents give: types, rules of the CRDs, istiod's webhook.

What the API refuses of natives is said when they are decoded. A model of intent refuses most things earlier and in its own
words; this is the net below, and for patches.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from meshgen.diagnostics import Diagnostic
from meshgen.diagnostics.catalogue.admission import API_FOR_PATCH, DEPRECATED_FORM, DEPRECATED_VERSION, REFUSED_BY_ISTIOD
from meshgen.diagnostics.catalogue.load import INVALID_FIELD, UNKNOWN_FIELD
from meshgen.diagnostics.catalogue.lower import OBJECT_REFUSED
from meshgen.istio.admission.whole import whole
from meshgen.istio.decode import violations
from meshgen.istio.kinds import KINDS
from meshgen.istio.object import IstioObject
from meshgen.istio.since import kind_violation
from meshgen.istio.struct import IstioStruct
from meshgen.istio.validate import admission_violations, all_violations
from meshgen.istio.versions import IstioVersion
from meshgen.istio.violation import Violation
from meshgen.lower.result import Made


def refused(made: Iterable[Made], target: IstioVersion) -> Iterator[Diagnostic]:
    """Every place of the made objects that Istio's API or istiod refuses, or warns of."""
    for each in made:
        if isinstance(each.object, IstioObject):
            for violation in _violations(each.object, target):
                if violation.code not in {DEPRECATED_FORM, API_FOR_PATCH}:  # the intent's words are not Istio's
                    yield _said(violation, each, each.object)


def admitted(natives: Iterable[IstioObject[IstioStruct]], target: IstioVersion) -> Iterator[Diagnostic]:
    """Every place of native objects, which the API takes, that istiod refuses or warns of, and what has a successor."""
    for each in natives:
        found = [violation.under("spec") for violation in admission_violations(each.spec, target)]
        found += whole(each.kind, each.name, each.namespace, each.annotations, each.spec)
        found += _old_version(each)
        for violation in found:
            yield violation.code.at(each.origin_of(*violation.path), violation.message, help=violation.help)


def _old_version(native: IstioObject[IstioStruct]) -> Iterator[Violation]:
    written = (native.native or {}).get("apiVersion")
    newest = KINDS[native.kind].api_version
    if written != newest:
        message = f"`{written}` is an older version of the API"
        yield Violation(("apiVersion",), message, f"write `{newest}`: all else stays as it is", DEPRECATED_VERSION)


def _violations(made: IstioObject[IstioStruct], target: IstioVersion) -> Iterable[Violation]:
    kind = KINDS[made.kind]
    if target < kind.since:
        return (kind_violation(kind.name, kind.since, target),)
    try:
        # The structs check nothing when they are made; reading what they write does.
        msgspec.json.decode(msgspec.json.encode(made.spec), type=kind.spec)
    except msgspec.ValidationError:
        return violations(made.to_json(), kind, target)
    found = [violation.under("spec") for violation in all_violations(made.spec, target)]
    found += whole(made.kind, made.name, made.namespace, made.annotations, made.spec)
    return found


def _said(violation: Violation, made: Made, target: IstioObject[IstioStruct]) -> Diagnostic:
    origin = target.origin_of(*violation.path)
    place = f"the {target.kind} `{target.namespace}/{target.name}` of {made.intents[0].spoken}"
    if violation.code in {INVALID_FIELD, UNKNOWN_FIELD, REFUSED_BY_ISTIOD}:
        return OBJECT_REFUSED.at(origin, f"Istio would refuse {place}: {violation.message}", help=violation.help)
    return violation.code.at(origin, f"{violation.message}; it is in {place}", help=violation.help)
