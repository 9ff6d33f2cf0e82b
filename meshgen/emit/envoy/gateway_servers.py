"""The servers of a gateway workload, merged by the socket that they share (envoy-mapping.md §2.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from meshgen.istio.gateway import Gateway, Server
from meshgen.istio.object import IstioObject
from meshgen.mesh import ProxyView
from meshgen.values import Protocol, parse_protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayServer:
    """One server of one Gateway, on one of the ports that its workload really listens on."""

    gateway: IstioObject[Gateway]
    index: int  # its place in `spec.servers`
    server: Server
    port: int  # the workload's port
    hosts: tuple[str, ...]  # each `namespace/host` or `host`, with `./` spelled out
    routes: str  # the name of its route table; empty for TCP and TLS

    @property
    def protocol(self) -> Protocol:
        """What the server's port speaks."""
        return parse_protocol(self.server.port.protocol)

    @property
    def terminates(self) -> bool:
        """Whether TLS ends here."""
        tls = self.server.tls
        return tls is not None and not tls.https_redirect and not self.passes_through

    @property
    def passes_through(self) -> bool:
        """Whether TLS is forwarded as it came."""
        return (
            self.server.tls is not None
            and (self.server.tls.mode or "PASSTHROUGH") in {"PASSTHROUGH", "AUTO_PASSTHROUGH"}
            and (not self.server.tls.https_redirect)
        )

    @property
    def sni_hosts(self) -> tuple[str, ...]:
        """The hosts that TLS clients must name, sorted; none where any host will do."""
        names = sorted({host.rpartition("/")[2] for host in self.hosts})
        return () if "*" in names or self.server.tls is None or bool(self.server.tls.https_redirect) else tuple(names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What listens on one socket."""

    bind: str  # empty for the wildcard
    port: int
    http: list[GatewayServer] = field(default_factory=list)  # plain HTTP: one chain, one route table
    others: list[GatewayServer] = field(default_factory=list)  # a chain or more each


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A server that cannot be served beside an earlier one."""

    server: GatewayServer
    reason: str


class MergedServers:
    """All sockets of a gateway workload, in the order of its Gateways."""

    def __init__(self, view: ProxyView) -> None:
        self.sockets: dict[tuple[str, int], Merged] = {}
        self.refused: list[Refused] = []
        self._sni: dict[tuple[str, int], set[str]] = {}
        self._plain: dict[int, GatewayServer] = {}  # the first server without TLS of a port
        for found in _servers(view):
            reason = self._conflict(found)
            if reason:
                self.refused.append(Refused(server=found, reason=reason))
            else:
                self._add(found)

    def _conflict(self, found: GatewayServer) -> str:
        bind = found.server.bind or ""
        if found.server.tls is not None and not found.server.tls.https_redirect:
            taken = self._sni.setdefault((bind, found.port), set())
            double = sorted(host for host in {name.rpartition("/")[2] for name in found.hosts} if host in taken)
            if double:
                return f"the host `{double[0]}` of this port is served with TLS already"
        plain = self._plain.get(found.port)
        if plain is None or (plain.server.bind or "") != bind:
            return ""
        if not (found.protocol.is_http and (plain.protocol.is_http or plain.protocol is found.protocol)):
            return f"the port is served as {plain.protocol.value} already"
        return "" if found.routes else "the port is served already"

    def _add(self, found: GatewayServer) -> None:
        bind = found.server.bind or ""
        merged = self.sockets.setdefault((bind, found.port), Merged(bind=bind, port=found.port))
        if found.server.tls is None or found.server.tls.https_redirect:
            self._plain.setdefault(found.port, found)
        else:
            self._sni.setdefault((bind, found.port), set()).update(name.rpartition("/")[2] for name in found.hosts)
        (merged.http if found.protocol.is_http else merged.others).append(found)

    def route_tables(self) -> dict[str, list[GatewayServer]]:
        """The servers of each route table."""
        tables: dict[str, list[GatewayServer]] = {}
        for merged in self.sockets.values():
            for found in (*merged.http, *merged.others):
                if found.routes:
                    tables.setdefault(found.routes, []).append(found)
        return tables


def _servers(view: ProxyView) -> Iterator[GatewayServer]:
    for gateway in view.gateways:
        for index, server in enumerate(gateway.spec.servers or ()):
            for port in _listen_ports(view, server.port.number):
                yield GatewayServer(
                    gateway=gateway,
                    index=index,
                    server=server,
                    port=port,
                    hosts=tuple(_absolute(host, gateway.namespace) for host in server.hosts),
                    routes=_route_table(gateway, server, port),
                )


def _listen_ports(view: ProxyView, number: int) -> list[int]:
    """A Gateway names a Service's port; the workload listens on its target. A number that no Service has is bound as it is."""
    targets = {target for _, port, target in view.inbound_services if port.number == number}
    return sorted(targets) or [number]


def _absolute(host: str, namespace: str) -> str:
    """`./host` is the Gateway's own namespace, `*/host` is any."""
    owner, slash, name = host.partition("/")
    if not slash or owner == "*":
        return name if slash else host
    return f"{namespace if owner == '.' else owner}/{name}"


def _route_table(gateway: IstioObject[Gateway], server: Server, port: int) -> str:
    """Plain HTTP shares a table a port; each HTTPS server has its own, so that no certificate opens another's hosts."""
    bind = f".{server.bind}" if server.bind else ""
    protocol = parse_protocol(server.port.protocol)
    if protocol.is_http:
        return f"http.{port}{bind}"
    passes = server.tls is None or server.tls.mode in {None, "PASSTHROUGH", "AUTO_PASSTHROUGH"}
    if protocol is Protocol.HTTPS and not passes:
        return f"https.{server.port.number}.{server.port.name}.{gateway.name}.{gateway.namespace}{bind}"
    return ""
