"""Environment overlays: documents that patch, add or delete documents of the base."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from meshgen.diagnostics import Diagnostic, JsonPath, Origin, Related, did_you_mean
from meshgen.diagnostics.catalogue.project import INVALID_OVERLAY, OVERLAY_WITHOUT_BASE
from meshgen.json import JsonObject, merge_patch
from meshgen.load.document import Document

ANNOTATION = "meshgen/overlay"
"""`patch`, the default, or `add` for a resource that only this environment has."""

DIRECTIVE = "$patch"

Key: TypeAlias = tuple[str, str, str]


def key_of(document: Document, namespace: str) -> Key:
    """What makes a document the same resource for an overlay: kind, namespace (with its default) and name."""
    return (document.kind, document.namespace or namespace, document.name)


def apply_overlays(
    base: Iterable[Document], overlays: Iterable[Document], namespace: str = "default"
) -> tuple[tuple[Document, ...], tuple[Diagnostic, ...]]:
    """The base with every overlay applied, in order.

    An overlay patches the document of the same kind, namespace and name by JSON merge patch (RFC 7386): maps merge, null
    removes a key, everything else, lists included, replaces. `$patch: delete` at its top removes the document.
    `meshgen/overlay: add` among its annotations adds it, and then the base must not have it. The two controls are no part of
    the result. Of documents of one name that hold in different clusters, an overlay patches the one whose clusters it names.
    """
    order: list[Document | None] = []
    places: dict[Key, int] = {}
    twins: dict[tuple[Key, tuple[str, ...]], int] = {}
    for document in base:
        key = key_of(document, namespace)
        if places.setdefault(key, len(order)) != len(order):
            twins[key, document.clusters] = len(order)
        order.append(document)
    diagnostics: list[Diagnostic] = []
    for overlay in overlays:
        key = key_of(overlay, namespace)
        twin = twins.get((key, overlay.clusters)) if twins else None
        problem = _apply(overlay, key, order, places if twin is None else {**places, key: twin})
        if problem is not None:
            diagnostics.append(problem)
    return tuple(document for document in order if document is not None), tuple(diagnostics)


def _apply(overlay: Document, key: Key, order: list[Document | None], places: dict[Key, int]) -> Diagnostic | None:
    """Change `order` as one overlay says, or tell why not."""
    mode = overlay.annotation(ANNOTATION) or "patch"
    directive = overlay.value.get(DIRECTIVE)
    if mode not in {"patch", "add"}:
        origin = overlay.origin.at("metadata", "annotations", ANNOTATION)
        return INVALID_OVERLAY.at(origin, f"`{ANNOTATION}: {mode}` is no way to overlay", help="write `patch` or `add`")
    if directive is not None and directive != "delete":
        return INVALID_OVERLAY.at(overlay.origin.at(DIRECTIVE), f"`{DIRECTIVE}` can only be `delete`")
    place = places.get(key)
    target = None if place is None else order[place]
    if mode == "add":
        if target is not None:
            return _added_twice(overlay, target)
        places[key] = len(order)
        order.append(Document(_without_controls(overlay.value), overlay.origin, overlay.origins))
        return None
    if place is None or target is None:
        return _no_base(overlay, key, places)
    order[place] = None if directive == "delete" else patch_document(target, overlay)
    return None


def _added_twice(overlay: Document, target: Document) -> Diagnostic:
    message = f"the overlay adds `{overlay.title}`, which exists already"
    hint = f"leave `{ANNOTATION}: add` out to patch it"
    return INVALID_OVERLAY.at(overlay.origin, message, help=hint, related=[Related(target.origin, "it is here")])


def _no_base(overlay: Document, key: Key, places: Mapping[Key, int]) -> Diagnostic:
    kind, namespace, name = key
    names = [known[2] for known in places if known[:2] == (kind, namespace)]
    elsewhere = sorted(known[1] for known in places if known[0] == kind and known[2] == name)
    hint = did_you_mean(name, names)
    if not hint and elsewhere:
        hint = f"there is one in namespace `{elsewhere[0]}`"
    hint = hint or f"a resource that only this environment has carries the annotation `{ANNOTATION}: add`"
    message = f"the overlay patches `{kind} {namespace}/{name}`, which does not exist"
    return OVERLAY_WITHOUT_BASE.at(overlay.origin.at("metadata", "name"), message, help=hint)


def patch_document(target: Document, overlay: Document) -> Document:
    """The target with the overlay's values, whose origins are the overlay's."""
    origins = dict(target.origins)
    value = _merge(target.value, _without_controls(overlay.value), (), overlay, origins)
    return Document(value, target.origin, origins)


def _merge(
    target: JsonObject, patch: JsonObject, path: JsonPath, overlay: Document, origins: dict[JsonPath, Origin]
) -> JsonObject:
    """RFC 7386, with a note in `origins` of each value that is the patch's."""
    merged = dict(target)
    for key, value in patch.items():
        here = (*path, key)
        before = merged.get(key)
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict) and isinstance(before, dict):
            merged[key] = _merge(before, value, here, overlay, origins)
        elif value != before or type(value) is not type(before):
            merged[key] = merge_patch(None, value)
            for inner in [known for known in origins if known[: len(here)] == here]:
                del origins[inner]
            origins[here] = overlay.origin_of(*here)
    return merged


def _without_controls(value: JsonObject) -> JsonObject:
    result = {key: item for key, item in value.items() if key != DIRECTIVE}
    metadata = result.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    if isinstance(metadata, dict) and isinstance(annotations, dict) and ANNOTATION in annotations:
        rest: JsonObject = {key: item for key, item in annotations.items() if key != ANNOTATION}
        kept: JsonObject = {key: item for key, item in metadata.items() if key != "annotations"}
        result["metadata"] = {**kept, "annotations": rest} if rest else kept
    return result
