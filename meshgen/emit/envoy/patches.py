"""EnvoyFilter: patches on what was emitted, in Istio's order (root namespace, then the proxy's; priority, creation time, name).

Carried over: LISTENER, FILTER_CHAIN, LISTENER_FILTER, NETWORK_FILTER, HTTP_FILTER, ROUTE_CONFIGURATION, VIRTUAL_HOST, HTTP_ROUTE
and CLUSTER; BOOTSTRAP, merged into what `bootstrap.py` writes; EXTENSION_CONFIG, put in the place of the filter that names it.
What is not (anything beside a filter of Istio's own build) is reported as MG0911.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias, cast

from meshgen.emit.envoy import patch_match as match
from meshgen.emit.envoy.hcm import NAME as HCM
from meshgen.emit.envoy.patch_values import merged, snake_case
from meshgen.istio.envoy_filter import EnvoyConfigObjectPatch, EnvoyFilter, ListenerMatch, RouteConfigurationMatch
from meshgen.istio.object import IstioObject
from meshgen.json import JsonObject, JsonValue
from meshgen.mesh import Proxy

Each: TypeAlias = Callable[[JsonObject], JsonObject | None]
Fits: TypeAlias = Callable[[JsonObject], bool]

_ELSEWHERE: Final[Mapping[str, tuple[str, ...]]] = {"BOOTSTRAP": ("MERGE",), "EXTENSION_CONFIG": ("ADD",)}
"""What is not a part of the resources, and the operations that istiod carries out on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What patches change."""

    listeners: tuple[JsonObject, ...]
    routes: tuple[JsonObject, ...]
    clusters: tuple[JsonObject, ...]


def patched(resources: Resources, filters: Sequence[IstioObject[EnvoyFilter]], proxy: Proxy) -> Resources:
    """The resources with all patches that concern the proxy; what no patch touches stays the same value."""
    for _, _, changed in patch_by_patch(resources, filters, proxy):
        resources = changed
    extensions: dict[str, JsonObject] = {}
    for _, _, patch in _fitting(filters, proxy):
        if patch.apply_to == "EXTENSION_CONFIG":
            _extension_config(extensions, _Patch(patch, proxy))
    return with_extensions(resources, extensions) if extensions else resources


def patch_by_patch(
    resources: Resources, filters: Sequence[IstioObject[EnvoyFilter]], proxy: Proxy
) -> Iterator[tuple[IstioObject[EnvoyFilter], int, Resources]]:
    """Each patch that concerns the proxy, by its filter and its place in it, and the resources after it."""
    for found, index, patch in _fitting(filters, proxy):
        if patch.apply_to in _APPLY:
            resources = _APPLY[patch.apply_to](resources, _Patch(patch, proxy))
            yield found, index, resources


def bootstrap_patches(filters: Sequence[IstioObject[EnvoyFilter]], proxy: Proxy) -> JsonObject:
    """What BOOTSTRAP patches merge into a bootstrap, in their order; istiod carries out no other operation on one."""
    merges: JsonObject = {}
    for _, _, patch in _fitting(filters, proxy):
        if patch.apply_to == "BOOTSTRAP":
            merges = merged(merges, _Patch(patch, proxy).value)
    return merges


def _fitting(
    filters: Sequence[IstioObject[EnvoyFilter]], proxy: Proxy
) -> Iterator[tuple[IstioObject[EnvoyFilter], int, EnvoyConfigObjectPatch]]:
    for found in filters:
        for index, patch in enumerate(found.spec.config_patches or ()):
            if is_carried(patch) and match.proxy_fits(patch.match, proxy):
                yield found, index, patch


def _extension_config(extensions: dict[str, JsonObject], patch: _Patch) -> None:
    """A configuration that a filter names, which istiod would send over ECDS; only ADD makes one."""
    if patch.operation == "ADD" and (patch.fits_context(inbound=False) or patch.fits_context(inbound=True)):
        extensions.setdefault(str(patch.value.get("name", "")), patch.value)


def with_extensions(resources: Resources, extensions: Mapping[str, JsonObject]) -> Resources:
    """The listeners with each filter that is discovered by a known name in full."""

    def in_full(value: JsonValue) -> JsonValue:
        if isinstance(value, list):
            return [in_full(item) for item in value]
        if not isinstance(value, dict):
            return value
        known = extensions.get(str(value.get("name"))) if "config_discovery" in value else None
        if known is not None:
            kept: JsonObject = {key: item for key, item in value.items() if key != "config_discovery"}
            return {**kept, "typed_config": known.get("typed_config")}
        return {key: in_full(item) for key, item in value.items()}

    return replace(resources, listeners=tuple(cast("JsonObject", in_full(listener)) for listener in resources.listeners))


def is_carried(patch: EnvoyConfigObjectPatch) -> bool:
    """Whether a patch has a place in the configuration of a stock Envoy."""
    return (
        (patch.apply_to or "") in {*_APPLY, *_ELSEWHERE}
        and patch.patch is not None
        and (patch.patch.operation or "INVALID") in _ELSEWHERE.get(patch.apply_to or "", (patch.patch.operation or "INVALID",))
        and not (patch.match is not None and (patch.match.context == "WAYPOINT" or patch.match.waypoint is not None))
        and not any(name.startswith("istio.") for name in (_filter_name(patch), _sub_filter_name(patch)))
    )


def _filter_name(patch: EnvoyConfigObjectPatch) -> str:
    listener = patch.match.listener if patch.match else None
    chain = listener.filter_chain if listener else None
    return (chain.filter.name if chain and chain.filter else None) or ""


def _sub_filter_name(patch: EnvoyConfigObjectPatch) -> str:
    listener = patch.match.listener if patch.match else None
    chain = listener.filter_chain if listener else None
    sub = chain.filter.sub_filter if chain and chain.filter else None
    return (sub.name if sub else None) or ""


class _Patch:
    """One patch, with its value in one spelling."""

    def __init__(self, patch: EnvoyConfigObjectPatch, proxy: Proxy) -> None:
        self.match = patch.match
        self.proxy = proxy
        self.operation = (patch.patch.operation if patch.patch else None) or "INVALID"
        value = snake_case(patch.patch.value) if patch.patch and patch.patch.value is not None else {}
        self.value = value if isinstance(value, dict) else {}
        self.filter = _filter_name(patch)
        self.sub_filter = _sub_filter_name(patch)

    @property
    def listener(self) -> ListenerMatch | None:
        return self.match.listener if self.match else None

    @property
    def routes(self) -> RouteConfigurationMatch | None:
        return self.match.route_configuration if self.match else None

    def fits_context(self, *, inbound: bool) -> bool:
        return match.context_fits(self.match, self.proxy, inbound=inbound)

    def change(self, item: JsonObject) -> JsonObject | None:
        """An item that fits, removed or merged with the patch's value."""
        if self.operation == "REMOVE":
            return None
        if self.operation == "MERGE":
            return merged(item, self.value)
        if self.operation == "MERGE_AND_REPLACE_LIST":
            return merged(item, self.value, replace_lists=True)
        return dict(self.value) if self.operation == "REPLACE" else item

    def place(self, items: Sequence[JsonObject], fits: Fits, *, named: bool) -> list[JsonObject]:
        """A list with the patch done to it; `named` says whether the match names an item to stand beside."""
        if self.operation == "ADD":
            return [*items, self.value]
        if self.operation == "INSERT_FIRST":
            return [self.value, *items]
        if self.operation in {"INSERT_BEFORE", "INSERT_AFTER"}:
            after = self.operation == "INSERT_AFTER"
            found = next((index for index, item in enumerate(items) if fits(item)), None) if named else None
            if named and found is None:
                return list(items)
            at = (len(items) if after else 0) if found is None else found + after
            return [*items[:at], self.value, *items[at:]]
        changed = (self.change(item) if fits(item) else item for item in items)
        return [item for item in changed if item is not None]


