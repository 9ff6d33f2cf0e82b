"""What all kinds share when a native object is read into intent: tables of fields, references, and what no word was found for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from meshgen.intent.kind import Intent
from meshgen.intent.target import GROUPS
from meshgen.istio.hosts import SERVICE_SUFFIX, fully_qualified
from meshgen.istio.object import IstioObject
from meshgen.istio.struct import IstioStruct
from meshgen.json import JsonObject, JsonValue

ServiceKey: TypeAlias = tuple[str, str]
"""Namespace and name."""

Native: TypeAlias = IstioObject[Any]


class Unsaid(Exception):  # noqa: N818 (no error of ours: an answer)
    """Intent has no word for an object, or for a part of it that a patch cannot give. The text says which, for the user."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known beside the object that is read."""

    trust_domain: str = "cluster.local"
    root_namespace: str = "istio-system"
    selectors: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)  # namespace → service → its selector
    versions: Mapping[ServiceKey, frozenset[str]] = field(default_factory=dict)  # of Services that are or become intent
    routed: frozenset[ServiceKey] = frozenset()  # Services that have rules of their own


@dataclass(frozen=True, slots=True)
class Proposal:
    """An intent that may give some native objects; whether it does is for the compiler to say."""

    kind: type[Intent]
    name: str
    namespace: str
    spec: JsonObject
    objects: tuple[Native, ...]
    names: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> JsonObject:
        """The intent as a document."""
        metadata: JsonObject = {"name": self.name, "namespace": self.namespace}
        for key, texts in (("labels", self.labels), ("annotations", self.annotations)):
            if texts:
                metadata[key] = dict(texts)
        spec = dict(self.spec)
        if self.names:
            spec["names"] = dict(self.names)
        return {"apiVersion": "meshgen/v1", "kind": self.kind.KIND, "metadata": metadata, "spec": spec}


Convert: TypeAlias = Callable[[Any], JsonValue]
Table: TypeAlias = Mapping[str, "str | tuple[str, Convert]"]
"""By the struct's field the intent's field, and how its value is said; an empty name merges a map into the whole."""


def fields(struct: IstioStruct | None, table: Table) -> JsonObject:
    """The given fields of a struct in the words of intent; a field that the table lacks is left out, for a patch to give."""
    said: JsonObject = {}
    for name, entry in table.items():
        value = getattr(struct, name, None)
        if value is None:
            continue
        key, convert = (entry, plain) if isinstance(entry, str) else entry
        converted = convert(value)
        if key:
            said[key] = converted
        elif isinstance(converted, dict):
            said |= converted
    return said


def plain(value: object) -> JsonValue:
    """A value as JSON: tuples as lists."""
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, bool | int | float | str):
        return value
    message = f"{type(value).__name__} has fields of its own"
    raise TypeError(message)


def word(value: str) -> str:
    """An enum of Istio as intent writes it: `LEAST_REQUEST` is `leastRequest`."""
    first, *rest = value.lower().split("_")
    return first + "".join(part.capitalize() for part in rest)


def each(convert: Convert) -> Convert:
    """A list, item by item."""
    return lambda values: [convert(value) for value in values]


def table_of(table: Table) -> Convert:
    """A struct by a table of its own."""
    return lambda struct: fields(struct, table)


def service_of(host: str, namespace: str) -> ServiceKey | None:
    """The service that a host means to an object of a namespace; None where it is no service's host."""
    full = fully_qualified(host, namespace)
    name, dot, place = full.removesuffix(SERVICE_SUFFIX).partition(".")
    if not full.endswith(SERVICE_SUFFIX) or not dot or "." in place or "*" in full:
        return None
    return place, name


def destination(struct: Any, namespace: str, beside: Surroundings, own: ServiceKey | None = None) -> JsonObject:  # noqa: ANN401 (Destination)
    """`{service, namespace, port, version}`, or the host where it is no service's, or its versions are not the Service's."""
    said: JsonObject = {}
    key = service_of(struct.host, namespace)
    version = struct.subset
    known = beside.versions.get(key) if key is not None else None
    if key is None or (known is not None and version is not None and version not in known):
        said["host"] = fully_qualified(struct.host, namespace)
    elif key == own:
        said |= {} if version else {"service": key[1]}
    else:
        said["service"] = key[1]
        if key[0] != namespace:
            said["namespace"] = key[0]
        if version is None and key in beside.routed:
            version = "*"
    if struct.port is not None and struct.port.number:
        said["port"] = struct.port.number
    if version is not None:
        said["version"] = version
    return said


def gateway_names(names: tuple[str, ...], namespace: str) -> list[JsonValue]:
    """Gateways as a person of the namespace calls them."""
    return [name.removeprefix(f"{namespace}/") for name in names]


def target(labels: Mapping[str, str] | None, namespace: str, beside: Surroundings) -> JsonObject:
    """`service` where one service alone selects the Pods with these labels, else `workload`; nothing for a whole namespace."""
    if not labels:
        return {"mesh": True} if namespace == beside.root_namespace else {}
    services = [name for name, selector in beside.selectors.get(namespace, {}).items() if selector == labels]
    if len(services) == 1:
        return {"service": services[0]}
    return {"workload": {"selector": dict(labels)}}


def scope(native: Native, beside: Surroundings) -> JsonObject:
    """What a policy is for: targets of the Gateway API, Pods, a namespace, the mesh."""
    spec = native.spec
    one = getattr(spec, "target_ref", None)
    references = getattr(spec, "target_refs", None) or ((one,) if one is not None else ())
    if references:
        return {"targets": [_reference(reference) for reference in references]}
    if native.kind == "EnvoyFilter":
        labels = spec.workload_selector.labels if spec.workload_selector is not None else None
    else:
        labels = spec.selector.match_labels if spec.selector is not None else None
    return target(labels, native.namespace, beside)


def _reference(reference: Any) -> JsonObject:  # noqa: ANN401 (PolicyTargetReference)
    """A target; its group where it is not the kind's usual one."""
    said: JsonObject = {"kind": reference.kind, "name": reference.name}
    if (reference.group or "") != GROUPS.get(reference.kind):
        said["group"] = reference.group or ""
    if reference.namespace:
        said["namespace"] = reference.namespace
    return said
