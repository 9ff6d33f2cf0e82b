"""Names that intents state for the objects that are made of them."""

from __future__ import annotations

from collections.abc import Sequence

from meshgen.diagnostics.catalogue.adopt import NAME_OF_NOTHING
from meshgen.intent.decode import IntentObject
from meshgen.intent.kind import Intent
from meshgen.istio.object import IstioObject
from meshgen.istio.struct import IstioStruct
from meshgen.kubernetes import KubernetesObject
from meshgen.lower.result import Made, Report, hint_of_given


def check_names(made: Sequence[Made], intents: Sequence[IntentObject[Intent]], report: Report) -> None:
    """Reports each name that is stated for an object which the intent does not give."""
    objects: dict[int, list[IstioObject[IstioStruct] | KubernetesObject]] = {
        id(intent): [] for intent in intents if intent.model.names
    }
    for each in made if objects else ():
        objects.get(id(each.intents[0]), []).append(each.object)
    for intent in intents:
        for key, name in (intent.model.names or {}).items():
            own = objects[id(intent)]
            kind = key.partition("/")[0]
            if any(each.kind == kind and each.name == name for each in own):
                continue
            message = f"{intent.spoken} names a `{key}`, and gives none"
            report.append(NAME_OF_NOTHING.at(intent.at("spec", "names", key), message, help=hint_of_given(key, own)))
