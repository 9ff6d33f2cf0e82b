"""Builders of EnvoyFilter patches (Istio: `EnvoyFilter.spec.configPatches`), for what Istio's API has no field of its own.

A filter that is inserted names its neighbour, so the EnvoyFilter has a priority (IST0151, IST0155); nothing is replaced, and
routes and route tables are only merged into (IST0152 to IST0154).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from meshgen.istio import envoy_filter as istio
from meshgen.istio.shared import NamedReference, NetworkingWorkloadSelector, WorkloadSelector
from meshgen.json import JsonObject

Context: TypeAlias = Literal["ANY", "SIDECAR_INBOUND", "SIDECAR_OUTBOUND", "GATEWAY"]
Position: TypeAlias = Literal["INSERT_BEFORE", "INSERT_AFTER"]

CONNECTION_MANAGER: Final = "envoy.filters.network.http_connection_manager"
ROUTER: Final = "envoy.filters.http.router"
TCP_PROXY: Final = "envoy.filters.network.tcp_proxy"

PRIORITY: Final = 10
"""What our EnvoyFilters have: behind those that say nothing (0), so that their neighbours are there."""

_MANAGER_TYPE: Final = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"


def typed(message: str, value: Mapping[str, object] | None = None) -> JsonObject:
    """A typed config: the fields of an Envoy message under its full proto name.

    >>> typed("envoy.extensions.filters.http.router.v3.Router")
    {'@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router'}
    """
    return {"@type": f"type.googleapis.com/{message}", **(value or {})}  # type: ignore[dict-item]  # JSON, as the caller says


def proxy_versions(first: int, last: int) -> str:
    r"""The pattern of the proxies from Istio 1.`first` to 1.`last`, builds of development included.

    >>> proxy_versions(24, 24), proxy_versions(30, 32)
    ('^1\\.24.*', '^1\\.(30|31|32).*')
    """
    minors = [str(minor) for minor in range(first, last + 1)]
    return rf"^1\.{minors[0]}.*" if len(minors) == 1 else rf"^1\.({'|'.join(minors)}).*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Which proxies' configuration a patch is for."""

    context: Context
    port: int | None = None  # of the listener: the workload's inbound, the service's outbound, the gateway's server
    proxy_version: str | None = None  # a regular expression, see `proxy_versions`
    listener: str | None = None  # its name, such as `virtualInbound`
    chain: str | None = None  # the name of the filter chain


# --- filters --------------------------------------------------------------------------------------------------------
def insert_http_filter(
    where: Where, value: JsonObject, *, beside: str = ROUTER, position: Position = "INSERT_BEFORE"
) -> istio.EnvoyConfigObjectPatch:
    """An HTTP filter before or after another."""
    return _patch("HTTP_FILTER", position, value, _in_chain(where, CONNECTION_MANAGER, beside))


def first_http_filter(where: Where, value: JsonObject) -> istio.EnvoyConfigObjectPatch:
    """An HTTP filter in front of all others."""
    return _patch("HTTP_FILTER", "INSERT_FIRST", value, _in_chain(where, CONNECTION_MANAGER))


def merge_http_filter(where: Where, name: str, value: JsonObject) -> istio.EnvoyConfigObjectPatch:
    """Fields of an HTTP filter that is there; `value` is a filter, so its fields stand under `typed_config`."""
    return _patch("HTTP_FILTER", "MERGE", value, _in_chain(where, CONNECTION_MANAGER, name))


def insert_network_filter(
    where: Where, value: JsonObject, *, beside: str = TCP_PROXY, position: Position = "INSERT_BEFORE"
) -> istio.EnvoyConfigObjectPatch:
    """A network filter before or after another."""
    return _patch("NETWORK_FILTER", position, value, _in_chain(where, beside))


def merge_network_filter(where: Where, name: str, value: JsonObject) -> istio.EnvoyConfigObjectPatch:
    """Fields of a network filter that is there."""
    return _patch("NETWORK_FILTER", "MERGE", value, _in_chain(where, name))


def merge_connection_manager(where: Where, fields: Mapping[str, object]) -> istio.EnvoyConfigObjectPatch:
    """Fields of the HTTP connection manager."""
    value: JsonObject = {"name": CONNECTION_MANAGER, "typed_config": typed(_MANAGER_TYPE, fields)}
    return merge_network_filter(where, CONNECTION_MANAGER, value)


def merge_listener(where: Where, value: JsonObject) -> istio.EnvoyConfigObjectPatch:
    """Fields of the listener."""
    return _patch("LISTENER", "MERGE", value, _listener(where))


def add_listener(where: Where, value: JsonObject) -> istio.EnvoyConfigObjectPatch:
    """One more listener."""
    return _patch("LISTENER", "ADD", value, _match(where))


def merge_filter_chain(where: Where, value: JsonObject) -> istio.EnvoyConfigObjectPatch:
    """Fields of the filter chains."""
    return _patch("FILTER_CHAIN", "MERGE", value, _listener(where))


# --- clusters -------------------------------------------------------------------------------------------------------
def add_cluster(where: Where, value: JsonObject) -> istio.EnvoyConfigObjectPatch:
    """One more cluster."""
    return _patch("CLUSTER", "ADD", value, _match(where))


