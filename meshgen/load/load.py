"""The stage: a project's directory, or a revision of it, to a `Workspace`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from meshgen.diagnostics import Diagnostic, Origin
from meshgen.diagnostics.catalogue.project import NO_PROJECT
from meshgen.load.files import include_files
from meshgen.load.git import read_revision
from meshgen.load.overlay import apply_overlays
from meshgen.load.project import PROJECT_FILE, Environment, Project, Source, parse_project
from meshgen.load.python import Limits
from meshgen.load.sources import Read, Reading, read_sources, read_stdin
from meshgen.load.tree import Tree, WorkTree
from meshgen.load.workspace import Workspace, build_workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is asked of a load, beside the project itself."""

    environment: str | None = None  # one of the project's environments
    revision: str | None = None  # a git revision in place of the work tree
    cluster: str | None = None  # one of the Mesh's clusters
    stdin: bytes | None = None  # documents beside the sources (`-`)
    python: bool = True  # False refuses Python sources
    limits: Limits = field(default_factory=Limits)
    project: Project | None = None  # in place of the project file, for a directory that has none
    beside: tuple[str, ...] = ()  # paths from the root that are read beside the project's sources, where none of them has them


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a load gives. `project` is None where there is none that can be read; the workspace is empty then."""

    project: Project | None
    environment: Environment
    workspace: Workspace


def load(root: Path, options: Options | None = None) -> tuple[Loaded, tuple[Diagnostic, ...]]:
    """Read the project in `root`, the directory of its meshgen.yaml. Never raises for what is found there.

    The output does not depend on what is not in the sources: no clock, no environment variable, no work tree for a revision.
    """
    chosen = options or Options()
    diagnostics: list[Diagnostic] = []
    tree: Tree | None = WorkTree(root)
    if chosen.revision is not None:
        tree, found = read_revision(root, chosen.revision)
        diagnostics += found
    project: Project | None = None
    texts: dict[str, bytes] = {}
    if tree is not None:
        project, texts = _project(tree, chosen, diagnostics)
    if tree is None or project is None:
        return Loaded(project=None, environment=Environment(), workspace=Workspace(texts=texts)), tuple(diagnostics)
    environment, found = project.environment(chosen.environment, Origin(PROJECT_FILE))
    if found:  # without its variables, Python and templates would only complain of their lack
        return Loaded(project=project, environment=environment, workspace=Workspace(texts=texts)), (*diagnostics, *found)
    base, overlays = _read(tree, project, environment, chosen)
    diagnostics += [*found, *base.diagnostics, *overlays.diagnostics]
    documents, found = apply_overlays(base.documents, overlays.documents, project.defaults.namespace)
    diagnostics += found
    included = include_files(tree, documents)
    diagnostics += included.diagnostics
    texts = {**texts, **base.texts, **overlays.texts, **included.texts}
    workspace, found = build_workspace(included.documents, namespace=project.defaults.namespace, texts=texts)
    return Loaded(project=project, environment=environment, workspace=workspace), (*diagnostics, *found)


def _project(tree: Tree, options: Options, diagnostics: list[Diagnostic]) -> tuple[Project | None, dict[str, bytes]]:
    if options.project is not None:
        return options.project, {}
    data = tree.read(PROJECT_FILE)
    if isinstance(data, bytes):
        project, found = parse_project(data)
        diagnostics += found
        return project, {PROJECT_FILE: data}
    where, hint = "", "make one with `meshgen init`"
    if options.revision is not None:
        where, hint = f" in `{options.revision}`", "the project begins later; compare with a revision that has it"
    missing = NO_PROJECT.at(Origin(PROJECT_FILE, line=1), f"there is no `{PROJECT_FILE}`{where}", help=hint)
    diagnostics.append(data if isinstance(data, Diagnostic) else missing)
    return None, {}


def _read(tree: Tree, project: Project, environment: Environment, options: Options) -> tuple[Read, Read]:
    """The base and the environment's overlays."""
    name = options.environment or ""
    place = Origin(PROJECT_FILE).at("spec")
    outputs = project.output_directories
    base = read_sources(
        tree,
        (*project.sources, *_beside(project, options.beside)),
        _reading(options, name, environment, (*outputs, *_overlay_paths(project))),
        place.at("sources"),
    )
    if options.stdin is not None:
        given = read_stdin(options.stdin)
        base.documents += given.documents
        base.diagnostics += given.diagnostics
        base.texts.update(given.texts)
    overlays = read_sources(
        tree,
        environment.overlays,
        _reading(options, name, environment, outputs),
        place.at("environments", name, "overlays"),
    )
    return base, overlays


def _reading(options: Options, name: str, environment: Environment, excluded: Sequence[str]) -> Reading:
    return Reading(
        environment=name,
        variables=environment.vars,
        python=options.python,
        limits=options.limits,
        excluded=tuple(excluded),
    )


def _beside(project: Project, paths: Sequence[str]) -> list[Source]:
    """Sources that are read beside the project's own: what already belongs to one of those is read once."""
    own = [PurePosixPath(source.path) for source in project.sources]
    return [Source(path=path) for path in paths if not any(PurePosixPath(path).is_relative_to(each) for each in own)]


def _overlay_paths(project: Project) -> tuple[str, ...]:
    """Overlays may lie inside of a source's directory without being part of the base."""
    paths = {source.path for environment in project.environments.values() for source in environment.overlays}
    return tuple(sorted(filter(None, paths)))
