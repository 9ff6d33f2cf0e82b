"""One resource as it was written, before anybody asks what kind it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from meshgen.diagnostics import JsonPath, Origin, origin_in
from meshgen.json import JsonObject, JsonValue

CLUSTERS = "meshgen/clusters"
"""The annotation that names the clusters in which a document holds."""

_NOTHING: Mapping[JsonPath, Origin] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Document:
    """A mapping and the place where it begins.

    `origins` is sparse: it names only the parts that were written elsewhere than under `origin`, as values that an overlay
    changed.
    """

    value: JsonObject
    origin: Origin
    origins: Mapping[JsonPath, Origin] = field(default_factory=lambda: _NOTHING, compare=False)

    def origin_of(self, *path: str | int) -> Origin:
        """Where the value under `path` was written."""
        return origin_in(self.origin, self.origins, path)

    @property
    def api_version(self) -> str:
        """`apiVersion`, or nothing where it is absent or no string."""
        return _text(self.value.get("apiVersion"))

    @property
    def kind(self) -> str:
        """`kind`, or nothing where it is absent or no string."""
        return _text(self.value.get("kind"))

    @property
    def name(self) -> str:
        """`metadata.name`, or nothing where it is absent or no string."""
        return self._metadata("name")

    @property
    def namespace(self) -> str:
        """`metadata.namespace` as written, or nothing where it is absent or no string."""
        return self._metadata("namespace")

    @property
    def title(self) -> str:
        """What a person calls it: `VirtualService shop/catalog`."""
        place = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind} {place}".strip()

    def annotation(self, key: str) -> str:
        """One of `metadata.annotations`, or nothing where it is absent or no string."""
        metadata = self.value.get("metadata")
        annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
        return _text(annotations.get(key)) if isinstance(annotations, dict) else ""

    @property
    def clusters(self) -> tuple[str, ...]:
        """The clusters in which this holds, sorted; empty for all: `metadata.clusters` of an intent, else the annotation."""
        metadata = self.value.get("metadata")
        given = metadata.get("clusters") if isinstance(metadata, dict) and self.kind_is_intent else None
        if given is None:
            given = [name.strip() for name in self.annotation(CLUSTERS).split(",")]
        names = [given] if isinstance(given, str) else given if isinstance(given, list | tuple) else []
        return tuple(sorted({name for name in names if isinstance(name, str) and name}))

    @property
    def clusters_origin(self) -> Origin:
        """Where that is written."""
        metadata = self.value.get("metadata")
        own = isinstance(metadata, dict) and "clusters" in metadata
        return self.origin_of("metadata", "clusters") if own else self.origin_of("metadata", "annotations", CLUSTERS)

    @property
    def kind_is_intent(self) -> bool:
        """Whether it is of meshgen's own API."""
        return self.api_version.startswith("meshgen/")

    def _metadata(self, key: str) -> str:
        metadata = self.value.get("metadata")
        return _text(metadata.get(key)) if isinstance(metadata, dict) else ""


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""


def flatten_lists(documents: tuple[Document, ...]) -> tuple[Document, ...]:
    """The documents with every `kind: List` (and `VirtualServiceList` and the like) replaced by its items, as kubectl reads them.

    Items that are no mappings stay inside of a List of their own, for the workspace to complain about.
    """
    return tuple(item for document in documents for item in _items(document))


def _items(document: Document) -> Iterator[Document]:
    items = document.value.get("items")
    if not document.kind.endswith("List") or "spec" in document.value or not isinstance(items, list):
        yield document
        return
    for index, item in enumerate(items):
        if isinstance(item, dict):
            yield from _items(Document(_complete(item, document), document.origin.at("items", index)))
        else:
            rest: JsonObject = {"apiVersion": document.api_version, "kind": "List", "item": item}
            yield Document(rest, document.origin.at("items", index))


def _complete(item: JsonObject, parent: Document) -> JsonObject:
    """The API server leaves apiVersion and kind out of the items of a typed list."""
    if parent.kind == "List" or "kind" in item:
        return item
    return {"apiVersion": parent.api_version, "kind": parent.kind.removesuffix("List"), **item}
