"""The places of a proxy where a change may be felt: pairs of filter chains, and in them pairs of virtual hosts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

from meshgen.json import JsonObject, JsonValue
from meshgen.trace import Capture, EnvoyConfig, Request
from meshgen.trace.config import HTTP_CONNECTION_MANAGER, network_filters, restores_destination
from meshgen.trace.fields import boolean, integer, message, messages, string, strings, typed_config
from meshgen.trace.steps.arrival import split_port
from meshgen.trace.steps.filter_chain import choose_filter_chain
from meshgen.trace.steps.listener import choose_listener
from meshgen.trace.walk import Walk

ANY_PORT = 1  # stands for the ports of a workload that no chain names; 15006 itself leads nowhere
ANY_HOST = "any other host"
_OF_GATES = ("rbac.v3.RBAC", "jwt_authn.v3.JwtAuthentication", "ext_authz.v3.ExtAuthz")
_Pair = tuple[JsonObject, JsonObject]


@dataclass(frozen=True)
class Configs:
    """A proxy's configuration before and after."""

    before: EnvoyConfig
    after: EnvoyConfig
    workload: str  # what inbound requests ask for

    @property
    def both(self) -> tuple[EnvoyConfig, EnvoyConfig]:
        """Before, after."""
        return self.before, self.after

    @cached_property
    def marks(self) -> tuple[dict[str, JsonValue], dict[str, JsonValue]]:
        """What a request feels of each cluster: its kind, whether somebody serves it, and how it is spoken to."""
        return _marks(self.before), _marks(self.after)

    @cached_property
    def changed(self) -> frozenset[str]:
        """The clusters of which a request feels a change."""
        old, new = self.marks
        return frozenset(name for name in {*old, *new} if old.get(name) != new.get(name))

    @cached_property
    def changed_tables(self) -> frozenset[str]:
        """The route configurations that differ, or that name a changed cluster."""
        old, new = self.before.routes, self.after.routes
        return frozenset(name for name in {*old, *new} if old.get(name) != new.get(name) or self.touches(old.get(name)))

    def touches(self, value: JsonValue) -> bool:
        """Whether a piece of configuration names a cluster that has changed."""
        return bool(self.changed) and any(name in self.changed for name in _clusters_in(value))

    def table(self, side: int, chain: JsonObject) -> JsonObject:
        """The route configuration of an HTTP filter chain, inline or by name."""
        manager = manager_of(chain) or {}
        inline = message(manager, "route_config")
        return inline or self.both[side].routes.get(string(message(manager, "rds"), "route_config_name"), {})


@dataclass(frozen=True, kw_only=True)
class Place:
    """Connections that meet the same two filter chains, and requests that meet the same two virtual hosts there."""

    base: Request  # a request that gets there, if nothing else is asked for
    inbound: bool
    chains: _Pair  # empty where none takes the connection
    tables: _Pair
    virtual_hosts: tuple[JsonObject | None, JsonObject | None]
    host: str  # that clients ask for
    hosts: tuple[str, ...] = ()  # all that are alike, the first one first
    domains: tuple[str, ...] = ()  # the same as virtual hosts have them, with wildcards
    configs: Configs

    def takes(self, request: Request) -> bool:
        """Whether a request comes here."""
        found = _chain(self.configs.before, request), _chain(self.configs.after, request)
        if any(mine is not theirs for mine, theirs in zip(self.chains, found, strict=True)):
            return False
        return not self.base.is_http or (request.is_http and self.leads_here(request.host))

    @property
    def server_names(self) -> tuple[str, ...]:
        """The server names of TLS with which a connection meets these filter chains, that of `base` first."""
        if not self.base.is_tls:
            return ("",)
        matches = [message(chain, "filter_chain_match") for chain in self.chains]
        names = [concrete(name).lower() for match in matches for name in strings(match, "server_names")]
        return tuple(dict.fromkeys((self.base.server_name, *filter(self.is_named, names))))

    def is_named(self, server_name: str) -> bool:
        """Whether a connection with this server name meets these filter chains."""
        return self.base.is_tls and self.takes(replace(self.base, sni=server_name))

    def leads_here(self, host: str) -> bool:
        """Whether requests to a host meet these virtual hosts, or others that are alike."""
        if not self.domains:
            return True
        found = _hosts_at(self.configs, self.tables, host)
        return any(found == _hosts_at(self.configs, self.tables, concrete(each)) for each in self.domains)


