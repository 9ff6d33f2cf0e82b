"""A sidecar's outbound listeners (envoy-mapping.md §2.5, and §2.7 where nothing captures connections)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from meshgen.emit.envoy import tcp_chains
from meshgen.emit.envoy.access_logs import access_logs, only_without_route
from meshgen.emit.envoy.filter_order import Slot
from meshgen.emit.envoy.filters.application_protocols import SNIFFED_HTTP
from meshgen.emit.envoy.filters.extensions import http_extensions
from meshgen.emit.envoy.filters.standard import http_filters
from meshgen.emit.envoy.hcm import SIDECAR_OUTBOUND, Manager, http_connection_manager, route_discovery
from meshgen.emit.envoy.listeners import (
    ANY,
    LOOPBACK,
    PLAIN_HTTP,
    filter_chain,
    inspectors,
    socket_address,
    waiting,
)
from meshgen.emit.envoy.names import BLACK_HOLE
from meshgen.emit.envoy.tcp import fallthrough_cluster, to_cluster
from meshgen.emit.envoy.tracing import sampled_by_request_id, tracing
from meshgen.istio.sidecar import IstioEgressListener
from meshgen.json import JsonObject, JsonValue
from meshgen.mesh import Capture, Mesh, Port, ProxyView, Resolution, Scope, Service
from meshgen.values import Protocol, is_ip, parse_protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteTable:
    """A route configuration that a listener asks for."""

    name: str
    scope: Scope
    port: int
    service: Service | None = None  # a port whose protocol is sniffed has a table of its own


@dataclass(slots=True, kw_only=True)
class _Draft:
    """A listener while services are added to it."""

    bind: str
    port: int
    scope: Scope
    routes: str = ""  # the route table of its HTTP chain
    chains: list[JsonObject] = field(default_factory=list)  # of TCP and TLS
    default: JsonObject | None = None
    captured: bool = True  # whether connections are redirected to it, or come to a socket of its own


class OutboundListeners:
    """The listeners of one sidecar, and the route tables that they ask for."""

    def __init__(self, mesh: Mesh, view: ProxyView) -> None:
        self._mesh = mesh
        self._view = view
        self._proxy = view.proxy
        self._captured = view.proxy.capture is Capture.IPTABLES
        self._drafts: dict[tuple[str, int], _Draft] = {}
        self._tables: dict[str, RouteTable] = {}
        self._loopback = LoopbackAddresses()
        for scope in view.scopes:
            if not is_served(scope, view):
                continue
            for service in scope.services:
                for port in _ports(scope, service, view):
                    self._add(scope, service, port)

    def listeners(self) -> list[JsonObject]:
        """All of them, `virtualOutbound` too where connections are captured."""
        found = [self._listener(draft) for draft in self._drafts.values()]
        return [*found, self._virtual_outbound()] if self._captured else found

    def route_tables(self) -> list[RouteTable]:
        """The tables to make."""
        return list(self._tables.values())

    # --- adding -------------------------------------------------------------------------------------------------
    def _add(self, scope: Scope, service: Service, port: Port) -> None:
        protocol = port.protocol
        if protocol.is_http:
            draft = self._draft(scope, scope.bind or self._wildcard(scope), port.number)
            if draft is not None and not draft.routes:
                draft.routes = self._table(RouteTable(name=str(port.number), scope=scope, port=port.number))
            return
        for bind, subnet in self._binds(scope, service, port):
            draft = self._draft(scope, bind, port.number)
            if draft is None:
                continue
            chains = tcp_chains.outbound_chains(
                self._mesh,
                self._proxy,
                tcp_chains.Target(service=service, port=port, subnet=subnet, wildcard=bind == self._wildcard(scope)),
                scope.virtual_services,
                self._log,
            )
            if protocol is Protocol.UNSUPPORTED:
                self._add_sniffed(draft, service, port, chains)
            else:
                draft.chains += _new(chains, draft.chains)

    def _add_sniffed(self, draft: _Draft, service: Service, port: Port, chains: Sequence[JsonObject]) -> None:
        """HTTP by the service's own table where HTTP is seen, else TCP."""
        if draft.bind == self._wildcard(draft.scope):
            if not draft.routes:
                draft.routes = self._table(RouteTable(name=str(port.number), scope=draft.scope, port=port.number))
            draft.chains += _new(chains, draft.chains)
        elif not draft.routes and not draft.chains:
            name = f"{service.host}:{port.number}"
            draft.routes = self._table(RouteTable(name=name, scope=draft.scope, port=port.number, service=service))
            matched = [chain for chain in chains if "filter_chain_match" in chain]
            draft.chains += matched
            draft.default = next((chain for chain in chains if "filter_chain_match" not in chain), None)

    def _draft(self, scope: Scope, bind: str, port: int) -> _Draft | None:
        """The listener of an address; None where a more specific egress listener owns it."""
        draft = self._drafts.get((bind, port))
        if draft is None:
            draft = self._drafts[bind, port] = _Draft(bind=bind, port=port, scope=scope, captured=self._captures(scope))
        return draft if draft.scope is scope else None

    def _captures(self, scope: Scope) -> bool:
        egress = egress_of(scope, self._view)
        return self._captured and (egress is None or egress.capture_mode != "NONE")

    def _wildcard(self, scope: Scope) -> str:
        return ANY if self._captures(scope) else LOOPBACK

    def _table(self, table: RouteTable) -> str:
        self._tables.setdefault(table.name, table)
        return table.name

    def _binds(self, scope: Scope, service: Service, port: Port) -> Iterator[tuple[str, str]]:
        """The addresses of a service's TCP listeners, each with the subnet that a connection must be for."""
        if scope.bind:
            yield scope.bind, ""
        elif not self._captures(scope):
            yield self._loopback_bind(service, port), ""
        elif service.resolution is Resolution.HEADLESS or (
            service.resolution is Resolution.NONE and not service.addresses and service.selector
        ):
            yield from ((address, "") for address in self._endpoint_addresses(service, port))
        elif service.addresses:
            for address in service.addresses:
                yield (ANY, address) if "/" in address else (address, "")
        else:
            yield ANY, ""

    def _endpoint_addresses(self, service: Service, port: Port) -> Iterator[str]:
        """A headless service is reached at its endpoints; a workload does not capture connections to itself."""
        found = (endpoint.address for endpoint in self._mesh.endpoints(service, port))
        return (address for address in dict.fromkeys(found) if is_ip(address) and address != self._proxy.address)

    def _loopback_bind(self, service: Service, port: Port) -> str:
        """TLS services share an address, for SNI tells them apart; of TCP services each has its own."""
        return LOOPBACK if port.protocol.is_tls else self._loopback.of(service.host)

    # --- making -------------------------------------------------------------------------------------------------
    @cached_property
    def _log(self) -> tuple[JsonObject, ...]:
        return access_logs(self._mesh, self._proxy, server=False)

    @cached_property
    def _tracing(self) -> JsonObject | None:
        return tracing(self._mesh, self._proxy, server=False)

    @cached_property
    def _filters(self) -> list[JsonValue]:
        return http_filters(http_extensions(self._mesh, self._proxy, server=False))

    @cached_property
    def _sniffed_filters(self) -> list[JsonValue]:
        placed = http_extensions(self._mesh, self._proxy, server=False)
        return http_filters({**placed, Slot.APPLICATION_PROTOCOLS: [SNIFFED_HTTP]})

    @cached_property
    def _fallthrough(self) -> JsonObject:
        cluster = fallthrough_cluster(self._view)
        return filter_chain([to_cluster(cluster, self._log)], name="PassthroughFilterChain")

    def _listener(self, draft: _Draft) -> JsonObject:
        name = f"{draft.bind}_{draft.port}"
        chains = list(draft.chains)
        if draft.routes:
            # A socket of our own that serves HTTP alone has nothing to tell apart.
            told_apart = draft.captured or bool(draft.chains) or draft.default is not None
            chains.insert(0, self._http_chain(name, draft.routes, PLAIN_HTTP if told_apart else None))
        found: JsonObject = {
            "name": name,
            "address": socket_address(draft.bind, draft.port),
            "traffic_direction": "OUTBOUND",
            "filter_chains": list(chains),
        }
        if draft.captured:
            found |= {"bind_to_port": False, **waiting(self._mesh.config)}
            if draft.default is not None or all("filter_chain_match" in chain for chain in chains):
                found["default_filter_chain"] = draft.default or self._fallthrough
        else:
            # A second sidecar on the machine must not start: on a shared socket one would get the other's requests.
            found["enable_reuse_port"] = False
            if draft.default is not None:
                found["default_filter_chain"] = draft.default
        filters = inspectors(chains)
        return found | ({"listener_filters": filters} if filters else {})

    def _http_chain(self, listener: str, table: str, match: JsonObject | None) -> JsonObject:
        manager = Manager(
            stat_prefix=f"outbound_{listener}",
            routes=route_discovery(table),
            filters=self._sniffed_filters if self._tables[table].service is not None else self._filters,
            settings=SIDECAR_OUTBOUND,
            proxy=self._proxy,
            access_log=self._log,
            tracing=self._tracing,
            sampled_by_id=sampled_by_request_id(self._mesh, self._proxy, server=False),
        )
        built = http_connection_manager(manager, self._mesh.config)
        return filter_chain([built], match, handshake=True)

    def _virtual_outbound(self) -> JsonObject:
        """The socket that captured connections arrive at before they are handed to the listener of their address."""
        found: JsonObject = {
            "name": "virtualOutbound",
            "address": socket_address(ANY, self._mesh.config.proxy_listen_port),
            "traffic_direction": "OUTBOUND",
            "use_original_dst": True,
            "max_connections_to_accept_per_socket_event": 1,
            "filter_chains": [
                filter_chain(
                    [to_cluster(BLACK_HOLE)],
                    {"destination_port": self._mesh.config.proxy_listen_port},
                    name="virtualOutbound-blackhole",
                ),
                filter_chain(
                    [to_cluster(fallthrough_cluster(self._view), self._log)],
                    name="virtualOutbound-catchall-tcp",
                ),
            ],
        }
        return found | ({"access_log": only_without_route(self._log)} if self._log else {})


