"""What an object means: one form for everything that Istio reads alike, to compare a native object with what its intent gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeAlias

import msgspec
from msgspec import inspect

from meshgen.adopt.meaning_of_policies import (
    authorization_policy,
    envoy_filter,
    extension,
    peer_authentication,
    request_authentication,
    telemetry,
)
from meshgen.adopt.meaning_of_traffic import destination_rule, gateway, service_entry, sidecar, virtual_service
from meshgen.diff.normalise import is_tracking_mark
from meshgen.istio.kinds import KINDS
from meshgen.istio.object import IstioObject
from meshgen.istio.struct import DURATION_PATTERN, IstioStruct
from meshgen.json import JsonObject
from meshgen.values import parse_duration

Spec: TypeAlias = dict[str, Any]

_KINDS: dict[str, Callable[[Spec, str], Spec]] = {
    "AuthorizationPolicy": authorization_policy,
    "DestinationRule": destination_rule,
    "EnvoyFilter": envoy_filter,
    "Gateway": gateway,
    "PeerAuthentication": peer_authentication,
    "ProxyConfig": extension,
    "RequestAuthentication": request_authentication,
    "ServiceEntry": service_entry,
    "Sidecar": sidecar,
    "Telemetry": telemetry,
    "TrafficExtension": extension,
    "VirtualService": virtual_service,
    "WasmPlugin": extension,
}
_TOOLS = ("meshgen/", "config.kubernetes.io/", "internal.config.kubernetes.io/", "kubectl.kubernetes.io/")


def meaning(istio_object: IstioObject[IstioStruct]) -> JsonObject:
    """The object in its one form: key, labels, annotations and spec.

    The same are: null, an empty list or map and nothing; durations in any unit; a short host and its fully qualified form; the
    order of what has none; a deprecated field and its successor; and what Istio fills in by itself.
    """
    kind = istio_object.kind
    spec: Any = _canonical(msgspec.to_builtins(istio_object.spec), _type_of(kind))
    normal = _KINDS.get(kind)
    return {
        "kind": kind,
        "namespace": istio_object.namespace,
        "name": istio_object.name,
        "labels": own_marks(istio_object.labels),
        "annotations": own_marks(istio_object.annotations),
        "spec": normal(spec or {}, istio_object.namespace) if normal is not None else spec or {},
    }


def own_marks(texts: Mapping[str, str]) -> JsonObject:
    """Labels or annotations without those of the tools that apply and track objects."""
    return {key: text for key, text in sorted(texts.items()) if not (key.startswith(_TOOLS) or is_tracking_mark(key))}


@cache
def _type_of(kind: str) -> inspect.Type:
    return inspect.type_info(KINDS[kind].spec)


def _canonical(value: Any, kind: inspect.Type) -> Any:  # noqa: ANN401, PLR0911 (JSON; a case a type)
    """A value without what is absent in another way, None where nothing is left of a list or a map; an empty message stays."""
    match kind:
        case inspect.UnionType():
            if value is None:
                return None
            return _canonical(value, next(t for t in kind.types if not isinstance(t, inspect.NoneType)))
        case inspect.StructType():
            types = _fields(kind.cls)
            items = {name: _canonical(item, types[name]) for name, item in value.items()}
            return {name: item for name, item in items.items() if item is not None}
        case inspect.VarTupleType():
            return [_canonical(item, kind.item_type) for item in value] or None
        case inspect.DictType() if not isinstance(kind.value_type, inspect.AnyType):
            return {name: _canonical(item, kind.value_type) for name, item in sorted(value.items())} or None
        case inspect.StrType() if kind.pattern == DURATION_PATTERN:
            return nanoseconds(value)
        case inspect.FloatType():
            return float(value)
    return value


@cache
def _fields(struct: type) -> dict[str, inspect.Type]:
    found = inspect.type_info(struct)
    assert isinstance(found, inspect.StructType)  # noqa: S101 (a struct's type is one)
    return {field.encode_name: field.type for field in found.fields}


def nanoseconds(text: str) -> str:
    """A duration in one unit; any other text as it is."""
    try:
        return f"{parse_duration(text)}ns"
    except ValueError:
        return text
