"""Workloads: what runs with labels, from Pods, pod templates, WorkloadEntries and WorkloadGroups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from meshgen import kubernetes
from meshgen.istio.networks import NETWORK_LABEL
from meshgen.istio.object import IstioObject
from meshgen.istio.workload_entry import WorkloadEntry
from meshgen.istio.workload_group import WorkloadGroup
from meshgen.kubernetes import CoreFacts
from meshgen.mesh.service import Workload

LOCALITY_LABELS = ("topology.istio.io/locality", "istio-locality")
TLS_MODE_LABEL = "security.istio.io/tlsMode"
INJECT = "sidecar.istio.io/inject"
REVISION = "istio.io/rev"


def build_workloads(
    facts: CoreFacts,
    entries: Sequence[IstioObject[WorkloadEntry]],
    injected_namespaces: frozenset[str],
    groups: Iterable[IstioObject[WorkloadGroup]] = (),
) -> tuple[Workload, ...]:
    """All workloads: Pods, templates of Deployments and their like, WorkloadEntries; each kind in the order of the sources.

    A WorkloadGroup stands for machines that register themselves, where no WorkloadEntry has its labels.
    """
    return (
        *(_of_pod(pod, injected_namespaces) for pod in facts.pods),
        *(_of_owner(owner, injected_namespaces) for owner in facts.pod_owners),
        *(_of_entry(entry) for entry in entries),
        *(workload for group in groups if not _has_entries(workload := _of_group(group), entries)),
    )


def _has_entries(group: Workload, entries: Iterable[IstioObject[WorkloadEntry]]) -> bool:
    wanted = group.labels.items()
    return any(entry.namespace == group.namespace and wanted <= (entry.spec.labels or {}).items() for entry in entries)


def namespaces_with_injection(facts: CoreFacts) -> frozenset[str]:
    """Namespaces whose labels ask for sidecars (`istio-injection: enabled` or `istio.io/rev`)."""
    return frozenset(
        namespace.metadata.name
        for namespace in facts.namespaces
        if namespace.metadata.labels.get("istio-injection") == "enabled" or REVISION in namespace.metadata.labels
    )


def locality_of(labels: Mapping[str, str]) -> str:
    """The locality that a Pod's labels state; dots stand for slashes, which label values cannot hold."""
    for name in LOCALITY_LABELS:
        value = labels.get(name)
        if value:
            return value if "/" in value else value.replace(".", "/")
    return ""


def _injected(labels: Mapping[str, str], namespace: str, namespaces: frozenset[str]) -> bool:
    wish = labels.get(INJECT)
    return wish == "true" if wish is not None else namespace in namespaces


def _of_pod(pod: kubernetes.Pod, injected: frozenset[str]) -> Workload:
    metadata = pod.metadata
    return Workload(
        name=metadata.name,
        namespace=metadata.namespace,
        labels=metadata.labels,
        service_account=pod.spec.service_account_name or "default",
        address=pod.status.pod_ip,
        locality=locality_of(metadata.labels),
        network=metadata.labels.get(NETWORK_LABEL, ""),
        named_ports=_named_ports(pod.spec),
        injected=_injected(metadata.labels, metadata.namespace, injected),
        created=metadata.creation_timestamp or "",
        origin=pod.origin,
    )


def _of_owner(owner: kubernetes.PodOwner, injected: frozenset[str]) -> Workload:
    metadata, template = owner.metadata, owner.spec.template
    labels = template.metadata.labels
    return Workload(
        name=metadata.name,
        namespace=metadata.namespace,
        labels=labels,
        kind=owner.kind,
        service_account=template.spec.service_account_name or "default",
        locality=locality_of(labels),
        network=labels.get(NETWORK_LABEL, ""),
        named_ports=_named_ports(template.spec),
        injected=_injected(labels, metadata.namespace, injected),
        created=metadata.creation_timestamp or "",
        origin=owner.origin,
    )


def _of_entry(entry: IstioObject[WorkloadEntry]) -> Workload:
    spec = entry.spec
    labels = spec.labels or {}
    return Workload(
        name=entry.name,
        namespace=entry.namespace,
        labels=labels,
        kind="WorkloadEntry",
        service_account=spec.service_account or "",
        address=spec.address or "",
        locality=spec.locality or "",
        network=spec.network or "",
        named_ports=spec.ports or {},
        injected=has_sidecar(labels, spec.service_account or ""),
        created=entry.created,
        origin=entry.origin,
    )


def _of_group(group: IstioObject[WorkloadGroup]) -> Workload:
    template, metadata = group.spec.template, group.spec.metadata
    return Workload(
        name=group.name,
        namespace=group.namespace,
        labels={**((metadata.labels if metadata is not None else None) or {}), **(template.labels or {})},
        kind="WorkloadGroup",
        service_account=template.service_account or "default",
        locality=template.locality or "",
        network=template.network or "",
        named_ports=template.ports or {},
        created=group.created,
        origin=group.origin,
    )


def has_sidecar(labels: Mapping[str, str], service_account: str) -> bool:
    """Whether a WorkloadEntry's address terminates Istio mutual TLS: its tlsMode label, else a service account, says so."""
    mode = labels.get(TLS_MODE_LABEL)
    return mode == "istio" if mode is not None else bool(service_account)


def _named_ports(spec: kubernetes.PodSpec) -> dict[str, int]:
    return {port.name: port.container_port for container in spec.containers for port in container.ports if port.name}
