"""Which object goes into which file, under which name and in which order.

Paths are POSIX, relative to the tree's root, ASCII and in lower case, so that they mean the same on every file system.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from meshgen.emit.istio.artifact import Artifact
from meshgen.emit.istio.yaml_writer import dump, dump_documents
from meshgen.json import JsonObject

KUSTOMIZATION = "kustomization.yaml"

_CLUSTER = "_cluster"  # where objects without a namespace go; no namespace can have this name


class Layout(StrEnum):
    """What one file of the tree holds."""

    SERVICE = "service"  # <namespace>/<owner>.yaml: what one service or intent gives; the default
    NAMESPACE = "namespace"  # <namespace>.yaml
    KIND = "kind"  # <kind>.yaml, over all namespaces
    SINGLE = "single"  # mesh.yaml


@dataclass(frozen=True, slots=True)
class FilePlan:
    """One file and its documents, in order."""

    path: str
    artifacts: tuple[Artifact, ...]


# A tree may be applied document by document (`kubectl apply`), so what is referred to comes before what refers to it.
_KIND_RANK = {
    "Namespace": 0,  # everything else stands in one
    "CustomResourceDefinition": 0,  # its objects are refused before it
    "ServiceAccount": 1,
    "Service": 1,  # hosts resolve before rules name them
    "ServiceEntry": 1,
    "WorkloadEntry": 1,
    "WorkloadGroup": 1,
    "Gateway": 2,  # a VirtualService on an unknown gateway is dropped
    "DestinationRule": 3,  # a subset must be known before a route sends to it, else 503
    "PeerAuthentication": 4,  # policies guard a service before new routes lead to it
    "RequestAuthentication": 4,  # before the AuthorizationPolicy that asks for its principals
    "AuthorizationPolicy": 5,
    "VirtualService": 7,  # last: it switches the traffic
}
_OTHER_RANK = 6  # Sidecar, Telemetry, EnvoyFilter …: nothing waits for them


def layout(artifacts: Iterable[Artifact], how: Layout = Layout.SERVICE) -> tuple[FilePlan, ...]:
    """The files of a tree, sorted by path. The order of the artifacts does not matter.

    Documents in a file stand by namespace, by a kind order that is safe to apply from top to bottom, then by name.
    """
    groups: dict[tuple[str, ...], list[Artifact]] = {}
    key = _KEYS[how]
    for artifact in artifacts:
        groups.setdefault(key(artifact), []).append(artifact)
    paths = _paths(groups)
    plans = (FilePlan(paths[group], tuple(sorted(members, key=_document_order))) for group, members in groups.items())
    return tuple(sorted(plans, key=lambda plan: plan.path))


_KEYS: Mapping[Layout, Callable[[Artifact], tuple[str, ...]]] = {
    Layout.SERVICE: lambda artifact: (artifact.namespace or _CLUSTER, artifact.owner),
    Layout.NAMESPACE: lambda artifact: (artifact.namespace or _CLUSTER,),
    Layout.KIND: lambda artifact: (artifact.kind.lower(),),
    Layout.SINGLE: lambda _artifact: ("mesh",),
}


def _document_order(artifact: Artifact) -> tuple[str, int, str, str, str]:
    rank = _KIND_RANK.get(artifact.kind, _OTHER_RANK)
    return (artifact.namespace, rank, artifact.kind, artifact.name, str(artifact.object.get("apiVersion", "")))


def render(plans: Iterable[FilePlan], *, kustomization: bool = False) -> dict[str, bytes]:
    """The bytes of each file, by path; with a `kustomization.yaml` that lists them on request.

    Raises what `dump_documents` raises.
    """
    files = {plan.path: dump_documents([artifact.object for artifact in plan.artifacts]) for plan in plans}
    if kustomization:
        files[KUSTOMIZATION] = dump(kustomization_object(sorted(files))).encode()
    return files


def kustomization_object(resources: Sequence[str]) -> JsonObject:
    """A `kustomization.yaml` for these files (kustomize.config.k8s.io/v1beta1), sorted."""
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [*sorted(resources)],
    }


# --- names of files ---------------------------------------------------------------------------------------------------

_SAFE = re.compile(r"_?[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?")
_UNSAFE = re.compile(r"[^a-z0-9]+")
_LONGEST = 250  # of 255 bytes that file systems have; the rest is for `.yaml`
_DEVICES = {"con", "prn", "aux", "nul", *(f"{name}{digit}" for name in ("com", "lpt") for digit in range(10))}  # Windows
_CONFIGURATION = {"kustomization", "chart"}  # kustomize, Flux and Argo CD take files of these names for their own


def _paths(groups: Iterable[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
    """A path for each group: no two alike, and the same whatever other groups there are unless they collide."""
    keys = sorted(groups)
    paths = {key: _path(key, digits=8) for key in keys}
    counts: dict[str, int] = {}
    for path in paths.values():
        counts[path] = counts.get(path, 0) + 1
    # A safe name can look like another one's hashed name; the hashed one then gets the whole hash.
    return {key: path if counts[path] == 1 else _path(key, digits=64) for key, path in paths.items()}


def _path(key: tuple[str, ...], *, digits: int) -> str:
    return "/".join(safe_name(part, digits=digits) for part in key) + ".yaml"


def safe_name(name: str, *, digits: int = 8) -> str:
    """A name as it is where every file system takes it, else a readable part of it and so many digits of its SHA-256.

    Every file system: also those that ignore case, that normalise Unicode, or that reserve the names of devices.

    >>> safe_name("catalog"), safe_name("*.Example.com"), safe_name("..")
    ('catalog', 'wildcard-example-com-bc089158', 'x-5ec1f7e7')
    """
    stem = name.split(".", 1)[0]
    if _SAFE.fullmatch(name) and len(name) <= _LONGEST and stem not in _DEVICES and name not in _CONFIGURATION:
        return name
    readable = _UNSAFE.sub("-", name.replace("*", "wildcard").lower()).strip("-")[:100].strip("-")
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{readable or 'x'}-{digest[:digits]}"
