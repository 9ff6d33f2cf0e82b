"""Files of the project that an intent names: their text takes the place of their name, so that later stages read no file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from meshgen.diagnostics import Diagnostic, JsonPath, Origin, did_you_mean
from meshgen.diagnostics.catalogue.extension import FILE_NOT_READ
from meshgen.json import JsonObject
from meshgen.load.document import Document
from meshgen.load.text import decode
from meshgen.load.tree import Tree, WorkTree

MAX_PROGRAM = 65536
"""Bytes of a Lua program (Istio: `TrafficExtension.spec.lua.inlineCode`)."""

_PLACE: JsonPath = ("spec", "lua")


@dataclass(slots=True)
class Included:
    """The documents with the files' texts in them, and what was read."""

    documents: list[Document]
    diagnostics: list[Diagnostic] = field(default_factory=list)
    texts: dict[str, bytes] = field(default_factory=dict)


def include_files(tree: Tree, documents: Iterable[Document]) -> Included:
    """Puts the text of each Lua file that an Extension names into its document, as `code`.

    A path is relative to the project's directory and may not lead out of it, by a link neither. A document whose file cannot be
    read keeps the name, and a diagnostic says why.
    """
    included = Included(list(documents))
    for index, document in enumerate(included.documents):
        if document.kind == "Extension" and document.api_version.startswith("meshgen/"):
            included.documents[index] = _with_program(tree, document, included)
    return included


def _with_program(tree: Tree, document: Document, included: Included) -> Document:
    spec = document.value.get("spec")
    lua = spec.get("lua") if isinstance(spec, dict) else None
    program: JsonObject = {"file": lua} if isinstance(lua, str) else lua if isinstance(lua, dict) else {}
    path = program.get("file")
    if not isinstance(spec, dict) or not isinstance(path, str) or "code" in program:
        return document  # the model says what is wrong with it
    place = document.origin_of(*_PLACE) if isinstance(lua, str) else document.origin_of(*_PLACE, "file")
    text = _read(tree, path, place, included)
    if isinstance(text, Diagnostic):
        included.diagnostics.append(text)
        return document
    rest: JsonObject = {key: value for key, value in program.items() if key != "file"}
    value: JsonObject = {**document.value, "spec": {**spec, "lua": {"code": text, **rest}}}
    origins = {**document.origins, (*_PLACE, "code"): Origin(path, line=1)}
    return Document(value, document.origin, origins)


def _read(tree: Tree, path: str, place: Origin, included: Included) -> str | Diagnostic:
    outside = _outside(tree, path, place)
    if outside is not None:
        return outside
    path = "/".join(PurePosixPath(path).parts)
    data = tree.read(path)
    if isinstance(data, Diagnostic):
        return data
    if data is None:
        known = [each for each in tree.files("")[0] if each.endswith(".lua")]
        hint = did_you_mean(path, known) or "paths are from the project's directory"
        return FILE_NOT_READ.at(place, f"there is no file `{path}` in the project", help=hint)
    if len(data) > MAX_PROGRAM:
        message = f"`{path}` has {len(data)} bytes, and a Lua program has at most {MAX_PROGRAM}"
        return FILE_NOT_READ.at(place, message, help="write less of it, or a Wasm module")
    included.texts[path] = data
    text = decode(data, path)
    if isinstance(text, str) and not text.strip():
        return FILE_NOT_READ.at(place, f"`{path}` is empty")
    return text


def _outside(tree: Tree, path: str, place: Origin) -> Diagnostic | None:
    """Why a path is none of the project's."""
    parts = PurePosixPath(path).parts
    if path.startswith("/") or ".." in parts or "\\" in path or "\0" in path or not parts:
        hint = "write a path from the project's directory, such as `filters/add-header.lua`"
        return FILE_NOT_READ.at(place, f"`{path}` is not in the project", help=hint)
    if isinstance(tree, WorkTree) and not (tree.root / path).resolve().is_relative_to(tree.root.resolve()):
        message = f"`{path}` is a link that leads out of the project"
        return FILE_NOT_READ.at(place, message, help="copy the file into the project")
    return None
