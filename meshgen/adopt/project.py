"""The sources of a project, adopted: load, decode, adopt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from meshgen.adopt.adopt import Adoption, adopt
from meshgen.diagnostics import Diagnostic, sort_diagnostics
from meshgen.intent.decode import decode_intents
from meshgen.load.kubernetes import decode_facts
from meshgen.load.load import Options, load
from meshgen.load.project import Project
from meshgen.pipeline import decode_natives, has_errors


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptionResult:
    """What an adoption gives; where an error stands in the sources, nothing but the diagnostics."""

    adoption: Adoption = field(default_factory=Adoption)
    diagnostics: tuple[Diagnostic, ...] = ()
    facts: int = 0  # core objects that were read beside the native ones
    intents: int = 0  # intents that were there already
    sources: tuple[str, ...] = ()
    texts: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def failed(self) -> bool:
        """Whether an error forbids output."""
        return has_errors(self.diagnostics)


def adopt_project(root: Path, options: Options | None = None) -> AdoptionResult:
    """Adopts the native Istio objects of the project in `root`. Nothing is written."""
    loaded, diagnostics = load(root, options or Options())
    workspace, project = loaded.workspace, loaded.project or Project()
    intents, found = decode_intents(workspace.intents)
    diagnostics += found
    natives, found = decode_natives(workspace.natives, project.targets.version)
    diagnostics += found
    facts, found = decode_facts((document.value, document.origin) for document in workspace.core)
    diagnostics = sort_diagnostics((*diagnostics, *found))
    if loaded.project is None or has_errors(diagnostics):
        return AdoptionResult(diagnostics=diagnostics, texts=workspace.texts)
    return AdoptionResult(
        adoption=adopt(natives, intents, facts, project.targets.version),
        diagnostics=diagnostics,
        facts=len(workspace.core),
        intents=len(intents),
        sources=tuple(source.path for source in project.sources),
        texts=workspace.texts,
    )
