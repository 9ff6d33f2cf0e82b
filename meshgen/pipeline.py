"""The order of the stages, and nothing else: load → decode → lower → link → check → emit → deliver.

Every function here is a table of contents. A stage returns its value and its diagnostics; none raises for what a user wrote.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec

from meshgen.check.between import check_between
from meshgen.check.engine import NotChecked, check
from meshgen.check.suppressions import Suppression, Suppressions, read_suppressions
from meshgen.diagnostics import Diagnostic, Severity, sort_diagnostics
from meshgen.diagnostics.catalogue.load import NOT_IN_MESH
from meshgen.emit.istio import Artifact, emit_istio
from meshgen.intent.decode import IntentObject, decode_intents
from meshgen.intent.kind import Intent
from meshgen.istio.decode import decode_object
from meshgen.istio.object import IstioObject
from meshgen.istio.struct import IstioStruct
from meshgen.istio.versions import IstioVersion
from meshgen.kubernetes import CoreFacts, KubernetesObject, OwnedElsewhere
from meshgen.load.clusters import choose_cluster, cluster_names, in_cluster, unknown_clusters
from meshgen.load.document import Document
from meshgen.load.kubernetes import decode_facts
from meshgen.load.load import Loaded, Options, load
from meshgen.load.project import Project, ProxyTarget
from meshgen.load.workspace import CONTROLLERS, Workspace
from meshgen.lower.admission import admitted
from meshgen.lower.lower import lower
from meshgen.lower.mesh.installed import Installation
from meshgen.lower.result import DeliveryFile
from meshgen.mesh import Capture, Limits, Mesh, Proxy, Role, link
from meshgen.mesh.proxies import derive_proxies

if TYPE_CHECKING:
    from meshgen.emit.envoy.snapshot import Snapshot
    from meshgen.intent.traffic_test import TrafficTest
    from meshgen.progressive.decode import ControllerObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a compile gives.

    `project` is None where there is none that can be read, and the mesh is empty then. `artifacts` is empty where an error
    forbids output.
    """

    root: Path
    mesh: Mesh
    project: Project | None = None
    environment: str = ""
    cluster: str = ""  # the one of the Mesh's clusters that this is; empty for a mesh without clusters
    tests: tuple[IntentObject[TrafficTest], ...] = ()  # what `meshgen test` runs; they give no objects
    objects: tuple[IstioObject[IstioStruct], ...] = ()
    others: tuple[KubernetesObject, ...] = ()  # what intents give beside Istio's API
    files: tuple[DeliveryFile, ...] = ()  # what intents give for people and tools, in the delivery tree
    owned_elsewhere: tuple[OwnedElsewhere, ...] = ()  # fields that Flagger and Argo Rollouts write
    artifacts: tuple[Artifact, ...] = ()
    proxies: tuple[Proxy, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    not_checked: tuple[NotChecked, ...] = ()
    installation: Installation | None = None  # what a Mesh says of istiod's settings and of its installation
    texts: Mapping[str, bytes] = field(default_factory=dict)  # sources by the file name that origins have
    suppressions: Suppressions = field(default_factory=Suppressions, repr=False)  # for what later stages find
    used_suppressions: frozenset[Suppression] = field(default=frozenset(), repr=False)  # those that kept a finding

    @property
    def output_proxies(self) -> tuple[Proxy, ...]:
        """The proxies whose configuration is written: those that the project names, else all that the mesh calls for."""
        targets = self.project.targets.proxies if self.project is not None else ()
        named = {f"{target.namespace}/{target.name}" for target in targets}
        return tuple(proxy for proxy in self.proxies if not named or proxy.id in named)

    @property
    def failed(self) -> bool:
        """Whether an error forbids output."""
        return has_errors(self.diagnostics)


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Whether any finding is an error."""
    return any(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics)


def compile_project(root: Path, options: Options | None = None) -> Result:
    """Compiles the project in `root` to Istio artifacts and a linked mesh; Envoy snapshots are made of it on request.

    Of a mesh with several clusters it is the one that the options name.
    """
    options = options or Options()
    return _compile_one(root, options, *load(root, options))


def compile_clusters(root: Path, options: Options | None = None) -> tuple[Result, ...]:
    """Compiles each cluster of the mesh, by name; the one that the options name, or the only one, alone.

    What is wrong between clusters is among the findings of each.
    """
    options = options or Options()
    loaded, diagnostics = load(root, options)
    names = cluster_names(loaded.workspace)
    if options.cluster is not None or len(names) < 2:
        return (_compile_one(root, options, loaded, diagnostics),)
    diagnostics += unknown_clusters(loaded.workspace)
    results = tuple(_compile(root, options, loaded, name, diagnostics) for name in names)
    between, used = results[0].suppressions.keep(check_between({result.cluster: result.mesh for result in results}))
    results = tuple(replace(result, diagnostics=sort_diagnostics((*result.diagnostics, *between))) for result in results)
    return _with_unused(results, used)


def _compile_one(root: Path, options: Options, loaded: Loaded, diagnostics: tuple[Diagnostic, ...]) -> Result:
    """The cluster that the options name, or the only one. What keeps a finding of another cluster is not called of no use."""
    cluster, found = choose_cluster(loaded.workspace, options.cluster)
    result = _compile(root, options, loaded, cluster, (*diagnostics, *found, *unknown_clusters(loaded.workspace)))
    return result if len(cluster_names(loaded.workspace)) > 1 else _with_unused((result,), frozenset())[0]


def _with_unused(results: tuple[Result, ...], used: frozenset[Suppression]) -> tuple[Result, ...]:
    """The results with a finding for each suppression that is of no use in any of them: all clusters of a mesh, or the one.

    Where errors keep findings from being made, nobody can say that.
    """
    unused = tuple(results[0].suppressions.unused(used.union(*(result.used_suppressions for result in results))))
    if not unused or any(result.failed for result in results):
        return results
    return tuple(replace(result, diagnostics=sort_diagnostics((*result.diagnostics, *unused))) for result in results)


def _compile(root: Path, options: Options, loaded: Loaded, cluster: str, diagnostics: tuple[Diagnostic, ...]) -> Result:
    """What was loaded, for one cluster of the mesh; `""` for a mesh without clusters."""
    workspace = in_cluster(loaded.workspace, cluster)
    target = (loaded.project or Project()).targets.version
    intents, found = decode_intents(workspace.intents)
    diagnostics += found
    tests = tuple(cast("IntentObject[TrafficTest]", intent) for intent in intents if intent.model.KIND == "TrafficTest")
    natives, found = decode_natives(workspace.natives, target)
    diagnostics += (*found, *admitted(natives, target))
    diagnostics += tuple(_left_out(document) for document in workspace.gateway_api)
    facts, found = decode_facts((document.value, document.origin) for document in workspace.core)
    diagnostics += found
    facts, found = _with_installations(workspace, facts)
    diagnostics += found
    controllers, found = _decode_controllers(workspace.others)
    diagnostics += found
    lowered, found = lower(intents, natives, facts, target, controllers, cluster)
    diagnostics += found
    mesh = link((*lowered.objects, *lowered.foreign), lowered.facts, lowered.config, lowered.networks)
    checked = check(mesh)
    diagnostics += _check_tests(tests, mesh)
    unread = _unread(workspace, intents, natives)
    broken = has_errors(diagnostics)
    findings = (
        each for each in checked.diagnostics if not (broken and each.code.of_reference and each.severity is Severity.INFO)
    )
    suppressions, found = read_suppressions(loaded.workspace.documents)
    left, used = suppressions.keep((*diagnostics, *findings))
    diagnostics = sort_diagnostics(each for each in (*left, *found) if not _is_consequence(each, unread))
    failed = has_errors(diagnostics)
    return Result(
        root=root,
        project=loaded.project,
        environment=options.environment or "",
        cluster=cluster,
        tests=tests,
        objects=lowered.objects,
        others=lowered.others,
        files=() if failed else lowered.files,
        owned_elsewhere=lowered.owned_elsewhere,
        mesh=mesh,
        artifacts=() if failed else emit_istio(lowered.objects, lowered.others),
        proxies=all_proxies(mesh, loaded.project),
        diagnostics=diagnostics,
        not_checked=checked.not_checked,
        installation=None if failed else lowered.installation,
        texts=workspace.texts,
        suppressions=suppressions,
        used_suppressions=used,
    )


def _check_tests(tests: tuple[IntentObject[TrafficTest], ...], mesh: Mesh) -> tuple[Diagnostic, ...]:
    """What tests expect to meet and the mesh does not have."""
    if not tests:
        return ()
    from meshgen.check.expectations import check_expectations  # noqa: PLC0415 (few trees have tests)

    return check_expectations(tests, mesh)


def _with_installations(workspace: Workspace, facts: CoreFacts) -> tuple[CoreFacts, tuple[Diagnostic, ...]]:
    """The facts and, beside them, what installations of Istio in the tree say of MeshConfig."""
    documents = [
        each
        for each in (*workspace.natives, *workspace.others)
        if each.kind in {"IstioOperator", "HelmRelease", "Application"} or each.api_version.startswith("install.istio.io/")
    ]
    if not documents:
        return facts, ()
    from meshgen.load.installations import read_installations  # noqa: PLC0415 (types that few trees need)

    configs, found = read_installations((each.value, each.origin) for each in documents)
    return msgspec.structs.replace(facts, mesh_configs=(*facts.mesh_configs, *configs)), found


def _left_out(document: Document) -> Diagnostic:
    message = f"{document.title} takes no part in the mesh: objects of the Gateway API are not read yet"
    return NOT_IN_MESH.at(
        document.origin_of("kind"), message, help="write a Route or a VirtualService, or keep it out of the sources"
    )


def decode_natives(
    documents: Sequence[Document], target: IstioVersion
) -> tuple[tuple[IstioObject[IstioStruct], ...], tuple[Diagnostic, ...]]:
    """The native objects of documents, in their order, and what is wrong with those that are left out."""
    objects: list[IstioObject[IstioStruct]] = []
    diagnostics: list[Diagnostic] = []
    for document in documents:
        if document.api_version.startswith("install.istio.io/"):
            continue  # read by `_with_installations`
        decoded, found = decode_object(document.value, document.origin, document.origins, target)
        diagnostics += found
        if decoded is not None:
            objects.append(decoded)
    return tuple(objects), tuple(diagnostics)


def _decode_controllers(documents: Sequence[Document]) -> tuple[tuple[ControllerObject, ...], tuple[Diagnostic, ...]]:
    """Flagger's and Argo Rollouts' objects, typed."""
    mine = [document for document in documents if document.api_version.startswith(CONTROLLERS)]
    if not mine:
        return (), ()
    from meshgen.progressive.decode import decode_controllers  # noqa: PLC0415 (sixty structs, and only for these objects)

    return decode_controllers(mine)


def _unread(
    workspace: Workspace, intents: Iterable[IntentObject[Intent]], natives: Iterable[IstioObject[IstioStruct]]
) -> frozenset[str]:
    """The names of documents that have errors, and so take no part in the mesh."""
    read = {intent.origin for intent in intents} | {native.origin for native in natives}
    return frozenset(each.name for each in (*workspace.intents, *workspace.natives) if each.origin not in read and each.name)


def _is_consequence(diagnostic: Diagnostic, unread: frozenset[str]) -> bool:
    """Whether a finding only says that something is missing which stands in a document with errors: one fault, one finding."""
    if not (unread and diagnostic.code.of_reference):
        return False
    return any(re.search(rf"`([^`]*/)?{re.escape(name)}[`.]", diagnostic.message) for name in unread)


def all_proxies(mesh: Mesh, project: Project | None) -> tuple[Proxy, ...]:
    """The proxies that the project names and, for the rest, those that the mesh calls for; by namespace and name."""
    named = [_named_proxy(target) for target in project.targets.proxies] if project is not None else []
    derived = (proxy for proxy in derive_proxies(mesh) if not any(_stands_for(other, proxy) for other in named))
    proxies = {proxy.id: proxy for proxy in (*derived, *named)}
    made_for = (project or Project()).targets
    istio, envoy = made_for.istio, made_for.envoy_version
    return tuple(replace(proxies[key], istio_version=istio, envoy_version=envoy) for key in sorted(proxies))


_CANONICAL_NAME = "service.istio.io/canonical-name"  # which is added to Pods, and seldom said of a proxy


def _stands_for(named: Proxy, derived: Proxy) -> bool:
    """Whether a named proxy is the one that was derived: it has its labels.

    A gateway may live in another namespace than its Gateway.
    """
    same_place = named.namespace == derived.namespace or named.is_gateway
    labels = {(key, value) for key, value in derived.labels.items() if key != _CANONICAL_NAME}
    return named.is_gateway is derived.is_gateway and same_place and bool(labels) and labels <= named.labels.items()


def _named_proxy(target: ProxyTarget) -> Proxy:
    return Proxy(
        name=target.name,
        namespace=target.namespace,
        role=Role(target.role),
        labels=target.labels,
        service_account=target.service_account,
        address=target.ip,
        locality=target.locality,
        network=target.network,
        limits=Limits(memory=target.limits.bytes, connections=target.limits.connections),
        capture=Capture(target.bind),
    )


def envoy_snapshots(mesh: Mesh, proxies: Iterable[Proxy]) -> tuple[tuple[Snapshot, ...], tuple[Diagnostic, ...]]:
    """The Envoy configuration of each proxy, and what the backend could not carry over."""
    from meshgen.emit.envoy.translate import emit_envoy  # noqa: PLC0415 (half of the code, and only for the Envoy target)

    snapshots: list[Snapshot] = []
    diagnostics: list[Diagnostic] = []
    for proxy in proxies:
        snapshot, found = emit_envoy(mesh, proxy)
        snapshots.append(snapshot)
        diagnostics += found
    return tuple(snapshots), sort_diagnostics(diagnostics)
