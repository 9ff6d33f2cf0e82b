"""The part of a live object that is somebody's business: the fields that the compiled object states, as in server-side apply.

Istio's objects belong to meshgen as a whole. A Deployment, a Service or another tool's object has defaults that the API server
fills in and fields that controllers own (replicas, node ports, cluster addresses): only what meshgen states is compared there.
"""

from __future__ import annotations

import re
from decimal import Decimal

from meshgen.json import JsonObject, JsonValue

_LIST_KEYS: dict[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "imagePullSecrets": ("name",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
}
"""Lists that are merged item by item, with what tells their items apart (Kubernetes API: `x-kubernetes-list-map-keys`)."""

_SERVICE_PORTS = ("port", "protocol")
_DEFAULTS: dict[str, JsonValue] = {"protocol": "TCP"}


def stated(live: JsonValue, compiled: JsonValue, name: str = "", kind: str = "") -> JsonValue:
    """What a live value says about the fields of the compiled one. `name` is the field's; the kind tells a Service's ports.

    Of a list that is merged by keys the items that the compiled one names, in its order; any other list is one value, but what
    the server added to its items is left out.
    """
    if isinstance(live, dict) and isinstance(compiled, dict):
        return {key: stated(live[key], value, key, kind) for key, value in compiled.items() if key in live}
    if isinstance(live, list) and isinstance(compiled, list):
        keys = _SERVICE_PORTS if (kind, name) == ("Service", "ports") else _LIST_KEYS.get(name)
        return _merged(live, compiled, keys, kind) if keys else _whole(live, compiled, kind)
    return live


def _merged(live: list[JsonValue], compiled: list[JsonValue], keys: tuple[str, ...], kind: str) -> list[JsonValue]:
    by_key = {_key(item, keys): item for item in live}
    found = [(by_key.get(_key(item, keys)), item) for item in compiled]
    return [stated(known, item, "", kind) for known, item in found if known is not None]


def _key(item: JsonValue, keys: tuple[str, ...]) -> tuple[JsonValue, ...]:
    return tuple(item.get(key, _DEFAULTS.get(key)) for key in keys) if isinstance(item, dict) else (str(item),)


def _whole(live: list[JsonValue], compiled: list[JsonValue], kind: str) -> list[JsonValue]:
    if len(live) != len(compiled):
        return live
    return [stated(known, item, "", kind) for known, item in zip(live, compiled, strict=True)]


def stated_object(live: JsonObject, compiled: JsonObject) -> JsonObject:
    """A live object without what the compiled one says nothing about."""
    found = stated(live, compiled, "", str(compiled.get("kind", "")))
    return {**found, "kind": live["kind"]} if isinstance(found, dict) else live


_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE][-+]?[0-9]+)?")
_SCALES = {
    "m": Decimal("0.001"),
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate(("k", "M", "G", "T", "P", "E"), start=1)},
    **{f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate(("K", "M", "G", "T", "P", "E"), start=1)},
}


def quantity(text: str) -> Decimal | None:
    """A Kubernetes quantity as a number, which an API server writes in its own form; None for what is none.

    >>> quantity("0.5") == quantity("500m"), quantity("1024Mi") == quantity("1Gi"), quantity("web")
    (True, True, None)
    """
    parts = _QUANTITY.fullmatch(text)
    if parts is None:
        return None
    suffix = parts[2] or ""
    if suffix[:1] in {"e", "E"} and len(suffix) > 1:
        return Decimal(parts[1] + suffix)
    return Decimal(parts[1]) * _SCALES.get(suffix, Decimal(1))