# --- walking --------------------------------------------------------------------------------------------------------
def _objects(value: JsonValue) -> list[JsonObject]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _with_list(owner: JsonObject, key: str, items: Sequence[JsonObject]) -> JsonObject:
    return {**owner, key: list(items)}


def _each(items: Sequence[JsonObject], change: Each) -> tuple[JsonObject, ...]:
    return tuple(found for item in items if (found := change(item)) is not None)


def _listeners(resources: Resources, patch: _Patch, change: Each) -> Resources:
    def one(listener: JsonObject) -> JsonObject | None:
        inbound = listener.get("traffic_direction") == "INBOUND"
        fits = patch.fits_context(inbound=inbound) and match.listener_fits(patch.listener, listener)
        return change(listener) if fits else listener

    return replace(resources, listeners=_each(resources.listeners, one))


def _chains(resources: Resources, patch: _Patch, change: Each) -> Resources:
    """Each filter chain that is meant, the default chain too."""

    def one(listener: JsonObject) -> JsonObject:
        def chain(found: JsonObject) -> JsonObject | None:
            return change(found) if match.chain_fits(patch.listener, listener, found) else found

        changed = _with_list(listener, "filter_chains", _each(_objects(listener.get("filter_chains")), chain))
        default = listener.get("default_filter_chain")
        if isinstance(default, dict):
            kept = chain(default)
            changed = {key: item for key, item in changed.items() if key != "default_filter_chain"}
            if kept is not None:
                changed["default_filter_chain"] = kept
        return changed

    return _listeners(resources, patch, one)


