"""What is written differently and means the same, and what an API server and its tools add to an object.

Istio's CRDs have no defaults, so an API server adds nothing to a `spec`; what it adds to other objects `stated.py` leaves out.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec.inspect

from meshgen.diff.changes import ABSENT, MaybeJson
from meshgen.diff.stated import quantity
from meshgen.istio.kinds import KINDS
from meshgen.istio.struct import DURATION_PATTERN
from meshgen.json import JsonObject, JsonValue
from meshgen.values import parse_duration

_SERVER_FIELDS = frozenset((
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generation",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
))
"""Of `metadata`: kept by the API server and its controllers (Kubernetes API conventions, "Metadata")."""

_TRACKING = frozenset((
    "kubectl.kubernetes.io/last-applied-configuration",
    "kubectl.kubernetes.io/restartedAt",
    "argocd.argoproj.io/instance",
    "argocd.argoproj.io/tracking-id",
    "argocd.argoproj.io/installation-id",
    "app.kubernetes.io/instance",  # the label by which Argo CD tracks unless told otherwise
    "kustomize.toolkit.fluxcd.io/name",
    "kustomize.toolkit.fluxcd.io/namespace",
    "kustomize.toolkit.fluxcd.io/checksum",
    "helm.toolkit.fluxcd.io/name",
    "helm.toolkit.fluxcd.io/namespace",
    "meta.helm.sh/release-name",
    "meta.helm.sh/release-namespace",
))
"""Labels and annotations by which tools find again what they applied; noise unless the compiled object has them too."""


def is_tracking_mark(key: str) -> bool:
    """Whether a label or an annotation is a tool's own, by which it finds again what it applied."""
    return key in _TRACKING


def without_server_fields(live: JsonObject, compiled: JsonObject | None = None) -> JsonObject:
    """A live object as its author wrote it: no `status`, no server-side metadata, no marks of kubectl, Argo CD and Flux.

    A mark that the compiled object carries too is kept, for it is the author's.
    """
    kept = {name: value for name, value in live.items() if name != "status"}
    metadata = live.get("metadata")
    if isinstance(metadata, dict):
        wanted = compiled.get("metadata") if compiled else None
        kept["metadata"] = _metadata(metadata, wanted if isinstance(wanted, dict) else {})
    return kept


def _metadata(metadata: JsonObject, wanted: JsonObject) -> JsonObject:
    result: JsonObject = {}
    for name, value in metadata.items():
        if name in ("labels", "annotations") and isinstance(value, dict):
            own = wanted.get(name)
            kept = _without_marks(value, own if isinstance(own, dict) else {})
            if kept or own is not None:
                result[name] = kept
        elif name not in _SERVER_FIELDS:
            result[name] = value
    return result


def _without_marks(texts: JsonObject, own: JsonObject) -> JsonObject:
    return {key: text for key, text in texts.items() if key not in _TRACKING or key in own}


def same_meaning(kind: str, path: tuple[str, ...], before: MaybeJson, after: MaybeJson) -> bool:
    """Whether two values of one field are one value to the API: equal numbers, equal durations, versions of one kind.

    `path` has `*` for the index of any list.
    """
    if before is ABSENT or after is ABSENT:
        empty = not (after if before is ABSENT else before)
        return empty and path in (("metadata", "labels"), ("metadata", "annotations"))
    if isinstance(before, bool) or isinstance(after, bool):
        return before is after
    if isinstance(before, (int, float)) and isinstance(after, (int, float)):
        return before == after
    if isinstance(before, str) and isinstance(after, str):
        if path == ("apiVersion",):
            return before.rpartition("/")[0] == after.rpartition("/")[0]
        if before == after or (is_duration(kind, path) and _nanoseconds(before) == _nanoseconds(after)):
            return True
    return _is_resource(path) and _amount(before) == _amount(after)


def _is_resource(path: tuple[str, ...]) -> bool:
    """Whether a field holds what a container asks for or may use."""
    return path[-3:-2] == ("resources",) and path[-2] in {"requests", "limits"}


def _amount(value: JsonValue) -> object:
    return value if (found := quantity(str(value))) is None else found


def _nanoseconds(text: str) -> int | str:
    try:
        return parse_duration(text)
    except ValueError:
        return text


@cache
def is_duration(kind: str, path: tuple[str, ...]) -> bool:
    """Whether a field of an Istio kind holds a duration."""
    found = _field_type(kind, path)
    return isinstance(found, msgspec.inspect.StrType) and found.pattern == DURATION_PATTERN


def _field_type(kind: str, path: tuple[str, ...]) -> msgspec.inspect.Type | None:
    """The type of a field by its path from the root; None outside of the typed API."""
    if kind not in KINDS or path[:1] != ("spec",):
        return None
    found: msgspec.inspect.Type | None = _spec_type(kind)
    for name in path[1:]:
        found = _inner(found, name)
    return found


@cache
def _spec_type(kind: str) -> msgspec.inspect.Type:
    return msgspec.inspect.type_info(KINDS[kind].spec)


def _inner(type_: msgspec.inspect.Type | None, name: str) -> msgspec.inspect.Type | None:
    """The type of a field, an item (`*`) or a value of a map."""
    for option in _options(type_):
        if isinstance(option, msgspec.inspect.StructType):
            return next((_bare(field.type) for field in option.fields if field.encode_name == name), None)
        if isinstance(option, (msgspec.inspect.ListType, msgspec.inspect.VarTupleType)) and name == "*":
            return _bare(option.item_type)
        if isinstance(option, msgspec.inspect.DictType):
            return _bare(option.value_type)
        if isinstance(option, msgspec.inspect.AnyType):
            return option
    return None


def _options(type_: msgspec.inspect.Type | None) -> tuple[Any, ...]:
    return type_.types if isinstance(type_, msgspec.inspect.UnionType) else (type_,)


def _bare(type_: msgspec.inspect.Type) -> msgspec.inspect.Type:
    """Without `| None` and without notes."""
    if isinstance(type_, msgspec.inspect.Metadata):
        return _bare(type_.type)
    if isinstance(type_, msgspec.inspect.UnionType):
        others = [option for option in type_.types if not isinstance(option, msgspec.inspect.NoneType)]
        return _bare(others[0]) if len(others) == 1 else type_
    return type_


def group_of(value: JsonValue) -> str:
    """The group of an `apiVersion`; empty for core objects."""
    return value.rpartition("/")[0] if isinstance(value, str) else ""
