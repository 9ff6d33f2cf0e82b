"""What rules on telemetry ask of the mesh."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshgen.diagnostics import Origin
from meshgen.istio.mesh_config import MeshConfig
from meshgen.istio.object import IstioObject
from meshgen.istio.telemetry import AccessLogging, Metrics, Telemetry, Tracing
from meshgen.mesh import Mesh


def knows_mesh_config(mesh: Mesh) -> bool:
    """Whether the tree says what istiod's settings are: an installation of another repository may have any."""
    return bool(mesh.facts.mesh_configs) or mesh.config != MeshConfig()


def named_providers(telemetry: IstioObject[Telemetry]) -> Iterator[tuple[str, Origin]]:
    """The providers that a Telemetry names, each with its place."""
    spec = telemetry.spec
    fields: tuple[tuple[str, Sequence[AccessLogging | Metrics | Tracing] | None], ...] = (
        ("accessLogging", spec.access_logging),
        ("metrics", spec.metrics),
        ("tracing", spec.tracing),
    )
    for field, entries in fields:
        for position, entry in enumerate(entries or ()):
            for number, provider in enumerate(entry.providers or ()):
                yield provider.name, telemetry.origin_of("spec", field, position, "providers", number, "name")
