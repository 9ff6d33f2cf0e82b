"""Which documents hold in which clusters of the mesh.

The Mesh names its clusters; an intent says in `metadata.clusters`, any other document in the annotation `meshgen/clusters`, in
which of them it holds. Documents that say nothing hold in all. This is decided on documents, so that two may have one name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from meshgen.diagnostics import Diagnostic, Origin, did_you_mean
from meshgen.diagnostics.catalogue.clusters import CLUSTER_NOT_CHOSEN, UNKNOWN_CLUSTER
from meshgen.load.document import Document
from meshgen.load.project import PROJECT_FILE
from meshgen.load.workspace import Workspace


def cluster_names(workspace: Workspace) -> tuple[str, ...]:
    """The clusters of the Mesh, sorted; empty where there is no Mesh, or one that has none."""
    return _names(_mesh(workspace))


def _names(mesh: Document | None) -> tuple[str, ...]:
    clusters = _clusters(mesh) if mesh is not None else None
    return tuple(sorted(str(name) for name in clusters)) if isinstance(clusters, dict) else ()


def _mesh(workspace: Workspace) -> Document | None:
    return next((document for document in workspace.intents if document.kind == "Mesh"), None)


def _clusters(mesh: Document) -> object:
    spec = mesh.value.get("spec")
    return spec.get("clusters") if isinstance(spec, dict) else None


def in_cluster(workspace: Workspace, cluster: str) -> Workspace:
    """The workspace with the documents that hold in one cluster; all of them for a mesh without clusters (`""`)."""
    if not cluster:
        return workspace

    def kept(documents: Iterable[Document]) -> tuple[Document, ...]:
        return tuple(each for each in documents if not each.clusters or cluster in each.clusters)

    return replace(
        workspace,
        intents=kept(workspace.intents),
        natives=kept(workspace.natives),
        gateway_api=kept(workspace.gateway_api),
        core=kept(workspace.core),
        others=kept(workspace.others),
    )


def choose_cluster(workspace: Workspace, wanted: str | None) -> tuple[str, tuple[Diagnostic, ...]]:
    """The one cluster to compile, `""` for a mesh without clusters; and what forbids the choice."""
    mesh = _mesh(workspace)
    names = _names(mesh)
    known = ", ".join(f"`{name}`" for name in names)
    place = mesh.origin_of("spec", "clusters") if mesh is not None and names else Origin(PROJECT_FILE, line=1)
    if wanted is None:
        if len(names) < 2:
            return "".join(names), ()
        return names[0], (
            CLUSTER_NOT_CHOSEN.at(place, "the mesh has several clusters, and none is chosen", help=f"name one of {known}"),
        )
    if wanted in names:
        return wanted, ()
    message = f"the mesh has no cluster `{wanted}`"
    hint = did_you_mean(wanted, names) or (f"it has {known}" if names else "a Mesh names its `clusters`")
    return "".join(names[:1]), (UNKNOWN_CLUSTER.at(place, message, help=hint),)


def unknown_clusters(workspace: Workspace) -> tuple[Diagnostic, ...]:
    """Documents that hold in clusters which the Mesh does not have."""
    if not any(b"clusters" in text for text in workspace.texts.values()):
        return ()
    names = cluster_names(workspace)
    return tuple(finding for document in workspace.documents for finding in _unknown(document, names))


def _unknown(document: Document, names: Iterable[str]) -> Iterable[Diagnostic]:
    for name in document.clusters:
        if name not in names:
            message = f"{document.title} holds in the cluster `{name}`, which the Mesh does not have"
            known = ", ".join(f"`{each}`" for each in names)
            hint = did_you_mean(name, names) or (f"it has {known}" if known else "a Mesh names its `clusters`")
            yield UNKNOWN_CLUSTER.at(document.clusters_origin, message, help=hint)