def manager_of(chain: JsonObject) -> JsonObject | None:
    """The HTTP connection manager of a filter chain."""
    return next((inner for _, kind, inner in network_filters(chain) if kind == HTTP_CONNECTION_MANAGER), None)


def _marks(config: EnvoyConfig) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {}
    for name, cluster in config.clusters.items():
        service = string(message(cluster, "eds_cluster_config"), "service_name") or name
        listed = messages(config.endpoints.get(service, {}), "endpoints") or messages(
            message(cluster, "load_assignment"), "endpoints"
        )
        found[name] = [
            string(cluster, "type"),
            string(message(cluster, "cluster_type"), "name"),
            any(messages(group, "lb_endpoints") for group in listed),
            upstream_tls(config, name),
        ]
    return found


def upstream_tls(config: EnvoyConfig, name: str) -> str:
    """How a cluster is spoken to: `plaintext`, `TLS`, `mTLS`, or mTLS with those that take it."""
    cluster = config.clusters.get(name, {})
    socket, matches = message(cluster, "transport_socket"), messages(cluster, "transport_socket_matches")
    if matches:
        kinds = {_tls_kind(message(each, "transport_socket")) for each in matches}
        return "mTLS where the server takes it" if "mTLS" in kinds else "TLS"
    return _tls_kind(socket)


def _tls_kind(socket: JsonObject) -> str:
    kind, context = typed_config(socket)
    if not kind.endswith("UpstreamTlsContext"):
        return "plaintext"
    common = message(context, "common_tls_context")
    certificates = common.get("tls_certificate_sds_secret_configs") or common.get("tls_certificates")
    return "mTLS" if certificates else "TLS"


def _clusters_in(value: JsonValue) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(cluster := value.get("cluster"), str):
            yield cluster
        for each in messages(message(value, "weighted_clusters"), "clusters"):
            yield string(each, "name")
        for inner in value.values():
            if isinstance(inner, (dict, list)):
                yield from _clusters_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _clusters_in(inner)


def places_of(configs: Configs) -> Iterator[Place]:
    """The places whose requests may end differently."""
    seen: set[tuple[object, ...]] = set()
    for name in sorted({*configs.before.listeners, *configs.after.listeners}):
        sides = configs.before.listeners.get(name), configs.after.listeners.get(name)
        for base in _connections(configs, sides):
            chains = _chain(configs.before, base), _chain(configs.after, base)
            managers = [manager_of(chain) is not None for chain in chains if chain]
            if not (any(managers) if base.is_http else not all(managers)) or _is_dull(configs, chains):
                continue
            inbound = base.capture is Capture.INBOUND or any(
                string(each or {}, "traffic_direction") == "INBOUND" for each in sides
            )
            port = base.port if any(base.port in _ports_in(chain.get("filters")) for chain in chains) else 0
            key = (id(chains[0]), id(chains[1]), base.tls, base.is_http, inbound, port)
            if key in seen:
                continue
            seen.add(key)
            yield from _places_at(configs, chains, base, inbound=inbound)


def _chain(config: EnvoyConfig, request: Request) -> JsonObject:
    """The filter chain that takes a connection; empty where it is refused."""
    walk = Walk(config=config, request=request)
    answer = choose_listener(walk) or choose_filter_chain(walk)
    return _NOTHING if answer is not None else walk.chain


_NOTHING: JsonObject = {}


def _is_dull(configs: Configs, chains: _Pair) -> bool:
    """Whether no request over two chains can end differently."""
    if chains[0] != chains[1]:
        return False
    manager = manager_of(chains[0])
    if manager is None:
        return not configs.touches(chains[0])
    name = string(message(manager, "rds"), "route_config_name")
    return name not in configs.changed_tables and not configs.touches(message(manager, "route_config"))