def merge_cluster(
    where: Where, value: JsonObject, *, service: str | None = None, subset: str | None = None, name: str | None = None
) -> istio.EnvoyConfigObjectPatch:
    """Fields of the clusters of a service (its host; the port is that of `where`) or subset, or of the cluster of a name."""
    wanted = istio.ClusterMatch(name=name, service=service, subset=subset, port_number=where.port)
    return _patch("CLUSTER", "MERGE", value, _match(where, cluster=wanted))


# --- routes ---------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Which route tables, virtual hosts and routes; what is absent is all of them."""

    name: str | None = None
    gateway: str | None = None  # `namespace/name`
    virtual_host: str | None = None  # Istio's name: `inbound|http|8080`, `catalog.shop.svc.cluster.local:80`
    domain: str | None = None
    route: str | None = None


def merge_route_configuration(where: Where, value: JsonObject, table: Table) -> istio.EnvoyConfigObjectPatch:
    """Fields of a route table."""
    return _patch("ROUTE_CONFIGURATION", "MERGE", value, _routes(where, table))


def merge_virtual_host(where: Where, value: JsonObject, table: Table) -> istio.EnvoyConfigObjectPatch:
    """Fields of virtual hosts, such as `typed_per_filter_config` or `rate_limits`."""
    return _patch("VIRTUAL_HOST", "MERGE", value, _routes(where, table))


def merge_route(where: Where, value: JsonObject, table: Table) -> istio.EnvoyConfigObjectPatch:
    """Fields of routes."""
    return _patch("HTTP_ROUTE", "MERGE", value, _routes(where, table))


# --- the rest -------------------------------------------------------------------------------------------------------
def merge_bootstrap(value: JsonObject, *, proxy_version: str | None = None) -> istio.EnvoyConfigObjectPatch:
    """Fields of the bootstrap; a proxy reads them when it starts."""
    return _patch("BOOTSTRAP", "MERGE", value, _match(Where(context="ANY", proxy_version=proxy_version)))


def add_extension_config(where: Where, value: JsonObject) -> istio.EnvoyConfigObjectPatch:
    """An extension that filters find by name (ECDS)."""
    return _patch("EXTENSION_CONFIG", "ADD", value, _match(where))


def envoy_filter(
    patches: Sequence[istio.EnvoyConfigObjectPatch], selector: WorkloadSelector | None, *, priority: int = PRIORITY
) -> istio.EnvoyFilter:
    """An EnvoyFilter for the Pods of a selector, or all that its namespace concerns."""
    labels = None if selector is None else NetworkingWorkloadSelector(labels=selector.match_labels)
    return istio.EnvoyFilter(workload_selector=labels, priority=priority, config_patches=tuple(patches))


ApplyTo: TypeAlias = Literal[
    "LISTENER",
    "FILTER_CHAIN",
    "NETWORK_FILTER",
    "HTTP_FILTER",
    "ROUTE_CONFIGURATION",
    "VIRTUAL_HOST",
    "HTTP_ROUTE",
    "CLUSTER",
    "EXTENSION_CONFIG",
    "BOOTSTRAP",
    "LISTENER_FILTER",
]
Operation: TypeAlias = Literal["MERGE", "ADD", "REMOVE", "INSERT_BEFORE", "INSERT_AFTER", "INSERT_FIRST", "REPLACE"]


def _patch(
    apply_to: ApplyTo, operation: Operation, value: JsonObject, match: istio.EnvoyConfigObjectMatch
) -> istio.EnvoyConfigObjectPatch:
    return istio.EnvoyConfigObjectPatch(apply_to=apply_to, match=match, patch=istio.Patch(operation=operation, value=value))


def _match(
    where: Where,
    *,
    listener: istio.ListenerMatch | None = None,
    cluster: istio.ClusterMatch | None = None,
    routes: istio.RouteConfigurationMatch | None = None,
) -> istio.EnvoyConfigObjectMatch:
    proxy = None if where.proxy_version is None else istio.ProxyMatch(proxy_version=where.proxy_version)
    return istio.EnvoyConfigObjectMatch(
        context=where.context, proxy=proxy, listener=listener, cluster=cluster, route_configuration=routes
    )


def _listener(where: Where, chain: istio.FilterChainMatch | None = None) -> istio.EnvoyConfigObjectMatch:
    if chain is None and where.chain is not None:
        chain = istio.FilterChainMatch(name=where.chain)
    if (chain, where.port, where.listener) == (None, None, None):
        return _match(where)
    return _match(where, listener=istio.ListenerMatch(name=where.listener, port_number=where.port, filter_chain=chain))


def _in_chain(where: Where, network_filter: str, http_filter: str | None = None) -> istio.EnvoyConfigObjectMatch:
    inner = None if http_filter is None else NamedReference(name=http_filter)
    wanted = istio.FilterMatch(name=network_filter, sub_filter=inner)
    return _listener(where, istio.FilterChainMatch(name=where.chain, filter=wanted))


def _routes(where: Where, table: Table) -> istio.EnvoyConfigObjectMatch:
    route = None if table.route is None else istio.RouteMatch(name=table.route)
    host = None
    if (table.virtual_host, table.domain, route) != (None, None, None):
        host = istio.VirtualHostMatch(name=table.virtual_host, domain_name=table.domain, route=route)
    if (table.name, table.gateway, where.port, host) == (None, None, None, None):
        return _match(where)
    wanted = istio.RouteConfigurationMatch(name=table.name, gateway=table.gateway, port_number=where.port, vhost=host)
    return _match(where, routes=wanted)
