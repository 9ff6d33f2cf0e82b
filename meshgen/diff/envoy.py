"""The compiled configuration of a proxy against what a running Envoy has."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from meshgen.diagnostics import Diagnostic, Origin
from meshgen.diagnostics.catalogue.live import BAD_CONFIG_DUMP
from meshgen.diff.changes import Changes, FieldChange, ObjectChange, ObjectKey
from meshgen.diff.content import content
from meshgen.diff.envoy_form import TYPES, load_assignment, same_form, without_inline_endpoints, without_inline_routes
from meshgen.diff.objects import compare_values
from meshgen.emit.envoy.snapshot import Snapshot
from meshgen.json import JsonObject
from meshgen.trace.fields import message, messages, snake_case, string, typed

_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvoyResources:
    """The resources of one Envoy by kind and name; `static` names those that only its bootstrap can have given."""

    by_kind: Mapping[str, Mapping[str, JsonObject]]
    static: frozenset[tuple[str, str]] = field(default_factory=frozenset)

    @classmethod
    def from_snapshot(cls, snapshot: Snapshot, bootstrap: JsonObject | None = None) -> EnvoyResources:
        """What the compiler made; with the bootstrap also the resources that never change."""
        static = message(bootstrap or {}, "static_resources")
        return _resources({
            "Listener": [*snapshot.listeners, *messages(static, "listeners")],
            "RouteConfiguration": snapshot.routes,
            "Cluster": [*snapshot.clusters, *messages(static, "clusters")],
            "ClusterLoadAssignment": snapshot.endpoints,
            "Secret": [*snapshot.secrets, *messages(static, "secrets")],
        })

    @classmethod
    def from_bootstrap(cls, bootstrap: JsonObject) -> EnvoyResources:
        """A bootstrap that holds everything."""
        static = message(snake_case(bootstrap), "static_resources")
        names = {"Listener": "listeners", "Cluster": "clusters", "Secret": "secrets"}
        return _resources({kind: messages(static, name) for kind, name in names.items()})

    @classmethod
    def from_config_dump(cls, dump: JsonObject) -> EnvoyResources:
        """An admin `/config_dump?include_eds`."""
        sections = {typed(config)[0].rpartition(".")[2]: config for config in messages(snake_case(dump), "configs")}
        found = {kind: list(_entries(kind, sections)) for kind in TYPES}
        eds = {_service_name(cluster) for _, cluster in found["Cluster"] if string(cluster, "type") == "EDS"}
        # Envoy also shows the addresses that it resolved for the clusters of other types.
        found["ClusterLoadAssignment"] = [
            (static, each) for static, each in found["ClusterLoadAssignment"] if string(each, "cluster_name") in eds
        ]
        static = {(kind, _name(kind, each)) for kind, entries in found.items() for static, each in entries if static}
        static |= {("ClusterLoadAssignment", name) for kind, name in static if kind == "Cluster"}
        return _resources({kind: [each for _, each in entries] for kind, entries in found.items()}, frozenset(static))


def _service_name(cluster: JsonObject) -> str:
    return string(message(cluster, "eds_cluster_config"), "service_name") or string(cluster, "name")


def _name(kind: str, resource: JsonObject) -> str:
    return string(resource, "cluster_name" if kind == "ClusterLoadAssignment" else "name")


_SECTIONS = {
    "Listener": ("ListenersConfigDump", "listeners", "listener"),
    "RouteConfiguration": ("RoutesConfigDump", "route_configs", "route_config"),
    "Cluster": ("ClustersConfigDump", "clusters", "cluster"),
    "ClusterLoadAssignment": ("EndpointsConfigDump", "endpoint_configs", "endpoint_config"),
    "Secret": ("SecretsConfigDump", "secrets", "secret"),
}


def _entries(kind: str, sections: Mapping[str, JsonObject]) -> Iterator[tuple[bool, JsonObject]]:
    """The resources of a kind in a dump, each with whether the bootstrap gave it."""
    section_name, plural, singular = _SECTIONS[kind]
    section = sections.get(section_name, {})
    for entry in messages(section, f"static_{plural}"):
        yield True, message(entry, singular)
    for entry in (*messages(section, f"dynamic_{plural}"), *messages(section, f"dynamic_active_{plural}")):
        resource = message(entry, "active_state", singular) or message(entry, singular)
        if resource:
            yield False, resource


def _resources(lists: Mapping[str, Iterable[JsonObject]], static: frozenset[tuple[str, str]] = frozenset()) -> EnvoyResources:
    """Name everything, with routes and endpoints outside of listeners and clusters; the first of a name wins, as in Envoy."""
    by_kind: dict[str, dict[str, JsonObject]] = {kind: {} for kind in TYPES}

    def add(kind: str, resource: JsonObject) -> None:
        by_kind[kind].setdefault(_name(kind, resource), resource)

    for listener in lists.get("Listener", ()):
        bare, routes = without_inline_routes(listener)
        add("Listener", bare)
        for route in routes:
            add("RouteConfiguration", route)
    for cluster in lists.get("Cluster", ()):
        without, assignment = without_inline_endpoints(cluster)
        add("Cluster", without)
        if assignment is not None:
            add("ClusterLoadAssignment", load_assignment(assignment))
    for assignment in lists.get("ClusterLoadAssignment", ()):
        add("ClusterLoadAssignment", load_assignment(assignment))
    for kind in ("RouteConfiguration", "Secret"):
        for resource in lists.get(kind, ()):
            add(kind, resource)
    return EnvoyResources(by_kind=by_kind, static=static)


def diff_envoy(running: EnvoyResources, compiled: EnvoyResources) -> Changes:
    """What the compiled configuration would change in the running Envoy.

    Resources of the running bootstrap that the compiled side does not name (an admin listener, the xDS cluster) are left out.
    """
    added: list[ObjectChange] = []
    removed: list[ObjectChange] = []
    changed: list[ObjectChange] = []
    for kind in TYPES:
        old, new = running.by_kind[kind], compiled.by_kind[kind]
        for name in sorted({*old, *new}):
            key = ObjectKey("envoy", kind, "", name)
            if name not in old:
                added.append(ObjectChange(key=key, before=None, after=same_form(kind, new[name])[0]))
            elif name in new:
                changed += _changed(key, *same_form(kind, old[name], new[name]))
            elif (kind, name) not in running.static:
                removed.append(ObjectChange(key=key, before=same_form(kind, old[name])[0], after=None))
    return Changes(added=_sorted(added), removed=_sorted(removed), changed=_sorted(changed)).meaningful()


def _sorted(changes: list[ObjectChange]) -> tuple[ObjectChange, ...]:
    return tuple(sorted(changes, key=lambda change: change.key))


def _changed(key: ObjectKey, before: JsonObject, after: JsonObject) -> list[ObjectChange]:
    if content(before) == content(after):
        return []
    fields = [
        FieldChange(path=each.path, names=each.names, kind=each.kind, before=each.before, after=each.after)
        for each in compare_values(key.kind, before, after)
    ]
    return [ObjectChange(key=key, before=before, after=after, fields=tuple(fields))]


def read_config_dump(source: str) -> JsonObject | Diagnostic:
    """The configuration dump of a running Envoy, from its admin address (`http://127.0.0.1:15000`) or a file."""
    origin = Origin(source)
    try:
        data = _fetch(source) if source.startswith("http://") else Path(source).read_bytes()
        dump = json.loads(data)
    except (OSError, http.client.HTTPException) as error:
        return BAD_CONFIG_DUMP.at(origin, f"no configuration dump from `{source}`: {error}")
    except (ValueError, RecursionError):
        return BAD_CONFIG_DUMP.at(origin, f"what `{source}` gives is no JSON")
    if not isinstance(dump, dict) or not isinstance(dump.get("configs"), list):
        return BAD_CONFIG_DUMP.at(origin, f"what `{source}` gives is no configuration dump: it has no `configs`")
    return dump


def _fetch(address: str) -> bytes:
    """Raises OSError and HTTPException where nobody answers well."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_SECONDS)
    try:
        path = parts.path.rstrip("/") or "/config_dump"
        connection.request("GET", f"{path}?{parts.query or 'include_eds'}")
        answer = connection.getresponse()
        if answer.status != 200:
            message = f"it answered with {answer.status}"
            raise OSError(message)
        return answer.read()
    finally:
        connection.close()
