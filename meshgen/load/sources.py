"""Sources to documents: which files a project reads, and each read by what it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from meshgen.diagnostics import Diagnostic, Origin, did_you_mean
from meshgen.diagnostics.catalogue.sources import PYTHON_REFUSED, SOURCE_NOT_FOUND
from meshgen.json import JsonValue
from meshgen.load.document import Document
from meshgen.load.project import PROJECT_FILE, Source
from meshgen.load.python import Job, Limits, run_jobs
from meshgen.load.text import decode
from meshgen.load.tree import Tree, WorkTree, compile_glob, is_glob, static_prefix
from meshgen.load.yaml import parse_documents

STDIN = "<stdin>"
_YAML = (".yaml", ".yml", ".json")
_PYTHON = ".py"
_NOT_RESOURCES = frozenset({PROJECT_FILE, "kustomization.yaml", "kustomization.yml", "Kustomization"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How sources are read."""

    environment: str = ""  # the environment's name, for Python and templates
    variables: Mapping[str, JsonValue] = field(default_factory=dict)
    python: bool = True  # False refuses Python sources (`--no-python`)
    limits: Limits = field(default_factory=Limits)
    excluded: tuple[str, ...] = ()  # files, directories and patterns that are no sources: the outputs


@dataclass(slots=True)
class Read:
    """What the sources gave."""

    documents: list[Document] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    texts: dict[str, bytes] = field(default_factory=dict)  # what was read, by the name in origins


def read_sources(tree: Tree, sources: Iterable[Source], reading: Reading, place: Origin) -> Read:
    """The documents of all sources, in the order of the sources and of the files' paths, each file once.

    `place` is where the sources are listed, for one that matches nothing.
    """
    read = Read()
    chosen: dict[str, bool] = {}  # path -> templated
    for index, source in enumerate(sources):
        paths, diagnostics = _match(tree, source, reading, place.at(index))
        read.diagnostics += diagnostics
        for path in paths:
            chosen.setdefault(path, source.templated)
    jobs = []
    parsed: dict[str, tuple[Document, ...]] = {}
    for path, templated in chosen.items():
        job = _read_file(tree, path, templated, read, parsed)
        if job is not None:
            jobs.append(job)
    parsed.update(_run(tree, jobs, reading, read))
    read.documents = [document for path in chosen for document in parsed.get(path, ())]
    return read


def read_stdin(data: bytes) -> Read:
    """The documents that stand on standard input, YAML or JSON."""
    documents, diagnostics = parse_documents(data, STDIN)
    return Read(list(documents), list(diagnostics), {STDIN: data})


def _match(tree: Tree, source: Source, reading: Reading, place: Origin) -> tuple[tuple[str, ...], tuple[Diagnostic, ...]]:
    """The files of one source."""
    if is_glob(source.path):
        found, diagnostics = tree.files(static_prefix(source.path))
        whole = compile_glob(source.path).fullmatch
        paths = tuple(path for path in found if whole(path) and _is_source(path, source, reading))
    else:
        found, diagnostics = tree.files(source.path)
        paths = tuple(path for path in found if _is_source(path, source, reading))
        if not found and source.path and tree.read(source.path) is not None:
            return (source.path,), ()  # a file; reading it again tells what is wrong with it
    if paths or diagnostics:
        return paths, diagnostics
    return (), (_not_found(tree, source, place),)


def _is_source(path: str, source: Source, reading: Reading) -> bool:
    name = path.rpartition("/")[2]
    if name in _NOT_RESOURCES or any(_lies_in(path, excluded) for excluded in reading.excluded):
        return False
    if source.templated:
        name = name.removesuffix(".j2")
    return name.endswith(_YAML) or (name.endswith(_PYTHON) and not name.startswith("_"))


def _lies_in(path: str, place: str) -> bool:
    """Whether a path is a file, lies in a directory, or matches a pattern."""
    if is_glob(place):
        return compile_glob(place).fullmatch(path) is not None
    return path == place or path.startswith(f"{place}/")


def _not_found(tree: Tree, source: Source, place: Origin) -> Diagnostic:
    paths, _ = tree.files("")
    known = {"/".join(parts[: depth + 1]) for parts in (path.split("/") for path in paths) for depth in range(len(parts))}
    message = f"`{source.path or '.'}` matches no YAML, JSON or Python file"
    return SOURCE_NOT_FOUND.at(place, message, help=did_you_mean(source.path, sorted(known)[:10_000]))


def _read_file(
    tree: Tree,
    path: str,
    templated: bool,
    read: Read,
    parsed: dict[str, tuple[Document, ...]],
) -> Job | None:
    """Parse a YAML file into `parsed`; a Python file or template becomes a job for later."""
    data = tree.read(path)
    if not isinstance(data, bytes):
        message = f"`{path}` is gone"  # between listing and reading
        missing = SOURCE_NOT_FOUND.at(Origin(path, line=1), message)
        read.diagnostics.append(data if isinstance(data, Diagnostic) else missing)
        return None
    read.texts[path] = data
    if path.endswith(_PYTHON) or templated:
        text = decode(data, path)
        if isinstance(text, str):
            return Job(path, text, template=templated and not path.endswith(_PYTHON))
        read.diagnostics.append(text)
        return None
    parsed[path], diagnostics = parse_documents(data, path)
    read.diagnostics += diagnostics
    return None


def _run(tree: Tree, jobs: list[Job], reading: Reading, read: Read) -> dict[str, tuple[Document, ...]]:
    """The documents of Python sources and templates."""
    if not reading.python:
        refused = [job for job in jobs if not job.template]
        jobs = [job for job in jobs if job.template]
        read.diagnostics += [
            PYTHON_REFUSED.at(Origin(job.file, line=1), f"`{job.file}` is a program, and Python is not allowed")
            for job in refused
        ]
    if not jobs:
        return {}
    import tempfile  # noqa: PLC0415 (only for those who have Python sources or templates)

    with tempfile.TemporaryDirectory(prefix="meshgen-") as scratch:
        root = tree.root if isinstance(tree, WorkTree) else export(tree, Path(scratch))
        ran = run_jobs(jobs, root.resolve(), reading.environment, reading.variables, reading.limits)
    read.diagnostics += ran.diagnostics
    documents = dict(ran.documents)
    for file, text in ran.rendered.items():
        shown = f"{file} (rendered)"  # its lines are not those of the template
        read.texts[shown] = text.encode()
        documents[file], diagnostics = parse_documents(text.encode(), shown)
        read.diagnostics += diagnostics
    return documents


def export(tree: Tree, directory: Path) -> Path:
    """Write a tree's files to a directory, for programs that import each other; returns the directory."""
    paths, _ = tree.files("")
    for path in paths:
        data = tree.read(path)
        if isinstance(data, bytes):
            target = directory / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
    return directory
