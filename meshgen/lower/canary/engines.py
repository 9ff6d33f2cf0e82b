"""What Flagger and Argo Rollouts are given, what they make of it in the cluster, and which fields are theirs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import msgspec

from meshgen import kubernetes as core
from meshgen.diagnostics import Diagnostic, Origin, Related
from meshgen.diagnostics.catalogue.rollout import ENGINE_MAKES_IT, UNKNOWN_ROLLOUT_ROUTE
from meshgen.intent.canary import Canary
from meshgen.intent.decode import IntentObject
from meshgen.istio.object import IstioObject
from meshgen.istio.struct import IstioStruct
from meshgen.istio.virtual_service import VirtualService
from meshgen.lower.canary import argo_rollouts, flagger
from meshgen.lower.canary.service import owned_replicas, owned_selector
from meshgen.lower.index import Index, ServiceKey
from meshgen.lower.result import Made, Report
from meshgen.progressive.argo_rollouts import IstioVirtualService, RolloutSpec
from meshgen.progressive.decode import ControllerObject
from meshgen.progressive.flagger import CanarySpec

_SERVICE = "kubernetes.io/service-name"


@dataclass
class Engines:
    """The engines of a run: filled while the objects are made, read once they are."""

    controllers: Sequence[ControllerObject]  # of the tree
    foreign: list[IstioObject[IstioStruct]] = field(default_factory=list)
    services: list[core.Service] = field(default_factory=list)
    owned: list[core.OwnedElsewhere] = field(default_factory=list)
    stable: dict[ServiceKey, str] = field(default_factory=dict)  # service → the one that has its Pods until a release

    def objects(self, engines: Mapping[ServiceKey, IntentObject[Canary]], index: Index, report: Report) -> Iterator[Made]:
        """What the intents give; and what native Canaries and Rollouts mean is noted."""
        self._natives(index)
        for key, canary in engines.items():
            if canary.model.engine == "argo-rollouts":
                yield from argo_rollouts.objects(canary, key, index, report)
                self.owned += argo_rollouts.owned(canary.model, key)
                self.stable[key] = argo_rollouts.stable_name(key)
                continue
            spec = flagger.canary_spec(canary, key, index, report)
            yield flagger.canary_object(canary, key, spec, index)
            yield from flagger.metric_templates(canary)
            self.add_flagger(spec, key[0], index, canary.origin)

    def _natives(self, index: Index) -> None:
        """What Flagger makes of Canaries that are written natively, and what Rollouts write."""
        for found in self.controllers:
            if isinstance(found.spec, CanarySpec) and flagger.is_istio(found.spec):
                self.add_flagger(found.spec, found.namespace, index, found.origin)
            elif isinstance(found.spec, RolloutSpec):
                self.owned += _of_rollout(found.spec, found.namespace)

    def add_flagger(self, spec: CanarySpec, namespace: str, index: Index, origin: Origin) -> None:
        """What Flagger makes of a Canary."""
        apex = flagger.apex_name(spec)
        key = (namespace, apex)
        self.foreign += flagger.generated(spec, namespace, origin)
        self.services += flagger.services(spec, namespace, index.labels_of(key), origin)
        self.stable[key] = f"{apex}-primary"
        self.owned.append(owned_selector(apex, namespace))
        if spec.target_ref.kind == "Deployment":
            self.owned.append(owned_replicas(spec.target_ref.name, namespace))

    def facts(self, facts: core.CoreFacts) -> core.CoreFacts:
        """The facts, with the Services that engines make and the endpoints that they have until a release."""
        if not self.stable:
            return facts
        known = {(fact.metadata.namespace, fact.metadata.name): fact for fact in facts.services}
        added = [_with_ports_of_apex(each, known) for each in self.services if _key(each) not in known]
        slices = []
        for each in facts.endpoint_slices:
            stable = self.stable.get((each.metadata.namespace, each.metadata.labels.get(_SERVICE, "")))
            if stable is not None:
                labels = {**each.metadata.labels, _SERVICE: stable}
                meta = msgspec.structs.replace(each.metadata, name=f"{each.metadata.name}-{stable}", labels=labels)
                slices.append(msgspec.structs.replace(each, metadata=meta))
        return msgspec.structs.replace(
            facts, services=(*facts.services, *added), endpoint_slices=(*facts.endpoint_slices, *slices)
        )

    def owned_elsewhere(self) -> tuple[core.OwnedElsewhere, ...]:
        """Fields that the engines write, in one order."""
        found = {(each.group, each.kind, each.namespace, each.name): each for each in self.owned}
        return tuple(found[key] for key in sorted(found))

    def unwritten(self, objects: Iterable[IstioObject[IstioStruct]], report: Report) -> tuple[IstioObject[IstioStruct], ...]:
        """What engines make and nobody writes; what is written all the same is reported, for Git and the engine would fight."""
        self._check_rollouts(objects, report)
        written = {each.key: each for each in objects} if self.foreign else {}
        for each in self.foreign:
            first = written.get(each.key)
            if first is not None:
                message = f"Flagger makes the {each.kind} `{each.namespace}/{each.name}` itself, and Git has it too"
                related = [Related(each.origin, "this Canary's Service has the same name")]
                hint = "give it another name, and let it hand over to Flagger's: `service: {delegation: true}` in the Canary"
                report.append(ENGINE_MAKES_IT.at(first.origin, message, help=hint, related=related))
        return tuple(each for each in self.foreign if each.key not in written)

    def with_rollouts(self, facts: core.CoreFacts) -> core.CoreFacts:
        """The facts, and native Rollouts as what they are to the mesh: workloads, as Deployments are."""
        found = []
        for each in self.controllers:
            if isinstance(each.spec, RolloutSpec) and each.spec.template is not None:
                try:
                    template = msgspec.convert(each.spec.template, core.PodTemplate)
                except msgspec.ValidationError:  # the template is Kubernetes' own; what is wrong in it the API server says
                    continue
                meta, spec = core.ObjectMeta(name=each.name, namespace=each.namespace), core.WorkloadSpec(template=template)
                found.append(core.PodOwner(kind="Rollout", metadata=meta, spec=spec, origin=each.origin))
        return msgspec.structs.replace(facts, pod_owners=(*facts.pod_owners, *found)) if found else facts

    def passed_through(self) -> Iterator[core.KubernetesObject]:
        """Flagger's objects, which are written as they stand; a Rollout is a workload, and those are not meshgen's to write."""
        for each in self.controllers:
            if not isinstance(each.spec, RolloutSpec):
                yield core.KubernetesObject(object=each.value, owner=each.name, origin=each.origin, origins=each.origins)

    def _check_rollouts(self, objects: Iterable[IstioObject[IstioStruct]], report: Report) -> None:
        """Reports Rollouts that name a rule which their VirtualService has not; one that nobody writes may be in the cluster."""
        known = {(each.namespace, each.name): each for each in objects if each.kind == "VirtualService"}
        for rollout in self.controllers:
            for wanted in _virtual_services(rollout.spec) if isinstance(rollout.spec, RolloutSpec) else ():
                name, _, other = wanted.name.partition(".")
                found = known.get((other or rollout.namespace, name))
                if found is not None:
                    report.extend(_missing_routes(rollout, wanted, found))


def _key(service: core.Service) -> ServiceKey:
    return service.metadata.namespace, service.metadata.name


def _with_ports_of_apex(service: core.Service, known: Mapping[ServiceKey, core.Service]) -> core.Service:
    """A Service of Flagger's with the ports of the one that it is made after, the workload's among them."""
    apex = known.get((service.metadata.namespace, service.metadata.name.rpartition("-")[0]))
    if apex is None or not apex.spec.ports:
        return service
    return msgspec.structs.replace(service, spec=msgspec.structs.replace(service.spec, ports=apex.spec.ports))


# --- Rollouts that are written natively ---------------------------------------------------------------------------
def _virtual_services(spec: RolloutSpec) -> tuple[IstioVirtualService, ...]:
    canary = spec.strategy.canary if spec.strategy is not None else None
    routing = canary.traffic_routing.istio if canary is not None and canary.traffic_routing is not None else None
    if routing is None:
        return ()
    return routing.virtual_services or ((routing.virtual_service,) if routing.virtual_service is not None else ())


def _of_rollout(spec: RolloutSpec, namespace: str) -> Iterator[core.OwnedElsewhere]:
    canary = spec.strategy.canary if spec.strategy is not None else None
    routing = canary.traffic_routing.istio if canary is not None and canary.traffic_routing is not None else None
    if canary is None or routing is None:
        return
    group = "networking.istio.io"
    for each in _virtual_services(spec):
        name, _, other = each.name.partition(".")
        pointers = tuple(
            pointer
            for pointer, asked in (("/spec/http", each.routes), ("/spec/tls", each.tls_routes), ("/spec/tcp", each.tcp_routes))
            if asked
        )
        pointers = pointers or ("/spec/http",)
        yield core.OwnedElsewhere(
            group=group, kind="VirtualService", name=name, namespace=other or namespace, json_pointers=pointers
        )
    if routing.destination_rule is not None:
        name = routing.destination_rule.name
        yield core.OwnedElsewhere(
            group=group, kind="DestinationRule", name=name, namespace=namespace, json_pointers=("/spec/subsets",)
        )
    for service in (canary.stable_service, canary.canary_service):
        if service is not None:
            yield owned_selector(service, namespace)


def _missing_routes(
    rollout: ControllerObject, wanted: IstioVirtualService, found: IstioObject[IstioStruct]
) -> Iterator[Diagnostic]:
    names = [route.name for route in cast("VirtualService", found.spec).http or ()]
    for route in wanted.routes or ():
        if route not in names:
            known = ", ".join(f"`{each}`" for each in names if each)
            message = f"Rollout `{rollout.name}` moves the weights of the rule `{route}`, which `{found.name}` does not have"
            hint = f"its rules are {known}" if known else "its rules have no names"
            place = rollout.origin.at("spec", "strategy", "canary", "trafficRouting", "istio")
            yield UNKNOWN_ROLLOUT_ROUTE.at(place, message, help=hint, related=[Related(found.origin, "the VirtualService")])
