"""The compiled objects against those of a live cluster, which is only ever read: get and list.

A live object is meshgen's own if the caller names its key (the manifest of what was written before) or if it carries the label
`app.kubernetes.io/managed-by: meshgen`. Only such an object counts as removed; whatever else lives in the cluster is let be.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from meshgen.diagnostics import Diagnostic, Origin
from meshgen.diagnostics.catalogue.live import (
    BAD_KUBECONFIG,
    CLUSTER_ANSWER,
    CLUSTER_FORBIDDEN,
    CLUSTER_UNREACHABLE,
    KIND_NOT_INSTALLED,
    LEFT_ALONE,
)
from meshgen.diff.changes import Changes, ObjectKey
from meshgen.diff.normalise import without_server_fields
from meshgen.diff.objects import Comparable, diff_objects, key_of, value_of
from meshgen.diff.served import SERVED, Served
from meshgen.diff.stated import stated_object
from meshgen.istio.kinds import KINDS
from meshgen.json import JsonObject
from meshgen.kubernetes import OwnedElsewhere

if TYPE_CHECKING:
    from lightkube import Client

MANAGED_BY, MESHGEN = "app.kubernetes.io/managed-by", "meshgen"
_REGISTERED_ITSELF = "istio.io/autoRegistrationGroup"  # istio.io: WorkloadGroup, automatic registration
_PAGE = 500  # objects in one answer, as kubectl asks
_CONNECT_SECONDS, _READ_SECONDS = 5.0, 30.0


@dataclass(frozen=True, slots=True)
class LiveObjects:
    """What a cluster has, sorted by key, and which kinds were read in which namespace (`*` for all of them)."""

    objects: tuple[JsonObject, ...] = ()
    read: frozenset[tuple[str, str]] = frozenset()

    def tells_of(self, key: ObjectKey) -> bool:
        """Whether an object that is not among these is known not to be in the cluster."""
        kind = SERVED.get(key.kind)
        if kind is None or kind.group != key.group:
            return False
        return (key.kind, "*") in self.read or (key.kind, key.namespace) in self.read


def diff_live(
    live: LiveObjects,
    compiled: Sequence[Comparable],
    owned: Collection[ObjectKey] = (),
    elsewhere: Iterable[OwnedElsewhere] = (),
) -> tuple[Changes, tuple[Diagnostic, ...]]:
    """What applying the compiled objects would change in the cluster; `owned` are the keys of objects that meshgen wrote before.

    What an API server or a delivery tool added, what is only written differently, and what could not be read is left out; so are
    the fields that are owned `elsewhere`, by Flagger or Argo Rollouts.
    """
    theirs = {ObjectKey(each.group, each.kind, each.namespace, each.name): each.json_pointers for each in elsewhere}
    wanted = {key: each for each in compiled if live.tells_of(key := key_of(value_of(each)))}
    notes: list[Diagnostic] = []
    before: list[JsonObject] = []
    for value in live.objects:
        key = key_of(value)
        if key not in wanted and key not in owned and not _carries_label(value):
            continue
        owner = _other_owner(value)
        if owner:
            notes.append(_left_alone(key, owner))
            wanted.pop(key, None)
        else:
            kept = _compared(value, value_of(wanted[key]) if key in wanted else None)
            pointers = theirs.get(key)
            before.append(kept if pointers is None else without_fields(kept, pointers))
            if pointers is not None and key in wanted:
                wanted[key] = without_fields(value_of(wanted[key]), pointers)
    return diff_objects(before, wanted.values()).meaningful(), tuple(notes)


def without_fields(value: JsonObject, pointers: Iterable[str]) -> JsonObject:
    """An object without the fields that JSON pointers (RFC 6901) name; of lists no item is taken out."""
    for pointer in pointers:
        value = _without(value, [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]])
    return value


def _without(value: JsonObject, path: Sequence[str]) -> JsonObject:
    first, rest = path[0], path[1:]
    if not rest:
        return {key: item for key, item in value.items() if key != first}
    inner = value.get(first)
    return {**value, first: _without(inner, rest)} if isinstance(inner, dict) else value


def _compared(live: JsonObject, compiled: JsonObject | None) -> JsonObject:
    """What is compared of a live object: of one that is not Istio's only what the compiled object states."""
    kept = without_server_fields(live, compiled)
    return kept if compiled is None or str(live.get("kind")) in KINDS else stated_object(kept, compiled)


def _left_alone(key: ObjectKey, owner: str) -> Diagnostic:
    return LEFT_ALONE.at(Origin("<cluster>"), f"`{key}` belongs to {owner} and is not compared")


def _metadata(value: JsonObject, name: str) -> JsonObject:
    metadata = value.get("metadata")
    found = metadata.get(name) if isinstance(metadata, dict) else None
    return found if isinstance(found, dict) else {}


def _carries_label(value: JsonObject) -> bool:
    return _metadata(value, "labels").get(MANAGED_BY) == MESHGEN


def _other_owner(value: JsonObject) -> str:
    """Who else writes this object; empty where nobody does."""
    if _REGISTERED_ITSELF in _metadata(value, "annotations"):
        return "a workload that registered itself"
    metadata = value.get("metadata")
    owners = metadata.get("ownerReferences") if isinstance(metadata, dict) else None
    for owner in owners if isinstance(owners, list) else []:
        if isinstance(owner, dict) and owner.get("controller") is True:
            return f"the {owner.get('kind')} `{owner.get('name')}`"
    return ""


