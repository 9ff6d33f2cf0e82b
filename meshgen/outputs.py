"""A compile's result as trees of files, one for each output directory of the project."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from meshgen.deliver.gitops import Delivery, gitops_files, keep_from_substitution, placeholders
from meshgen.deliver.layout import KUSTOMIZATION, Layout, kustomization_object, layout, render
from meshgen.deliver.manifest import MANIFEST, parse_manifest
from meshgen.diagnostics import Diagnostic, Origin, sort_diagnostics
from meshgen.emit.istio import Artifact
from meshgen.emit.istio.yaml_writer import dump_documents
from meshgen.json import JsonObject
from meshgen.load.project import PROJECT_FILE, Ads, Deliver, EnvoyOutput, IstioOutput, Project
from meshgen.lower.result import DeliveryFile
from meshgen.mesh import Proxy
from meshgen.pipeline import Result, envoy_snapshots

if TYPE_CHECKING:
    from meshgen.deliver.config_map_tree import Released
    from meshgen.emit.envoy.ads import ControlPlane


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputTree:
    """The files of one output directory, which has a manifest of its own."""

    directory: Path
    files: Mapping[str, bytes]  # POSIX path → content
    rank: Callable[[str], int] | None = None  # the order in which a watcher must see files change, where there is one


def istio_tree(result: Result, output: IstioOutput, directory: Path) -> OutputTree:
    """The Istio objects as YAML in the layout that the project chooses, with a kustomization.yaml where it asks for one."""
    artifacts: Iterable[Artifact] = result.artifacts
    if output.deliver.flux is not None:
        artifacts = keep_from_substitution(artifacts)
    plans = layout(artifacts, Layout(output.layout))
    return OutputTree(directory=directory, files=_below(result, render(plans, kustomization=output.kustomization)))


def delivery_tree(result: Result, output: IstioOutput, directory: Path) -> tuple[OutputTree | None, tuple[Diagnostic, ...]]:
    """What stands beside the Istio tree: Helm values, files of intents, Argo CD and Flux objects; None where there is nothing."""
    given = (*_installation(result), *result.files)
    files = {file.path: _content(file.content) for file in given if not file.common}
    engines, diagnostics = _engines(result, output.deliver, _Tree("istio", output.directory, output.kustomization))
    files = _below(result, files | engines) | {file.path: _content(file.content) for file in given if file.common}
    if not files and not directory.exists():
        return None, diagnostics
    return OutputTree(directory=directory, files=files), diagnostics


@dataclass(frozen=True, slots=True)
class _Tree:
    """A tree that an engine is to apply."""

    output: str  # its name under the project's `outputs`
    directory: str
    kustomization: bool
    suffix: str = ""  # of the engine's object, so that two trees have two


def _engines(result: Result, deliver: Deliver, tree: _Tree) -> tuple[dict[str, bytes], tuple[Diagnostic, ...]]:
    """The objects of Argo CD and Flux that bring a tree to a cluster."""
    name = "-".join(filter(None, (result.root.absolute().name, tree.suffix, result.cluster)))
    place = Origin(PROJECT_FILE).at("spec", "outputs", tree.output, *(("configMaps",) if tree.suffix else ()), "deliver")
    files: dict[str, bytes] = {}
    diagnostics: tuple[Diagnostic, ...] = ()
    if (argocd := deliver.argocd) is not None:
        delivery = Delivery(
            name=_name(result, argocd.name) or name,
            repo_url=argocd.repository,
            target_revision=argocd.revision,
            path=_path(result, argocd.path or tree.directory),
            server=argocd.server,
            cluster=result.cluster,
            argocd_namespace=argocd.namespace,
            argocd_project=argocd.project,
            kustomization=tree.kustomization,
            owned_elsewhere=result.owned_elsewhere,
        )
        files |= gitops_files(delivery, flux=False)
        diagnostics += placeholders(delivery, place.at("argocd"))
    if (flux := deliver.flux) is not None:
        delivery = Delivery(
            name=_name(result, flux.name) or name,
            repo_url=flux.repository,
            target_revision=flux.revision,
            path=_path(result, flux.path or tree.directory),
            flux_namespace=flux.namespace,
            flux_interval=flux.interval,
            flux_prune=flux.prune,
            kustomization=tree.kustomization,
            owned_elsewhere=result.owned_elsewhere,
        )
        files |= gitops_files(delivery, argocd=False)
        diagnostics += placeholders(delivery, place.at("flux"))
    return files, diagnostics


def _below(result: Result, files: dict[str, bytes]) -> dict[str, bytes]:
    """The files in the directory of the result's cluster, where it is one of a mesh that has clusters."""
    return {f"{result.cluster}/{path}": content for path, content in files.items()} if result.cluster else files


