"""A request's way through a mesh: out of the caller's sidecar or in at a gateway, then in at the server's sidecar."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from meshgen.diagnostics import JsonPath, suggest
from meshgen.emit.envoy.names import parse_outbound
from meshgen.emit.envoy.translate import emit_envoy
from meshgen.load.positions import locate
from meshgen.mesh import Capture as MeshCapture
from meshgen.mesh import Mesh, Proxy, Role, Service
from meshgen.pipeline import Result
from meshgen.trace import Capture, Decision, EnvoyConfig, Outcome, Request, trace
from meshgen.trace.decision import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """What one proxy does with the request. `side` is `out of`, `in at` a gateway, or `into` the server."""

    side: str
    proxy: Proxy
    decision: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request as people ask for it."""

    url: str  # http://catalog/items?x=1, https://shop.example.com/
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    source: str = ""  # the caller's proxy, "shop/webapp"; empty for a client outside of the mesh, at a gateway
    gateway: str = ""  # the gateway's proxy, where more than one serves the host
    client_certificate: str = ""  # the SPIFFE identity that an outside client presents


class UnanswerableError(ValueError):
    """A question that names what the mesh does not have. The text is for the user."""


def ask(mesh: Mesh, proxies: Iterable[Proxy], question: Question) -> tuple[Hop, ...]:
    """Follows the request from proxy to proxy until somebody answers it or it leaves the mesh.

    Raises:
        UnanswerableError: for an unknown caller, gateway or scheme, with the nearest name.
    """
    known = {proxy.id: proxy for proxy in proxies}
    request = _request(question)
    if question.source:
        caller = _named(known, question.source, "proxy")
        first = Hop(side="out of", proxy=caller, decision=_at(mesh, caller, _outbound(mesh, caller, request)))
    else:
        gateway, arriving = _at_gateway(mesh, known, question, request)
        first = Hop(side="in at", proxy=gateway, decision=_at(mesh, gateway, arriving))
    server = _server(mesh, known.values(), first, request)
    return (first, server) if server is not None else (first,)


def _request(question: Question) -> Request:
    try:
        parts = urlsplit(question.url if "://" in question.url else f"http://{question.url}")
        port = parts.port
    except ValueError as error:
        message = f"`{question.url}` is no address of a request: {str(error)[:1].lower()}{str(error)[1:]}"
        raise UnanswerableError(message) from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        message = f"`{question.url}` is no address of a request; write one as in `http://catalog/items`"
        raise UnanswerableError(message)
    secure = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = tuple((name.lower(), value) for name, value in question.headers)
    host = next((value for name, value in headers if name == "host"), parts.netloc.rpartition("@")[2])
    return Request(
        method=question.method,
        host=host,
        path=path,
        headers=tuple(pair for pair in headers if pair[0] != "host"),
        port=port or (443 if secure else 80),
        tls=("mtls" if question.client_certificate else "tls") if secure else "none",
        sni=parts.hostname if secure else None,
        alpn=("h2", "http/1.1") if secure else None,
        principal=question.client_certificate,
        source_ip="203.0.113.7",  # TEST-NET-3: an outside client
    )


def _named(known: dict[str, Proxy], name: str, what: str) -> Proxy:
    if name not in known:
        message = f"there is no {what} `{name}`; {suggest(name, known)}"
        raise UnanswerableError(message)
    return known[name]


def _at(mesh: Mesh, proxy: Proxy, request: Request) -> Decision:
    # A sidecar without iptables decides alike; only the way to its listeners differs.
    snapshot, _ = emit_envoy(mesh, replace(proxy, capture=MeshCapture.IPTABLES))
    config = EnvoyConfig.from_snapshot({}, snapshot.listeners, snapshot.clusters, snapshot.routes, snapshot.endpoints)
    return trace(replace(config, unlisted=_unlisted(mesh, config)), request)


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


def _outbound(mesh: Mesh, caller: Proxy, request: Request) -> Request:
    """What the caller's sidecar captures: a connection to the service's address."""
    host = mesh.fqdn(request.host.partition(":")[0], caller.namespace)
    service = mesh.service(host, caller.namespace)
    address = service.addresses[0] if service is not None and service.addresses else "240.0.0.1"
    return replace(request, capture=Capture.OUTBOUND, address=address, source_ip=caller.address or "127.0.0.1")


