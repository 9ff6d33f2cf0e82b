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


# --- clusters -------------------------------------------------------------------------------------------------------
def add_cluster(where: Where, value: JsonObject) -> istio.EnvoyConfigObjectPatch:
    """One more cluster."""
    return _patch("CLUSTER", "ADD", value, _match(where))


# --- routes ---------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Which virtual hosts and routes of route tables; what is absent is all of them."""

    gateway: str | None = None  # `namespace/name`
    virtual_host: str | None = None  # Istio's name: `inbound|http|8080`, `catalog.shop.svc.cluster.local:80`
    route: str | None = None


def merge_virtual_host(where: Where, value: JsonObject, table: Table) -> istio.EnvoyConfigObjectPatch:
    """Fields of virtual hosts, such as `typed_per_filter_config` or `rate_limits`."""
    return _patch("VIRTUAL_HOST", "MERGE", value, _routes(where, table))


def merge_route(where: Where, value: JsonObject, table: Table) -> istio.EnvoyConfigObjectPatch:
    """Fields of routes."""
    return _patch("HTTP_ROUTE", "MERGE", value, _routes(where, table))


# --- the object -----------------------------------------------------------------------------------------------------
def envoy_filter(
    patches: Sequence[istio.EnvoyConfigObjectPatch], selector: WorkloadSelector | None, *, priority: int = PRIORITY
) -> istio.EnvoyFilter:
    """An EnvoyFilter for the Pods of a selector, or all that its namespace concerns."""
    labels = None if selector is None else NetworkingWorkloadSelector(labels=selector.match_labels)
    return istio.EnvoyFilter(workload_selector=labels, priority=priority, config_patches=tuple(patches))


ApplyTo: TypeAlias = Literal["NETWORK_FILTER", "HTTP_FILTER", "VIRTUAL_HOST", "HTTP_ROUTE", "CLUSTER"]
Operation: TypeAlias = Literal["MERGE", "ADD", "INSERT_BEFORE", "INSERT_AFTER", "INSERT_FIRST"]


def _patch(
    apply_to: ApplyTo, operation: Operation, value: JsonObject, match: istio.EnvoyConfigObjectMatch
) -> istio.EnvoyConfigObjectPatch:
    return istio.EnvoyConfigObjectPatch(apply_to=apply_to, match=match, patch=istio.Patch(operation=operation, value=value))


def _match(
    where: Where,
    *,
    listener: istio.ListenerMatch | None = None,
    routes: istio.RouteConfigurationMatch | None = None,
) -> istio.EnvoyConfigObjectMatch:
    proxy = None if where.proxy_version is None else istio.ProxyMatch(proxy_version=where.proxy_version)
    return istio.EnvoyConfigObjectMatch(context=where.context, proxy=proxy, listener=listener, route_configuration=routes)


def _in_chain(where: Where, network_filter: str, http_filter: str | None = None) -> istio.EnvoyConfigObjectMatch:
    inner = None if http_filter is None else NamedReference(name=http_filter)
    chain = istio.FilterChainMatch(filter=istio.FilterMatch(name=network_filter, sub_filter=inner))
    return _match(where, listener=istio.ListenerMatch(port_number=where.port, filter_chain=chain))


def _routes(where: Where, table: Table) -> istio.EnvoyConfigObjectMatch:
    route = None if table.route is None else istio.RouteMatch(name=table.route)
    host = None
    if (table.virtual_host, route) != (None, None):
        host = istio.VirtualHostMatch(name=table.virtual_host, route=route)
    if (table.gateway, where.port, host) == (None, None, None):
        return _match(where)
    return _match(where, routes=istio.RouteConfigurationMatch(gateway=table.gateway, port_number=where.port, vhost=host))