def _path(result: Result, path: str) -> str:
    return "/".join(filter(None, (path, result.cluster)))


def _name(result: Result, name: str | None) -> str:
    return "-".join(filter(None, (name, result.cluster))) if name else ""


def _content(content: JsonObject | str) -> bytes:
    return content.encode() if isinstance(content, str) else dump_documents([content])


def _installation(result: Result) -> tuple[DeliveryFile, ...]:
    """What the Mesh says of istiod and its installation: Helm values, IstioOperator, runbook.

    A MeshConfig that was read from the cluster's own ConfigMap is not given back.
    """
    if result.installation is None:
        return ()
    from meshgen.emit.install import install_files  # noqa: PLC0415 (only where a Mesh is given)

    return tuple(DeliveryFile(path=path, content=content) for path, content in install_files(result.installation).items())


def envoy_tree(
    result: Result, output: EnvoyOutput, directory: Path, proxies: Iterable[Proxy]
) -> tuple[OutputTree, tuple[Diagnostic, ...]]:
    """The Envoy configuration of each proxy, in the delivery that the project chooses."""
    if output.ads is not None:
        return _ads_tree(result, output, output.ads, directory, proxies)
    from meshgen.emit.envoy.bootstrap import BootstrapOptions  # noqa: PLC0415 (only for the Envoy target)
    from meshgen.emit.envoy.delivery import Delivery as EnvoyDelivery  # noqa: PLC0415 (only for the Envoy target)
    from meshgen.emit.envoy.delivery import files, rank  # noqa: PLC0415 (as above)
    from meshgen.emit.envoy.limits import cluster_limits, delivery_limits, watch_limits  # noqa: PLC0415 (as above)

    snapshots, diagnostics = envoy_snapshots(result.mesh, proxies)
    diagnostics += cluster_limits(result.mesh)
    contents: dict[str, bytes] = {}
    options = BootstrapOptions(certificates=output.certificates, admin_port=output.admin_port or -1)
    delivery = EnvoyDelivery(output.delivery)
    for snapshot in snapshots:
        made = files(snapshot, delivery, output.root, options)
        contents |= made
        diagnostics += delivery_limits(result.mesh, result.mesh.view(snapshot.proxy), delivery, options)
        diagnostics += watch_limits(snapshot.proxy, len(made) - 1)
    return OutputTree(directory=directory, files=_below(result, contents), rank=rank), sort_diagnostics(
        result.suppressions.keep(diagnostics)[0]
    )


def config_map_trees(
    result: Result, output: EnvoyOutput, directory: Path, proxies: Iterable[Proxy], released: Released
) -> tuple[tuple[OutputTree, ...], tuple[Diagnostic, ...]]:
    """The ConfigMaps of each proxy, as the release after the one that the fleet has; beside them what Pods and engines need."""
    from meshgen.deliver.config_map_tree import ConfigMapTree  # noqa: PLC0415 (only for this delivery)
    from meshgen.emit.envoy.limits import cluster_limits  # noqa: PLC0415 (as above)

    snapshots, diagnostics = envoy_snapshots(result.mesh, proxies)
    version = (result.project or Project()).targets.envoy_version
    made = ConfigMapTree(result.mesh, output, _cluster_of(result, released), f"envoyproxy/envoy:v{version.release}-latest")
    for snapshot in snapshots:
        made.add(snapshot)
    settings = output.config_maps
    engines, found = _engines(result, settings.deliver, _Tree("envoy", output.directory, settings.kustomization, "envoy"))
    artifacts: Iterable[Artifact] = made.artifacts
    if settings.deliver.flux is not None:
        artifacts = keep_from_substitution(artifacts)
    files = render(layout(artifacts, Layout.SERVICE), kustomization=settings.kustomization)
    trees = (
        OutputTree(directory=directory, files=_below(result, files)),
        OutputTree(directory=directory.with_name(f"deliver-{directory.name}"), files=_below(result, {**made.patches, **engines})),
    )
    diagnostics += (*cluster_limits(result.mesh), *made.diagnostics)
    return trees, sort_diagnostics((*result.suppressions.keep(diagnostics)[0], *found))


