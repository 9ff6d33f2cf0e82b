"""MG0115: two virtual services are for one host in the mesh."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.rule import Answer, Rule
from meshgen.diagnostics import Diagnostic, Related
from meshgen.diagnostics.catalogue.link import HOST_TAKEN
from meshgen.istio.object import IstioObject
from meshgen.istio.virtual_service import VirtualService
from meshgen.mesh.names import MESH, gateways_of
from meshgen.mesh.visibility import share_audience

Holder = tuple[IstioObject[VirtualService], int]


def find(context: Context) -> Iterator[Answer]:
    """Virtual services of one host that some namespace's sidecars see both of."""
    default = context.mesh.config.default_virtual_service_export_to
    by_host: dict[str, list[Holder]] = {}
    for found in context.mesh.of_kind(VirtualService):
        if MESH in gateways_of(found.spec, found.namespace):
            for index, host in enumerate(found.spec.hosts or ()):
                by_host.setdefault(context.mesh.fqdn(host, found.namespace), []).append((found, index))
    for host, holders in by_host.items():
        if len(holders) > 1:
            yield from _conflicts(host, sorted(holders, key=lambda holder: holder[0].order), default)


def _conflicts(host: str, holders: list[Holder], default: tuple[str, ...]) -> Iterator[Diagnostic]:
    for position, (later, index) in enumerate(holders):
        for earlier, other in holders[:position]:
            audiences = ((v.namespace, v.spec.export_to or default) for v in (earlier, later))
            if earlier is not later and share_audience(*audiences):
                yield HOST_TAKEN.at(
                    later.origin_of("spec", "hosts", index),
                    f"virtual services `{later.namespace}/{later.name}` and `{earlier.namespace}/{earlier.name}` "
                    f"are both for `{host}` in the mesh, and a sidecar uses one of them",
                    help="put the rules into one virtual service",
                    related=[Related(earlier.origin_of("spec", "hosts", other), "the other one, which comes first")],
                )
                break


RULE = Rule(code=HOST_TAKEN, find=find)
