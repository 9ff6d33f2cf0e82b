"""What stands behind a cluster: its kind and the endpoints that take requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshgen.trace.decision import Endpoint
from meshgen.trace.fields import boolean, integer, message, messages, number, string, typed_config
from meshgen.trace.source import source_of

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


def find_upstream(walk: Walk, name: str) -> Upstream:
    """Look a cluster up and note the step."""
    cluster = walk.config.clusters.get(name)
    if cluster is None:
        walk.note("cluster", name, "no such cluster")
        return Upstream(name=name, failure="no such cluster", is_missing=True)
    kind = cluster_kind(cluster)
    endpoints = _endpoints(walk, cluster, kind, name)
    unknown = kind == "EDS" and not endpoints and (not walk.config.endpoints_known or name in walk.config.unlisted)
    failure = "" if unknown else _why_not_served(kind, endpoints)
    counted = "which endpoints it has is not known here" if unknown else _count(endpoints)
    reason = failure or ("to the original destination" if kind == "ORIGINAL_DST" else counted)
    walk.note("cluster", name, f"{kind}: {reason}", source=source_of(cluster))
    return Upstream(name=name, kind=kind, endpoints=endpoints, failure=failure)


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
    return f"{len(endpoints)} endpoint{'' if len(endpoints) == 1 else 's'}"


def _why_not_served(kind: str, endpoints: tuple[Endpoint, ...]) -> str:
    """Only STATIC and EDS clusters are known to be empty; names are resolved and destinations restored at run time."""
    return "" if endpoints or kind not in ("STATIC", "EDS") else "no endpoints"


def _endpoints(walk: Walk, cluster: JsonObject, kind: str, name: str) -> tuple[Endpoint, ...]:
    if kind == "ORIGINAL_DST":
        address = walk.request.address
        return (Endpoint(address=address, port=walk.request.port),) if address else ()
    assignment = message(cluster, "load_assignment")
    if kind == "EDS":
        service = string(message(cluster, "eds_cluster_config"), "service_name") or name
        assignment = walk.config.endpoints.get(service, {})
    found = [(endpoint, health) for group in messages(assignment, "endpoints") for endpoint, health in _of_group(group)]
    healthy = [endpoint for endpoint, health in found if health not in _UNHEALTHY]
    if not healthy and _panics(cluster):
        healthy = [endpoint for endpoint, _ in found]
    return tuple(sorted(healthy, key=lambda each: each.priority))


def _panics(cluster: JsonObject) -> bool:
    """Whether a cluster without healthy endpoints uses all of them: a threshold above 0, Envoy's own is 50."""
    config = message(cluster, "common_lb_config")
    if "healthy_panic_threshold" not in config:
        return True
    return number(message(config, "healthy_panic_threshold"), "value") > 0


def _of_group(group: JsonObject) -> list[tuple[Endpoint, str]]:
    """The endpoints of one `LocalityLbEndpoints`, each with its health."""
    locality = message(group, "locality")
    place = "/".join(each for field in ("region", "zone", "sub_zone") if (each := string(locality, field)))
    found: list[tuple[Endpoint, str]] = []
    for entry in messages(group, "lb_endpoints"):
        address = message(entry, "endpoint", "address", "socket_address")
        endpoint = Endpoint(
            address=string(address, "address") or string(message(entry, "endpoint", "address", "pipe"), "path"),
            port=integer(address, "port_value"),
            priority=integer(group, "priority"),
            locality=place,
            weight=integer(entry, "load_balancing_weight", 1),
        )
        found.append((endpoint, string(entry, "health_status", "HEALTHY")))
    return found