def _cluster_of(result: Result, released: Released) -> Released:
    return lambda path: released(f"{result.cluster}/{path}" if result.cluster else path)


def _ads_tree(
    result: Result, output: EnvoyOutput, ads: Ads, directory: Path, proxies: Iterable[Proxy]
) -> tuple[OutputTree, tuple[Diagnostic, ...]]:
    """Bootstraps only: what proxies do is the control plane's to say, and so nothing is translated."""
    from meshgen.emit.envoy.bootstrap import BootstrapOptions  # noqa: PLC0415 (only for the Envoy target)
    from meshgen.emit.envoy.custom_bootstrap import custom_bootstrap  # noqa: PLC0415 (as above)
    from meshgen.emit.envoy.delivery import ads_files, rank  # noqa: PLC0415 (as above)

    options = BootstrapOptions(certificates=output.certificates, admin_port=output.admin_port or -1)
    contents: dict[str, bytes] = {}
    diagnostics: tuple[Diagnostic, ...] = ()
    for proxy in proxies:
        extra, found = custom_bootstrap(result.mesh, proxy)
        contents |= ads_files(proxy, control_plane(ads), extra, output.root, options)
        diagnostics += found
    return OutputTree(directory=directory, files=_below(result, contents), rank=rank), sort_diagnostics(
        result.suppressions.keep(diagnostics)[0]
    )


def control_plane(ads: Ads) -> ControlPlane:
    """The project's words for a control plane as the backend's."""
    from meshgen.emit.envoy.ads import ControlPlane  # noqa: PLC0415 (only for the Envoy target)

    tls = ads.tls
    return ControlPlane(
        address=ads.address,
        port=ads.port,
        api_type=ads.api_type,
        credential=tls.credential if tls is not None else "",
        server_name=(tls.server_name if tls is not None else None) or "",
        mutual=tls is not None and tls.mode == "MUTUAL",
        metadata=ads.metadata,
    )


def joined(trees: Iterable[OutputTree]) -> tuple[OutputTree, ...]:
    """The trees of several clusters, those of one directory as one: it is written whole, or not at all."""
    by_directory: dict[Path, OutputTree] = {}
    for tree in trees:
        known = by_directory.get(tree.directory)
        files = {**known.files, **tree.files} if known is not None else tree.files
        by_directory[tree.directory] = replace(tree, files=files)
    return tuple(by_directory.values())


def with_other_proxies(tree: OutputTree, result: Result, proxies: Iterable[Proxy]) -> OutputTree:
    """The tree of some proxies, and the files of all others as they were written: they stay."""
    joint = _with_others(tree, tuple(_below(result, {f"{proxy.namespace}/{proxy.name}/": b"" for proxy in proxies})))
    place = next(iter(_below(result, {KUSTOMIZATION: b""})))
    if place not in joint.files:
        return joint
    start = len(place) - len(KUSTOMIZATION)
    names = sorted(path[start:] for path in joint.files if path.startswith(place[:start]) and path != place)
    return replace(joint, files={**joint.files, place: dump_documents([kustomization_object(names)])})


def with_other_clusters(tree: OutputTree, cluster: str) -> OutputTree:
    """The tree of one cluster, and the files of all others as they were written: they stay."""
    return _with_others(tree, (f"{cluster}/",))


def _with_others(tree: OutputTree, own: tuple[str, ...]) -> OutputTree:
    try:
        manifest = parse_manifest((tree.directory / MANIFEST).read_bytes())
    except (OSError, ValueError):  # nothing is known to be meshgen's, and nothing will be removed
        return tree
    others = {path: tree.directory / path for path in manifest.files if not path.startswith(own)}
    files = {path: file.read_bytes() for path, file in others.items() if file.is_file()} | dict(tree.files)
    return replace(tree, files=files)
