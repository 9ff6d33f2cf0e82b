"""A sidecar's inbound listener: chains by port, by mutual TLS mode, by what the port speaks (envoy-mapping.md §2.6, §2.7)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

from meshgen.emit.envoy.access_logs import access_logs, only_without_route
from meshgen.emit.envoy.extension import metadata
from meshgen.emit.envoy.filter_order import NETWORK_ORDER, Placed, Slot, ordered
from meshgen.emit.envoy.filters.extensions import http_extensions
from meshgen.emit.envoy.filters.grpc import GRPC_WEB
from meshgen.emit.envoy.filters.policies import http_policies, network_policies
from meshgen.emit.envoy.filters.standard import http_filters
from meshgen.emit.envoy.hcm import SIDECAR_INBOUND, Manager, http_connection_manager
from meshgen.emit.envoy.inbound_matches import (
    HTTP_ALPN,
    Speaks,
    chain_matches,
    speaks,
)
from meshgen.emit.envoy.inbound_ports import InboundPort, inbound_ports, port_level_ports
from meshgen.emit.envoy.listeners import (
    ANY,
    HTTP_INSPECTOR,
    ORIGINAL_DST,
    TLS_INSPECTOR,
    filter_chain,
    inspectors,
    needs_http_inspector,
    needs_tls_inspector,
    socket_address,
    waiting,
)
from meshgen.emit.envoy.names import BLACK_HOLE, INBOUND_PASSTHROUGH, inbound_cluster
from meshgen.emit.envoy.retries import inbound_retry
from meshgen.emit.envoy.tcp import to_cluster
from meshgen.emit.envoy.tls import downstream_tls, inbound_mutual_tls
from meshgen.emit.envoy.tracing import sampled_by_request_id, tracing
from meshgen.istio.mesh_config import MeshConfig
from meshgen.json import JsonObject, JsonValue
from meshgen.mesh import Capture, Mesh, ProxyView
from meshgen.values import Protocol


class InboundListeners:
    """The inbound listeners of one sidecar."""

    def __init__(self, mesh: Mesh, view: ProxyView) -> None:
        self._mesh = mesh
        self._view = view
        self._proxy = view.proxy
        self._ports = inbound_ports(view)

    def listeners(self) -> list[JsonObject]:
        """`virtualInbound`, and real sockets for ports that are not captured."""
        captured = self._proxy.capture is Capture.IPTABLES
        bound = [port for port in self._ports if port.bound or not captured]
        found = [self._bound(port) for port in bound if port.bind]
        return [*found, self._virtual_inbound([port for port in self._ports if not port.bound])] if captured else found

    # --- listeners ----------------------------------------------------------------------------------------------
    def _virtual_inbound(self, ports: Sequence[InboundPort]) -> JsonObject:
        """The socket that all captured connections arrive at."""
        own = self._mesh.config.proxy_inbound_listen_port
        blackhole = filter_chain([to_cluster(BLACK_HOLE)], {"destination_port": own}, name="virtualInbound-blackhole")
        by_port: dict[int, list[JsonObject]] = {0: list(self._passthrough(None)), own: [blackhole]}
        for number in port_level_ports(self._mesh, self._proxy):
            if all(port.number != number for port in ports):
                by_port[number] = list(self._passthrough(number))
        for port in ports:
            by_port[port.number] = list(self._chains(port))
        rest = [chain for number in sorted(by_port) if number not in {0, own} for chain in by_port[number]]
        found: JsonObject = {
            "name": "virtualInbound",
            "address": socket_address(ANY, own),
            "traffic_direction": "INBOUND",
            "filter_chains": [blackhole, *by_port[0], *rest],
            "listener_filters": [ORIGINAL_DST, *_selective_inspectors(by_port)],
            **waiting(self._mesh.config),
            "max_connections_to_accept_per_socket_event": 1,
        }
        return found | ({"access_log": only_without_route(self._log)} if self._log else {})

    def _bound(self, port: InboundPort) -> JsonObject:
        """A real socket before the application."""
        chains = list(self._chains(port))
        found: JsonObject = {
            "name": f"{port.bind}_{port.number}",
            "address": socket_address(port.bind, port.number),
            "traffic_direction": "INBOUND",
            "filter_chains": list(chains),
        }
        filters = inspectors(chains)
        return found | ({"listener_filters": filters} if filters else {})

    # --- chains -------------------------------------------------------------------------------------------------
    def _chains(self, port: InboundPort) -> Iterator[JsonObject]:
        mode = self._mesh.mutual_tls_mode(self._proxy.namespace, self._proxy.labels, port.number)
        socket = self._mutual_tls
        if port.tls is not None and mode == "DISABLE":
            # A Sidecar's ingress listener may terminate TLS of its own where the mesh's is off.
            mode, socket = "STRICT", downstream_tls(port.tls, self._mesh.config, alpn=HTTP_ALPN)
        captured = self._proxy.capture is Capture.IPTABLES and not port.bound
        cluster = inbound_cluster(port.number)
        table = _routes(port, cluster, self._mesh.config)
        name = f"{port.bind or ANY}_{port.number}"
        for match in chain_matches(mode, speaks(port.protocol)):
            wanted: JsonObject = {"destination_port": port.number, **match.fields} if captured else dict(match.fields)
            filters = self._http(port, table, f"inbound_{name}") if match.http else self._tcp(cluster)
            yield _chain(filters, wanted, name, socket if match.terminates else None)

    def _passthrough(self, port: int | None) -> Iterator[JsonObject]:
        """Chains for ports that no service has: through, with the workload's mutual TLS."""
        mode = self._mesh.mutual_tls_mode(self._proxy.namespace, self._proxy.labels, port)
        unknown = InboundPort(number=0, service_port=0, protocol=Protocol.UNSUPPORTED, host="")
        table = _routes(unknown, INBOUND_PASSTHROUGH, self._mesh.config)
        for match in chain_matches(mode, Speaks.ANYTHING):
            wanted: JsonObject = {"destination_port": port, **match.fields} if port else dict(match.fields)
            filters = self._http(unknown, table, INBOUND_PASSTHROUGH) if match.http else self._tcp(INBOUND_PASSTHROUGH)
            name = "virtualInbound-catchall-http" if match.http else "virtualInbound"
            yield _chain(filters, wanted, name, self._mutual_tls if match.terminates else None)

    @cached_property
    def _mutual_tls(self) -> JsonObject:
        return inbound_mutual_tls(self._mesh.config, alpn=HTTP_ALPN)

    @cached_property
    def _log(self) -> tuple[JsonObject, ...]:
        return access_logs(self._mesh, self._proxy, server=True)

    @cached_property
    def _tracing(self) -> JsonObject | None:
        return tracing(self._mesh, self._proxy, server=True)

    @cached_property
    def _policies(self) -> Placed:
        return http_policies(self._mesh, self._proxy)

    def _http(self, port: InboundPort, table: JsonObject, stat_prefix: str) -> list[JsonValue]:
        placed = dict(self._policies) | dict(http_extensions(self._mesh, self._proxy, server=True, port=port.number or None))
        if port.protocol is Protocol.GRPC_WEB:
            placed[Slot.GRPC_WEB] = [GRPC_WEB]
        manager = Manager(
            stat_prefix=stat_prefix,
            routes={"route_config": table},
            filters=http_filters(placed),
            settings={**SIDECAR_INBOUND, **({"http2_protocol_options": {}} if port.protocol.is_http2 else {})},
            proxy=self._proxy,
            access_log=self._log,
            tracing=self._tracing,
            sampled_by_id=sampled_by_request_id(self._mesh, self._proxy, server=True),
        )
        return [http_connection_manager(manager, self._mesh.config)]

    def _tcp(self, cluster: str) -> list[JsonValue]:
        placed: Placed = {**self._network_policies, Slot.TCP_PROXY: [to_cluster(cluster, self._log)]}
        return ordered(NETWORK_ORDER, placed)

    @cached_property
    def _network_policies(self) -> Placed:
        return network_policies(self._mesh, self._proxy)


