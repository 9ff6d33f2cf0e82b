"""Names that intents state for the objects that are made of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from meshgen.diagnostics import did_you_mean
from meshgen.diagnostics.catalogue.adopt import NAME_OF_NOTHING
from meshgen.intent.decode import IntentObject
from meshgen.intent.kind import Intent
from meshgen.lower.result import Made, Report


def check_names(made: Sequence[Made], intents: Iterable[IntentObject[Intent]], report: Report) -> None:
    """Reports each name that is stated for an object which the intent does not give."""
    for intent in intents:
        for key, name in (intent.model.names or {}).items():
            own = [each.object for each in made if each.intents[0] is intent]
            kind = key.partition("/")[0]
            if any(each.kind == kind and each.name == name for each in own):
                continue
            given = ", ".join(f"`{each.kind}` `{each.name}`" for each in own)
            hint = did_you_mean(key, {each.kind for each in own}) or (f"it gives {given}" if given else "it gives no object")
            message = f"{intent.spoken} names a `{key}`, and gives none"
            report.append(NAME_OF_NOTHING.at(intent.at("spec", "names", key), message, help=hint))
