"""Adopts YAML texts for a test, and compiles what comes of it again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from meshgen.adopt.adopt import Adoption, adopt
from meshgen.diagnostics.catalogue.lower import OBJECT_REFUSED
from meshgen.emit.istio.yaml_writer import dump_documents
from meshgen.intent.decode import IntentObject, decode_intents
from meshgen.intent.kind import Intent
from meshgen.istio.decode import decode_object
from meshgen.istio.object import IstioObject
from meshgen.istio.struct import IstioStruct
from meshgen.istio.versions import NEWEST
from meshgen.kubernetes import CoreFacts
from meshgen.load.document import flatten_lists
from meshgen.load.kubernetes import decode_facts
from meshgen.load.workspace import build_workspace
from meshgen.load.yaml import parse_documents
from meshgen.lower.lower import Lowered, lower


@dataclass(frozen=True)
class Tree:
    """What a text holds, decoded."""

    natives: tuple[IstioObject[IstioStruct], ...]
    intents: tuple[IntentObject[Intent], ...]
    facts: CoreFacts

    def adopted(self) -> Adoption:
        return adopt(self.natives, self.intents, self.facts, NEWEST)

    def lowered(self) -> Lowered:
        return lower(self.intents, self.natives, self.facts, NEWEST)[0]


def tree_of(*texts: bytes) -> Tree:
    documents = [
        document for number, text in enumerate(texts) for document in flatten_lists(parse_documents(text, f"{number}.yaml")[0])
    ]
    workspace, _ = build_workspace(documents)
    intents, problems = decode_intents(workspace.intents)
    assert problems == (), [problem.message for problem in problems]
    natives = []
    for each in workspace.natives:
        decoded, problems = decode_object(each.value, each.origin, each.origins, NEWEST)
        assert decoded is not None, [problem.message for problem in problems]
        natives.append(decoded)
    facts, _ = decode_facts((each.value, each.origin) for each in workspace.core)
    return Tree(tuple(natives), intents, facts)


def recompiled(adoption: Adoption, facts: CoreFacts) -> Mapping[tuple[str, str, str], IstioObject[IstioStruct]]:
    """The objects of the documents that an adoption prints, read again from their text."""
    tree = tree_of(text_of(adoption))
    lowered, problems = lower(tree.intents, tree.natives, facts, NEWEST)
    # The corpus uses fields that the API has and istiod refuses, as `exponentialDelay`: refused they were before as well.
    errors = [each.message for each in problems if each.severity.value == "error" and each.code is not OBJECT_REFUSED]
    assert errors == []
    return {each.key: each for each in lowered.objects}


def text_of(adoption: Adoption) -> bytes:
    return dump_documents(list(adoption.documents()))


def intents_of(adoption: Adoption) -> list[object]:
    return [intent.model.to_document(short=True) for intent in adoption.intents]


def keys(objects: Iterable[IstioObject[IstioStruct]]) -> list[tuple[str, str, str]]:
    return sorted(each.key for each in objects)
