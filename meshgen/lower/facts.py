"""Core facts that Service intents state: the Service itself, its Pods and its endpoints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from meshgen import kubernetes as core
from meshgen.diagnostics import Origin, Related
from meshgen.diagnostics.catalogue.lower import STATED_TWICE
from meshgen.intent.decode import IntentObject
from meshgen.load.kubernetes import decode_facts
from meshgen.lower.index import Index, ServiceKey
from meshgen.lower.result import Report
from meshgen.values import Protocol, protocol_of_port

if TYPE_CHECKING:  # a kind is imported where the mesh has it
    from meshgen.intent.service import Endpoint, Port, Service, Version

_SIDECAR = {"security.istio.io/tlsMode": "istio", "sidecar.istio.io/inject": "true"}
"""What the injector sets on a Pod; istiod knows by it that the Pod speaks the mesh's mTLS."""
_NO_SIDECAR = {"sidecar.istio.io/inject": "false"}


@dataclass
class _Found:
    services: list[core.Service] = field(default_factory=list)
    slices: list[core.EndpointSlice] = field(default_factory=list)
    pods: list[core.Pod] = field(default_factory=list)
    owners: list[core.PodOwner] = field(default_factory=list)


def with_intents(facts: core.CoreFacts, index: Index, report: Report) -> core.CoreFacts:
    """The facts of the tree, and what the Service intents add to them. A core Service of the tree stays as it is."""
    found = _Found()
    for key, service in index.services.items():
        _check(service, index.core_services.get(key), report)
        asked = service.model.kubernetes is not None and service.model.kubernetes.service is not None
        if key not in index.core_services and service.model.ports and not asked:  # the object that it gives is the fact
            found.services.append(_service(service, service.model.ports))
        _workloads(service, key, index, found)
    found.owners += _gateway_workloads(index)
    return msgspec.structs.replace(
        facts,
        services=(*facts.services, *found.services),
        endpoint_slices=(*facts.endpoint_slices, *found.slices),
        pods=(*facts.pods, *found.pods),
        pod_owners=(*facts.pod_owners, *found.owners),
    )


def with_objects(facts: core.CoreFacts, objects: Sequence[core.KubernetesObject]) -> core.CoreFacts:
    """The facts, and those that the core objects among what intents give state; what is known already stays as it is."""
    if not objects:
        return facts
    added, _ = decode_facts((each.object, each.origin) for each in objects)
    grown: dict[str, tuple[object, ...]] = {}
    for name in core.CoreFacts.__struct_fields__:
        known = getattr(facts, name)
        keys = {_key(fact) for fact in known}
        grown[name] = (*known, *(fact for fact in getattr(added, name) if _key(fact) not in keys))
    return core.CoreFacts(**grown)  # type: ignore[arg-type]  # field by field of the same type


def _key(fact: object) -> tuple[str, str, str]:
    metadata: core.ObjectMeta = fact.metadata  # type: ignore[attr-defined]  # every fact has it
    return (getattr(fact, "kind", ""), metadata.namespace, metadata.name)


def _check(service: IntentObject[Service], fact: core.Service | None, report: Report) -> None:
    """Reports ports and selectors of an intent that are not those of the core Service."""
    if fact is None:
        return
    model = service.model
    related = [Related(fact.origin, "the core Service")]
    hint = "leave it out of the intent: the core Service says it"
    stated = sorted(port.port for port in model.ports or ())
    real = sorted(port.port for port in fact.spec.ports)
    if model.ports is not None and stated != real:
        message = f"Service `{model.name}` has the ports {_listed(stated)}, and the core Service {_listed(real)}"
        report.append(STATED_TWICE.at(service.at("spec", "ports"), message, help=hint, related=related))
    selector = model.workload.selector if model.workload is not None else None
    if selector and fact.spec.selector and selector != fact.spec.selector:
        message = f"Service `{model.name}` selects other Pods than the core Service of its name"
        report.append(STATED_TWICE.at(service.at("spec", "workload", "selector"), message, help=hint, related=related))


def _listed(ports: list[int]) -> str:
    return ", ".join(f"`{port}`" for port in ports) or "none"


def _service(service: IntentObject[Service], ports: tuple[Port, ...]) -> core.Service:
    model = service.model
    selector = (model.workload.selector if model.workload is not None else None) or {}
    return core.Service(
        metadata=core.ObjectMeta(name=model.name, namespace=model.namespace, labels=model.metadata.labels),
        spec=core.ServiceSpec(ports=tuple(_port(port, workload_port(port, model)) for port in ports), selector=selector),
        origin=service.origin,
    )


def workload_port(port: Port, model: Service) -> int | str | None:
    """Where the workload listens: as the port says, else where all of its endpoints have the one same number."""
    if port.target_port is not None:
        return port.target_port
    endpoints = [*(model.endpoints or ()), *(each for version in model.versions or () for each in version.endpoints or ())]
    numbers = {endpoint.port or (endpoint.ports or {}).get(port.name) for endpoint in endpoints}
    return numbers.pop() if len(numbers) == 1 else None


def _port(port: Port, target: int | str | None) -> core.ServicePort:
    return core.ServicePort(
        name=port.name,
        port=port.port,
        protocol="UDP" if Protocol(port.protocol) is Protocol.UDP else "TCP",
        target_port=target,
        app_protocol=app_protocol(port),
    )


