"""What lowering gives, and what its steps pass along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from meshgen.diagnostics import Diagnostic, JsonPath, Origin, did_you_mean
from meshgen.intent.decode import IntentObject
from meshgen.intent.kind import Intent
from meshgen.istio.mesh_config import MeshConfig
from meshgen.istio.networks import Networks
from meshgen.istio.object import IstioObject
from meshgen.istio.struct import IstioStruct
from meshgen.json import JsonObject, JsonValue
from meshgen.kubernetes import CoreFacts, KubernetesObject, OwnedElsewhere
from meshgen.lower.mesh.installed import Installation

Report: TypeAlias = list[Diagnostic]
"""Where a step leaves its findings."""

_TOOLS = ("meshgen/", "config.kubernetes.io/", "internal.config.kubernetes.io/", "kubectl.kubernetes.io/")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFile:
    """A file that nobody applies as it is: it stands in the tree beside the objects, for a person or another tool."""

    path: str  # POSIX, in the delivery tree
    content: JsonObject | str  # a document, written as YAML, or a text
    common: bool = False  # whether it is one and the same for all clusters of the mesh


NO_NETWORKS = Networks()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lowered:
    """The whole mesh in Istio's words."""

    objects: tuple[IstioObject[IstioStruct], ...]  # natives and generated ones, by kind, namespace, name
    facts: CoreFacts
    config: MeshConfig
    others: tuple[KubernetesObject, ...] = ()  # what intents give beside Istio's API, by kind, namespace, name
    installation: Installation | None = None  # how Istio is installed, where a Mesh is given
    files: tuple[DeliveryFile, ...] = ()  # what intents give for people and tools, by path
    networks: Networks = NO_NETWORKS  # where this cluster stands, where the Mesh has several
    foreign: tuple[IstioObject[IstioStruct], ...] = ()  # what a controller makes in the cluster: of the mesh, and never written
    owned_elsewhere: tuple[OwnedElsewhere, ...] = ()  # fields of `objects` and `others` that a controller writes


class Made(msgspec.Struct, frozen=True):
    """A generated object and the intents that it was made of, the owner first."""

    object: IstioObject[IstioStruct] | KubernetesObject
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
    """An object made of an intent: its name (or the one that its `names` state), namespace, labels and annotations.

    Annotations for tools stay behind: of kustomize, kubectl and KRM functions, and `meshgen/…`, which is the document's own.
    """
    model = intent.model
    kept = _kept_annotations(intent)
    kind = type(spec).__name__
    made = IstioObject(
        kind=kind,
        name=model.name_of(kind, name or model.name),
        namespace=namespace or model.namespace,
        spec=spec,
        labels=model.metadata.labels,
        annotations={**kept, **annotations} if annotations else kept,
        owner=owner or model.name,
        origin=origin or intent.origin,
        origins=origins or {},
    )
    return Made(made, (intent, *others))


def make_other(  # noqa: PLR0913 (what an object has, by name)
    intent: IntentObject[Intent],
    api_version: str,
    kind: str,
    content: Mapping[str, JsonValue],
    *,
    name: str = "",
    namespace: str | None = None,
    owner: str = "",
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    origin: Origin | None = None,
    origins: Mapping[JsonPath, Origin] | None = None,
    others: tuple[IntentObject[Intent], ...] = (),
) -> Made:
    """An object of another API than Istio's, as `make` makes Istio's.

    `content` is what stands beside metadata, as `spec` or `data`. An empty `namespace` is that of objects which stand in none.
    """
    model = intent.model
    metadata: JsonObject = {"name": model.name_of(kind, name or model.name)}
    place = model.namespace if namespace is None else namespace
    if place:
        metadata["namespace"] = place
    for key, values in (
        ("labels", {**model.metadata.labels, **(labels or {})}),
        ("annotations", {**_kept_annotations(intent), **(annotations or {})}),
    ):
        if values:
            metadata[key] = dict[str, JsonValue](values)
    made = KubernetesObject(
        object={"apiVersion": api_version, "kind": kind, "metadata": metadata, **content},
        owner=owner or model.name,
        origin=origin or intent.origin,
        origins=origins or {},
    )
    return Made(made, (intent, *others))


def hint_of_given(wanted: str, given: Sequence[IstioObject[IstioStruct] | KubernetesObject]) -> str:
    """What to write in place of a kind (`Kind` or `Kind/name`) that an intent does not give: a near one, or what there is."""
    listed = ", ".join(f"`{each.kind}` `{each.name}`" for each in given)
    return did_you_mean(wanted, {each.kind for each in given}) or (f"it gives {listed}" if given else "it gives no object")


def _kept_annotations(intent: IntentObject[Intent]) -> dict[str, str]:
    given = intent.model.metadata.annotations
    return {key: value for key, value in given.items() if not key.startswith(_TOOLS)} if given else {}
