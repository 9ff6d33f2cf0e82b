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
from meshgen.mesh.visibility import PUBLIC, audience

Holder = tuple[IstioObject[VirtualService], int]

_SOMEONE = ""


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
    first: dict[str, Holder] = {}  # by the namespace that sees it; _SOMEONE for the first of all
    for later, index in holders:
        sees = audience(later.namespace, later.spec.export_to or default)
        if not sees:
            continue
        rivals = [first[name] for name in ((_SOMEONE,) if PUBLIC in sees else (PUBLIC, *sees)) if name in first]
        if rivals and rivals[0][0] is not later:
            yield _finding(host, (later, index), rivals[0])
        for name in (_SOMEONE, *sees):
            first.setdefault(name, (later, index))


def _finding(host: str, second: Holder, first: Holder) -> Diagnostic:
    (later, index), (earlier, other) = second, first
    return HOST_TAKEN.at(
        later.origin_of("spec", "hosts", index),
        f"virtual services `{later.namespace}/{later.name}` and `{earlier.namespace}/{earlier.name}` "
        f"are both for `{host}` in the mesh, and a sidecar uses one of them",
        help="put the rules into one virtual service",
        related=[Related(earlier.origin_of("spec", "hosts", other), "the other one, which comes first")],
    )


RULE = Rule(code=HOST_TAKEN, find=find)
