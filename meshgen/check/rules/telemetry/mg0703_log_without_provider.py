"""MG0703: access logs go to no provider (IST0157)."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.rule import Answer, Lacking, Rule
from meshgen.check.telemetry import knows_mesh_config
from meshgen.diagnostics.catalogue.telemetry import LOG_WITHOUT_PROVIDER
from meshgen.istio.object import IstioObject
from meshgen.istio.telemetry import Telemetry
from meshgen.mesh.policies import selector_of


def find(context: Context) -> Iterator[Answer]:
    """Entries that turn logs on, and name no provider, where no wider Telemetry and no default names one."""
    if context.mesh.config.default_providers.access_logging:
        return
    for telemetry in context.mesh.of_kind(Telemetry):
        for position, log in enumerate(telemetry.spec.access_logging or ()):
            if log.disabled or log.providers or _named_wider(context, telemetry):
                continue
            if not knows_mesh_config(context.mesh):
                yield Lacking("the MeshConfig")
                continue
            message = f"Telemetry `{telemetry.name}` asks for access logs and names no provider, and the mesh has no default one"
            place = telemetry.origin_of("spec", "accessLogging", position)
            yield LOG_WITHOUT_PROVIDER.at(place, message, help="write `providers: [envoy]`")


def _named_wider(context: Context, telemetry: IstioObject[Telemetry]) -> bool:
    """Whether this entry or a wider Telemetry names providers."""
    levels = context.mesh.telemetries(telemetry.namespace, selector_of(telemetry.spec))
    return any(log.providers for level in (telemetry, *levels) for log in level.spec.access_logging or ())


RULE = Rule(code=LOG_WITHOUT_PROVIDER, find=find)
