"""Intent to Istio objects: the order of the steps.

A step that few meshes need is imported where it is taken, and its kind with it: the rest do not pay for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from meshgen.diagnostics import Diagnostic, Related, sort_diagnostics
from meshgen.diagnostics.catalogue.lower import DECLARED_TWICE, OBJECT_TAKEN
from meshgen.intent.decode import IntentObject
from meshgen.intent.kind import Intent
from meshgen.istio.mesh_config import MeshConfig
from meshgen.istio.object import IstioObject
from meshgen.istio.struct import IstioStruct
from meshgen.istio.versions import DEFAULT_TARGET, IstioVersion
from meshgen.json import JsonObject
from meshgen.kubernetes import CoreFacts, KubernetesObject
from meshgen.lower.admission import refused
from meshgen.lower.calls import check_calls
from meshgen.lower.changes import Changes
from meshgen.lower.destination_rule import destination_rules, traffic_policies
from meshgen.lower.facts import with_intents, with_objects
from meshgen.lower.gateway import gateways
from meshgen.lower.index import Index, build_index
from meshgen.lower.mesh.provider_hosts import check_providers
from meshgen.lower.names import check_names
from meshgen.lower.patches import patched
from meshgen.lower.result import DeliveryFile, Lowered, Made, Report
from meshgen.lower.rules import RuleBook
from meshgen.lower.sidecar import sidecars
from meshgen.lower.virtual_service import virtual_services

if TYPE_CHECKING:
    from meshgen.intent.mesh import Mesh
    from meshgen.lower.canary.engines import Engines
    from meshgen.lower.telemetry.pods import PodChange
    from meshgen.progressive.decode import ControllerObject

__all__ = ["Lowered", "lower"]


def lower(
    intents: Iterable[IntentObject[Intent]],
    natives: Sequence[IstioObject[IstioStruct]],
    facts: CoreFacts,
    target: IstioVersion = DEFAULT_TARGET,
    controllers: Sequence[ControllerObject] = (),
    cluster: str = "",
) -> tuple[Lowered, tuple[Diagnostic, ...]]:
    """All of a mesh as Istio objects: the natives, and what the intents give, whatever the order of the documents.

    `target` is the release of Istio that the objects are for; a lowering that has a choice asks `index.target`. `controllers` are
    Flagger's and Argo Rollouts' objects of the tree. `cluster` is the one of the Mesh's clusters whose documents these are.
    An intent that contradicts another, or names what nobody declares, is a diagnostic; the rest is lowered all the same.
    """
    report: Report = []
    distinct = _each_once(intents, report)
    mesh = next((cast("IntentObject[Mesh]", intent) for intent in distinct if intent.model.KIND == "Mesh"), None)
    config, said = _settings(mesh, facts, report)
    engines = _engines(distinct, controllers)
    facts = facts if engines is None else engines.with_rollouts(facts)
    index = build_index(distinct, facts, config, natives, target, cluster)
    if index.externals:
        from meshgen.lower.egress import find_ways

        index = replace(index, ways=find_ways(index, report))
    check_calls(index, natives, report)
    made, files = _made(index, engines, report)
    report += refused(made, target)
    objects, others = _distinct(natives, made, report, engines.passed_through() if engines is not None else ())
    check_providers(index, objects, report)
    facts = with_objects(with_intents(facts, index, report), others)
    if "Telemetry" in index.by_kind:
        from meshgen.lower.telemetry.telemetry import with_bootstraps

        facts = with_bootstraps(facts, index)
    files += _files(index, objects)
    lowered = Lowered(
        objects=tuple(sorted(objects, key=lambda each: each.key)),
        facts=facts if engines is None else engines.facts(facts),
        foreign=() if engines is None else engines.unwritten(objects, report),
        owned_elsewhere=() if engines is None else engines.owned_elsewhere(),
        config=index.config,
        others=tuple(sorted(others, key=lambda each: each.key)),
        files=tuple(sorted(files, key=lambda each: each.path)),
    )
    if mesh is not None:
        lowered = _with_mesh(lowered, mesh, said, natives, index, report)
    if facts.mesh_networks:
        from meshgen.lower.mesh_networks import with_mesh_networks

        networks = with_mesh_networks(lowered.networks, facts.mesh_networks, cluster, report)
        lowered = replace(lowered, networks=networks)
    return lowered, sort_diagnostics(report)


def _made(index: Index, engines: Engines | None, report: Report) -> tuple[list[Made], list[DeliveryFile]]:
    """The objects that the intents give, named and patched, and the files about Pods that are not ours."""
    changes: list[PodChange] = []
    given = list(_objects(index, report, engines))
    if "Telemetry" in index.by_kind:
        from meshgen.lower.telemetry.telemetry import telemetries

        given += telemetries(index, report, changes)
    if "Proxy" in index.by_kind:
        from meshgen.lower.proxy import proxies

        given += proxies(index, report)
    if not changes:
        check_names(given, index.intents, report)
        return patched(given, index.intents, report, index.target), []
    from meshgen.lower.telemetry.pods import annotated, pod_files

    given = annotated(given, changes)
    check_names(given, index.intents, report)
    made = patched(given, index.intents, report, index.target)
    return made, [file for change in changes for file in pod_files(change, made, index, report)]


def _files(index: Index, objects: Sequence[IstioObject[IstioStruct]]) -> Iterator[DeliveryFile]:
    """What is for people and tools, and nobody applies."""
    if "VirtualMachines" in index.by_kind:
        from meshgen.lower.machine_files import machine_files

        yield from machine_files(index)
    if index.mesh is not None and index.mesh.model.clusters:
        from meshgen.lower.cluster_files import cluster_files

        yield from cluster_files(index)
    if index.mesh is not None and index.mesh.model.observability is not None:
        from meshgen.lower.telemetry.observability import observability_files

        yield from observability_files(index, objects)
    if "Extension" in index.by_kind:
        from meshgen.lower.extension.extension import tap_requests

        yield from tap_requests(index)


def _with_mesh(
    lowered: Lowered,
    mesh: IntentObject[Mesh],
    said: JsonObject,
    natives: Sequence[IstioObject[IstioStruct]],
    index: Index,
    report: Report,
) -> Lowered:
    """What a Mesh asks of everything else, and how it is installed."""
    from meshgen.lower.clusters import check_clusters, networks_of, with_cluster
    from meshgen.lower.mesh.bounds import check_bounds
    from meshgen.lower.mesh.installation import installation

    check_clusters(index, natives, report)
    check_bounds(index, lowered.objects, report)
    return replace(lowered, installation=with_cluster(installation(mesh, said, report), index), networks=networks_of(index))


def _settings(mesh: IntentObject[Mesh] | None, facts: CoreFacts, report: Report) -> tuple[MeshConfig, JsonObject]:
    """The settings of istiod, and what of them the Mesh says."""
    if mesh is None and not facts.mesh_configs:
        return MeshConfig(), {}
    from meshgen.lower.mesh.config import mesh_settings

    settings = mesh_settings(mesh, facts.mesh_configs, report)
    return settings.config, settings.said


def _engines(intents: Iterable[IntentObject[Intent]], controllers: Sequence[ControllerObject]) -> Engines | None:
    """Flagger and Argo Rollouts, where somebody uses them."""
    if not controllers and all(getattr(intent.model, "engine", "weights") == "weights" for intent in intents):
        return None
    from meshgen.lower.canary.engines import Engines

    return Engines(controllers)


def _objects(index: Index, report: Report, engines: Engines | None) -> Iterator[Made]:
    changes = Changes(index, report)
    if index.mesh is not None:
        yield from _of_mesh(index, report)
    if index.gateways:
        yield from gateways(index)
        if any(gateway.model.deploy is not None for gateway in index.gateways.values()):
            from meshgen.lower.gateway_deployment import gateway_deployments

            yield from gateway_deployments(index)
    yield from virtual_services(index, RuleBook(index, report), changes, report)
    if engines is not None:
        yield from engines.objects(changes.engines, index, report)
    yield from destination_rules(index, changes.engines)
    yield from traffic_policies(index)
    if index.externals:
        from meshgen.lower.egress import egress_objects
        from meshgen.lower.external_service import external_services

        yield from external_services(index)
        yield from egress_objects(index)
    yield from sidecars(index, report)
    if any(service.model.proxy is not None for service in index.services.values()):
        from meshgen.lower.proxy import service_proxies

        yield from service_proxies(index, report)
    if any(service.model.kubernetes is not None for service in index.services.values()):
        from meshgen.lower.core_objects import core_objects

        yield from core_objects(index, report)
    yield from _policies(index, report)


def _of_mesh(index: Index, report: Report) -> Iterator[Made]:
    from meshgen.lower.mesh.mesh import mesh_objects

    yield from mesh_objects(index)
    if index.mesh is not None and index.mesh.model.observability is not None:
        from meshgen.lower.telemetry.observability import observability_objects

        yield from observability_objects(index, report)
    if index.cluster is not None:
        from meshgen.lower.clusters import cluster_objects

        yield from cluster_objects(index)


def _policies(index: Index, report: Report) -> Iterator[Made]:
    """What stands beside the routing of services, by kind."""
    kinds = index.by_kind
    if "Authentication" in kinds:
        from meshgen.lower.authentication import authentications

        yield from authentications(index, report)
    if "Access" in kinds:
        from meshgen.lower.access import authorization_policies

        yield from authorization_policies(index, report)
    if "VirtualMachines" in kinds:
        from meshgen.lower.virtual_machines import virtual_machines

        yield from virtual_machines(index)
    if "Extension" in kinds:
        from meshgen.lower.extension.extension import extensions

        yield from extensions(index, report)


def _each_once(intents: Iterable[IntentObject[Intent]], report: Report) -> list[IntentObject[Intent]]:
    """The intents by kind, namespace and name; of two that are one the first in the order of the files."""
    kept: dict[tuple[str, str, str], IntentObject[Intent]] = {}
    for intent in sorted(intents, key=lambda each: (each.sort_key, each.origin.sort_key())):
        key = ("Mesh", "", "") if intent.model.KIND == "Mesh" else intent.sort_key
        first = kept.setdefault(key, intent)
        if first is not intent:
            message = f"{intent.title} is declared twice"
            hint = "give one of them another name, or make them one"
            if intent.model.KIND == "Mesh":
                message, hint = "there are two Meshes", "make them one; an overlay changes it for an environment"
            related = [Related(first.origin, "first declared here")]
            report.append(DECLARED_TWICE.at(intent.origin, message, help=hint, related=related))
    return list(kept.values())


def _distinct(
    natives: Sequence[IstioObject[IstioStruct]], made: Iterable[Made], report: Report, passed: Iterable[KubernetesObject]
) -> tuple[list[IstioObject[IstioStruct]], list[KubernetesObject]]:
    """Natives and generated objects, Istio's and others; of two of one kind, namespace and name the first."""
    taken: dict[tuple[str, str, str], IstioObject[IstioStruct] | KubernetesObject] = {each.key: each for each in natives}
    objects = list(natives)
    others = list(passed)
    taken |= {each.key: each for each in others}
    for each in made:
        key = each.object.key
        first = taken.setdefault(key, each.object)
        if first is not each.object:
            report.append(_taken(each, first))
        elif isinstance(each.object, KubernetesObject):
            others.append(each.object)
        else:
            objects.append(each.object)
    return objects, others


def _taken(made: Made, first: IstioObject[IstioStruct] | KubernetesObject) -> Diagnostic:
    native = isinstance(first, IstioObject) and first.native is not None
    key = made.object.key
    message = f"{made.intents[0].spoken} gives the {made.object.kind} `{key[1]}/{key[2]}`, which is given already"
    note = "a native object of this name" if native else "given here"
    hint = "rename the intent, or remove the native object" if native else "give the intent another name"
    if made.object.kind in (made.intents[0].model.names or {}):
        hint = f"say under `names` which of its objects has that name: `{made.object.kind}/…`"
    return OBJECT_TAKEN.at(made.object.origin, message, help=hint, related=[Related(first.origin, note)])
