"""What is prepared once per configuration: filter chains and virtual hosts, so that a trace only looks up."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from meshgen.json import JsonObject
from meshgen.trace.fields import boolean, integer, message, messages, string, strings

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def network(cidr: JsonObject) -> Network | None:
    """A `CidrRange`; None for one that Envoy would refuse."""
    try:
        return ipaddress.ip_network(f"{string(cidr, 'address_prefix')}/{integer(cidr, 'prefix_len')}", strict=False)
    except ValueError:
        return None


def networks(parent: JsonObject, name: str) -> tuple[Network, ...]:
    """A repeated `CidrRange` field."""
    return tuple(each for cidr in messages(parent, name) if (each := network(cidr)) is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainMatch:
    """A filter chain with its match (envoy.config.listener.v3.FilterChainMatch); empty criteria match anything."""

    chain: JsonObject
    name: str
    port: int
    prefixes: tuple[Network, ...]
    server_names: frozenset[str]
    transport: str
    protocols: frozenset[str]
    direct_source_prefixes: tuple[Network, ...]
    source_type: str
    source_prefixes: tuple[Network, ...]
    source_ports: frozenset[int]


@dataclass(frozen=True, slots=True)
class FilterChains:
    """The filter chains of a listener, its default one, and whether Envoy must look into TLS for their matches.

    `criteria` are the fields of `ChainMatch` that any chain uses; what no chain asks for narrows nothing down. `by_server_name`
    are the chains of each server name, and of none under "".
    """

    chains: tuple[ChainMatch, ...]
    default: JsonObject | None
    needs_tls_inspector: bool
    criteria: frozenset[str]
    by_server_name: dict[str, tuple[ChainMatch, ...]]

    @classmethod
    def of(cls, listener: JsonObject) -> FilterChains:
        """Read a listener."""
        chains = tuple(_chain_match(chain) for chain in messages(listener, "filter_chains"))
        default = message(listener, "default_filter_chain")
        named: dict[str, list[ChainMatch]] = {}
        for chain in chains:
            for name in chain.server_names or ("",):
                named.setdefault(name, []).append(chain)
        return cls(
            chains,
            default or None,
            any(_needs_tls_inspector(chain) for chain in chains),
            frozenset(name for name in _CRITERIA if any(_asks(chain, name) for chain in chains)),
            {name: tuple(held) for name, held in named.items()},
        )


_CRITERIA = (
    "port",
    "prefixes",
    "server_names",
    "transport",
    "protocols",
    "direct_source_prefixes",
    "source_type",
    "source_prefixes",
    "source_ports",
)


def _asks(chain: ChainMatch, name: str) -> bool:
    value = getattr(chain, name)
    return bool(value) and value != "ANY"


def _needs_tls_inspector(match: ChainMatch) -> bool:
    if match.transport:
        return match.transport == "tls"
    return bool(match.server_names or match.protocols)


def _chain_match(chain: JsonObject) -> ChainMatch:
    match = message(chain, "filter_chain_match")
    ports = match.get("source_ports")
    return ChainMatch(
        chain=chain,
        name=string(chain, "name"),
        port=integer(match, "destination_port"),
        prefixes=networks(match, "prefix_ranges"),
        server_names=frozenset(name.lower() for name in strings(match, "server_names")),
        transport=string(match, "transport_protocol"),
        protocols=frozenset(strings(match, "application_protocols")),
        direct_source_prefixes=networks(match, "direct_source_prefix_ranges"),
        source_type=string(match, "source_type", "ANY"),
        source_prefixes=networks(match, "source_prefix_ranges"),
        source_ports=frozenset(p for p in ports if isinstance(p, int)) if isinstance(ports, list) else frozenset(),
    )


@dataclass(frozen=True, slots=True)
class VirtualHosts:
    """The virtual hosts of a route configuration by domain, each kind of domain in a table of its own.

    Domains are compared lower-case. A wildcard stands for at least one character (`RouteMatcher::findVirtualHost`).
    """

    hosts: tuple[JsonObject, ...]
    exact: dict[str, int]
    suffixes: dict[str, int]  # "*.shop.example" as ".shop.example"
    prefixes: dict[str, int]  # "shop.*" as "shop."
    suffix_lengths: tuple[int, ...]  # longest first
    prefix_lengths: tuple[int, ...]
    default: int | None  # "*"
    ignores_port: bool

    @classmethod
    def of(cls, route_config: JsonObject) -> VirtualHosts:
        """Read a route configuration; the first owner of a domain keeps it."""
        hosts = tuple(messages(route_config, "virtual_hosts"))
        exact: dict[str, int] = {}
        suffixes: dict[str, int] = {}
        prefixes: dict[str, int] = {}
        default: int | None = None
        for index, host in enumerate(hosts):
            for domain in (name.lower() for name in strings(host, "domains")):
                if domain == "*":
                    default = index if default is None else default
                elif domain.startswith("*"):
                    suffixes.setdefault(domain[1:], index)
                elif domain.endswith("*"):
                    prefixes.setdefault(domain[:-1], index)
                else:
                    exact.setdefault(domain, index)
        return cls(
            hosts,
            exact,
            suffixes,
            prefixes,
            _lengths(suffixes),
            _lengths(prefixes),
            default,
            boolean(route_config, "ignore_port_in_host_matching"),
        )

    def matching(self, host: str) -> Iterator[tuple[str, int]]:
        """Domain and index of the virtual hosts that match, in Envoy's order: the first one is taken.

        Exact, then the longest suffix wildcard, then the longest prefix wildcard, then `*`.
        """
        if host in self.exact:
            yield host, self.exact[host]
        for length in self.suffix_lengths:
            if length < len(host) and host[-length:] in self.suffixes:
                yield f"*{host[-length:]}", self.suffixes[host[-length:]]
        for length in self.prefix_lengths:
            if length < len(host) and host[:length] in self.prefixes:
                yield f"{host[:length]}*", self.prefixes[host[:length]]
        if self.default is not None:
            yield "*", self.default


def _lengths(table: dict[str, int]) -> tuple[int, ...]:
    return tuple(sorted({len(key) for key in table if key}, reverse=True))