def _connections(configs: Configs, sides: tuple[JsonObject | None, JsonObject | None]) -> Iterator[Request]:
    """A connection for each port, address, server name and kind of TLS that the chains of a listener tell apart."""
    listeners = [each for each in sides if each is not None]
    chains = _telling_chains(configs, sides)
    matches = [message(chain, "filter_chain_match") for chain in chains]
    if not chains and len(listeners) == 2 and _is_outside_same(*listeners):
        return
    listener = listeners[-1]
    socket = message(listener, "address", "socket_address")
    capture = capture_of(listener)
    own = ANY_PORT if capture is Capture.INBOUND else integer(socket, "port_value")
    named = [port for chain in chains for port in sorted(_ports_in(chain.get("filters")))] if own == ANY_PORT else []
    ports = list(dict.fromkeys([*(integer(each, "destination_port") or own for each in matches), own, *named]))
    bound = string(socket, "address")
    address = None if bound in ("", "0.0.0.0", "::") else bound  # noqa: S104 - what a listener is bound to
    ranges = [string(each, "address_prefix") for match in matches for each in messages(match, "prefix_ranges")]
    addresses = list(dict.fromkeys([*ranges, address]))
    names = list(dict.fromkeys(concrete(name) for match in matches for name in strings(match, "server_names")))
    for port, place, (protocol, tls) in product(ports, addresses, _kinds(capture, chains)):
        server_names = [*names, None] if tls != "none" else [None]
        for sni in server_names:
            yield Request(
                port=port, address=place, capture=capture, protocol=protocol, tls=tls,
                sni=sni if tls != "none" else None, host=sni or "anything.invalid",
            )  # fmt: skip


def _ports_in(value: JsonValue) -> set[int]:
    """The ports that access rules ask for."""
    if isinstance(value, list):
        return {port for each in value for port in _ports_in(each)}
    if not isinstance(value, dict):
        return set()
    own = value.get("destination_port")
    found = {own} if isinstance(own, int) else set()
    return found | {port for name, each in value.items() if name != "route_config" for port in _ports_in(each)}


def _is_outside_same(one: JsonObject, other: JsonObject) -> bool:
    names = {*one, *other} - {"filter_chains", "default_filter_chain", "access_log", "metadata"}
    return all(one.get(name) == other.get(name) for name in names)


def _telling_chains(configs: Configs, sides: tuple[JsonObject | None, JsonObject | None]) -> list[JsonObject]:
    """The chains that the other side has not, or whose routes have changed; all of a listener that differs around them."""
    before, after = ([*messages(each or {}, "filter_chains"), message(each or {}, "default_filter_chain")] for each in sides)
    before, after = [each for each in before if each], [each for each in after if each]
    if sides[0] is None or sides[1] is None or not _is_outside_same(sides[0], sides[1]):
        return [*before, *after]
    named = {string(each, "name"): each for each in before}
    found = [each for each in after if named.get(string(each, "name")) != each or not _is_dull(configs, (each, each))]
    kept = {string(each, "name"): each for each in after}
    return [*found, *(each for each in before if kept.get(string(each, "name")) != each)]


def capture_of(listener: JsonObject) -> Capture:
    """How connections come to a listener."""
    if string(listener, "traffic_direction") == "INBOUND":
        restores = restores_destination(listener)
        return Capture.INBOUND if restores else Capture.NONE
    captured = boolean(listener, "use_original_dst") or not boolean(listener, "bind_to_port", default=True)
    return Capture.OUTBOUND if captured else Capture.NONE


def _kinds(capture: Capture, chains: Iterable[JsonObject]) -> Iterator[tuple[str, str]]:
    """Protocol and TLS of the clients that a listener may have."""
    looks = [chain for chain in chains if "transport_socket" in chain or message(chain, "filter_chain_match")]
    secure = [typed_config(message(chain, "transport_socket"))[1] for chain in looks]
    certified = capture is Capture.INBOUND or any(boolean(each, "require_client_certificate") for each in secure)
    for tls in ("none", *(["mtls"] if certified and looks else []), *(["tls"] if looks else [])):
        yield "http", tls
        yield "tcp", tls


def _places_at(configs: Configs, chains: _Pair, base: Request, *, inbound: bool) -> Iterator[Place]:
    if not base.is_http:
        label = configs.workload if inbound else _tcp_label(base, chains)
        yield Place(
            base=replace(base, host=configs.workload if inbound else base.host), inbound=inbound, chains=chains,
            tables=({}, {}), virtual_hosts=(None, None), host=label, configs=configs,
        )  # fmt: skip
        return
    tables = configs.table(0, chains[0]), configs.table(1, chains[1])
    for (before, after), domains in _groups(configs, chains, tables).items():
        hosts = [configs.both[side].virtual_hosts(tables[side]).hosts for side in (0, 1)]
        pair = (None if before is None else hosts[0][before], None if after is None else hosts[1][after])
        label = configs.workload if inbound else _label(pair, tables, domains)
        alike = (label, *(each for each in domains if each != label)) if base.capture is Capture.NONE else (label,)
        asked = configs.workload if inbound else concrete(domains[0])
        yield Place(
            base=_asking(configs, chains, base, asked), inbound=inbound, chains=chains, tables=tables, virtual_hosts=pair,
            host=label,
            hosts=tuple(each for each in alike if each != "*") or (label,), domains=tuple(domains), configs=configs,
        )  # fmt: skip


