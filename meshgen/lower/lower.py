"""Intent to Istio objects: the order of the steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from meshgen.diagnostics import Diagnostic, Related, sort_diagnostics
from meshgen.diagnostics.catalogue.lower import DECLARED_TWICE, OBJECT_TAKEN
from meshgen.intent.decode import IntentObject
from meshgen.intent.kind import Intent
from meshgen.intent.mesh import Mesh
from meshgen.istio.object import IstioObject
from meshgen.istio.struct import IstioStruct
from meshgen.kubernetes import CoreFacts
from meshgen.lower.access import authorization_policies
from meshgen.lower.authentication import authentications
from meshgen.lower.calls import check_calls
from meshgen.lower.changes import Changes
from meshgen.lower.destination_rule import destination_rules
from meshgen.lower.facts import with_intents
from meshgen.lower.gateway import gateways
from meshgen.lower.index import Index, build_index
from meshgen.lower.mesh import mesh_objects
from meshgen.lower.mesh_config import mesh_config
from meshgen.lower.patches import patched
from meshgen.lower.result import Lowered, Made, Report
from meshgen.lower.rules import RuleBook
from meshgen.lower.sidecar import sidecars
from meshgen.lower.virtual_service import virtual_services

__all__ = ["Lowered", "lower"]


def lower(
    intents: Iterable[IntentObject[Intent]], natives: Sequence[IstioObject[IstioStruct]], facts: CoreFacts
) -> tuple[Lowered, tuple[Diagnostic, ...]]:
    """All of a mesh as Istio objects: the natives, and what the intents give, whatever the order of the documents.

    An intent that contradicts another, or names what nobody declares, is a diagnostic; the rest is lowered all the same.
    """
    report: Report = []
    distinct = _each_once(intents, report)
    mesh = next((intent.model for intent in distinct if isinstance(intent.model, Mesh)), None)
    index = build_index(distinct, facts, mesh_config(mesh, facts.mesh_configs, report))
    check_calls(index, natives, report)
    made = patched(list(_objects(index, report)), index.intents, report)
    objects = _distinct(natives, made, report)
    lowered = Lowered(
        objects=tuple(sorted(objects, key=lambda each: each.key)),
        facts=with_intents(facts, index, report),
        config=index.config,
    )
    return lowered, sort_diagnostics(report)


def _objects(index: Index, report: Report) -> Iterator[Made]:
    changes = Changes(index, report)
    yield from mesh_objects(index)
    yield from gateways(index)
    yield from virtual_services(index, RuleBook(index, report), changes, report)
    yield from destination_rules(index)
    yield from sidecars(index, report)
    yield from authentications(index, report)
    yield from authorization_policies(index, report)


def _each_once(intents: Iterable[IntentObject[Intent]], report: Report) -> list[IntentObject[Intent]]:
    """The intents by kind, namespace and name; of two that are one the first in the order of the files."""
    kept: dict[tuple[str, str, str], IntentObject[Intent]] = {}
    for intent in sorted(intents, key=lambda each: (each.sort_key, each.origin.sort_key())):
        key = ("Mesh", "", "") if isinstance(intent.model, Mesh) else intent.sort_key
        first = kept.setdefault(key, intent)
        if first is not intent:
            message = f"{intent.title} is declared twice"
            hint = "give one of them another name, or make them one"
            if isinstance(intent.model, Mesh):
                message, hint = "there are two Meshes", "make them one; an overlay changes it for an environment"
            related = [Related(first.origin, "first declared here")]
            report.append(DECLARED_TWICE.at(intent.origin, message, help=hint, related=related))
    return list(kept.values())


def _distinct(
    natives: Sequence[IstioObject[IstioStruct]], made: Iterable[Made], report: Report
) -> list[IstioObject[IstioStruct]]:
    """Natives and generated objects; of two of one kind, namespace and name the first."""
    taken = {native.key: native for native in natives}
    objects = list(natives)
    for each in made:
        key = each.object.key
        first = taken.setdefault(key, each.object)
        if first is each.object:
            objects.append(each.object)
            continue
        what = f"the {key[0]} `{key[1]}/{key[2]}`"
        message = f"{each.intents[0].spoken} gives {what}, which is given already"
        note = "given here" if first.native is None else "a native object of this name"
        hint = "give the intent another name" if first.native is None else "rename the intent, or remove the native object"
        report.append(OBJECT_TAKEN.at(each.object.origin, message, help=hint, related=[Related(first.origin, note)]))
    return objects
