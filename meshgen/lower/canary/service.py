"""The Service that an engine releases: its ports, and the fields of it and of its Deployment that the engine writes."""

from __future__ import annotations

from typing import NamedTuple

from meshgen.kubernetes import OwnedElsewhere
from meshgen.lower.facts import workload_port
from meshgen.lower.index import Index, ServiceKey


class ServicePort(NamedTuple):
    """A port of a core Service."""

    number: int
    name: str
    target: int | str | None  # the workload's
    protocol: str  # TCP or UDP


def service_ports(key: ServiceKey, index: Index) -> list[ServicePort]:
    """The ports of a service: the intent's, else the core Service's; empty where nobody says them."""
    model, fact = index.services[key].model, index.core_services.get(key)
    if model.ports is not None:
        return [
            ServicePort(port.port, port.name, workload_port(port, model), "UDP" if port.protocol == "UDP" else "TCP")
            for port in model.ports
        ]
    ports = fact.spec.ports if fact is not None else ()
    return [ServicePort(port.port, port.name, port.target_port, port.protocol) for port in ports]


def owned_selector(service: str, namespace: str) -> OwnedElsewhere:
    """The Pods that a Service selects."""
    return OwnedElsewhere(group="", kind="Service", name=service, namespace=namespace, json_pointers=("/spec/selector",))


def owned_replicas(deployment: str, namespace: str) -> OwnedElsewhere:
    """How many Pods a Deployment has."""
    pointers = ("/spec/replicas",)
    return OwnedElsewhere(group="apps", kind="Deployment", name=deployment, namespace=namespace, json_pointers=pointers)