def _managers(chain: JsonObject, change: Callable[[JsonObject], JsonObject]) -> JsonObject:
    """Each HTTP connection manager's configuration in a chain."""
    filters = [
        {**one, "typed_config": change(match.message(one.get("typed_config")))} if one.get("name") == HCM else one
        for one in _objects(chain.get("filters"))
    ]
    return _with_list(chain, "filters", filters)


def _tables(resources: Resources, patch: _Patch, change: Callable[[JsonObject], JsonObject]) -> Resources:
    """Each route configuration that is meant: by name, or inline in an inbound listener."""

    def table(found: JsonObject) -> JsonObject:
        return change(found) if match.table_fits(patch.routes, found) else found

    def manager(config: JsonObject) -> JsonObject:
        inline = config.get("route_config")
        return {**config, "route_config": table(inline)} if isinstance(inline, dict) else config

    if patch.fits_context(inbound=False):
        resources = replace(resources, routes=tuple(table(found) for found in resources.routes))
    if not patch.fits_context(inbound=True):
        return resources
    return replace(
        resources,
        listeners=tuple(
            _with_list(found, "filter_chains", [_managers(chain, manager) for chain in _objects(found.get("filter_chains"))])
            if found.get("traffic_direction") == "INBOUND"
            else found
            for found in resources.listeners
        ),
    )


# --- one function an `applyTo` --------------------------------------------------------------------------------------
def _listener(resources: Resources, patch: _Patch) -> Resources:
    if patch.operation == "ADD":
        inbound = patch.value.get("traffic_direction") == "INBOUND"
        fits = patch.fits_context(inbound=inbound)
        return replace(resources, listeners=(*resources.listeners, patch.value)) if fits else resources
    return _listeners(resources, patch, patch.change)


def _filter_chain(resources: Resources, patch: _Patch) -> Resources:
    if patch.operation == "ADD":

        def add(listener: JsonObject) -> JsonObject:
            return _with_list(listener, "filter_chains", [*_objects(listener.get("filter_chains")), patch.value])

        return _listeners(resources, patch, add)
    return _chains(resources, patch, patch.change)


