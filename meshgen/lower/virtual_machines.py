"""VirtualMachines: the WorkloadGroup, the WorkloadEntries of machines that are named, the ServiceEntry of their hosts."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.diagnostics import JsonPath, Origin
from meshgen.intent import virtual_machines as intent
from meshgen.intent.decode import IntentObject
from meshgen.intent.service import Port
from meshgen.intent.virtual_machines import Machine, MachineService, VirtualMachines
from meshgen.istio import workload_group as istio
from meshgen.istio.service_entry import ServiceEntry, ServicePort
from meshgen.istio.shared import NetworkingWorkloadSelector, WorkloadEntry
from meshgen.lower.external_service import RESOLUTIONS, Resolution
from meshgen.lower.index import Index
from meshgen.lower.result import Made, make
from meshgen.values import SECOND, is_ip, parse_duration


def virtual_machines(index: Index) -> Iterator[Made]:
    """What each group gives."""
    for group in index.of(VirtualMachines):
        yield _group(group)
        for position, machine in enumerate(group.model.addresses or ()):
            yield _entry(group, machine, group.item("spec", "addresses", position))
        if group.model.service is not None:
            yield _service(group, group.model.service)


def _group(group: IntentObject[VirtualMachines]) -> Made:
    model, given = group.model, group.model.template
    metadata = None
    if given.labels is not None or given.annotations is not None:
        metadata = istio.WorkloadGroupMetadata(labels=given.labels, annotations=given.annotations)
    template = istio.WorkloadGroupTemplate(
        address=given.address,
        ports=given.ports,
        weight=given.weight,
        labels=given.entry_labels,
        locality=given.locality,
        network=given.network,
        service_account=given.service_account,
    )
    origins: dict[JsonPath, Origin] = {("spec", "probe"): group.at("spec", "probe")} if model.probe is not None else {}
    spec = istio.WorkloadGroup(metadata=metadata, probe=probe(model.probe), template=template)
    return make(group, spec, origins=origins)


def probe(given: intent.Probe | None) -> istio.ReadinessProbe | None:
    """Istio's probe of a group."""
    if given is None:
        return None
    return istio.ReadinessProbe(
        http_get=None if given.http is None else _http(given.http),
        tcp_socket=None if given.tcp is None else istio.TCPHealthCheckConfig(port=given.tcp.port, host=given.tcp.host),
        grpc=None if given.grpc is None else istio.GrpcHealthCheckConfig(port=given.grpc.port, service=given.grpc.service),
        exec_=None if given.exec is None else istio.ExecHealthCheckConfig(command=given.exec),
        initial_delay_seconds=_seconds(given.delay),
        period_seconds=_seconds(given.every),
        timeout_seconds=_seconds(given.timeout),
        success_threshold=given.healthy_after,
        failure_threshold=given.unhealthy_after,
    )


def _http(given: intent.HttpProbe) -> istio.HTTPHealthCheckConfig:
    headers = given.headers
    return istio.HTTPHealthCheckConfig(
        port=given.port,
        path=given.path,
        host=given.host,
        scheme=None if given.scheme is None else given.scheme.upper(),
        http_headers=None
        if headers is None
        else tuple(istio.HTTPHeader(name=name, value=value) for name, value in headers.items()),
    )


def _seconds(duration: str | None) -> int | None:
    return None if duration is None else parse_duration(duration) // SECOND


def _entry(group: IntentObject[VirtualMachines], machine: Machine, origin: Origin) -> Made:
    model, template = group.model, group.model.template
    spec = WorkloadEntry(
        address=machine.address,
        ports=machine.ports or template.ports,
        weight=machine.weight if machine.weight is not None else template.weight,
        labels={**model.machine_labels, **(machine.labels or {})} or None,
        locality=machine.locality or template.locality,
        network=machine.network or template.network,
        service_account=machine.service_account or template.service_account,
    )
    name = intent.entry_name(model.name, machine)
    return make(group, spec, name=name, origin=origin, annotations=template.annotations)


def _service(group: IntentObject[VirtualMachines], service: MachineService) -> Made:
    model = group.model
    origins: dict[JsonPath, Origin] = {
        ("spec", "hosts", position): group.at("spec", "service", "hosts", position) for position, _ in enumerate(service.hosts)
    }
    spec = ServiceEntry(
        hosts=service.hosts,
        addresses=service.addresses,
        location="MESH_INTERNAL",
        resolution=_resolution(model, service),
        ports=tuple(_port(port, model) for port in service.ports),
        workload_selector=NetworkingWorkloadSelector(labels=model.machine_labels),
        export_to=service.export_to,
        subject_alt_names=service.subject_alt_names,
    )
    return make(group, spec, origin=group.at("spec", "service"), origins=origins)


def _resolution(model: VirtualMachines, service: MachineService) -> Resolution:
    if service.resolution is not None:
        return RESOLUTIONS[service.resolution]
    addresses = [machine.address for machine in model.addresses or () if machine.address is not None]
    named = [address for address in addresses if not (is_ip(address) or address.startswith("unix://"))]
    return "DNS" if named else "STATIC"


def _port(port: Port, model: VirtualMachines) -> ServicePort:
    """A port of the hosts; the machines' own number is told where it is another one."""
    target = port.target_port
    if isinstance(target, str) or target is None:
        target = (model.template.ports or {}).get(target or port.name)
    other = target if target != port.port else None
    return ServicePort(name=port.name, number=port.port, protocol=port.protocol, target_port=other)
