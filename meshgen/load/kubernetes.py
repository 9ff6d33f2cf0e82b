"""Core Kubernetes documents as facts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from meshgen import kubernetes as core
from meshgen.diagnostics import Diagnostic, Origin
from meshgen.diagnostics.catalogue.load import INVALID_FACT
from meshgen.json import JsonObject

# Where each kind goes in CoreFacts; a kind that is not here is let through unread.
_FACTS: dict[str, tuple[str, type[msgspec.Struct]]] = {
    "DaemonSet": ("pod_owners", core.PodOwner),
    "Deployment": ("pod_owners", core.PodOwner),
    "EndpointSlice": ("endpoint_slices", core.EndpointSlice),
    "Namespace": ("namespaces", core.Namespace),
    "Pod": ("pods", core.Pod),
    "ReplicaSet": ("pod_owners", core.PodOwner),
    "Secret": ("secrets", core.SecretName),
    "Service": ("services", core.Service),
    "ServiceAccount": ("service_accounts", core.ServiceAccount),
    "StatefulSet": ("pod_owners", core.PodOwner),
}


def decode_facts(documents: Iterable[tuple[JsonObject, Origin]]) -> tuple[core.CoreFacts, tuple[Diagnostic, ...]]:
    """The facts that core documents state. One that cannot be read is a diagnostic; the others count all the same."""
    facts: dict[str, list[Any]] = {field: [] for field, _ in _FACTS.values()}
    diagnostics = []
    for value, origin in documents:
        known = _FACTS.get(str(value.get("kind")))
        if known is None:
            continue
        field, kind = known
        try:
            fact = msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            diagnostics.append(_invalid(error, value, origin))
        else:
            facts[field].append(msgspec.structs.replace(fact, origin=origin))
    return core.CoreFacts(**{field: tuple(values) for field, values in facts.items()}), tuple(diagnostics)


def _invalid(error: msgspec.ValidationError, value: JsonObject, origin: Origin) -> Diagnostic:
    message, _, place = str(error).partition(" - at ")
    path = [
        int(part) if part.isdigit() else part
        for part in place.strip("`$.").replace("[", ".").replace("]", "").split(".")
        if part not in ("", "...")
    ]
    return INVALID_FACT.at(origin.at(*path), f"{value.get('kind')}: {message[0].lower()}{message[1:]}")
