"""Example documents that put a tree under Argo CD or Flux.

They are written beside the tree, in `argocd/` and `flux/`, so that they are not applied as a part of it. Fields follow
argoproj.io/v1alpha1 Application, source.toolkit.fluxcd.io/v1 GitRepository and kustomize.toolkit.fluxcd.io/v1 Kustomization. What
the project does not say stands as an explicit `REPLACE-ME`, with MG0809.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from msgspec.structs import replace

from meshgen.diagnostics import Diagnostic, Origin
from meshgen.diagnostics.catalogue.delivery import DELIVERY_PLACEHOLDER
from meshgen.emit.istio.artifact import Artifact
from meshgen.emit.istio.yaml_writer import dump_documents
from meshgen.json import JsonObject, JsonValue
from meshgen.kubernetes import OwnedElsewhere

ARGOCD_PATH = "argocd/application.yaml"
FLUX_PATH = "flux/sync.yaml"  # not `kustomization.yaml`: kustomize would take that for its own

REPLACE_REPO_URL = "https://REPLACE-ME.example/REPLACE-ME.git"
REPLACE_REVISION = "REPLACE-ME"
REPLACE_PATH = "REPLACE-ME"

SUBSTITUTE_ANNOTATION = "kustomize.toolkit.fluxcd.io/substitute"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Where the tree is committed and which cluster takes it. None is a placeholder in the documents."""

    name: str  # of the Application and the Kustomization, "mesh-production"
    repo_url: str | None = None
    target_revision: str | None = None  # a branch, a tag as `refs/tags/<tag>`, or a commit's 40 hexadecimal digits
    path: str | None = None  # of the tree in the repository, "deploy/mesh"
    server: str = "https://kubernetes.default.svc"  # Argo CD's name for its own cluster
    cluster: str = ""  # the one of the mesh that it is, as it is registered in Argo CD; empty: `server`
    argocd_namespace: str = "argocd"
    argocd_project: str = "default"
    flux_namespace: str = "flux-system"
    flux_interval: str = "10m"
    flux_prune: bool = True
    kustomization: bool = False  # whether the tree has a kustomization.yaml
    owned_elsewhere: tuple[OwnedElsewhere, ...] = ()


def gitops_files(delivery: Delivery, *, argocd: bool = True, flux: bool = True) -> dict[str, bytes]:
    """The example documents by path, relative to the directory that the tree stands in."""
    files: dict[str, bytes] = {}
    if argocd:
        files[ARGOCD_PATH] = dump_documents([argocd_application(delivery)])
    if flux:
        files[FLUX_PATH] = dump_documents(flux_objects(delivery))
    return files


def placeholders(delivery: Delivery, origin: Origin) -> tuple[Diagnostic, ...]:
    """One MG0809 for each setting that stands as a placeholder; `origin` is the project's `deliver.argocd` or `deliver.flux`."""
    settings = {"repository": delivery.repo_url, "revision": delivery.target_revision, "path": delivery.path}
    return tuple(
        DELIVERY_PLACEHOLDER.at(
            origin,
            f"the delivery `{delivery.name}` has no `{name}`: it stands as `REPLACE-ME` in what is written",
            help=f"set `{name}` here",
        )
        for name, value in settings.items()
        if value is None
    )


# --- Argo CD ----------------------------------------------------------------------------------------------------------


def argocd_application(delivery: Delivery) -> JsonObject:
    """An Application that keeps the cluster as the tree is."""
    # Server-side diff goes with server-side apply: else defaulted fields show as drift for ever (argo-cd#22151).
    annotations: JsonObject = {"argocd.argoproj.io/compare-options": "ServerSideDiff=true"}
    spec: JsonObject = {
        "project": delivery.argocd_project,
        "source": _argocd_source(delivery),
        "destination": {"name": delivery.cluster} if delivery.cluster else {"server": delivery.server},
        "syncPolicy": {
            "automated": {"prune": True, "selfHeal": True},
            "syncOptions": _sync_options(delivery),
        },
    }
    if delivery.owned_elsewhere:
        spec["ignoreDifferences"] = [_ignored(owned) for owned in delivery.owned_elsewhere]
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": delivery.name, "namespace": delivery.argocd_namespace, "annotations": annotations},
        "spec": spec,
    }


