"""What lowering gives, and what its steps pass along."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from meshgen.diagnostics import Diagnostic, JsonPath, Origin
from meshgen.intent.decode import IntentObject
from meshgen.intent.kind import Intent
from meshgen.istio.mesh_config import MeshConfig
from meshgen.istio.object import IstioObject
from meshgen.istio.struct import IstioStruct
from meshgen.kubernetes import CoreFacts

Report: TypeAlias = list[Diagnostic]
"""Where a step leaves its findings."""

_TOOLS = ("meshgen/", "config.kubernetes.io/", "internal.config.kubernetes.io/", "kubectl.kubernetes.io/", "meshgen/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lowered:
    """The whole mesh in Istio's words."""

    objects: tuple[IstioObject[IstioStruct], ...]  # natives and generated ones, by kind, namespace, name
    facts: CoreFacts
    config: MeshConfig


class Made(msgspec.Struct, frozen=True):
    """A generated object and the intents that it was made of, the owner first."""

    object: IstioObject[IstioStruct]
    intents: tuple[IntentObject[Intent], ...]


def make(  # noqa: PLR0913 (what an object has, by name)
    intent: IntentObject[Intent],
    spec: IstioStruct,
    *,
    name: str = "",
    namespace: str = "",
    owner: str = "",
    origin: Origin | None = None,
    origins: Mapping[JsonPath, Origin] | None = None,
    annotations: Mapping[str, str] | None = None,
    others: tuple[IntentObject[Intent], ...] = (),
) -> Made:
    """An object made of an intent: its name, namespace, labels and annotations where nothing else is said.

    Annotations for tools stay behind: of kustomize, kubectl and KRM functions, and `meshgen/…`, which is the document's own.
    """
    model = intent.model
    given = model.metadata.annotations
    kept = {key: value for key, value in given.items() if not key.startswith(_TOOLS)} if given else {}
    made = IstioObject(
        kind=type(spec).__name__,
        name=name or model.name,
        namespace=namespace or model.namespace,
        spec=spec,
        labels=model.metadata.labels,
        annotations={**kept, **annotations} if annotations else kept,
        owner=owner or model.name,
        origin=origin or intent.origin,
        origins=origins or {},
    )
    return Made(made, (intent, *others))
