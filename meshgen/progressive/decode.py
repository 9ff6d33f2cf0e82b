"""Flagger's and Argo Rollouts' documents of the tree: type-checked, every mistake at its line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import msgspec

from meshgen.diagnostics import Diagnostic, JsonPath, Origin, origin_in
from meshgen.diagnostics.catalogue.load import UNSERVED_VERSION
from meshgen.intent.decode import Written
from meshgen.istio.decode import Metadata, struct_violations
from meshgen.istio.destination_rule import TrafficPolicy
from meshgen.istio.struct import IstioStruct
from meshgen.istio.virtual_service import CorsPolicy, Headers, HTTPMatchRequest, HTTPRetry, HTTPRoute
from meshgen.json import JsonObject
from meshgen.progressive.argo_rollouts import RolloutSpec
from meshgen.progressive.flagger import CanarySpec, MetricTemplateSpec
from meshgen.progressive.plain import to_json


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind that is read."""

    version: str
    spec: type[IstioStruct]


KINDS: Mapping[tuple[str, str], Kind] = {
    ("flagger.app", "Canary"): Kind("v1beta1", CanarySpec),
    ("flagger.app", "MetricTemplate"): Kind("v1beta1", MetricTemplateSpec),
    ("argoproj.io", "Rollout"): Kind("v1alpha1", RolloutSpec),
}
"""By group and kind. Other kinds of these groups are let through unread, as those of all strangers."""


_ISTIO_PARTS: Mapping[str, type[IstioStruct]] = {
    "match": HTTPMatchRequest,
    "retries": HTTPRetry,
    "headers": Headers,
    "corsPolicy": CorsPolicy,
    "trafficPolicy": TrafficPolicy,
}
"""Fields of a Canary's `service` that Flagger copies to a VirtualService or a DestinationRule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerObject:
    """A Canary or MetricTemplate of Flagger's, or a Rollout, as written and typed."""

    kind: str
    name: str
    namespace: str
    spec: IstioStruct
    value: JsonObject
    origin: Origin
    origins: Mapping[JsonPath, Origin]


def decode_controllers(documents: Iterable[Written]) -> tuple[tuple[ControllerObject, ...], tuple[Diagnostic, ...]]:
    """The objects of these controllers among documents of any group; one with an error is left out and said."""
    objects: list[ControllerObject] = []
    diagnostics: list[Diagnostic] = []
    for document in documents:
        group, _, version = str(document.value.get("apiVersion")).partition("/")
        kind = KINDS.get((group, str(document.value.get("kind"))))
        if kind is None:
            continue
        if version != kind.version:
            message = f"`{group}/{version}` does not have the kind `{document.value.get('kind')}`"
            place = _place(document, ("apiVersion",))
            diagnostics.append(UNSERVED_VERSION.at(place, message, help=f"write `{group}/{kind.version}`"))
            continue
        found = _decode(document, kind)
        if isinstance(found, ControllerObject):
            objects.append(found)
        else:
            diagnostics += found
    return tuple(objects), tuple(diagnostics)


def _decode(document: Written, kind: Kind) -> ControllerObject | list[Diagnostic]:
    value = document.value
    spec = value.get("spec")
    try:
        typed = msgspec.convert({} if spec is None else spec, kind.spec)
        meta = msgspec.convert(value.get("metadata"), Metadata)
    except msgspec.ValidationError:
        return [
            *_violations(document, value.get("metadata"), Metadata, "metadata"),
            *_violations(document, spec, kind.spec, "spec"),
        ]
    if isinstance(typed, CanarySpec):
        refused = list(_istio_violations(document, typed))
        if refused:
            return refused
    return ControllerObject(
        kind=str(value["kind"]),
        name=meta.name,
        namespace=meta.namespace,
        spec=typed,
        value=value,
        origin=document.origin,
        origins=document.origins,
    )


def _violations(document: Written, value: object, kind: type[msgspec.Struct], key: str) -> Iterable[Diagnostic]:
    for violation in struct_violations({} if value is None else value, kind):
        yield violation.code.at(_place(document, (key, *violation.path)), violation.message, help=violation.help)


def _istio_violations(document: Written, spec: CanarySpec) -> Iterator[Diagnostic]:
    """What Flagger's CRD lets through in the parts that it copies to Istio's objects, and Istio refuses there."""
    service = to_json(spec.service) if spec.service is not None else {}
    for key, kind in _ISTIO_PARTS.items():
        value = service.get(key, [])
        for index, part in enumerate(value if isinstance(value, list) else [value]):
            path = (key, index) if isinstance(value, list) else (key,)
            for violation in struct_violations(part, kind):
                place = _place(document, ("spec", "service", *path, *violation.path))
                yield violation.code.at(place, violation.message, help=violation.help)
    if "timeout" in service:
        for violation in struct_violations({"timeout": service["timeout"]}, HTTPRoute):
            place = _place(document, ("spec", "service", *violation.path))
            yield violation.code.at(place, violation.message, help=violation.help)


def _place(document: Written, path: JsonPath) -> Origin:
    return origin_in(document.origin, document.origins, path)