def read_cluster(
    kubeconfig: str, context: str | None = None, kinds: Iterable[str] = tuple(KINDS), namespaces: Sequence[str] = ()
) -> tuple[LiveObjects, tuple[Diagnostic, ...]]:
    """The live objects of these kinds (those of `SERVED`; others are left out), and what could not be read.

    `context` is the kubeconfig's current one if None. Without `namespaces` all are read, which takes the right to list in the
    whole cluster.
    """
    origin = Origin(kubeconfig)
    client = _connect(kubeconfig, context, origin)
    if isinstance(client, Diagnostic):
        return LiveObjects(), (client,)
    objects: list[JsonObject] = []
    read: set[tuple[str, str]] = set()
    diagnostics: list[Diagnostic] = []
    places = [
        (kind, namespace)
        for kind in sorted(SERVED.keys() & set(kinds))
        for namespace in (sorted(namespaces) if SERVED[kind].namespaced else []) or ["*"]
    ]
    with client:
        for kind, namespace in places:
            found = _read(client, SERVED[kind], namespace, origin)
            if isinstance(found, list):
                objects += found
            else:
                diagnostics.append(found)
                if found.code is CLUSTER_UNREACHABLE:
                    return LiveObjects(), (found,)  # the other lists would only wait for the same end
            if isinstance(found, list) or found.code is KIND_NOT_INSTALLED:
                read.add((kind, namespace))
    return LiveObjects(tuple(sorted(objects, key=key_of)), frozenset(read)), tuple(dict.fromkeys(diagnostics))


def _connect(kubeconfig: str, context: str | None, origin: Origin) -> Client | Diagnostic:
    import httpx2  # noqa: PLC0415 - 0.15 s to import, and few commands speak to a cluster
    import yaml  # noqa: PLC0415 - as above
    from lightkube import Client, KubeConfig  # noqa: PLC0415 - as above
    from lightkube.core.exceptions import ConfigError  # noqa: PLC0415 - as above
    from msgspec import MsgspecError  # noqa: PLC0415 - as above

    timeout = httpx2.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS)
    try:
        config = KubeConfig.from_file(kubeconfig).get(context)
        return Client(config=config, timeout=timeout, trust_env=False)
    except (ConfigError, OSError, ValueError, MsgspecError, yaml.YAMLError) as error:
        return BAD_KUBECONFIG.at(origin, _one_line(error))
    except KeyError as error:
        return BAD_KUBECONFIG.at(origin, f"the kubeconfig has no {_one_line(error)}")
    except (TypeError, AttributeError, AssertionError):  # what lightkube makes of YAML that is no kubeconfig
        return BAD_KUBECONFIG.at(origin, "the file is no complete kubeconfig", help="a context names a cluster and a user")


def _read(client: Client, kind: Served, namespace: str, origin: Origin) -> list[JsonObject] | Diagnostic:
    """The objects of a kind; older clusters do not serve the newest version."""
    for version in kind.versions:
        found = _list(client, kind, version, namespace, origin)
        if found is not None:
            return found
    hint = "install Istio's CRDs" if kind.name in KINDS else f"install what serves `{kind.group}`" if kind.group else ""
    return KIND_NOT_INSTALLED.at(origin, f"the cluster has no `{kind.resource}`", help=hint)


def _list(client: Client, kind: Served, version: str, namespace: str, origin: Origin) -> list[JsonObject] | Diagnostic | None:
    """The objects of a kind in one version; None where the server does not serve it."""
    import httpx2  # noqa: PLC0415 - as in _connect
    from lightkube.core.exceptions import ConfigError  # noqa: PLC0415 - as in _connect
    from lightkube.generic_resource import create_global_resource, create_namespaced_resource  # noqa: PLC0415 - as in _connect

    try:
        pages: Any
        if kind.namespaced:
            resource = create_namespaced_resource(kind.group, version, kind.name, kind.plural)
            pages = client.list(resource, namespace=namespace, chunk_size=_PAGE)
        else:
            pages = client.list(create_global_resource(kind.group, version, kind.name, kind.plural), chunk_size=_PAGE)
        return [_complete(dict(item), kind, version) for item in pages]
    except httpx2.HTTPStatusError as error:
        return _refusal(error.response.status_code, _one_line(error), kind, namespace, origin)
    except httpx2.TransportError as error:
        return CLUSTER_UNREACHABLE.at(origin, f"no answer from {client.config.cluster.server}: {_one_line(error)}")
    except ConfigError as error:  # a login program that failed
        return BAD_KUBECONFIG.at(origin, _one_line(error))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:  # no list, or no objects in it
        return CLUSTER_ANSWER.at(origin, f"the answer to a list of `{kind.plural}` cannot be read: {_one_line(error)}")


def _complete(item: JsonObject, kind: Served, version: str) -> JsonObject:
    """API servers may leave kind and version out of the items of a list."""
    api_version = f"{kind.group}/{version}" if kind.group else version
    return {"apiVersion": api_version, "kind": kind.name, **item}


def _refusal(status: int, reason: str, kind: Served, namespace: str, origin: Origin) -> Diagnostic | None:
    what = f"`{kind.resource}` in " + ("all namespaces" if namespace == "*" else f"namespace `{namespace}`")
    if status == 404:
        return None
    if status in (401, 403):
        why = "is not known to the cluster" if status == 401 else f"may not list {what}"
        advice = "name the namespaces that it may read" if namespace == "*" and status == 403 else ""
        return CLUSTER_FORBIDDEN.at(origin, f"the kubeconfig's user {why}", label=reason, help=advice)
    return CLUSTER_ANSWER.at(origin, f"the list of {what} was answered with {status}", label=reason)


def _one_line(error: BaseException) -> str:
    """An exception's text for a message: one line, not for ever."""
    text = " ".join(str(error).split()).removesuffix(".")
    return (text or type(error).__name__)[:300]
