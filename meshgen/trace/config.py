"""The Envoy configuration that requests are traced through, from whatever form it comes in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from meshgen.json import JsonObject
from meshgen.trace.fields import boolean, integer, message, messages, snake_case, string, typed, typed_config
from meshgen.trace.tables import FilterChains, VirtualHosts

HTTP_CONNECTION_MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"


@dataclass(frozen=True, kw_only=True)
class EnvoyConfig:
    """Listeners, clusters, route configurations and cluster load assignments of one proxy, by name.

    `endpoints_known` is false where the source tells nothing of EDS endpoints, so that an EDS cluster counts as served;
    `unlisted` names clusters of which alone it tells nothing.
    `rejects_fragment` is Envoy's own answer to `#` in a path (400), which istiod's bootstrap turns off.
    """

    listeners: Mapping[str, JsonObject]
    clusters: Mapping[str, JsonObject]
    routes: Mapping[str, JsonObject]
    endpoints: Mapping[str, JsonObject]
    endpoints_known: bool = True
    unlisted: frozenset[str] = frozenset()
    rejects_fragment: bool = True
    node: JsonObject = field(default_factory=dict)
    _chains: dict[int, FilterChains] = field(default_factory=dict, init=False, repr=False, compare=False)
    _hosts: dict[int, VirtualHosts] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def from_record(cls, record: Any) -> EnvoyConfig:  # noqa: ANN401 - JSON of a stranger
        """From `{listeners, clusters, routes, endpoints}` with lists of resources, as tests/oracle records istiod."""
        record = snake_case(record) if isinstance(record, dict) else {}
        lists = {name: messages(record, name) for name in ("listeners", "clusters", "routes", "endpoints")}
        return cls.from_snapshot(message(record, "bootstrap"), **lists)

    @classmethod
    def from_bootstrap(cls, bootstrap: Any) -> EnvoyConfig:  # noqa: ANN401 - JSON of a stranger
        """From the static resources of a bootstrap; route configurations stand inline in its listeners."""
        return cls.from_snapshot(snake_case(bootstrap) if isinstance(bootstrap, dict) else {})

    @classmethod
    def from_snapshot(
        cls,
        bootstrap: JsonObject,
        listeners: Iterable[JsonObject] = (),
        clusters: Iterable[JsonObject] = (),
        routes: Iterable[JsonObject] = (),
        endpoints: Iterable[JsonObject] = (),
    ) -> EnvoyConfig:
        """From a bootstrap and the resources that discovery adds; the first of a name wins, as in Envoy."""
        static = message(bootstrap, "static_resources")
        return cls(
            listeners=_by_name([*messages(static, "listeners"), *listeners]),
            clusters=_by_name([*messages(static, "clusters"), *clusters]),
            routes=_by_name(routes),
            endpoints=_by_name(endpoints, "cluster_name"),
            node=message(bootstrap, "node"),
            rejects_fragment=_rejects_fragment(bootstrap),
        )

    @classmethod
    def from_config_dump(cls, dump: Any) -> EnvoyConfig:  # noqa: ANN401 - JSON of a stranger
        """From an admin `/config_dump`, best with `?include_eds`."""
        sections: dict[str, JsonObject] = {}
        for config in messages(snake_case(dump) if isinstance(dump, dict) else {}, "configs"):
            sections[typed(config)[0].rpartition(".")[2]] = config
        listeners = sections.get("ListenersConfigDump", {})
        clusters = sections.get("ClustersConfigDump", {})
        routes = sections.get("RoutesConfigDump", {})
        endpoints = sections.get("EndpointsConfigDump", {})
        bootstrap = message(sections.get("BootstrapConfigDump", {}), "bootstrap")
        return cls(
            listeners=_by_name([*_static(listeners, "listener"), *_active(listeners)]),
            clusters=_by_name([*_static(clusters, "cluster"), *_dynamic(clusters, "cluster")]),
            routes=_by_name(_route_configs(routes)),
            endpoints=_by_name(_load_assignments(endpoints), "cluster_name"),
            endpoints_known="EndpointsConfigDump" in sections,
            node=message(bootstrap, "node"),
            rejects_fragment=_rejects_fragment(bootstrap),
        )

    @cached_property
    def by_address(self) -> dict[tuple[str, int], str]:
        """Listener names by address and port, bound or not; the first of an address wins."""
        found: dict[tuple[str, int], str] = {}
        for name, listener in self.listeners.items():
            for address in _addresses(listener):
                found.setdefault(address, name)
        return found

    @cached_property
    def bound_by_port(self) -> dict[int, tuple[tuple[str, str], ...]]:
        """Address and name of the listeners that have a socket of their own, by port; wildcard addresses come last."""
        found: dict[int, list[tuple[str, str]]] = {}
        for name, listener in self.listeners.items():
            if boolean(listener, "bind_to_port", default=True):
                for address, port in _addresses(listener):
                    found.setdefault(port, []).append((address, name))
        return {port: tuple(sorted(entries, key=lambda e: e[0] in WILDCARDS)) for port, entries in found.items()}

    @cached_property
    def capturing(self) -> dict[str, str]:
        """The listener that redirected connections arrive at, by direction.

        iptables sends them to one that has a socket and restores their destination.
        """
        found: dict[str, str] = {}
        for name, listener in self.listeners.items():
            if restores_destination(listener) and boolean(listener, "bind_to_port", default=True):
                found.setdefault(string(listener, "traffic_direction", "OUTBOUND"), name)
        return found

    def chains(self, listener: JsonObject) -> FilterChains:
        """The filter chains of a listener, prepared once."""
        table = self._chains.get(id(listener))
        if table is None:
            table = self._chains[id(listener)] = FilterChains.of(listener)
        return table

    def virtual_hosts(self, route_config: JsonObject) -> VirtualHosts:
        """The virtual hosts of a route configuration, indexed once."""
        table = self._hosts.get(id(route_config))
        if table is None:
            table = self._hosts[id(route_config)] = VirtualHosts.of(route_config)
        return table


_FRAGMENT_GUARD = "envoy.reloadable_features.http_reject_path_with_fragment"
WILDCARDS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - the addresses that listeners match any address with


def restores_destination(listener: JsonObject) -> bool:
    """Whether a listener gives redirected connections their destination back."""
    filters = (typed_config(entry)[0] for entry in messages(listener, "listener_filters"))
    return boolean(listener, "use_original_dst") or any(kind.endswith("original_dst.v3.OriginalDst") for kind in filters)


def _by_name(resources: Iterable[JsonObject], key: str = "name") -> dict[str, JsonObject]:
    named: dict[str, JsonObject] = {}
    for resource in resources:
        named.setdefault(string(resource, key), resource)
    return named


def _rejects_fragment(bootstrap: JsonObject) -> bool:
    rejects = True
    for layer in messages(message(bootstrap, "layered_runtime"), "layers"):  # the last layer wins
        rejects = boolean(message(layer, "static_layer"), _FRAGMENT_GUARD, default=rejects)
    return rejects


def _addresses(listener: JsonObject) -> list[tuple[str, int]]:
    addresses = [message(listener, "address", "socket_address")]
    addresses += [message(extra, "address", "socket_address") for extra in messages(listener, "additional_addresses")]
    return [(string(each, "address"), integer(each, "port_value")) for each in addresses if each]


def _static(section: JsonObject, kind: str) -> list[JsonObject]:
    return [message(entry, kind) for entry in messages(section, f"static_{kind}s")]


def _active(section: JsonObject) -> list[JsonObject]:
    return [message(entry, "active_state", "listener") for entry in messages(section, "dynamic_listeners")]


def _dynamic(section: JsonObject, kind: str) -> list[JsonObject]:
    return [message(entry, kind) for entry in messages(section, f"dynamic_active_{kind}s")]


def _route_configs(section: JsonObject) -> list[JsonObject]:
    entries = [*messages(section, "static_route_configs"), *messages(section, "dynamic_route_configs")]
    return [message(entry, "route_config") for entry in entries]


def _load_assignments(section: JsonObject) -> list[JsonObject]:
    entries = [*messages(section, "static_endpoint_configs"), *messages(section, "dynamic_endpoint_configs")]
    return [message(entry, "endpoint_config") for entry in entries]


def network_filters(chain: JsonObject) -> list[tuple[str, str, JsonObject]]:
    """Name, type name and content of the network filters of a chain, in order."""
    return [(string(entry, "name"), *typed_config(entry)) for entry in messages(chain, "filters")]
