"""A request's way through a mesh: out of the caller's sidecar or in at a gateway, then in at the server's sidecar."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from meshgen.emit.envoy.names import parse_outbound
from meshgen.emit.envoy.translate import emit_envoy
from meshgen.journey.names import find_proxy
from meshgen.journey.question import Question, UnanswerableError
from meshgen.mesh import Capture as MeshCapture
from meshgen.mesh import Mesh, Proxy, Role, Service
from meshgen.trace import Capture, Decision, EnvoyConfig, Outcome, Request, trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """What one proxy does with the request. `side` is `out of`, `in at` a gateway, or `into` the server."""

    side: str
    proxy: Proxy
    request: Request  # as it comes to the proxy
    decision: Decision


def ask(mesh: Mesh, proxies: Iterable[Proxy], question: Question) -> tuple[Hop, ...]:
    """One question; as `Journeys.ask`, which serves many over one mesh."""
    return Journeys(mesh, proxies).ask(question)


class Journeys:
    """Requests through one mesh. A proxy's configuration is made when a request first meets it, and kept with its indexes."""

    def __init__(self, mesh: Mesh, proxies: Iterable[Proxy]) -> None:
        self.mesh = mesh
        self.proxies = tuple(proxies)
        self._configs: dict[str, EnvoyConfig] = {}

    def config(self, proxy: Proxy) -> EnvoyConfig:
        """The Envoy configuration of a proxy of this mesh."""
        config = self._configs.get(proxy.id)
        if config is None:
            config = self._configs[proxy.id] = self._translated(proxy)
        return config

    def _translated(self, proxy: Proxy) -> EnvoyConfig:
        # A sidecar without iptables decides alike; only the way to its listeners differs.
        snapshot, _ = emit_envoy(self.mesh, replace(proxy, capture=MeshCapture.IPTABLES))
        config = EnvoyConfig.from_snapshot({}, snapshot.listeners, snapshot.clusters, snapshot.routes, snapshot.endpoints)
        return replace(config, unlisted=_unlisted(self.mesh, config))

    def ask(self, question: Question) -> tuple[Hop, ...]:
        """Follows the request from proxy to proxy until somebody answers it or it leaves the mesh.

        Raises:
            UnanswerableError: for an unknown caller, gateway or scheme, with the nearest name.
        """
        request = question.request()
        first = self._out_of(question, request) if question.source else self._in_at(question, request)
        server = self._into(first, request)
        return (first, server) if server is not None else (first,)

    def _out_of(self, question: Question, request: Request) -> Hop:
        """Out of the caller's sidecar, which captures a connection to the service's address."""
        caller = find_proxy(self.mesh, self.proxies, question.source, "proxy")
        host = self.mesh.fqdn(request.host.partition(":")[0], caller.namespace)
        service = self.mesh.service(host, caller.namespace)
        address = service.addresses[0] if service is not None and service.addresses else "240.0.0.1"
        source_ip = question.remote_address or caller.address or "127.0.0.1"
        sent = replace(request, capture=Capture.OUTBOUND, address=address, source_ip=source_ip)
        return Hop(side="out of", proxy=caller, request=sent, decision=trace(self.config(caller), sent))

    def _in_at(self, question: Question, request: Request) -> Hop:
        """In at the gateway that serves the host."""
        gateways = [proxy for proxy in self.proxies if proxy.role is Role.GATEWAY]
        if question.gateway:
            gateways = [find_proxy(self.mesh, gateways, question.gateway, "gateway")]
        if not gateways:
            message = "there is no gateway; say who calls with `--from NAMESPACE/NAME`"
            raise UnanswerableError(message)
        hops = [self._arrived(proxy, request) for proxy in gateways]
        serving = [hop for hop in hops if _serves(hop.decision)]
        if not serving and len(gateways) > 1:
            asked, known = f"`{request.host}` on port {request.port}", ", ".join(proxy.id for proxy in gateways)
            message = f"no gateway serves {asked}; say which is meant with `--gateway`: {known}"
            raise UnanswerableError(message)
        if len(serving) > 1:
            ids = " and ".join(hop.proxy.id for hop in serving)
            message = f"{ids} both serve `{request.host}`; say which is meant with `--gateway`"
            raise UnanswerableError(message)
        return serving[0] if serving else hops[0]

    def _arrived(self, gateway: Proxy, request: Request) -> Hop:
        """At the gateway's listen port: a client connects to its Service, whose port may lead to another one of the workload."""
        port = request.port
        for service, service_port, workload_port in self.mesh.view(gateway).inbound_services:
            if service.kubernetes and service_port.number == port:
                port = workload_port
                break
        arriving = replace(request, port=port)
        return Hop(side="in at", proxy=gateway, request=arriving, decision=trace(self.config(gateway), arriving))

    def _into(self, hop: Hop, request: Request) -> Hop | None:
        """The hop into the server's sidecar; None where the request does not reach one."""
        decision = hop.decision
        if decision.outcome not in {Outcome.ROUTED, Outcome.NEEDS_ANSWER}:
            return None
        cluster = decision.cluster or (max(decision.weights, key=lambda w: w.share).cluster if decision.weights else "")
        destination = parse_outbound(cluster)
        if destination is None:
            return None
        port, host = destination.port, destination.host
        service = self.mesh.service(host, hop.proxy.namespace)
        found = self._sidecar_of(service, port) if service is not None else None
        if found is None:
            return None
        proxy, workload_port = found
        identity = f"{self.mesh.config.trust_domain}/ns/{hop.proxy.namespace}/sa/{hop.proxy.service_account}"
        arriving = replace(
            request,
            method=decision.method or request.method,
            path=decision.path or request.path,
            host=decision.host or request.host,
            headers=decision.request_headers or request.headers,
            port=workload_port,
            address=proxy.address or None,
            capture=Capture.INBOUND,
            tls="mtls",
            sni=f"outbound_.{port}_._.{host}",
            alpn=None,
            principal=identity,
            source_ip=hop.proxy.address or "127.0.0.1",
        )
        return Hop(side="into", proxy=proxy, request=arriving, decision=trace(self.config(proxy), arriving))

    def _sidecar_of(self, service: Service, port: int) -> tuple[Proxy, int] | None:
        for proxy in self.proxies:
            if proxy.role is not Role.SIDECAR or proxy.namespace != service.namespace:
                continue
            for backed, backed_port, workload_port in self.mesh.view(proxy).inbound_services:
                if backed.host == service.host and backed_port.number == port:
                    return proxy, workload_port
        return None


def _unlisted(mesh: Mesh, config: EnvoyConfig) -> frozenset[str]:
    """The clusters of hosts of which the sources name no endpoint: which Pods run is the cluster's to know, seldom Git's.

    Sources that hold Pods or EndpointSlices show a cluster as it is; what has no endpoint there has none.
    """
    if mesh.facts.pods or mesh.facts.endpoint_slices:
        return frozenset()
    listed = {parse_outbound(name) for name, held in config.endpoints.items() if held.get("endpoints")}
    hosts = {name.host for name in listed if name is not None}
    parsed = {name: parse_outbound(name) for name in config.clusters}
    return frozenset(name for name, outbound in parsed.items() if outbound is not None and outbound.host not in hosts)


def _serves(decision: Decision) -> bool:
    """Whether a gateway has anything for the request; a virtual host may ask for TLS before any route."""
    if decision.outcome is Outcome.REDIRECT:
        return True
    return bool(decision.virtual_host or decision.filter_chain) and not decision.virtual_host.startswith("blackhole:")
