"""Key material stays out: a Secret is its name, and a private key anywhere else is an error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeVar, cast

from meshgen.diagnostics import Diagnostic, JsonPath
from meshgen.diagnostics.catalogue.project import PRIVATE_KEY, SECRET_DATA_DROPPED
from meshgen.json import JsonObject, JsonValue
from meshgen.load.document import Document

_PRIVATE_KEY = re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----")
T = TypeVar("T")
_NAME_FIELDS = ("name", "namespace", "labels")


def without_secret_data(document: Document) -> tuple[Document, tuple[Diagnostic, ...]]:
    """A Secret with its type and name only; other documents as they are."""
    if document.kind != "Secret" or document.api_version != "v1":
        return document, ()
    value: JsonObject = {key: document.value[key] for key in ("apiVersion", "kind", "type") if key in document.value}
    metadata = document.value.get("metadata")
    if isinstance(metadata, dict):  # annotations may hold the last applied configuration, keys included
        value["metadata"] = {key: metadata[key] for key in _NAME_FIELDS if key in metadata}
    names = tuple(name for name in ("data", "stringData") if document.value.get(name))
    diagnostics = tuple(
        SECRET_DATA_DROPPED.at(document.origin.at("kind"), f"the data of `{document.title}` is not read") for name in names
    )
    return Document(value, document.origin, document.origins), diagnostics


def private_keys(document: Document) -> Iterator[Diagnostic]:
    """Every string of the document that holds a private key in PEM form."""
    for path in _keys(document.value, ()):
        message = f"a private key in `{document.title}`"
        yield PRIVATE_KEY.at(document.origin_of(*path), message, help="put it in a Secret outside of Git, and name that")


def without_private_keys(document: Document) -> Document:
    """The document with a note in place of every private key, so that no later finding shows one."""
    return Document(_redacted(document.value), document.origin, document.origins)


def _redacted(value: T) -> T:
    redacted: object = value
    if isinstance(value, str):
        redacted = "<private key>" if _PRIVATE_KEY.search(value) else value
    elif isinstance(value, dict):
        redacted = {key: _redacted(item) for key, item in value.items()}
    elif isinstance(value, list):
        redacted = [_redacted(item) for item in value]
    return cast("T", redacted)


def _keys(value: JsonValue, path: JsonPath) -> Iterator[JsonPath]:
    if isinstance(value, str):
        if "PRIVATE KEY" in value and _PRIVATE_KEY.search(value):
            yield path
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _keys(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _keys(item, (*path, index))
