"""Lowers YAML text for a test: intents, natives and core objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from meshgen.diagnostics import Diagnostic
from meshgen.intent.decode import decode_intents
from meshgen.istio.decode import decode_object
from meshgen.istio.object import IstioObject
from meshgen.istio.struct import IstioStruct
from meshgen.istio.versions import DEFAULT_TARGET, IstioVersion
from meshgen.load.kubernetes import decode_facts
from meshgen.load.workspace import build_workspace
from meshgen.load.yaml import parse_documents
from meshgen.lower.lower import Lowered, lower


@dataclass(frozen=True)
class Result:
    """A lowered text, for a test to ask."""

    lowered: Lowered
    diagnostics: tuple[Diagnostic, ...]

    def object(self, kind: str, name: str) -> IstioObject[IstioStruct]:
        (found,) = [each for each in self.lowered.objects if (each.kind, each.name) == (kind, name)]
        return found

    def spec(self, kind: str, name: str) -> Any:  # noqa: ANN401 (JSON)
        return self.object(kind, name).to_json()["spec"]

    def names(self, kind: str) -> list[str]:
        return [each.name for each in self.lowered.objects if each.kind == kind]

    def http(self, name: str) -> list[dict[str, Any]]:
        return self.spec("VirtualService", name)["http"]

    def findings(self) -> list[tuple[str, str]]:
        return [(diagnostic.code.number, diagnostic.message) for diagnostic in self.diagnostics]

    def only(self) -> Diagnostic:
        (diagnostic,) = self.diagnostics
        return diagnostic


def lower_text(text: str, target: IstioVersion = DEFAULT_TARGET) -> Result:
    """The mesh of a text; the intents themselves must be sound."""
    documents, problems = parse_documents(text.encode(), "mesh.yaml")
    assert problems == ()
    workspace, problems = build_workspace(documents)
    assert problems == ()
    intents, problems = decode_intents(workspace.intents)
    assert problems == (), [problem.message for problem in problems]
    natives = [decode_object(each.value, each.origin, each.origins, target)[0] for each in workspace.natives]
    facts, problems = decode_facts((each.value, each.origin) for each in workspace.core)
    assert problems == ()
    return Result(*lower(intents, [native for native in natives if native is not None], facts, target))
