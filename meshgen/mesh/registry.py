"""The service registry: one Service for each core Service and for each host of a ServiceEntry.

Follows istiod's `pilot/pkg/serviceregistry` (kube/conversion.go, serviceentry/conversion.go).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from meshgen import kubernetes
from meshgen.istio.hosts import service_host
from meshgen.istio.mesh_config import MeshConfig
from meshgen.istio.object import IstioObject
from meshgen.istio.service_entry import ServiceEntry
from meshgen.kubernetes import EXPORT_TO
from meshgen.mesh.service import Port, Resolution, Service
from meshgen.values import Protocol, parse_protocol, protocol_of_port


def build_services(
    core: Iterable[kubernetes.Service], entries: Iterable[IstioObject[ServiceEntry]], config: MeshConfig
) -> tuple[Service, ...]:
    """All services, by creation time, then name and namespace.

    Each host of a namespace comes once, a core Service before a ServiceEntry.
    """
    default = config.default_service_export_to
    services = [service_of_core(service, default) for service in core]
    for entry in entries:
        services.extend(services_of_entry(entry, default))
    services.sort(key=_order)
    unique: dict[tuple[str, str], Service] = {}
    for service in services:
        known = unique.get((service.host, service.namespace))
        if known is None or (service.kubernetes and not known.kubernetes):
            unique[service.host, service.namespace] = service
    return _with_aliases(unique.values())


def _order(service: Service) -> tuple[str, str]:
    """The key of istiod (SortServicesByCreationTime); the name of a ServiceEntry's service is its host."""
    name = service.name if service.kubernetes else service.host
    return (service.created, f"{name}.{service.namespace}")


def service_of_core(service: kubernetes.Service, export_to: Sequence[str] = ("*",)) -> Service:
    """A core Service; `export_to` is the mesh's default."""
    metadata, spec = service.metadata, service.spec
    resolution = _core_resolution(spec)
    annotation = metadata.annotations.get(EXPORT_TO, "")
    return Service(
        host=service_host(metadata.name, metadata.namespace),
        name=metadata.name,
        namespace=metadata.namespace,
        ports=tuple(map(_core_port, spec.ports)),
        resolution=resolution,
        addresses=_cluster_ips(spec) if resolution is Resolution.CLUSTER_IP else (),
        selector=spec.selector,
        export_to=tuple(part.strip() for part in annotation.split(",")) if annotation else tuple(export_to),
        alias_of=spec.external_name if resolution is Resolution.ALIAS else "",
        labels=metadata.labels,
        created=metadata.creation_timestamp or "",
        origin=service.origin,
    )


def _core_resolution(spec: kubernetes.ServiceSpec) -> Resolution:
    if spec.type == "ExternalName":
        return Resolution.ALIAS
    return Resolution.HEADLESS if spec.cluster_ip == "None" else Resolution.CLUSTER_IP


def _cluster_ips(spec: kubernetes.ServiceSpec) -> tuple[str, ...]:
    return spec.cluster_ips or ((spec.cluster_ip,) if spec.cluster_ip else ())


def _core_port(port: kubernetes.ServicePort) -> Port:
    return Port(
        number=port.port,
        name=port.name,
        protocol=protocol_of_port(port.name, port.app_protocol, port.protocol),
        target=port.target_port or port.port,
    )


def services_of_entry(entry: IstioObject[ServiceEntry], export_to: Sequence[str] = ("*",)) -> tuple[Service, ...]:
    """One service for each host of a ServiceEntry; `export_to` is the mesh's default."""
    spec = entry.spec
    ports = tuple(
        Port(
            number=port.number,
            name=port.name,
            protocol=parse_protocol(port.protocol or "") if port.protocol else Protocol.UNSUPPORTED,
            target=port.target_port or port.number,
        )
        for port in spec.ports or ()
    )
    selector = spec.workload_selector
    return tuple(
        Service(
            host=host,
            name=entry.name,
            namespace=entry.namespace,
            ports=ports,
            resolution=Resolution(spec.resolution or "NONE"),
            addresses=spec.addresses or (),
            selector=(selector.labels or {}) if selector else {},
            kubernetes=False,
            external=spec.location != "MESH_INTERNAL",
            export_to=spec.export_to or tuple(export_to),
            subject_alt_names=spec.subject_alt_names or (),
            labels=entry.labels,
            created=entry.created,
            origin=entry.origin_of("spec", "hosts", index),
        )
        for index, host in enumerate(spec.hosts)
    )


def _with_aliases(services: Iterable[Service]) -> tuple[Service, ...]:
    """The same services; those that ExternalName Services point at know these as aliases."""
    listed = tuple(services)
    targets = {service.host: service.alias_of for service in listed if service.resolution is Resolution.ALIAS}
    if not targets:
        return listed
    aliases: dict[str, list[str]] = {}
    for host in sorted(targets):
        aliases.setdefault(_final_target(host, targets), []).append(host)
    return tuple(
        replace(service, aliases=tuple(aliases[service.host])) if service.host in aliases else service for service in listed
    )


def _final_target(host: str, targets: dict[str, str]) -> str:
    """Where a chain of ExternalName Services ends; a ring ends anywhere."""
    seen: set[str] = set()
    while host in targets and host not in seen:
        seen.add(host)
        host = targets[host]
    return host
