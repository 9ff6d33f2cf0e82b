"""The filter chains of a sidecar's outbound TCP and TLS ports (envoy-mapping.md §2.5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from meshgen.emit.envoy.listeners import filter_chain, prefix_ranges
from meshgen.emit.envoy.matches import source_fits
from meshgen.emit.envoy.tcp import tcp_routes, tcp_service
from meshgen.istio.hosts import overlaps
from meshgen.istio.object import IstioObject
from meshgen.istio.virtual_service import L4MatchAttributes, RouteDestination, TLSMatchAttributes, VirtualService
from meshgen.json import JsonObject, JsonValue
from meshgen.mesh import Mesh, Port, Proxy, Service

Found = IstioObject[VirtualService]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A service port that connections are for."""

    service: Service
    port: Port
    subnet: str  # the service's CIDR, which then must be matched; empty where the address itself says it
    wildcard: bool  # whether the listener serves several services


def outbound_chains(
    mesh: Mesh, proxy: Proxy, target: Target, virtual_services: Sequence[Found], log: Sequence[JsonValue]
) -> list[JsonObject]:
    """The chains of one service port: by SNI for TLS, by destination subnets for TCP."""
    concerned = [found for found in virtual_services if _speaks_of(found, target)]
    build = _Builder(mesh, proxy, target, log)
    return build.tls(concerned) if target.port.protocol.is_tls else build.tcp(concerned)


def _speaks_of(found: Found, target: Target) -> bool:
    spec = found.spec
    wanted = spec.tls if target.port.protocol.is_tls else spec.tcp
    return bool(wanted) and any(overlaps(host, target.service.host) for host in spec.hosts or ())


@dataclass(frozen=True, slots=True)
class _Builder:
    mesh: Mesh
    proxy: Proxy
    target: Target
    log: Sequence[JsonValue]

    def tls(self, virtual_services: Sequence[Found]) -> list[JsonObject]:
        """A chain for each match that concerns this proxy, the first of each SNI; else one for the service."""
        seen: list[JsonObject] = []
        chains: list[JsonObject] = []
        for found, match, routes in _tls_matches(virtual_services):
            if not self._reaches(match):
                continue
            wanted = _match(match.sni_hosts, match.destination_subnets or self._subnets)
            if wanted not in seen:
                seen.append(wanted)
                chains.append(self._chain(wanted, self._routed(found, routes)))
        return chains or [self._chain(_match(self._server_names, self._subnets), self._direct())]

    def tcp(self, virtual_services: Sequence[Found]) -> list[JsonObject]:
        """A chain for each rule with subnets, up to a rule without; else one for the service."""
        chains: list[JsonObject] = []
        for found in virtual_services:
            for rule in found.spec.tcp or ():
                fitting = [match for match in rule.match or () if self._reaches(match)]
                if not rule.route or (rule.match and not fitting):
                    continue
                subnets = [subnet for match in fitting for subnet in match.destination_subnets or ()]
                everything = not fitting or any(not match.destination_subnets for match in fitting)
                routed = self._routed(found, rule.route)
                if everything:
                    chains.append(self._chain(_match((), self._subnets), routed))
                    return chains
                chains.append(self._chain(_match((), subnets), routed))
        own = _match((), self._subnets)
        if all(chain.get("filter_chain_match", {}) != own for chain in chains):
            chains.append(self._chain(own, self._direct()))
        return chains

    @property
    def _subnets(self) -> tuple[str, ...]:
        return (self.target.subnet,) if self.target.subnet else ()

    @property
    def _server_names(self) -> tuple[str, ...]:
        """Only SNI tells services on one wildcard address apart; behind an address of its own none is asked."""
        return (self.target.service.host, *self.target.service.aliases) if self.target.wildcard else ()

    def _reaches(self, match: TLSMatchAttributes | L4MatchAttributes) -> bool:
        if match.port and match.port != self.target.port.number:
            return False
        if match.gateways:
            return "mesh" in match.gateways
        return source_fits(match.source_labels, match.source_namespace, self.proxy.labels, self.proxy.namespace)

    def _chain(self, match: JsonObject, filters: JsonObject) -> JsonObject:
        return filter_chain([filters], match or None, handshake=True)

    def _routed(self, found: Found, routes: Sequence[RouteDestination]) -> JsonObject:
        name = f"{found.name}.{found.namespace}"
        return tcp_routes(self.mesh, self.proxy, routes, self.target.port.number, name, self.log)

    def _direct(self) -> JsonObject:
        return tcp_service(self.mesh, self.proxy, self.target.service, self.target.port.number, self.log)


def _tls_matches(virtual_services: Sequence[Found]) -> Iterator[tuple[Found, TLSMatchAttributes, Sequence[RouteDestination]]]:
    for found in virtual_services:
        for rule in found.spec.tls or ():
            for match in rule.match:
                if rule.route:
                    yield found, match, rule.route


def _match(server_names: Sequence[str], subnets: Sequence[str]) -> JsonObject:
    found: JsonObject = {}
    if subnets:
        found["prefix_ranges"] = prefix_ranges(subnets)
    if server_names and "*" not in server_names:
        found["server_names"] = list(server_names)
    return found