def _at_gateway(mesh: Mesh, known: dict[str, Proxy], question: Question, request: Request) -> tuple[Proxy, Request]:
    """The gateway that serves the host, and the request at its listen port."""
    gateways = {key: proxy for key, proxy in known.items() if proxy.role is Role.GATEWAY}
    if question.gateway:
        gateways = {question.gateway: _named(gateways, question.gateway, "gateway")}
    if not gateways:
        message = "there is no gateway; say who calls with `--from NAMESPACE/NAME`"
        raise UnanswerableError(message)
    serving = [proxy for proxy in gateways.values() if _serves(mesh, proxy, request)]
    if not serving and len(gateways) > 1:
        asked = f"`{request.host}` on port {request.port}"
        message = f"no gateway serves {asked}; say which is meant with `--gateway`: {', '.join(gateways)}"
        raise UnanswerableError(message)
    if len(serving) > 1:
        message = (
            f"{' and '.join(proxy.id for proxy in serving)} both serve `{request.host}`; say which is meant with `--gateway`"
        )
        raise UnanswerableError(message)
    gateway = serving[0] if serving else next(iter(gateways.values()))
    return gateway, replace(request, port=_listen_port(mesh, gateway, request.port))


def _serves(mesh: Mesh, proxy: Proxy, request: Request) -> bool:
    decision = _at(mesh, proxy, replace(request, port=_listen_port(mesh, proxy, request.port)))
    if decision.outcome is Outcome.REDIRECT:  # by a virtual host that asks for TLS, before any route
        return True
    return bool(decision.virtual_host or decision.filter_chain) and not decision.virtual_host.startswith("blackhole:")


def _listen_port(mesh: Mesh, gateway: Proxy, port: int) -> int:
    """A client connects to the gateway's Service, whose port may lead to another one of the workload."""
    for service, service_port, workload_port in mesh.view(gateway).inbound_services:
        if service.kubernetes and service_port.number == port:
            return workload_port
    return port


def _server(mesh: Mesh, proxies: Iterable[Proxy], hop: Hop, request: Request) -> Hop | None:
    """The hop into the server's sidecar; None where the request does not reach one."""
    decision = hop.decision
    if decision.outcome not in {Outcome.ROUTED, Outcome.NEEDS_ANSWER}:
        return None
    cluster = decision.cluster or (max(decision.weights, key=lambda w: w.share).cluster if decision.weights else "")
    destination = parse_outbound(cluster)
    if destination is None:
        return None
    port, host = destination.port, destination.host
    service = mesh.service(host, hop.proxy.namespace)
    found = _sidecar_of(mesh, proxies, service, port) if service is not None else None
    if found is None:
        return None
    proxy, workload_port = found
    identity = f"{mesh.config.trust_domain}/ns/{hop.proxy.namespace}/sa/{hop.proxy.service_account}"
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
    return Hop(side="into", proxy=proxy, decision=_at(mesh, proxy, arriving))


def _sidecar_of(mesh: Mesh, proxies: Iterable[Proxy], service: Service, port: int) -> tuple[Proxy, int] | None:
    for proxy in proxies:
        if proxy.role is not Role.SIDECAR or proxy.namespace != service.namespace:
            continue
        for backed, backed_port, workload_port in mesh.view(proxy).inbound_services:
            if backed.host == service.host and backed_port.number == port:
                return proxy, workload_port
    return None


def without_alternatives(decision: Decision) -> Decision:
    """The decision without what was nearly chosen."""
    return replace(decision, steps=tuple(replace(step, nearly=()) for step in decision.steps))


def source_line(result: Result, source: Source) -> str:
    """The line of the user's sources that made a piece of configuration, `mesh/catalog.yaml:14`; empty where none is known."""
    key = (source.kind, source.namespace, source.name)
    found = next((each for each in result.objects if each.key == key), None)
    if found is None:
        return ""
    origin = found.origin_of(*parse_path(source.path))
    text = result.texts.get(origin.file)
    line = locate(text, origin).line if text is not None else origin.line
    return f"{origin.file}:{line}" if line is not None else origin.file


def parse_path(text: str) -> JsonPath:
    """`spec.http[2]` as a path: `("spec", "http", 2)`."""
    parts: list[str | int] = []
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", text):
        parts.append(int(index) if index else name)
    return tuple(parts)
