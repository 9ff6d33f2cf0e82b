"""What istiod refuses of an object beyond its spec: annotations, the name, and to whom it is exported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from meshgen.istio.admission.hosts import is_label
from meshgen.istio.admission.said import wrong
from meshgen.istio.struct import IstioStruct
from meshgen.istio.violation import Violation, show

_DRY_RUN: Final = "istio.io/dry-run"
_RESERVED: Final = frozenset({
    "internal.istio.io/webhook-always-reject",
    "internal.istio.io/parents",
    "internal.istio.io/parent-namespace",
})
_BOOLEANS: Final = frozenset({"1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"})
_EXPORTED: Final = frozenset({"VirtualService", "DestinationRule", "ServiceEntry"})


def whole(kind: str, name: str, namespace: str, annotations: Mapping[str, str], spec: IstioStruct) -> Iterator[Violation]:
    """The violations of an object beside those of its structs, with paths from its root."""
    if annotations:
        yield from _annotations(kind, annotations, spec)
    if kind == "Gateway" and not is_label(name):
        yield wrong(f"{show(name)} is no name of a Gateway: it has no dots", "metadata", "name", help="letters, digits and `-`")
    if kind in _EXPORTED:
        exported: Any = spec
        if exported.export_to:
            yield from _export(kind, namespace, exported)


def _annotations(kind: str, annotations: Mapping[str, str], spec: Any) -> Iterator[Violation]:  # noqa: ANN401 (any spec)
    for key in annotations:
        if key in _RESERVED:
            yield wrong(f"{show(key)} is istiod's own annotation", "metadata", "annotations", key, help="remove it")
    value = annotations.get(_DRY_RUN)
    if value is None:
        return
    place = ("metadata", "annotations", _DRY_RUN)
    if kind != "AuthorizationPolicy":
        yield wrong(f"only an AuthorizationPolicy has a dry run, not a {kind}", *place, help="remove it")
    elif (spec.action or "ALLOW") not in {"ALLOW", "DENY"}:
        yield wrong(f"`action: {spec.action}` has no dry run", *place, help="it is for `ALLOW` and `DENY`")
    elif value not in _BOOLEANS:
        yield wrong(f'{show(value)} must be `"true"` or `"false"`', *place)


def _export(kind: str, namespace: str, spec: Any) -> Iterator[Violation]:  # noqa: ANN401 (one of three specs)
    seen: set[str] = set()
    for index, entry in enumerate(spec.export_to):
        place = namespace if entry == "." else entry
        if place in seen:
            yield wrong(f"{show(entry)} is exported to twice", "spec", "exportTo", index, help="name it once")
        elif entry == "~" and kind != "ServiceEntry":
            yield wrong("`~`, nobody, is for ServiceEntries", "spec", "exportTo", index, help="write `.` for the own namespace")
        elif entry not in {"*", ".", "~"} and not is_label(entry):
            yield wrong(f"{show(entry)} is no namespace", "spec", "exportTo", index)
        seen.add(place)
    for lone, who in (("*", "everybody"), ("~", "nobody")):
        if lone in seen and len(spec.export_to) > 1:
            yield wrong(f"`{lone}`, {who}, does not go with others", "spec", "exportTo", help="keep one of them")
    selects = kind == "DestinationRule" and spec.workload_selector is not None
    if selects and seen != {namespace}:
        message = "a DestinationRule with a `workloadSelector` is for its own namespace"
        yield wrong(message, "spec", "exportTo", help='write `["."]`, or leave it out')
