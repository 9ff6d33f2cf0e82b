"""A proxy's configuration as resources that can be named and compared, by type."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Final

import orjson

from meshgen.emit.envoy.bootstrap import CERTIFICATES, with_files, without_unused_sockets
from meshgen.emit.envoy.names import TYPE
from meshgen.emit.envoy.snapshot import Snapshot
from meshgen.emit.envoy.tls import names_of_secrets
from meshgen.json import JsonObject, JsonValue


class Kind(StrEnum):
    """A type of resource, in the order in which changes are sent: what names something comes after what it names."""

    CLUSTERS = "clusters"
    ENDPOINTS = "endpoints"
    SECRETS = "secrets"
    LISTENERS = "listeners"
    ROUTES = "routes"


TYPE_URLS: Final[Mapping[Kind, str]] = {
    Kind.CLUSTERS: f"{TYPE}envoy.config.cluster.v3.Cluster",
    Kind.ENDPOINTS: f"{TYPE}envoy.config.endpoint.v3.ClusterLoadAssignment",
    Kind.SECRETS: f"{TYPE}envoy.extensions.transport_sockets.tls.v3.Secret",
    Kind.LISTENERS: f"{TYPE}envoy.config.listener.v3.Listener",
    Kind.ROUTES: f"{TYPE}envoy.config.route.v3.RouteConfiguration",
}


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource; its version is a hash of its content, so that an unchanged one never looks new.

    `body` is None where only a client knows it, from before it came to this server.
    """

    name: str
    version: str
    body: JsonObject | None = field(default=None, compare=False, repr=False)

    @cached_property
    def strings(self) -> frozenset[str]:
        """All texts in it: whatever it may name is among them."""
        return frozenset(_strings(self.body))

    @cached_property
    def routes(self) -> frozenset[str]:
        """The RouteConfigurations that a listener asks for."""
        return frozenset(_route_names(self.body))


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What one proxy is to have: resources by type and name, and which endpoints a cluster waits for."""

    resources: Mapping[Kind, Mapping[str, Resource]]
    endpoints: Mapping[str, str]  # by cluster, the name of its ClusterLoadAssignment


EMPTY: Final = Served(resources={kind: {} for kind in Kind}, endpoints={})


def served(snapshot: Snapshot, certificates: str = CERTIFICATES) -> Served:
    """A snapshot as it goes to its proxy; `certificates` is the directory of its secrets' files."""
    assignments = _by_name(snapshot.endpoints, "cluster_name")
    assigned = {str(cluster["name"]): name for cluster in snapshot.clusters if (name := assignment_of(cluster)) is not None}
    clusters = [_as_needed(cluster, assignments.get(assigned.get(str(cluster["name"]), ""))) for cluster in snapshot.clusters]
    used = names_of_secrets((*snapshot.listeners, *clusters))
    secrets = [with_files(secret, certificates, watched=True) for secret in snapshot.secrets if secret["name"] in used]
    return Served(
        resources={
            Kind.CLUSTERS: _by_name(clusters),
            Kind.ENDPOINTS: assignments,
            Kind.SECRETS: _by_name(secrets),
            Kind.LISTENERS: _by_name(snapshot.listeners),
            Kind.ROUTES: _by_name(snapshot.routes),
        },
        endpoints=assigned,
    )


def _as_needed(cluster: JsonObject, assignment: Resource | None) -> JsonObject:
    """A cluster without mutual TLS where its endpoints are known and none speaks it."""
    return cluster if assignment is None else without_unused_sockets(cluster, assignment.body)


def resource(body: JsonObject, key: str = "name") -> Resource:
    """A resource under the name that it has at `key`."""
    return Resource(name=str(body.get(key, "")), version=digest(orjson.dumps(body)), body=body)


def digest(content: bytes) -> str:
    """A short hash, for versions."""
    return hashlib.sha256(content).hexdigest()[:16]


def version_of(resources: Iterable[Resource]) -> str:
    """The version of a set of resources, whatever their order."""
    return digest(orjson.dumps(sorted((each.name, each.version) for each in resources)))


def assignment_of(cluster: JsonObject) -> str | None:
    """The name under which a cluster asks for its endpoints over EDS; None where it does not."""
    settings = cluster.get("eds_cluster_config")
    if cluster.get("type") != "EDS":
        return None
    named = settings.get("service_name") if isinstance(settings, dict) else None
    return str(named or cluster["name"])


def _by_name(bodies: Iterable[JsonObject], key: str = "name") -> Mapping[str, Resource]:
    return {found.name: found for found in (resource(body, key) for body in bodies)}


def _route_names(value: JsonValue) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _route_names(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "rds" and isinstance(item, dict):
                yield str(item.get("route_config_name", ""))
            else:
                yield from _route_names(item)


def _strings(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
