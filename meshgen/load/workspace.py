"""All documents of a project by what they are, ready to be decoded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from meshgen.diagnostics import Diagnostic, Related
from meshgen.diagnostics.catalogue.project import DUPLICATE_RESOURCE, MISSING_NAME, MISSING_TYPE
from meshgen.json import JsonObject
from meshgen.load.document import Document
from meshgen.load.secrets import private_keys, without_private_keys, without_secret_data

_CORE_GROUPS = frozenset({
    "",
    "apiextensions.k8s.io",
    "apps",
    "autoscaling",
    "batch",
    "discovery.k8s.io",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
})
# Kinds of Kubernetes, Istio and the Gateway API that stand in no namespace.
_CLUSTER_SCOPED = frozenset({
    "ClusterRole",
    "ClusterRoleBinding",
    "ClusterTrustBundle",
    "CustomResourceDefinition",
    "GatewayClass",
    "IngressClass",
    "Namespace",
    "Node",
    "PersistentVolume",
})
CONTROLLERS = ("flagger.app/", "argoproj.io/")
"""How the apiVersion begins of those among `others` that are read (`meshgen.progressive`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """What the sources hold, in the order in which it was read. Nothing is decoded yet."""

    intents: tuple[Document, ...] = ()  # apiVersion meshgen/…
    natives: tuple[Document, ...] = ()  # groups of istio.io
    gateway_api: tuple[Document, ...] = ()  # gateway.networking.k8s.io
    core: tuple[Document, ...] = ()  # Kubernetes' own groups
    others: tuple[Document, ...] = ()  # everything else: custom resources of others
    texts: Mapping[str, bytes] = field(default_factory=dict, compare=False, repr=False)
    """What was read, by the file name that origins have: for the line under a diagnostic."""

    @property
    def documents(self) -> tuple[Document, ...]:
        """All of them."""
        return (*self.intents, *self.natives, *self.gateway_api, *self.core, *self.others)


def build_workspace(
    documents: Iterable[Document], *, namespace: str = "default", texts: Mapping[str, bytes] | None = None
) -> tuple[Workspace, tuple[Diagnostic, ...]]:
    """Sort documents by their API group, complete namespaces, drop what is secret, and report what cannot be.

    `namespace` stands in for a missing `metadata.namespace`. Of two documents that are one resource the first is kept. Unknown
    kinds of `meshgen/v1` and `istio.io` are left to the rooms that decode them.
    """
    texts = texts or {}
    harmless = frozenset(file for file, text in texts.items() if b"PRIVATE KEY" not in text)
    rooms: dict[str, list[Document]] = {"intents": [], "natives": [], "gateway_api": [], "core": [], "others": []}
    diagnostics: list[Diagnostic] = []
    first: dict[tuple[str, str, str, str], list[Document]] = {}
    for document in documents:
        room = room_of(document.api_version)
        problem = _problem(document, room)
        if problem is not None:
            diagnostics.append(problem)
            continue
        leaks = _leaks(document, harmless)
        written = without_private_keys(document) if leaks else document
        written, notes = without_secret_data(_with_namespace(written, room, namespace))
        diagnostics += (*leaks, *notes)
        twins = first.setdefault(_identity(written, namespace), [])
        twin = next((each for each in twins if _share_a_cluster(each, written)), None) if twins else None
        if twin is not None and written.name:
            diagnostics.append(_duplicate(written, twin))
        else:
            twins.append(written)
            rooms[room].append(written)
    return Workspace(**{name: tuple(held) for name, held in rooms.items()}, texts=texts), tuple(diagnostics)


def room_of(api_version: str) -> str:
    """The field of Workspace that takes documents of an apiVersion."""
    group, slash, _ = api_version.partition("/")
    if not slash:
        group = ""
    if group == "meshgen":
        return "intents"
    if group == "istio.io" or group.endswith(".istio.io"):
        return "natives"
    if group == "gateway.networking.k8s.io":
        return "gateway_api"
    return "core" if group in _CORE_GROUPS else "others"


def _problem(document: Document, room: str) -> Diagnostic | None:
    """Why the document is no resource at all."""
    missing = [key for key in ("apiVersion", "kind") if not isinstance(document.value.get(key), str)]
    if missing or not document.kind or not document.api_version:
        names = " and ".join(f"`{name}`" for name in missing or ["apiVersion", "kind"])
        return MISSING_TYPE.at(document.origin, f"the document has no {names}", help=_look_alike(document.value))
    if not document.name and room not in {"intents", "natives"}:  # those are checked field for field where they are decoded
        return MISSING_NAME.at(document.origin.at("metadata"), f"`{document.kind}` has no `metadata.name`")
    return None


def _look_alike(value: JsonObject) -> str:
    """Help for a key that differs in case only, as `apiversion`."""
    for wanted in ("apiVersion", "kind"):
        near = [key for key in value if key != wanted and key.lower() == wanted.lower()]
        if wanted not in value and near:
            return f"`{near[0]}` is written `{wanted}`"
    return ""


def _leaks(document: Document, harmless: frozenset[str]) -> list[Diagnostic]:
    """Private keys; documents are searched only where their file has one, or where the file is a program."""
    if document.kind == "Secret" or (document.origin.file in harmless and document.origin.line is None):
        return []
    return list(private_keys(document))


def _with_namespace(document: Document, room: str, namespace: str) -> Document:
    """The document with its namespace said, where its kind has one. Intents know `default` themselves; a Mesh has none."""
    metadata = document.value.get("metadata")
    scoped = document.kind not in _CLUSTER_SCOPED and (room != "others" or document.api_version.startswith(CONTROLLERS))
    if room == "intents":
        scoped = namespace != "default" and document.kind != "Mesh"
    if not scoped or not isinstance(metadata, dict) or metadata.get("namespace") is not None:
        return document
    value: JsonObject = {**document.value, "metadata": {**metadata, "namespace": namespace}}
    return Document(value, document.origin, document.origins)


def _identity(document: Document, namespace: str) -> tuple[str, str, str, str]:
    group, slash, _ = document.api_version.partition("/")
    return (group if slash else "", document.kind, document.namespace or namespace, document.name)


def _share_a_cluster(one: Document, other: Document) -> bool:
    return not one.clusters or not other.clusters or not set(one.clusters).isdisjoint(other.clusters)


def _duplicate(document: Document, twin: Document) -> Diagnostic:
    message = f"`{document.title}` is given twice"
    related = [Related(twin.origin_of("metadata", "name"), "first here")]
    return DUPLICATE_RESOURCE.at(document.origin_of("metadata", "name"), message, label="again here", related=related)