def _chain(filters: list[JsonValue], wanted: JsonObject, name: str, socket: JsonObject | None) -> JsonObject:
    chain = filter_chain(filters, wanted, name=name)
    return chain if socket is None else {**chain, "transport_socket": socket}


def _routes(port: InboundPort, cluster: str, config: MeshConfig) -> JsonObject:
    """All of a port's requests go to the application; a server's sidecar reads no virtual service."""
    target: JsonObject = {
        "cluster": cluster,
        "timeout": "0s",
        "max_stream_duration": {"max_stream_duration": "0s", "grpc_timeout_header_max": "0s"},
    }
    policy = inbound_retry(config.default_inbound_http_retry_policy)
    if policy is not None and (not port.protocol.is_http2 or port.protocol is Protocol.HTTP2):
        target["retry_policy"] = policy
    route: JsonObject = {"name": "default", "match": {"prefix": "/"}, "route": target}
    if port.source is not None:
        route["metadata"] = metadata(*port.source)
    host: JsonObject = {"name": f"inbound|http|{port.service_port}", "domains": ["*"], "routes": [route]}
    return {"name": cluster, "validate_clusters": False, "virtual_hosts": [host]}


def _selective_inspectors(by_port: dict[int, list[JsonObject]]) -> Iterator[JsonObject]:
    """Inspectors, off for ports that do not need them: a server that speaks first would wait for a client that waits for it.

    Port 0 stands for all ports without chains of their own.
    """
    for inspector, needs in ((TLS_INSPECTOR, needs_tls_inspector), (HTTP_INSPECTOR, needs_http_inspector)):
        needed = {number: any(needs(_match(chain)) for chain in chains) for number, chains in by_port.items()}
        default = needed.pop(0)
        special = sorted(number for number, wanted in needed.items() if wanted != default)
        if default:
            yield {**inspector, "filter_disabled": _ports(special)} if special else inspector
        elif special:
            yield {**inspector, "filter_disabled": {"not_match": _ports(special)}}


def _match(chain: JsonObject) -> JsonObject:
    match = chain.get("filter_chain_match")
    return match if isinstance(match, dict) else {}


def _ports(numbers: Sequence[int]) -> JsonObject:
    """A `ListenerFilterChainMatchPredicate` for destination ports."""
    rules: list[JsonValue] = [{"destination_port_range": {"start": number, "end": number + 1}} for number in numbers]
    only = rules[0] if len(rules) == 1 else None
    return only if isinstance(only, dict) else {"or_match": {"rules": rules}}
