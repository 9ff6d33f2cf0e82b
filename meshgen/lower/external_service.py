"""ServiceEntries of ExternalServices, and how clients treat their hosts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

from msgspec.structs import replace

from meshgen.diagnostics import JsonPath, Origin
from meshgen.intent.decode import IntentObject
from meshgen.intent.external_service import ExternalEndpoint, ExternalService, TlsOrigination
from meshgen.intent.service import Port
from meshgen.istio import destination_rule, service_entry
from meshgen.istio.shared import NetworkingWorkloadSelector, PortSelector, WorkloadEntry
from meshgen.lower.destination_rule import client_tls, subsets, traffic_policy
from meshgen.lower.index import Index
from meshgen.lower.result import Made, make
from meshgen.values import Protocol

Resolution: TypeAlias = Literal["NONE", "STATIC", "DNS", "DNS_ROUND_ROBIN", "DYNAMIC_DNS"]
RESOLUTIONS: dict[str, Resolution] = {
    "none": "NONE",
    "static": "STATIC",
    "dns": "DNS",
    "dnsRoundRobin": "DNS_ROUND_ROBIN",
    "dynamicDns": "DYNAMIC_DNS",
}
_LOCATIONS: dict[str, Literal["MESH_EXTERNAL", "MESH_INTERNAL"]] = {"external": "MESH_EXTERNAL", "mesh": "MESH_INTERNAL"}


def external_services(index: Index) -> Iterator[Made]:
    """The ServiceEntry of each, and a DestinationRule for each host where something is said about its clients."""
    for external in index.of(ExternalService):
        yield _service_entry(external)
        model = external.model
        if model.versions or model.traffic is not None or model.tls is not None:
            for position, host in enumerate(model.hosts):
                yield _destination_rule(external, host, position)


def _service_entry(external: IntentObject[ExternalService]) -> Made:
    model = external.model
    origins: dict[JsonPath, Origin] = {}
    for field in ("hosts", "ports", "endpoints"):
        for position in range(len(getattr(model, field) or ())):
            origins["spec", field, position] = external.at("spec", field, position)
    spec = service_entry.ServiceEntry(
        hosts=model.hosts,
        addresses=model.addresses,
        ports=None if model.ports is None else tuple(_port(port, model.tls) for port in model.ports),
        location=None if model.location is None else _LOCATIONS[model.location],
        resolution=None if model.resolution is None else RESOLUTIONS[model.resolution],
        endpoints=None if model.endpoints is None else tuple(_endpoint(each, model) for each in model.endpoints),
        workload_selector=None if model.workload is None else NetworkingWorkloadSelector(labels=dict(model.workload.selector)),
        export_to=model.export_to,
        subject_alt_names=model.subject_alt_names,
    )
    return make(external, spec, origins=origins)


def _port(port: Port, tls: TlsOrigination | None) -> service_entry.ServicePort:
    target = port.target_port
    if target is None and tls is not None and port.port == 80 and not Protocol(port.protocol).is_tls:
        target = 443  # where the host speaks TLS
    number = target if isinstance(target, int) else None
    return service_entry.ServicePort(name=port.name, number=port.port, protocol=port.protocol.upper(), target_port=number)


def _endpoint(endpoint: ExternalEndpoint, model: ExternalService) -> WorkloadEntry:
    ports = endpoint.ports
    if endpoint.port is not None:
        ports = {port.name: endpoint.port for port in model.ports or ()}
    return WorkloadEntry(
        address=endpoint.address,
        ports=ports,
        weight=endpoint.weight,
        labels=endpoint.labels,
        locality=endpoint.locality,
        network=endpoint.network,
        service_account=endpoint.service_account,
    )


def _destination_rule(external: IntentObject[ExternalService], host: str, position: int) -> Made:
    model = external.model
    origins: dict[JsonPath, Origin] = {}
    policy = None if model.traffic is None else traffic_policy(model.traffic)
    if policy is not None:
        origins["spec", "trafficPolicy"] = external.item("spec", "traffic")
    if model.tls is not None:
        policy = _with_tls(policy or destination_rule.TrafficPolicy(), model, model.tls)
        origins["spec", "trafficPolicy", "tls"] = origins["spec", "trafficPolicy", "portLevelSettings"] = external.at(
            "spec", "tls"
        )
    spec = destination_rule.DestinationRule(
        host=host, traffic_policy=policy, subsets=subsets(external, origins), export_to=model.export_to
    )
    suffix = f"-{host.replace('*', 'any').replace('.', '-')}" if position else ""
    return make(external, spec, name=f"{model.name}{suffix}", origins=origins)


def _with_tls(
    policy: destination_rule.TrafficPolicy, model: ExternalService, tls: TlsOrigination
) -> destination_rule.TrafficPolicy:
    """The policy with TLS for the plain ports: as a whole where all are, else port by port.

    What a port says replaces all of the whole policy, so that it is said again there.
    """
    settings = client_tls(tls)
    ports = policy.port_level_settings or ()
    if len(model.plain_ports) == len(model.ports or ()):
        return replace(policy, tls=settings, port_level_settings=tuple(replace(port, tls=settings) for port in ports) or None)
    known = {port.port.number: port for port in ports if port.port is not None and port.port.number is not None}
    whole = destination_rule.PortTrafficPolicy(
        load_balancer=policy.load_balancer, connection_pool=policy.connection_pool, outlier_detection=policy.outlier_detection
    )
    for port in model.plain_ports:
        said = known.get(port.port) or replace(whole, port=PortSelector(number=port.port))
        known[port.port] = replace(said, tls=settings)
    return replace(policy, port_level_settings=tuple(known[number] for number in sorted(known)))
