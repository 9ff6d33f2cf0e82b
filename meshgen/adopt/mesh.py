"""MeshConfig, as istiod's ConfigMap holds it → Mesh: common fields in words, all others under `config`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

from meshgen.adopt.reader import word
from meshgen.diagnostics import Origin, Severity
from meshgen.intent.decode import IntentObject, decode_intents
from meshgen.intent.kind import Intent
from meshgen.intent.mesh import Mesh
from meshgen.istio.mesh_config import MeshConfig
from meshgen.json import JsonObject
from meshgen.kubernetes import MeshConfigMap
from meshgen.load.document import Document
from meshgen.lower.mesh.config import mesh_settings
from meshgen.lower.result import Report

FILE = "<mesh>"
_PLAIN = {
    "trustDomain": ("trustDomain",),
    "trustDomainAliases": ("trustDomainAliases",),
    "rootNamespace": ("rootNamespace",),
    "enableAutoMtls": ("autoMtls",),
    "connectTimeout": ("connectTimeout",),
    "protocolDetectionTimeout": ("protocolDetectionTimeout",),
    "dnsRefreshRate": ("dnsRefreshRate",),
    "accessLogFile": ("accessLog", "file"),
    "accessLogFormat": ("accessLog", "format"),
    "extensionProviders": ("providers",),
    "defaultServiceExportTo": ("exportTo", "services"),
    "defaultVirtualServiceExportTo": ("exportTo", "virtualServices"),
    "defaultDestinationRuleExportTo": ("exportTo", "destinationRules"),
}
"""Fields of MeshConfig that the Mesh has under a name of its own, and where."""


def mesh_of(config_maps: Sequence[MeshConfigMap], intents: Sequence[IntentObject[Intent]]) -> IntentObject[Intent] | None:
    """The Mesh that says what the ConfigMap of the tree says; None where there is none, or a Mesh already.

    Of several ConfigMaps none is taken: which one counts is for people to say.
    """
    if len(config_maps) != 1 or any(isinstance(intent.model, Mesh) for intent in intents):
        return None
    given = config_maps[0].mesh
    wanted = mesh_settings(None, config_maps, []).config
    return next((mesh for spec in _ways(given) if (mesh := _checked(spec, wanted)) is not None), None)


def _ways(given: dict[str, Any]) -> Iterator[JsonObject]:
    """What the Mesh may say: in words as far as they go, or all in MeshConfig's own."""
    rest = deepcopy(given)
    said: JsonObject = {}
    for name, place in _PLAIN.items():
        if rest.get(name) is not None:
            _put(said, place, rest.pop(name))
    mode = rest.get("outboundTrafficPolicy")
    if isinstance(mode, dict) and isinstance(mode.get("mode"), str) and len(mode) == 1:
        said["outbound"] = word(mode["mode"])
        del rest["outboundTrafficPolicy"]
    if isinstance(rest.get("accessLogEncoding"), str):
        _put(said, ("accessLog", "encoding"), str(rest.pop("accessLogEncoding")).lower())
    yield {**said, **({"config": rest} if rest else {})}
    yield {"config": given}


def _put(said: JsonObject, place: tuple[str, ...], value: Any) -> None:  # noqa: ANN401 (JSON)
    inner: Any = said
    for key in place[:-1]:
        inner = inner.setdefault(key, {})
    inner[place[-1]] = value


def _checked(spec: JsonObject, wanted: MeshConfig) -> IntentObject[Intent] | None:
    """The intent, if it is one and gives the settings that are wanted."""
    value: JsonObject = {"apiVersion": "meshgen/v1", "kind": "Mesh", "metadata": {"name": "mesh"}, "spec": spec}
    intents, problems = decode_intents([Document(value, Origin(FILE))])
    mesh = next((intent for intent in intents if isinstance(intent.model, Mesh)), None)
    if problems or mesh is None:
        return None
    report: Report = []
    settings = mesh_settings(mesh, (), report)  # type: ignore[arg-type]  # its model is a Mesh
    broken = any(each.severity is Severity.ERROR for each in report)
    return mesh if settings.config == wanted and not broken else None
