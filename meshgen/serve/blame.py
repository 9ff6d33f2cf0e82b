"""Which lines of the sources made a resource: for what Envoy refuses, and for what its protos have no place for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshgen.diagnostics import UNKNOWN, Code, Diagnostic, Origin, Related
from meshgen.diagnostics.catalogue.serve import NOT_ENCODED, REFUSED
from meshgen.emit.envoy.patches import Resources, patch_by_patch
from meshgen.emit.envoy.targets import targets
from meshgen.emit.envoy.translate import unpatched
from meshgen.journey.places import parse_path
from meshgen.json import JsonObject, JsonValue
from meshgen.mesh import Proxy
from meshgen.pipeline import Result
from meshgen.serve.ordering import Refusal
from meshgen.serve.snapshots import Kind, Resource

_MANY = 5


def refused(result: Result, proxy: Proxy, refusal: Refusal) -> Diagnostic:
    """What Envoy says of a response, at the line that is behind it."""
    named = [each for each in refusal.resources if each.name in refusal.message]
    culprits = named or list(refusal.resources)
    places = [place for each in culprits for place in origins(result, proxy, refusal.kind, each)]
    names = ", ".join(f"`{each.name}`" for each in culprits[:_MANY]) + (" …" if len(culprits) > _MANY else "")
    message = f"the Envoy of `{proxy.id}` refuses its {refusal.kind.value} {names}: {refusal.message}"
    advice = "what it had before stays; mend the source, and it is sent again"
    if refusal.kind is Kind.SECRETS:
        advice = "put the files where `outputs.envoy.certificates` of meshgen.yaml says they are, and start Envoy again"
    return _at(REFUSED, places, message, advice)


def not_encoded(result: Result, proxy: Proxy, kind: Kind, each: Resource, reason: str) -> Diagnostic:
    """A resource that cannot be sent, at the line that is behind it."""
    places = origins(result, proxy, kind, each)
    message = f"Envoy has no place for something in the {kind.value} `{each.name}` of `{proxy.id}`: {reason}"
    return _at(NOT_ENCODED, places, message, "the proxy keeps what it had; correct the field, or remove it")


def _at(code: Code, places: Iterable[tuple[Origin, str]], message: str, advice: str) -> Diagnostic:
    found = list(dict.fromkeys(places))
    first = found[0][0] if found else UNKNOWN
    related = [Related(origin, note) for origin, note in found[1:_MANY]]
    text = " ".join(message.split())
    return code.at(first, text, help=advice, related=related)


def origins(result: Result, proxy: Proxy, kind: Kind, each: Resource) -> list[tuple[Origin, str]]:
    """Where a resource comes from, and as what: the patches that changed it, else the objects that it says it was made of."""
    patches = list(_patches(result, proxy, kind, each.name))
    if patches:
        return patches
    found = [*_of_metadata(result, each.body or {}), *_of_targets(result, proxy, kind, each.name)]
    return list(dict.fromkeys(found))


def _patches(result: Result, proxy: Proxy, kind: Kind, name: str) -> Iterator[tuple[Origin, str]]:
    """The patches of EnvoyFilters after which the resource was another."""
    if kind not in {Kind.CLUSTERS, Kind.LISTENERS, Kind.ROUTES}:
        return
    resources = unpatched(result.mesh, result.mesh.view(proxy))
    before = _named(resources, kind, name)
    for found, index, after in patch_by_patch(resources, result.mesh.envoy_filters(proxy), proxy):
        now = _named(after, kind, name)
        if now != before:
            yield found.origin_of("spec", "configPatches", index), f"EnvoyFilter `{found.namespace}/{found.name}` patches it"
        before = now


def _named(resources: Resources, kind: Kind, name: str) -> JsonObject | None:
    mine: tuple[JsonObject, ...] = getattr(resources, kind.value)
    return next((each for each in mine if each.get("name") == name), None)


def _of_metadata(result: Result, body: JsonObject) -> Iterator[tuple[Origin, str]]:
    objects = {each.key: each for each in result.objects}
    for source in _sources(body):
        key = (str(source.get("kind")), str(source.get("namespace")), str(source.get("name")))
        found = objects.get(key)
        if found is not None:
            yield found.origin_of(*parse_path(str(source.get("path", "")))), f"{key[0]} `{key[1]}/{key[2]}` decides it"


def _sources(value: JsonValue) -> Iterator[JsonObject]:
    if isinstance(value, list):
        for item in value:
            yield from _sources(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "filter_metadata" and isinstance(item, dict) and isinstance(source := item.get("meshgen"), dict):
                yield source
            else:
                yield from _sources(item)


def _of_targets(result: Result, proxy: Proxy, kind: Kind, name: str) -> Iterator[tuple[Origin, str]]:
    """The service behind a cluster or its endpoints."""
    if kind not in {Kind.CLUSTERS, Kind.ENDPOINTS}:
        return
    for target in targets(result.mesh, result.mesh.view(proxy)):
        if target.name == name:
            yield target.service.origin, f"service `{target.service.host}`"