def _asking(configs: Configs, chains: _Pair, base: Request, host: str) -> Request:
    """The request for a host, named in TLS as well where that leads to the same chains."""
    asking = replace(base, host=host)
    if base.tls != "tls":
        return asking
    named = replace(asking, sni=host)
    is_same = _chain(configs.before, named) is chains[0] and _chain(configs.after, named) is chains[1]
    return named if is_same else replace(asking, sni=base.server_name)


_Group = tuple[int | None, int | None]


def _groups(configs: Configs, chains: _Pair, tables: _Pair) -> dict[_Group, list[str]]:
    """The domains by the virtual hosts that they lead to; those of equal hosts are one where only gates differ."""
    domains = dict.fromkeys(
        name.lower() for table in tables for host in messages(table, "virtual_hosts") for name in strings(host, "domains")
    )
    domains.setdefault("*")  # a host that nobody serves still meets the gates
    if not any(manager_of(chain) is not None for chain in chains):
        return {}
    same = _is_same_around(chains, tables)
    found: dict[_Group, list[str]] = {}
    alike: _Group | None = None
    for domain in domains:
        places = _hosts_at(configs, tables, concrete(domain))
        hosts = [None if at is None else messages(tables[side], "virtual_hosts")[at] for side, at in enumerate(places)]
        if hosts[0] == hosts[1] and not configs.touches(hosts[0]) and same != "no":
            if same == "all":
                continue
            alike = alike or places
            found.setdefault(alike, []).append(domain)
        else:
            found.setdefault(places, []).append(domain)
    return found


def _is_same_around(chains: _Pair, tables: _Pair) -> str:
    """Whether two chains are the same around their virtual hosts: `all`, but for `gates`, or `no`."""
    if chains[0] == chains[1]:
        around = [{name: value for name, value in table.items() if name != "virtual_hosts"} for table in tables]
        return "all" if around[0] == around[1] else "no"
    managers = [manager_of(chain) for chain in chains]
    if managers[0] is None or managers[1] is None:
        return "gates" if not any(chains) or not all(chains) else "no"
    rest = [
        [
            {
                name: value
                for name, value in manager.items()
                if name not in ("http_filters", "route_config", "rds", "stat_prefix")
            },
            [each for each in messages(manager, "http_filters") if not typed_config(each)[0].endswith(_OF_GATES)],
            {name: value for name, value in table.items() if name not in ("virtual_hosts", "name")},
        ]
        for manager, table in ((managers[0], tables[0]), (managers[1], tables[1]))
    ]
    return "gates" if rest[0] == rest[1] else "no"


def _hosts_at(configs: Configs, tables: _Pair, host: str) -> _Group:
    found: list[int | None] = []
    for side, table in enumerate(tables):
        known = configs.both[side].virtual_hosts(table)
        asked = split_port(host.lower())[0] if known.ignores_port else host.lower()
        found.append(next((index for _, index in known.matching(asked)), None))
    return found[0], found[1]


def _label(pair: tuple[JsonObject | None, JsonObject | None], tables: _Pair, domains: list[str]) -> str:
    """What clients ask for: the first domain; that of an unnamed port's only service is its virtual host's name."""
    host, table = next(
        ((host, table) for host, table in zip(pair[::-1], tables[::-1], strict=True) if host is not None), ({}, {})
    )
    own = [each for each in strings(host, "domains") if each in domains and each != "*"]
    name = (string(host, "name") or string(table, "name")).rpartition(":")[0]
    first = re.sub(r":(\d+|\*)$", "", (own or [each for each in domains if each != "*"] or [""])[0])
    return first or (name if "." in name and not name.startswith("*") else ANY_HOST)


def _tcp_label(base: Request, chains: _Pair) -> str:
    """The host of an outbound cluster that the connection goes to, the server name, or the port."""
    for chain in chains[::-1]:
        for name in _clusters_in(chain):
            parts = name.split("|")
            if len(parts) == 4:
                return parts[3]
    return base.sni or f"port {base.port}"


def concrete(domain: str) -> str:
    """A host that a domain of a virtual host stands for."""
    if domain == "*":
        return "anything.invalid"
    return f"any{domain[1:]}" if domain.startswith("*") else domain.replace("*", "any")