def app_protocol(port: Port) -> str | None:
    """`appProtocol` of a core Service's port, where its name does not say what it speaks."""
    protocol = Protocol(port.protocol)
    return None if protocol_of_port(port.name) is protocol or protocol is Protocol.UDP else protocol.value.lower()


def _workloads(service: IntentObject[Service], key: ServiceKey, index: Index, found: _Found) -> None:
    """The Pods of each version: with addresses where the intent gives them, else a template, unless the tree has Pods."""
    model = service.model
    selector = index.labels_of(key)
    injected = _SIDECAR if model.workload is None or model.workload.sidecar else _NO_SIDECAR
    account = index.service_account_of(key)
    groups: list[tuple[_Group, tuple[Endpoint, ...]]] = [
        (
            _Group(key, f"{key[1]}-{version.name}", {**selector, **version.labels}, injected, account, place),
            version.endpoints or (),
        )
        for version, place in _places(service)
    ]
    if model.endpoints or not groups:
        groups.append((_Group(key, key[1], selector, injected, account, service.origin), model.endpoints or ()))
    known = index.workloads.get(key[0], ())
    for group, endpoints in groups:
        if endpoints:
            _pods(group, endpoints, index, found)
        elif selector and model.workload is not None and not any(group.labels.items() <= pod.items() for pod, _ in known):
            found.owners.append(_template(group))


def _places(service: IntentObject[Service]) -> Iterator[tuple[Version, Origin]]:
    for position, version in enumerate(service.model.versions or ()):
        yield version, service.item("spec", "versions", position)


def _gateway_workloads(index: Index) -> Iterator[core.PodOwner]:
    """The Pods that serve the Gateways, where the tree shows none: each selector once in a namespace, as the first says it."""
    said: set[tuple[str, frozenset[tuple[str, str]]]] = set()
    deployed = [gateway.model.selector.items() for gateway in index.gateways.values() if gateway.model.deploy is not None]
    for key, gateway in index.gateways.items():
        selector, namespace = gateway.model.selector, gateway.model.workload_namespace
        place = (namespace, frozenset(selector.items()))
        shown = any(selector.items() <= labels.items() for labels, _ in index.workloads.get(namespace, ()))
        if selector and not shown and place not in said and not any(selector.items() <= labels for labels in deployed):
            said.add(place)
            labels = {**selector, "service.istio.io/canonical-name": key[1]}
            yield _template(_Group((namespace, key[1]), key[1], labels, {}, gateway.model.service_account, gateway.origin))


@dataclass(frozen=True, slots=True)
class _Group:
    """Pods that are alike: those of a version, or of a service without versions."""

    service: ServiceKey
    name: str
    labels: Mapping[str, str]
    injected: Mapping[str, str]  # what the injector adds to the labels
    account: str
    origin: Origin


def _template(group: _Group) -> core.PodOwner:
    template = core.PodTemplate(
        metadata=core.ObjectMeta(labels={**group.labels, **group.injected}),
        spec=core.PodSpec(service_account_name=group.account),
    )
    return core.PodOwner(
        kind="Deployment",
        metadata=core.ObjectMeta(name=group.name, namespace=group.service[0]),
        spec=core.WorkloadSpec(template=template),
        origin=group.origin,
    )


def _pods(group: _Group, endpoints: tuple[Endpoint, ...], index: Index, found: _Found) -> None:
    """A Pod and a slice for each address: each may have ports of its own."""
    for position, endpoint in enumerate(endpoints):
        name = f"{group.name}-{position}"
        labels = {**group.labels, **group.injected}
        if endpoint.locality is not None:
            labels["topology.istio.io/locality"] = endpoint.locality.replace("/", ".")
        pod = core.Pod(
            metadata=core.ObjectMeta(name=name, namespace=group.service[0], labels=labels),
            spec=core.PodSpec(service_account_name=group.account),
            status=core.PodStatus(pod_ip=endpoint.address, phase="Running"),
            origin=group.origin,
        )
        found.pods.append(pod)
        ports = tuple(_endpoint_ports(endpoint, group.service, index))
        found.slices.append(_slice(name, group.service, endpoint, ports, group.origin))


def _slice(
    name: str, key: ServiceKey, endpoint: Endpoint, ports: tuple[core.EndpointPort, ...], origin: Origin
) -> core.EndpointSlice:
    return core.EndpointSlice(
        metadata=core.ObjectMeta(name=name, namespace=key[0], labels={"kubernetes.io/service-name": key[1]}),
        ports=ports,
        endpoints=(
            core.SliceEndpoint(
                addresses=(endpoint.address,),
                conditions=core.EndpointConditions(ready=True),
                target_ref=core.TargetReference(kind="Pod", name=name, namespace=key[0]),
            ),
        ),
        origin=origin,
    )


def _endpoint_ports(endpoint: Endpoint, key: ServiceKey, index: Index) -> Iterator[core.EndpointPort]:
    """The workload's port for each of the service's: as the endpoint says, else the target port, else the same number."""
    for name, port, target in _service_ports(key, index):
        number = endpoint.port or (endpoint.ports or {}).get(name) or (target if isinstance(target, int) else port)
        yield core.EndpointPort(name=name, port=number)


def _service_ports(key: ServiceKey, index: Index) -> list[tuple[str, int, int | str | None]]:
    intent = index.services[key].model
    if intent.ports is not None:
        return [(port.name, port.port, port.target_port) for port in intent.ports]
    fact = index.core_services.get(key)
    return [(port.name, port.port, port.target_port) for port in fact.spec.ports] if fact is not None else []
