"""What a policy is for: the Pods of a service or gateway, Pods by labels, a namespace, the mesh."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from meshgen.diagnostics import Diagnostic, Related, did_you_mean
from meshgen.diagnostics.catalogue.lower import NO_WORKLOAD, UNKNOWN_INTENT_REFERENCE
from meshgen.intent.reference import split_service
from meshgen.istio.shared import PolicyTargetReference, WorkloadSelector
from meshgen.lower.index import Index, ServiceKey
from meshgen.lower.result import Report

if TYPE_CHECKING:  # a kind is imported where the mesh has it
    from meshgen.intent.access import Access
    from meshgen.intent.authentication import Authentication
    from meshgen.intent.decode import IntentObject
    from meshgen.intent.extension import Extension
    from meshgen.intent.proxy import Proxy
    from meshgen.intent.service import Service
    from meshgen.intent.target import TargetReference
    from meshgen.intent.telemetry import Telemetry

Targeted: TypeAlias = (
    "IntentObject[Access] | IntentObject[Authentication] | IntentObject[Extension] | IntentObject[Proxy]"
    " | IntentObject[Telemetry]"
)
"""Intents that are for something: a service, a gateway, Pods, a namespace or the mesh."""


def pods_unknown(service: IntentObject[Service], field: str, says: str) -> Diagnostic:
    """The finding about a Service that says something of its Pods, under a field of its spec, while nothing tells which Pods."""
    name = service.model.name
    hint = f"add `workload: {{selector: {{app: {name}}}}}`, or the core Service to the tree"
    message = f"Service `{name}` {says}, and nothing says which Pods it has"
    return NO_WORKLOAD.at(service.at("spec", field), message, help=hint, related=[Related(service.origin, "declared here")])


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a policy's object stands, what it selects, and the file that it goes to."""

    namespace: str
    selector: WorkloadSelector | None
    owner: str
    targets: tuple[PolicyTargetReference, ...] | None = None


def scope_of(policy: Targeted, index: Index, report: Report) -> Scope | None:
    """The scope of a policy; None (and a finding) where what it names cannot be found."""
    model = policy.model
    if model.service is not None:
        return _service(policy, split_service(model.service, model.namespace), index, report)
    if model.gateway is not None:
        return _gateway(policy, gateway_key(model.gateway, model.namespace), index, report)
    if model.targets is not None:
        return Scope(model.namespace, None, model.name, tuple(map(_target_reference, model.targets)))
    if model.workload is not None:
        return Scope(model.namespace, _selector(model.workload.selector), model.name)
    return Scope(index.root_namespace if model.mesh else model.namespace, None, model.name)


def _target_reference(target: TargetReference) -> PolicyTargetReference:
    """A target in Istio's words."""
    return PolicyTargetReference(kind=target.kind, name=target.name, group=target.api_group, namespace=target.namespace)


def gateway_key(reference: str, namespace: str) -> ServiceKey:
    """Namespace and name that a gateway's name in `namespace` means."""
    other, _, name = reference.rpartition("/")
    return other or namespace, name


def _selector(labels: Mapping[str, str]) -> WorkloadSelector:
    return WorkloadSelector(match_labels=dict(labels))


def _service(policy: Targeted, key: ServiceKey, index: Index, report: Report) -> Scope | None:
    place = policy.at("spec", "service")
    if not index.knows_service(key):
        message = f"{policy.spoken} is for the service `{key[1]}`, which nobody declares"
        report.append(UNKNOWN_INTENT_REFERENCE.at(place, message, help=index.suggestion(key)))
        return None
    labels = index.labels_of(key)
    if not labels:
        intent = index.services.get(key)
        related = [Related(intent.origin, f"`{key[1]}` is declared here")] if intent is not None else []
        message = f"{policy.spoken} is for `{key[1]}`, and nothing says which Pods that has"
        hint = f"add `workload: {{selector: {{app: {key[1]}}}}}` to the Service, or the core Service to the tree"
        report.append(NO_WORKLOAD.at(place, message, help=hint, related=related))
        return None
    return Scope(key[0], _selector(labels), key[1])


def _gateway(policy: Targeted, key: ServiceKey, index: Index, report: Report) -> Scope | None:
    gateway = index.gateways.get(key)
    if gateway is None:
        message = f"{policy.spoken} is for the gateway `{key[1]}`, which no Gateway intent declares"
        names = [name for namespace, name in index.gateways if namespace == key[0]]
        hint = did_you_mean(key[1], names) or "name the Pods instead: `workload: {selector: …}`"
        report.append(UNKNOWN_INTENT_REFERENCE.at(policy.at("spec", "gateway"), message, help=hint))
        return None
    return Scope(gateway.model.workload_namespace, _selector(gateway.model.selector), key[1])
