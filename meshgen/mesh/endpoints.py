"""Endpoints of services: EndpointSlices, WorkloadEntries and Pods picked by selector, and a ServiceEntry's own list.

Follows istiod's `serviceregistry` (kube/endpointslice.go, serviceentry/conversion.go).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from meshgen import kubernetes
from meshgen.istio.networks import NETWORK_LABEL
from meshgen.istio.object import IstioObject
from meshgen.istio.service_entry import ServiceEntry
from meshgen.istio.shared import WorkloadEntry
from meshgen.kubernetes import CoreFacts
from meshgen.mesh.selection import LabelIndex
from meshgen.mesh.service import Endpoint, Port, Resolution, Service
from meshgen.mesh.workloads import TLS_MODE_LABEL, has_sidecar, locality_of
from meshgen.values import is_ip

SERVICE_NAME = "kubernetes.io/service-name"
_TOPOLOGY = ("topology.kubernetes.io/region", "topology.kubernetes.io/zone", "topology.istio.io/subzone")
_DNS = (Resolution.DNS, Resolution.DNS_ROUND_ROBIN)


class EndpointIndex:
    """Answers `endpoints of a service's port`, each answer once."""

    def __init__(
        self,
        facts: CoreFacts,
        service_entries: Sequence[IstioObject[ServiceEntry]],
        workload_entries: Sequence[IstioObject[WorkloadEntry]],
    ) -> None:
        self._pods = {(pod.metadata.namespace, pod.metadata.name): pod for pod in facts.pods}
        # Sorted, so that the order in which sources were read never shows in an answer.
        pods = sorted(facts.pods, key=lambda pod: (pod.metadata.namespace, pod.metadata.name))
        self._labelled_pods = LabelIndex([(pod.metadata.namespace, pod.metadata.labels, pod) for pod in pods])
        entries = sorted(workload_entries, key=lambda entry: entry.order)
        self._entries = LabelIndex([(entry.namespace, entry.spec.labels or {}, entry) for entry in entries])
        self._slices: dict[tuple[str, str], list[kubernetes.EndpointSlice]] = {}
        for piece in facts.endpoint_slices:
            key = (piece.metadata.namespace, piece.metadata.labels.get(SERVICE_NAME, ""))
            self._slices.setdefault(key, []).append(piece)
        self._service_entries = {(entry.namespace, entry.name): entry.spec for entry in service_entries}
        self._answers: dict[tuple[str, str, int], tuple[Endpoint, ...]] = {}

    def of(self, service: Service, port: Port) -> tuple[Endpoint, ...]:
        """All endpoints of a port: slices in the order of their names, then WorkloadEntries, then a ServiceEntry's Pods."""
        key = (service.host, service.namespace, port.number)
        answer = self._answers.get(key)
        if answer is None:
            answer = self._answers[key] = tuple(self._find(service, port))
        return answer

    def addresses_of(self, service: Service) -> Iterator[str]:
        """The addresses that are written down for a service that has no selector."""
        for piece in self._slices.get((service.namespace, service.name), ()) if service.kubernetes else ():
            for endpoint in piece.endpoints:
                yield from endpoint.addresses
        entry = None if service.kubernetes else self._service_entries.get((service.namespace, service.name))
        for inline in (entry.endpoints or ()) if entry else ():
            yield inline.address or ""

    def _find(self, service: Service, port: Port) -> Iterator[Endpoint]:
        if service.resolution is Resolution.ALIAS:
            return
        if service.kubernetes:
            yield from self._from_slices(service, port)
            if service.selector:
                yield from self._from_entries(service, port)
        elif service.selector:
            yield from self._from_entries(service, port)
            yield from self._from_pods(service, port)
        else:
            yield from self._from_list(service, port)

    def _from_slices(self, service: Service, port: Port) -> Iterator[Endpoint]:
        pieces = self._slices.get((service.namespace, service.name), ())
        for piece in sorted(pieces, key=lambda piece: piece.metadata.name):
            for listed in piece.ports:
                if listed.name == port.name and listed.port is not None:
                    for endpoint in piece.endpoints:
                        yield from self._of_slice(endpoint, listed.port, service.namespace)

    def _of_slice(self, endpoint: kubernetes.SliceEndpoint, port: int, namespace: str) -> Iterator[Endpoint]:
        ready = endpoint.conditions.ready is not False
        reference = endpoint.target_ref
        pod = None
        if reference is not None and reference.kind == "Pod":
            pod = self._pods.get((reference.namespace or namespace, reference.name))
        for address in endpoint.addresses:
            if pod is None:
                yield Endpoint(address=address, port=port, namespace=namespace, healthy=ready)
            else:
                yield _of_pod(pod, address, port, healthy=ready)

    def _from_entries(self, service: Service, port: Port) -> Iterator[Endpoint]:
        for entry in self._entries.picked(service.namespace, service.selector):
            spec = entry.spec
            # EDS carries addresses only; a host name is of use to a DNS service alone.
            if spec.address and (service.resolution in _DNS or is_ip(spec.address) or spec.address.startswith("unix://")):
                yield _of_entry(spec, port, service.namespace, entry.name)

    def _from_pods(self, service: Service, port: Port) -> Iterator[Endpoint]:
        for pod in self._labelled_pods.picked(service.namespace, service.selector):
            if pod.status.pod_ip:
                yield _of_pod(pod, pod.status.pod_ip, _numeric(port))

    def _from_list(self, service: Service, port: Port) -> Iterator[Endpoint]:
        entry = self._service_entries.get((service.namespace, service.name))
        listed = (entry.endpoints or ()) if entry else ()
        if not listed and service.resolution in _DNS:
            yield Endpoint(address=service.host, port=_numeric(port), namespace=service.namespace)
        for inline in listed:
            if inline.address:
                yield _of_entry(inline, port, service.namespace, "")


def _numeric(port: Port) -> int:
    return port.target if isinstance(port.target, int) else port.number


def _of_pod(pod: kubernetes.Pod, address: str, port: int, *, healthy: bool = True) -> Endpoint:
    labels = pod.metadata.labels
    locality = locality_of(labels)
    return Endpoint(
        address=address,
        port=port,
        labels=with_topology(labels, locality),
        locality=locality,
        service_account=pod.spec.service_account_name or "default",
        namespace=pod.metadata.namespace,
        workload=pod.metadata.name,
        network=labels.get(NETWORK_LABEL, ""),
        # istiod believes the label alone, which the injector sets on a Pod.
        mutual_tls=labels.get(TLS_MODE_LABEL) == "istio",
        healthy=healthy,
    )


def _of_entry(entry: WorkloadEntry, port: Port, namespace: str, name: str) -> Endpoint:
    labels = entry.labels or {}
    locality = entry.locality or locality_of(labels)
    address = entry.address or ""
    return Endpoint(
        address=address,
        port=0 if address.startswith("unix://") else (entry.ports or {}).get(port.name) or _numeric(port),
        labels=with_topology(labels, locality),
        locality=locality,
        weight=entry.weight or 1,
        service_account=entry.service_account or "",
        namespace=namespace,
        workload=name,
        network=entry.network or "",
        mutual_tls=has_sidecar(labels, entry.service_account or ""),
    )


def with_topology(labels: Mapping[str, str], locality: str) -> Mapping[str, str]:
    """Labels with the well-known topology labels of a locality, on which `failoverPriority` acts."""
    if not locality:
        return labels
    return {**dict(zip(_TOPOLOGY, locality.split("/"), strict=False)), **labels}
