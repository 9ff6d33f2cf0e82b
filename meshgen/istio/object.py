"""One Istio object, typed, with the places that it came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

import msgspec

from meshgen.diagnostics import JsonPath, Origin
from meshgen.istio.kinds import KINDS
from meshgen.istio.struct import IstioStruct
from meshgen.json import JsonObject

S_co = TypeVar("S_co", bound=IstioStruct, covariant=True)


class IstioObject(msgspec.Struct, Generic[S_co], frozen=True, kw_only=True, eq=False):
    """An object of Istio's API, from intent or native.

    `spec` is what every later stage works on. A native object also keeps its JSON as written (`native`), and is emitted
    from that, so that what the author wrote (a null, an unknown annotation) stays.
    """

    kind: str
    name: str
    namespace: str
    spec: S_co
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)
    annotations: Mapping[str, str] = msgspec.field(default_factory=dict)
    created: str = ""  # metadata.creationTimestamp: Istio's first sort key; empty counts as made at the same time
    owner: str = ""  # groups files in the default layout: the service or the intent that it speaks of
    origin: Origin
    origins: Mapping[JsonPath, Origin] = msgspec.field(default_factory=dict)
    native: JsonObject | None = None

    def __eq__(self, other: object) -> bool:
        """Whether both say the same, wherever and however it was written."""
        if not isinstance(other, IstioObject):
            return NotImplemented
        return self._content == other._content

    __hash__ = None  # type: ignore[assignment]  # labels and annotations have none

    @property
    def _content(self) -> tuple[object, ...]:
        return (*self.key, self.spec, self.labels, self.annotations, self.created, self.owner)

    @property
    def key(self) -> tuple[str, str, str]:
        """Kind, namespace and name, which no two objects share."""
        return (self.kind, self.namespace, self.name)

    @property
    def order(self) -> tuple[str, str, str]:
        """Istio's order among objects of a kind: creation time, name, namespace."""
        return (self.created, self.name, self.namespace)

    def origin_of(self, *path: str | int) -> Origin:
        """Where a part of the object was written, by its path from the root (`"spec", "http", 0`).

        `origins` names the origin of some parts, and the longest prefix wins; the rest has the object's own. In a native
        object, and below a part that an overlay wrote into one, the path goes on in the document.
        """
        native = self.native is not None
        for end in range(len(path), 0, -1) if self.origins else ():
            origin = self.origins.get(path[:end])
            if origin is not None:
                return origin.at(*path[end:]) if native else origin
        return self.origin.at(*path) if native else self.origin

    def to_json(self) -> JsonObject:
        """The object as plain JSON values, in the order in which people read them."""
        if self.native is not None:
            return self.native
        metadata: JsonObject = {"name": self.name, "namespace": self.namespace}
        if self.labels:
            metadata["labels"] = dict(self.labels)
        if self.annotations:
            metadata["annotations"] = dict(self.annotations)
        # Not to_builtins, which leaves tuples as they are.
        spec: JsonObject = msgspec.json.decode(msgspec.json.encode(self.spec))
        return {"apiVersion": KINDS[self.kind].api_version, "kind": self.kind, "metadata": metadata, "spec": spec}
