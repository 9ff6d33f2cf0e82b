"""What stands behind a cluster: its kind and the endpoints that take requests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meshgen.trace.decision import Endpoint
from meshgen.trace.fields import boolean, integer, message, messages, number, string, typed_config
from meshgen.trace.source import source_of
from meshgen.trace.steps.subsets import in_subset

if TYPE_CHECKING:
    from meshgen.json import JsonObject
    from meshgen.trace.walk import Walk

_DNS_CLUSTER = "envoy.extensions.clusters.dns.v3.DnsCluster"
_UNHEALTHY = frozenset({"UNHEALTHY", "DRAINING", "TIMEOUT"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """A cluster as the router finds it; `failure` says why it cannot take a request."""

    name: str
    kind: str = ""
    endpoints: tuple[Endpoint, ...] = ()
    failure: str = ""
    is_missing: bool = False
    cluster: JsonObject = field(default_factory=dict)
    first: JsonObject | None = None  # the `LbEndpoint` of the first endpoint


def find_upstream(walk: Walk, name: str, wanted: JsonObject | None = None) -> Upstream:
    """Look a cluster up and note the step; `wanted` is the metadata that a route asks of endpoints (`metadata_match`)."""
    cluster = walk.config.clusters.get(name)
    if cluster is None:
        walk.note("cluster", name, "no such cluster")
        return Upstream(name=name, failure="no such cluster", is_missing=True)
    kind = cluster_kind(cluster)
    found = _endpoints(walk, cluster, kind, name, wanted or {})
    endpoints = tuple(each for each, _ in found)
    unknown = kind == "EDS" and not endpoints and (not walk.config.endpoints_known or name in walk.config.unlisted)
    failure = "" if unknown else _why_not_served(kind, endpoints)
    counted = "which endpoints it has is not known here" if unknown else _count(endpoints)
    reason = failure or ("to the original destination" if kind == "ORIGINAL_DST" else counted)
    walk.note("cluster", name, f"{kind}: {reason}", source=source_of(cluster))
    first = found[0][1] if found else None
    return Upstream(name=name, kind=kind, endpoints=endpoints, failure=failure, cluster=cluster, first=first)


def cluster_kind(cluster: JsonObject) -> str:
    """Envoy's `type`, also where the cluster that resolves names has its settings in an extension; else the extension's name."""
    extension = message(cluster, "cluster_type")
    if not extension:
        return string(cluster, "type", "STATIC")
    name, settings = typed_config(extension)
    if name != _DNS_CLUSTER:
        return string(extension, "name")
    return "LOGICAL_DNS" if boolean(settings, "all_addresses_in_single_endpoint") else "STRICT_DNS"


def _count(endpoints: tuple[Endpoint, ...]) -> str:
    counted = f"{len(endpoints)} endpoint{'' if len(endpoints) == 1 else 's'}"
    first = [each for each in endpoints if each.priority == endpoints[0].priority]
    if len(first) == len(endpoints):
        return counted
    return f"{counted}, of which the {len(first)} of the first priority take all while they are healthy"


def _why_not_served(kind: str, endpoints: tuple[Endpoint, ...]) -> str:
    """Only STATIC and EDS clusters are known to be empty; names are resolved and destinations restored at run time."""
    return "" if endpoints or kind not in ("STATIC", "EDS") else "no endpoints"


def _endpoints(
    walk: Walk, cluster: JsonObject, kind: str, name: str, wanted: JsonObject
) -> tuple[tuple[Endpoint, JsonObject | None], ...]:
    """The endpoints that take requests, by priority, each with its `LbEndpoint`."""
    if kind == "ORIGINAL_DST":
        address = walk.request.address
        return ((Endpoint(address=address, port=walk.request.port), None),) if address else ()
    assignment = message(cluster, "load_assignment")
    if kind == "EDS":
        service = string(message(cluster, "eds_cluster_config"), "service_name") or name
        assignment = walk.config.endpoints.get(service, {})
    found = [each for group in messages(assignment, "endpoints") for each in _of_group(group)]
    if "lb_subset_config" in cluster:
        kept = in_subset(message(cluster, "lb_subset_config"), wanted, [entry for _, entry in found])
        found = [each for each in found if any(each[1] is entry for entry in kept)]
    healthy = [each for each in found if string(each[1], "health_status", "HEALTHY") not in _UNHEALTHY]
    if not healthy and found and _panics(cluster):
        walk.note("endpoints", "panic", "no endpoint is healthy, so all of them are used")
        healthy = found
    return tuple(sorted(healthy, key=lambda each: each[0].priority))


def _panics(cluster: JsonObject) -> bool:
    """Whether a cluster without healthy endpoints uses all of them: a threshold above 0, Envoy's own is 50."""
    config = message(cluster, "common_lb_config")
    if "healthy_panic_threshold" not in config:
        return True
    return number(message(config, "healthy_panic_threshold"), "value") > 0


def _of_group(group: JsonObject) -> list[tuple[Endpoint, JsonObject]]:
    """The endpoints of one `LocalityLbEndpoints`, each with its `LbEndpoint`."""
    locality = message(group, "locality")
    place = "/".join(each for part in ("region", "zone", "sub_zone") if (each := string(locality, part)))
    found: list[tuple[Endpoint, JsonObject]] = []
    for entry in messages(group, "lb_endpoints"):
        address = message(entry, "endpoint", "address", "socket_address")
        endpoint = Endpoint(
            address=string(address, "address") or string(message(entry, "endpoint", "address", "pipe"), "path"),
            port=integer(address, "port_value"),
            priority=integer(group, "priority"),
            locality=place,
            locality_weight=integer(group, "load_balancing_weight"),
            weight=integer(entry, "load_balancing_weight", 1),
        )
        found.append((endpoint, entry))
    return found
