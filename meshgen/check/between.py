"""What only several clusters side by side show: one service that is not the same everywhere, or that never fails over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from meshgen.diagnostics import Diagnostic, Origin, Related, sort_diagnostics
from meshgen.diagnostics.catalogue.clusters import NO_FAILOVER_BETWEEN_CLUSTERS, SERVICE_DIFFERS
from meshgen.istio.destination_rule import DestinationRule, TrafficPolicy
from meshgen.istio.hosts import fully_qualified
from meshgen.mesh import Mesh, Service

_SHOWN = 3
"""Services that a finding over many of them names."""


def check_between(meshes: Mapping[str, Mesh]) -> tuple[Diagnostic, ...]:
    """Findings over the clusters of one mesh, by name."""
    if len(meshes) < 2:
        return ()
    return sort_diagnostics((*_other_ports(meshes), *_no_failover(meshes)))


def _services(mesh: Mesh) -> dict[str, Service]:
    return {service.host: service for service in mesh.services if service.kubernetes}


def _other_ports(meshes: Mapping[str, Mesh]) -> Iterator[Diagnostic]:
    """Compares each cluster's services with those of the first one that has them."""
    first: dict[str, tuple[str, Service]] = {}
    told: set[tuple[str, str]] = set()
    for cluster, mesh in meshes.items():
        for host, service in _services(mesh).items():
            owner, known = first.setdefault(host, (cluster, service))
            here, there = (sorted(port.number for port in each.ports) for each in (service, known))
            if here != there and (host, _listed(here)) not in told:
                told.add((host, _listed(here)))
                message = (
                    f"service `{service.name}` has the ports {_listed(here)} in `{cluster}`, and {_listed(there)} in `{owner}`"
                )
                related = [Related(known.origin, f"in `{owner}`")]
                yield SERVICE_DIFFERS.at(service.origin, message, help="give it the same ports everywhere", related=related)


def _listed(ports: list[int]) -> str:
    return ", ".join(f"`{port}`" for port in ports) or "none"


def _no_failover(meshes: Mapping[str, Mesh]) -> Iterator[Diagnostic]:
    """One finding for all services that run in several clusters and are watched by no outlier detection in one of them."""
    seen: dict[str, list[str]] = {}
    places: dict[str, Origin] = {}
    for cluster, mesh in meshes.items():
        watched = _watched(mesh)
        for host, service in _services(mesh).items():
            if service.selector:
                places.setdefault(host, service.origin)
                seen.setdefault(host, []).append("" if host in watched else cluster)
    lacking = sorted(host for host, clusters in seen.items() if len(clusters) > 1 and any(clusters))
    if not lacking:
        return
    names = ", ".join(f"`{host.removesuffix('.svc.cluster.local')}`" for host in lacking[:_SHOWN])
    more = f" and {len(lacking) - _SHOWN} more" if len(lacking) > _SHOWN else ""
    verb = "runs" if len(lacking) == 1 else "run"
    message = f"{names}{more} {verb} in several clusters without outlier detection, so near endpoints are not preferred"
    hint = "add `traffic: {outliers: …}`, or a DestinationRule with `outlierDetection`"
    yield NO_FAILOVER_BETWEEN_CLUSTERS.at(places[lacking[0]], message, help=hint)


def _watched(mesh: Mesh) -> set[str]:
    """Hosts (and domains of wildcard hosts) whose DestinationRule has outlier detection at its top."""
    found: set[str] = set()
    for rule in mesh.of_kind(DestinationRule):
        policy: TrafficPolicy | None = rule.spec.traffic_policy
        if policy is not None and policy.outlier_detection is not None:
            found.add(fully_qualified(rule.spec.host, rule.namespace))
    if any(host.startswith("*") for host in found):
        found |= {host for host in _services(mesh) for rule in found if rule.startswith("*") and host.endswith(rule[1:])}
    return found
