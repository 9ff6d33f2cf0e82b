"""Istio objects as artifacts."""

from __future__ import annotations

from collections.abc import Iterable

from meshgen.emit.istio.artifact import Artifact
from meshgen.istio.object import IstioObject
from meshgen.istio.struct import IstioStruct
from meshgen.json import JsonObject
from meshgen.kubernetes import KubernetesObject

_FIRST = ("apiVersion", "kind", "metadata", "spec")


def emit_istio(objects: Iterable[IstioObject[IstioStruct]], others: Iterable[KubernetesObject] = ()) -> tuple[Artifact, ...]:
    """One artifact an object, ordered by namespace, kind and name, so that no order of sources shows.

    `others` are the objects of other APIs that intents give beside Istio's.

    A generated object has the newest API version of its kind; a native one stays as it was written, but for the
    order of its first keys.
    """
    both: tuple[IstioObject[IstioStruct] | KubernetesObject, ...] = (*objects, *others)
    ordered = sorted(both, key=lambda o: (o.namespace, o.kind, o.name))
    return tuple(Artifact(object=_in_order(o.to_json()), origin=o.origin, owner=o.owner or o.name) for o in ordered)


def _in_order(value: JsonObject) -> JsonObject:
    first: JsonObject = {key: value[key] for key in _FIRST if key in value}
    return first | value
