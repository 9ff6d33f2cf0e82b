"""MG0147: an application listens on a port that its own sidecar uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from meshgen.check.context import Context
from meshgen.check.rule import Answer, Rule
from meshgen.diagnostics import Origin
from meshgen.diagnostics.catalogue.clusters import PORT_OF_ISTIO
from meshgen.istio.gateway import Gateway
from meshgen.istio.workload_entry import WorkloadEntry
from meshgen.istio.workload_group import WorkloadGroup
from meshgen.mesh import Service
from meshgen.mesh.selection import selects

PORTS: Mapping[int, str] = {
    15000: "Envoy's admin interface",
    15001: "Envoy's outbound traffic",
    15004: "the agent's debug interface",
    15006: "Envoy's inbound traffic",
    15008: "the mesh's tunnels",
    15009: "the mesh's plaintext tunnels",
    15020: "the agent's metrics and probes",
    15021: "the proxy's health check",
    15053: "the agent's DNS proxy",
    15090: "Envoy's metrics",
}
"""Source: istio.io, ops/deployment/application-requirements, "Ports used by Istio"."""

_HELP = "let the application listen on another port"


def find(context: Context) -> Iterator[Answer]:
    """Target ports of Services before sidecars, and ports of machines."""
    for service in context.mesh.services:
        if service.kubernetes and service.selector and any(port.target in PORTS for port in service.ports):
            yield from _of_service(context, service)
    for group in context.mesh.of_kind(WorkloadGroup):
        yield from _of_machines(group.spec.template.ports, f"workload group `{group.name}`", group.origin)
    for entry in context.mesh.of_kind(WorkloadEntry):
        yield from _of_machines(entry.spec.ports, f"workload entry `{entry.name}`", entry.origin)


def _of_service(context: Context, service: Service) -> Iterator[Answer]:
    gateways = context.mesh.of_kind(Gateway)
    labels = service.selector
    if any(selects(gateway.spec.selector or {}, labels) for gateway in gateways) or any("/gateway-name" in key for key in labels):
        return  # the proxy itself is the application, and some of these ports are meant
    workloads = context.mesh.workloads_in(service.namespace, labels)
    if workloads and not any(workload.injected for workload in workloads):
        return
    for index, port in enumerate(service.ports):
        if isinstance(port.target, int) and port.target in PORTS and port.name != "status-port":
            message = (
                f"service `{service.name}` sends to port `{port.target}`, which is {PORTS[port.target]} beside the application"
            )
            yield PORT_OF_ISTIO.at(service.origin.at("spec", "ports", index), message, help=_HELP)


def _of_machines(ports: Mapping[str, int] | None, title: str, origin: Origin) -> Iterator[Answer]:
    for name, port in (ports or {}).items():
        if port in PORTS:
            message = f"port `{name}` of {title} is `{port}`, which is {PORTS[port]} beside the application"
            yield PORT_OF_ISTIO.at(origin, message, help=_HELP)


RULE = Rule(code=PORT_OF_ISTIO, find=find)
