"""Documents to intent models, with everything that is wrong placed in the document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from pydantic import ValidationError

from meshgen.diagnostics import Code, Diagnostic, JsonPath, Origin, did_you_mean, origin_in
from meshgen.diagnostics.catalogue import load as codes
from meshgen.intent.errors import Finding, findings
from meshgen.intent.kind import API_VERSION, Intent
from meshgen.intent.kinds import KINDS
from meshgen.intent.place import place_in
from meshgen.json import JsonObject

I_co = TypeVar("I_co", bound=Intent, covariant=True)


class Written(Protocol):
    """A document as the loader gives it (`meshgen.load.document.Document`)."""

    @property
    def value(self) -> JsonObject:
        """The whole document."""

    @property
    def origin(self) -> Origin:
        """Where it begins."""

    @property
    def origins(self) -> Mapping[JsonPath, Origin]:
        """The parts that were written elsewhere."""


@dataclass(frozen=True, slots=True)
class IntentObject(Generic[I_co]):
    """An intent and the places that it came from."""

    model: I_co
    origin: Origin = field(compare=False)
    origins: Mapping[JsonPath, Origin] = field(default_factory=dict, compare=False)
    value: JsonObject = field(default_factory=dict, compare=False, repr=False)  # the document as written

    @property
    def title(self) -> str:
        """What a person calls it: `Service shop/catalog`."""
        return f"{self.model.KIND} {self.model.namespace}/{self.model.name}"

    @property
    def spoken(self) -> str:
        """What messages call it: "Canary `catalog-v2`"."""
        return f"{self.model.KIND} `{self.model.name}`"

    @property
    def sort_key(self) -> tuple[str, str, str]:
        """Kind, namespace, name: the order in which intents are read, whatever the order of the documents."""
        return (self.model.KIND, self.model.namespace, self.model.name)

    def item(self, *path: str | int) -> Origin:
        """Where a part was written whose path is the same in short and long form, such as an entry of `spec.routes`."""
        return origin_in(self.origin, self.origins, path) if self.origins else self.origin.at(*path)

    def at(self, *path: str | int) -> Origin:
        """Where a part was written, by its path in the document's long form (`"spec", "split", 1`)."""
        return origin_in(self.origin, self.origins, place_in(self.value, path) if self.value else path)


def decode_intents(documents: Iterable[Written]) -> tuple[tuple[IntentObject[Intent], ...], tuple[Diagnostic, ...]]:
    """The intents of the documents, in the documents' order, and what is wrong with the rest.

    Every document is of `apiVersion` `meshgen/…`. One that has an error is left out.
    """
    intents: list[IntentObject[Intent]] = []
    diagnostics: list[Diagnostic] = []
    for document in documents:
        intent = _decode(document, diagnostics)
        if intent is not None:
            intents.append(intent)
    return tuple(intents), tuple(diagnostics)


def _decode(document: Written, diagnostics: list[Diagnostic]) -> IntentObject[Intent] | None:
    value = document.value
    kind = KINDS.get(str(value.get("kind"))) if value.get("apiVersion") == API_VERSION else None
    if kind is None:
        diagnostics.append(_unknown_kind(document))
        return None
    problems = _frame(value)
    spec = value.get("spec")
    given: dict[str, Any] = {**(spec if isinstance(spec, dict) else {}), "metadata": value.get("metadata", {})}
    try:
        model = kind.model_validate(given, by_alias=True, by_name=False)
    except ValidationError as error:
        problems += (_in_document(finding) for finding in findings(kind, error, given))
    if problems:
        diagnostics += (_diagnose(problem, document) for problem in dict.fromkeys(problems))
        return None
    return IntentObject(model, document.origin, document.origins, value)


_FRAME = ("apiVersion", "kind", "metadata", "spec")


def _frame(value: JsonObject) -> list[Finding]:
    """What is wrong around the spec."""
    found = [
        Finding((key,), "unknown", f"a document has no field `{key}`", did_you_mean(key, _FRAME) or "it goes under `spec`")
        for key in value
        if key not in _FRAME
    ]
    spec = value.get("spec", {})
    if not isinstance(spec, dict):
        found.append(Finding(("spec",), "value", "`spec` must be a map"))
    elif "metadata" in spec:
        found.append(
            Finding(("spec", "metadata"), "unknown", "`spec` has no field `metadata`", "`metadata` stands beside `spec`")
        )
    return found


def _in_document(finding: Finding) -> Finding:
    path = finding.path if finding.path[:1] == ("metadata",) else ("spec", *finding.path)
    return Finding(path, finding.kind, finding.message, finding.help)


_CODES: dict[str, Code] = {
    "unknown": codes.UNKNOWN_INTENT_FIELD,
    "missing": codes.MISSING_INTENT_FIELD,
    "value": codes.INVALID_INTENT_VALUE,
    "exclusive": codes.CONTRADICTORY_INTENT,
    "split": codes.SPLIT_NOT_WHOLE,
    "secret": codes.KEY_MATERIAL,
}


def _diagnose(finding: Finding, document: Written) -> Diagnostic:
    place = place_in(document.value, finding.path)
    return _CODES[finding.kind].at(origin_in(document.origin, document.origins, place), finding.message, help=finding.help)


def _unknown_kind(document: Written) -> Diagnostic:
    kind, version = document.value.get("kind"), document.value.get("apiVersion")
    if version != API_VERSION:
        place = origin_in(document.origin, document.origins, ("apiVersion",))
        return codes.UNKNOWN_KIND.at(place, f"meshgen has no API version `{version}`", help=f"write `{API_VERSION}`")
    place = origin_in(document.origin, document.origins, place_in(document.value, ("kind",)))
    known = f"the kinds are {', '.join(f'`{name}`' for name in KINDS)}"
    if not isinstance(kind, str):
        return codes.UNKNOWN_KIND.at(place, "`kind` is missing", help=known)
    return codes.UNKNOWN_KIND.at(place, f"meshgen has no kind `{kind}`", help=did_you_mean(kind, KINDS) or known)