def _listener_filter(resources: Resources, patch: _Patch) -> Resources:
    wanted = (patch.listener.listener_filter if patch.listener else None) or ""

    def one(listener: JsonObject) -> JsonObject:
        items = _objects(listener.get("listener_filters"))
        return _with_list(listener, "listener_filters", patch.place(items, _has_name(wanted), named=bool(wanted)))

    return _listeners(resources, patch, one)


def _network_filter(resources: Resources, patch: _Patch) -> Resources:
    def one(chain: JsonObject) -> JsonObject:
        items = _objects(chain.get("filters"))
        return _with_list(chain, "filters", patch.place(items, _has_name(patch.filter), named=bool(patch.filter)))

    return _chains(resources, patch, one)


def _http_filter(resources: Resources, patch: _Patch) -> Resources:
    def manager(config: JsonObject) -> JsonObject:
        items = _objects(config.get("http_filters"))
        placed = patch.place(items, _has_name(patch.sub_filter), named=bool(patch.sub_filter))
        return _with_list(config, "http_filters", placed)

    return _chains(resources, patch, lambda chain: _managers(chain, manager))


def _has_name(wanted: str) -> Fits:
    return lambda item: not wanted or match.same_filter(wanted, item.get("name"))


def _route_configuration(resources: Resources, patch: _Patch) -> Resources:
    return _tables(resources, patch, lambda table: patch.change(table) or table)


def _virtual_host(resources: Resources, patch: _Patch) -> Resources:
    def table(found: JsonObject) -> JsonObject:
        hosts = _objects(found.get("virtual_hosts"))
        fits: Fits = lambda host: match.virtual_host_fits(patch.routes, host)  # noqa: E731 - a name for its type
        return _with_list(found, "virtual_hosts", patch.place(hosts, fits, named=False))

    return _tables(resources, patch, table)


def _http_route(resources: Resources, patch: _Patch) -> Resources:
    wanted = patch.routes.vhost.route if patch.routes and patch.routes.vhost else None

    def host(found: JsonObject) -> JsonObject:
        if not match.virtual_host_fits(patch.routes, found):
            return found
        routes = _objects(found.get("routes"))
        placed = patch.place(routes, lambda route: match.route_fits(wanted, route), named=bool(wanted and wanted.name))
        return _with_list(found, "routes", placed)

    def table(found: JsonObject) -> JsonObject:
        return _with_list(found, "virtual_hosts", [host(one) for one in _objects(found.get("virtual_hosts"))])

    return _tables(resources, patch, table)


def _cluster(resources: Resources, patch: _Patch) -> Resources:
    if patch.operation == "ADD":
        name = str(patch.value.get("name", ""))
        fits = patch.fits_context(inbound=False) or patch.fits_context(inbound=True)
        known = any(cluster["name"] == name for cluster in resources.clusters)
        return replace(resources, clusters=(*resources.clusters, patch.value)) if fits and not known else resources
    wanted = patch.match.cluster if patch.match else None

    def one(cluster: JsonObject) -> JsonObject | None:
        inbound = match.cluster_is_inbound(str(cluster["name"]))
        fits = patch.fits_context(inbound=inbound) and match.cluster_fits(wanted, cluster)
        return patch.change(cluster) if fits else cluster

    return replace(resources, clusters=_each(resources.clusters, one))


_APPLY: Final[dict[str, Callable[[Resources, _Patch], Resources]]] = {
    "LISTENER": _listener,
    "FILTER_CHAIN": _filter_chain,
    "LISTENER_FILTER": _listener_filter,
    "NETWORK_FILTER": _network_filter,
    "HTTP_FILTER": _http_filter,
    "ROUTE_CONFIGURATION": _route_configuration,
    "VIRTUAL_HOST": _virtual_host,
    "HTTP_ROUTE": _http_route,
    "CLUSTER": _cluster,
}
