"""An installation of Istio, between the Mesh that says it and the files that are made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meshgen.json import JsonObject

if TYPE_CHECKING:  # a kind is imported where the mesh has it
    from meshgen.intent import mesh_install as intent

CONTROL_PLANE = "istio-system"
"""The namespace of istiod where nothing else is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayRelease:
    """One gateway to install."""

    name: str
    kind: str  # ingress or egress
    namespace: str
    settings: intent.InstalledGateway
    values: JsonObject  # of the chart `gateway`


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """How Istio is installed: what its charts and an IstioOperator are made from."""

    mesh_config: JsonObject  # what the Mesh says of it
    settings: intent.Install | None = None  # None: only MeshConfig is said
    values: JsonObject = field(default_factory=dict)  # of the chart `istiod`, and `values` of an IstioOperator
    base: JsonObject = field(default_factory=dict)  # of the chart `base`
    gateways: tuple[GatewayRelease, ...] = ()

    @property
    def namespace(self) -> str:
        """The control plane's."""
        return control_plane(self.settings)


def control_plane(install: intent.Install | None) -> str:
    """The namespace in which istiod runs."""
    return (install.namespace if install is not None else None) or CONTROL_PLANE
