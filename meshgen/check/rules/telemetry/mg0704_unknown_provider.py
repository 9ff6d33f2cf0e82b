"""MG0704: a Telemetry names a provider that the mesh does not have."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.rule import Answer, Lacking, Rule
from meshgen.check.telemetry import knows_mesh_config, named_providers
from meshgen.diagnostics.catalogue.telemetry import UNKNOWN_PROVIDER
from meshgen.istio.mesh_defaults import known_providers
from meshgen.istio.telemetry import Telemetry


def find(context: Context) -> Iterator[Answer]:
    """Names that are neither among MeshConfig's extension providers nor Istio's own."""
    known = known_providers(context.mesh.config)
    judged = knows_mesh_config(context.mesh)
    for telemetry in context.mesh.of_kind(Telemetry):
        for name, place in named_providers(telemetry):
            if name in known:
                continue
            if not judged:
                yield Lacking("the MeshConfig")
                continue
            message = f"Telemetry `{telemetry.name}` names provider `{name}`, which the mesh does not have"
            near = context.near(name, tuple(sorted(known)))
            yield UNKNOWN_PROVIDER.at(place, message, help=near or f"add `{{name: {name}, …}}` to `providers` of the Mesh")


RULE = Rule(code=UNKNOWN_PROVIDER, find=find)
