"""Where a host is known, and what a proxy that is on one side alone takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from meshgen.diff.classes.places import ANY_PORT, Configs, manager_of
from meshgen.emit.envoy.snapshot import Snapshot
from meshgen.json import JsonObject
from meshgen.mesh import Proxy
from meshgen.trace import EnvoyConfig
from meshgen.trace.fields import integer, message, messages, string, strings

Spot = tuple[str, int]  # a proxy and one of its ports


@dataclass(slots=True)
class Known:
    """The proxies of a change, those that were compared and those that were not, and which hosts they know."""

    configs: Mapping[str, Configs]
    left_out: tuple[Proxy, ...] = ()
    sees: Callable[[Proxy, str], bool] = lambda _proxy, _host: False
    _hosts: dict[str, dict[str, set[int]]] = field(default_factory=dict)

    def spots(self, host: str, found: set[Spot], *, inbound: bool) -> set[Spot]:
        """Everywhere that requests to a host come by; `found` is where a sentence holds."""
        if inbound:
            return self._inbound(found)
        everywhere = {(name, port) for name in self.configs for port in self._ports(name).get(host, ())}
        return everywhere | {(proxy.id, port) for proxy in self.left_out if self.sees(proxy, host) for _, port in [min(found)]}

    def _inbound(self, found: set[Spot]) -> set[Spot]:
        """The proxies of the same workload, with the ports of a proxy that has the sentence."""
        names = {self.configs[proxy].workload for proxy, _ in found if proxy in self.configs}
        spots = {
            (name, port)
            for name, configs in self.configs.items()
            if configs.workload in names
            for port in _inbound_ports(configs)
        }
        return {spot for spot in spots if spot[1] != ANY_PORT}

    def _ports(self, name: str) -> dict[str, set[int]]:
        """The hosts that a proxy knows, with the ports of their listeners."""
        known = self._hosts.get(name)
        if known is None:
            known = self._hosts[name] = {}
            for config in self.configs[name].both:
                for port, table in _tables(config):
                    for host in messages(table, "virtual_hosts"):
                        for domain in strings(host, "domains"):
                            known.setdefault(domain, set()).add(port)
        return known


def _tables(config: EnvoyConfig) -> Iterator[tuple[int, JsonObject]]:
    for listener in config.listeners.values():
        port = integer(message(listener, "address", "socket_address"), "port_value")
        if string(listener, "traffic_direction") == "INBOUND":
            continue
        for chain in (*messages(listener, "filter_chains"), message(listener, "default_filter_chain")):
            manager = manager_of(chain)
            if manager is not None:
                inline = message(manager, "route_config")
                yield port, inline or config.routes.get(string(message(manager, "rds"), "route_config_name"), {})


def _inbound_ports(configs: Configs) -> set[int]:
    found = {ANY_PORT}
    for config in configs.both:
        for listener in config.listeners.values():
            if string(listener, "traffic_direction") == "INBOUND":
                matches = (message(chain, "filter_chain_match") for chain in messages(listener, "filter_chains"))
                found |= {integer(match, "destination_port") or ANY_PORT for match in matches}
    return found - {15006}


def meaning_of(snapshot: Snapshot) -> str:
    """What a proxy takes: the hosts that a gateway serves, the ports of a workload and who may call without mTLS."""
    config = EnvoyConfig.from_snapshot({}, snapshot.listeners, (), snapshot.routes)
    if snapshot.proxy.is_gateway:
        domains = [
            name for _, table in _tables(config) for host in messages(table, "virtual_hosts") for name in strings(host, "domains")
        ]
        hosts = sorted({name.partition(":")[0] for name in domains} - {"*"})
        more = f" and {len(hosts) - 3} more" if len(hosts) > 3 else ""
        return f"a gateway that serves {', '.join(hosts[:3])}{more}" if hosts else "a gateway that serves no host"
    both = Configs(config, config, "")
    ports = sorted(_inbound_ports(both) - {ANY_PORT})
    plain = any(
        "transport_socket" not in chain and integer(message(chain, "filter_chain_match"), "destination_port") != 15006
        for listener in config.listeners.values()
        if string(listener, "traffic_direction") == "INBOUND"
        for chain in messages(listener, "filter_chains")
    )
    takes = f"a workload that takes requests on port {', '.join(map(str, ports))}" if ports else "a workload that takes requests"
    return f"{takes}, {'from callers without mTLS as well' if plain else 'from callers with mTLS alone'}"