def egress_of(scope: Scope, view: ProxyView) -> IstioEgressListener | None:
    """The Sidecar's egress listener that a scope is of; None without a Sidecar."""
    egress = (view.sidecar.spec.egress if view.sidecar is not None else None) or ()
    return next((listener for one, listener in zip(view.scopes, egress, strict=False) if one is scope), None)


def is_served(scope: Scope, view: ProxyView) -> bool:
    """Whether a scope's listener can be carried over: not a Unix socket, not a proxy port that takes absolute URLs."""
    egress = egress_of(scope, view)
    port = egress.port if egress is not None else None
    is_proxy = port is not None and (port.protocol or "").upper() == "HTTP_PROXY"
    return not is_proxy and not scope.bind.startswith(("unix:", "/"))


def _ports(scope: Scope, service: Service, view: ProxyView) -> Iterable[Port]:
    """The listener ports of a service: its own, or the one that a Sidecar's egress listener names."""
    if scope.port is None:
        return [port for port in service.ports if port.protocol is not Protocol.UDP]
    egress = egress_of(scope, view)
    wanted = egress.port if egress is not None else None
    protocol = parse_protocol((wanted.protocol if wanted else None) or "TCP")
    return [Port(number=scope.port, name=(wanted.name if wanted else None) or "", protocol=protocol, target=scope.port)]


def _new(chains: Iterable[JsonObject], known: Sequence[JsonObject]) -> list[JsonObject]:
    """Chains whose match is not taken: Envoy refuses two equal ones, and the first service keeps it."""
    matches = [chain.get("filter_chain_match") for chain in known]
    found: list[JsonObject] = []
    for chain in chains:
        if chain.get("filter_chain_match") not in matches:
            matches.append(chain.get("filter_chain_match"))
            found.append(chain)
    return found


class LoopbackAddresses:
    """An address in 127.0.0.0/8 for each host: from its name, so that it stays when services come and go."""

    def __init__(self) -> None:
        self._by_host: dict[str, str] = {}
        self._taken: set[int] = set()

    def of(self, host: str) -> str:
        """The host's address; the next free one where two names fall on the same."""
        known = self._by_host.get(host)
        if known is None:
            number = int.from_bytes(hashlib.sha256(host.encode()).digest()[:2], "big")
            while number in self._taken or number >> 8 == 0 or number & 0xFF in {0, 0xFF}:
                number = (number + 1) & 0xFFFF
            self._taken.add(number)
            known = self._by_host[host] = f"127.0.{number >> 8}.{number & 0xFF}"
        return known
