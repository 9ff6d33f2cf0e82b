"""What the Istio emitter gives and the writer takes."""

from __future__ import annotations

import msgspec

from meshgen.diagnostics import Origin
from meshgen.json import JsonObject


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """One Kubernetes object, ready to be written: plain JSON values in the order in which people read them."""

    object: JsonObject  # apiVersion, kind, metadata, spec …
    origin: Origin  # the intent or native object that it was made from
    owner: str  # the name that groups files in the default layout: the service or the intent, "catalog"

    @property
    def kind(self) -> str:
        """The object's kind."""
        return str(self.object["kind"])

    @property
    def namespace(self) -> str:
        """The object's namespace; empty where it has none."""
        metadata = self.object["metadata"]
        return str(metadata.get("namespace", "")) if isinstance(metadata, dict) else ""

    @property
    def name(self) -> str:
        """The object's name."""
        metadata = self.object["metadata"]
        return str(metadata.get("name", "")) if isinstance(metadata, dict) else ""
