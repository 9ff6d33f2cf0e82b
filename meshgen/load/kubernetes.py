"""Core Kubernetes documents as facts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import msgspec

from meshgen import kubernetes as core
from meshgen.diagnostics import Diagnostic, Origin, Severity
from meshgen.diagnostics.catalogue.load import INVALID_FACT
from meshgen.json import JsonObject, JsonValue
from meshgen.load.yaml import parse_values

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
    facts: dict[str, list[Any]] = {field: [] for field, _ in _FACTS.values()} | {"mesh_configs": [], "mesh_networks": []}
    diagnostics: list[Diagnostic] = []
    for value, origin in documents:
        if value.get("kind") == "ConfigMap":
            _settings(value, origin, facts, diagnostics)
            continue
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


def _settings(value: JsonObject, origin: Origin, facts: dict[str, list[Any]], diagnostics: list[Diagnostic]) -> None:
    """MeshConfig and MeshNetworks of a ConfigMap `istio` or `istio-<revision>`, where istioctl and Istio's Helm chart put them.

    Other ConfigMaps say nothing to us.
    """
    metadata, data = value.get("metadata"), value.get("data")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(metadata, dict) or not isinstance(name, str) or not isinstance(data, dict):
        return
    if name != "istio" and not name.startswith("istio-"):  # `istio-canary` is of the revision `canary`
        return
    meta = core.ObjectMeta(name=name, namespace=str(metadata.get("namespace", "")))
    mesh = _yaml_text(data.get("mesh"), "MeshConfig", origin.at("data", "mesh"), diagnostics)
    if mesh is not None:
        facts["mesh_configs"].append(core.MeshConfigMap(metadata=meta, mesh=mesh, origin=origin.at("data", "mesh")))
    networks = _yaml_text(data.get("meshNetworks"), "MeshNetworks", origin.at("data", "meshNetworks"), diagnostics)
    if networks:
        fact = core.MeshNetworksMap(metadata=meta, value=networks, origin=origin.at("data", "meshNetworks"))
        facts["mesh_networks"].append(fact)


def _yaml_text(text: JsonValue, title: str, place: Origin, diagnostics: list[Diagnostic]) -> JsonObject | None:
    """The map that a text of a ConfigMap holds; None (and a finding) where it holds something else, and where there is none."""
    if text is None:
        return None
    key = place.path[-1]
    if not isinstance(text, str):
        diagnostics.append(INVALID_FACT.at(place, f"ConfigMap: `data.{key}` must be YAML text", help=f"write `{key}: |-`"))
        return None
    values, found = parse_values(text.encode(), place.file)
    diagnostics.extend(replace(each, origin=place, message=f"{title}: {each.message}", related=()) for each in found)
    held: JsonValue = values[0][0] if values else None
    if len(values) > 1 or not isinstance(held, dict | None):
        diagnostics.append(INVALID_FACT.at(place, f"ConfigMap: `data.{key}` must hold one map, the {title}"))
        return None
    return None if any(each.severity is Severity.ERROR for each in found) else held or {}


def _invalid(error: msgspec.ValidationError, value: JsonObject, origin: Origin) -> Diagnostic:
    message, _, place = str(error).partition(" - at ")
    path = [
        int(part) if part.isdigit() else part
        for part in place.strip("`$.").replace("[", ".").replace("]", "").split(".")
        if part not in ("", "...")
    ]
    return INVALID_FACT.at(origin.at(*path), f"{value.get('kind')}: {message[0].lower()}{message[1:]}")