def _argocd_source(delivery: Delivery) -> JsonObject:
    source: JsonObject = {
        "repoURL": delivery.repo_url or REPLACE_REPO_URL,
        "targetRevision": delivery.target_revision or REPLACE_REVISION,
        "path": delivery.path or REPLACE_PATH,
    }
    if not delivery.kustomization:
        # A `directory` makes Argo CD read every file by itself, a kustomization.yaml included, so only without one.
        source["directory"] = {"recurse": True}
    return source


def _sync_options(delivery: Delivery) -> list[JsonValue]:
    options: list[JsonValue] = [
        "ServerSideApply=true",
        "PruneLast=true",  # what is removed goes when nothing leads to it any more
    ]
    if delivery.owned_elsewhere:
        options.append("RespectIgnoreDifferences=true")  # else a sync still writes what the diff ignores
    return options


def _ignored(owned: OwnedElsewhere) -> JsonObject:
    return {
        "group": owned.group,
        "kind": owned.kind,
        "name": owned.name,
        "namespace": owned.namespace,
        "jsonPointers": [*owned.json_pointers],
    }


# --- Flux -------------------------------------------------------------------------------------------------------------


def flux_objects(delivery: Delivery) -> tuple[JsonObject, JsonObject]:
    """A GitRepository and the Kustomization that applies the tree from it.

    There is no `postBuild`: with it, Flux would replace each `${name}` of a Lua filter or a log format.
    """
    metadata: JsonObject = {"name": delivery.name, "namespace": delivery.flux_namespace}
    repository: JsonObject = {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": metadata,
        "spec": {
            "interval": "5m",
            "url": delivery.repo_url or REPLACE_REPO_URL,
            "ref": _git_reference(delivery.target_revision or REPLACE_REVISION),
        },
    }
    kustomization: JsonObject = {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": dict(metadata),
        "spec": {
            "interval": delivery.flux_interval,
            "retryInterval": "2m",
            "timeout": "3m",
            "path": f"./{delivery.path or REPLACE_PATH}",
            "prune": delivery.flux_prune,
            "wait": True,
            "sourceRef": {"kind": "GitRepository", "name": delivery.name},
        },
    }
    if delivery.owned_elsewhere:  # Flux 2.9: `spec.ignore`
        spec = kustomization["spec"]
        if isinstance(spec, dict):
            spec["ignore"] = [_left_alone(owned) for owned in delivery.owned_elsewhere]
    return repository, kustomization


def _left_alone(owned: OwnedElsewhere) -> JsonObject:
    target: JsonObject = {"group": owned.group, "kind": owned.kind, "name": owned.name, "namespace": owned.namespace}
    return {"paths": [*owned.json_pointers], "target": {key: value for key, value in target.items() if value}}


def _git_reference(revision: str) -> JsonObject:
    """Which field of GitRepository's `spec.ref` a revision belongs into."""
    if re.fullmatch(r"[0-9a-f]{40}", revision):
        return {"commit": revision}
    if revision.startswith("refs/"):
        return {"name": revision}
    return {"branch": revision}


def keep_from_substitution(artifacts: Iterable[Artifact]) -> tuple[Artifact, ...]:
    """The artifacts, those with `${` in them annotated so that Flux's `postBuild` leaves them as they are.

    An annotation that is already there stays.
    """
    return tuple(_without_substitution(artifact) if has_variable(artifact.object) else artifact for artifact in artifacts)


def has_variable(value: JsonValue) -> bool:
    """Whether some string or key in this value has a `${`."""
    if isinstance(value, str):
        return "${" in value
    if isinstance(value, dict):
        return any("${" in key or has_variable(item) for key, item in value.items())
    return isinstance(value, list) and any(map(has_variable, value))


def _annotations(artifact: Artifact) -> JsonObject:
    metadata = artifact.object.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    return annotations if isinstance(annotations, dict) else {}


def _without_substitution(artifact: Artifact) -> Artifact:
    metadata = artifact.object.get("metadata")
    annotations: JsonObject = {SUBSTITUTE_ANNOTATION: "disabled", **_annotations(artifact)}
    annotated: JsonObject = {**(metadata if isinstance(metadata, dict) else {}), "annotations": annotations}
    return replace(artifact, object={**artifact.object, "metadata": annotated})
