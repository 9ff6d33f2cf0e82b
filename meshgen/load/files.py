"""Files of the project that an intent names: their text takes the place of their name, so that later stages read no file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from meshgen.diagnostics import Diagnostic, JsonPath, Origin, did_you_mean
from meshgen.diagnostics.catalogue.extension import FILE_NOT_READ
from meshgen.json import JsonObject, merge_patch
from meshgen.load.document import Document
from meshgen.load.text import decode
from meshgen.load.tree import Tree, WorkTree

MAX_PROGRAM = 65536
"""Bytes of a Lua program (Istio: `TrafficExtension.spec.lua.inlineCode`)."""

MAX_DASHBOARD = 1_000_000
"""Bytes of a dashboard: an object of Kubernetes has at most 1 MiB, with all that is around it."""

_PLACE: JsonPath = ("spec", "lua")
_DASHBOARDS: JsonPath = ("spec", "observability", "dashboards")


class _What(NamedTuple):
    name: str
    suffix: str
    largest: int  # bytes
    example: str
    instead: str


_PROGRAM = _What("a Lua program", ".lua", MAX_PROGRAM, "filters/add-header.lua", "write less of it, or a Wasm module")
_DASHBOARD = _What("a dashboard", ".json", MAX_DASHBOARD, "dashboards/mesh.json", "leave panels out, or make two of it")


@dataclass(slots=True)
class Included:
    """The documents with the files' texts in them, and what was read."""

    documents: list[Document]
    diagnostics: list[Diagnostic] = field(default_factory=list)
    texts: dict[str, bytes] = field(default_factory=dict)


def include_files(tree: Tree, documents: Iterable[Document]) -> Included:
    """Puts the text of each Lua file that an Extension names into its document, as `code`, and of a Mesh's dashboards as `texts`.

    A path is relative to the project's directory and may not lead out of it, by a link neither. A document whose file cannot be
    read keeps the name, and a diagnostic says why.
    """
    included = Included(list(documents))
    for index, document in enumerate(included.documents):
        take = _TAKEN.get(document.kind) if document.api_version.startswith("meshgen/") else None
        if take is not None:
            included.documents[index] = take(tree, document, included)
    return included


def _with_program(tree: Tree, document: Document, included: Included) -> Document:
    spec = document.value.get("spec")
    lua = spec.get("lua") if isinstance(spec, dict) else None
    program: JsonObject = {"file": lua} if isinstance(lua, str) else lua if isinstance(lua, dict) else {}
    path = program.get("file")
    if not isinstance(spec, dict) or not isinstance(path, str) or not path or "code" in program:
        return document  # the model says what is wrong with it
    place = document.origin_of(*_PLACE) if isinstance(lua, str) else document.origin_of(*_PLACE, "file")
    text = _read(tree, path, place, included, _PROGRAM)
    if isinstance(text, Diagnostic):
        included.diagnostics.append(text)
        return document
    rest: JsonObject = {key: value for key, value in program.items() if key != "file"}
    value: JsonObject = {**document.value, "spec": {**spec, "lua": {"code": text, **rest}}}
    origins = {**document.origins, (*_PLACE, "code"): Origin(path, line=1)}
    return Document(value, document.origin, origins)


def _with_dashboards(tree: Tree, document: Document, included: Included) -> Document:
    """Each of the `files` of `observability.dashboards` is one of its `texts`, by the name of the file."""
    dashboards: Any = document.value
    for key in _DASHBOARDS:
        dashboards = dashboards.get(key) if isinstance(dashboards, dict) else None
    files = dashboards.get("files") if isinstance(dashboards, dict) else None
    paths = [files] if isinstance(files, str) else files if isinstance(files, list) else []
    texts = dashboards.get("texts", {}) if isinstance(dashboards, dict) else {}
    if not paths or not isinstance(texts, dict) or not all(isinstance(path, str) for path in paths):
        return document  # the model says what is wrong with it
    found: JsonObject = dict(texts)
    origins = dict(document.origins)
    for index, path in enumerate(paths):
        place = document.origin_of(*_DASHBOARDS, "files", *(() if isinstance(files, str) else (index,)))
        text = _read(tree, path, place, included, _DASHBOARD)
        name = PurePosixPath(path).stem
        if isinstance(text, Diagnostic) or name in found:
            message = f"two dashboards are named `{name}`"
            included.diagnostics.append(text if isinstance(text, Diagnostic) else FILE_NOT_READ.at(place, message))
            return document
        found[name] = text
        origins[(*_DASHBOARDS, "texts", name)] = Origin(path, line=1)
    patch: JsonObject = {"spec": {"observability": {"dashboards": {"files": None, "texts": found}}}}
    return Document(merge_patch(document.value, patch), document.origin, origins)


_TAKEN: Mapping[str, Callable[[Tree, Document, Included], Document]] = {"Extension": _with_program, "Mesh": _with_dashboards}
"""By kind of intent."""


def _read(tree: Tree, path: str, place: Origin, included: Included, what: _What) -> str | Diagnostic:
    outside = _outside(tree, path, place, what)
    if outside is not None:
        return outside
    path = "/".join(PurePosixPath(path).parts)
    data = tree.read(path)
    if isinstance(data, Diagnostic):
        return data
    if data is None:
        known = [each for each in tree.files("")[0] if each.endswith(what.suffix)]
        hint = did_you_mean(path, known) or "paths are from the project's directory"
        return FILE_NOT_READ.at(place, f"there is no file `{path}` in the project", help=hint)
    if len(data) > what.largest:
        message = f"`{path}` has {len(data)} bytes, and {what.name} has at most {what.largest}"
        return FILE_NOT_READ.at(place, message, help=what.instead)
    included.texts[path] = data
    text = decode(data, path)
    if isinstance(text, str) and not text.strip():
        return FILE_NOT_READ.at(place, f"`{path}` is empty")
    return text


def _outside(tree: Tree, path: str, place: Origin, what: _What) -> Diagnostic | None:
    """Why a path is none of the project's."""
    parts = PurePosixPath(path).parts
    if path.startswith("/") or ".." in parts or "\\" in path or "\0" in path or not parts:
        hint = f"write a path from the project's directory, such as `{what.example}`"
        return FILE_NOT_READ.at(place, f"`{path}` is not in the project", help=hint)
    if isinstance(tree, WorkTree) and not (tree.root / path).resolve().is_relative_to(tree.root.resolve()):
        message = f"`{path}` is a link that leads out of the project"
        return FILE_NOT_READ.at(place, message, help="copy the file into the project")
    return None
