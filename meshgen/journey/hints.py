"""What to say beside a request that the first proxy cannot place: the nearest that it could."""

from __future__ import annotations

from meshgen.emit.envoy.names import BLACK_HOLE, PASSTHROUGH
from meshgen.journey.scene import Scene, hosts_of
from meshgen.mesh import Proxy
from meshgen.trace import Decision, EnvoyConfig, Outcome, Request

_CATCH_ALLS = ("allow_any", "block_all", "blackhole:")
_CATCHING = frozenset({PASSTHROUGH, BLACK_HOLE})
_MANY = 6


def hints(scene: Scene, proxy: Proxy, request: Request, decision: Decision) -> list[str]:
    """At most one sentence on a host or port that the first proxy does not know, or a protocol that it does not take there."""
    config, host, port = scene.config(proxy), request.host.partition(":")[0], request.port
    if decision.outcome is Outcome.NO_LISTENER:
        ports = ", ".join(str(each) for each in sorted(config.bound_by_port)[:_MANY])
        return [f"{proxy.id} listens on port {ports}"] if ports else []
    if refuses_plaintext(config, request, decision):
        return [f"{proxy.id} takes TLS only on port {port}; write `https://{request.host}`"]
    caught = decision.virtual_host.startswith(_CATCH_ALLS) or decision.cluster in _CATCHING
    if not caught and (decision.outcome is not Outcome.NOT_FOUND or decision.virtual_host):
        return []
    if request.is_tls and decision.tls == "passed on" and _speaks_plaintext(config, host, port):
        return [f"`{host}` speaks plaintext HTTP on port {port}, as {proxy.id} knows it; write `http://{request.host}`"]
    near = scene.near(host, port, proxy)
    return [f"{proxy.id} knows no host `{host}` on port {port}" + (f"; {near}" if near else "")]


def refuses_plaintext(config: EnvoyConfig, request: Request, decision: Decision) -> bool:
    """Whether a connection was closed because it is no TLS, and TLS would have been taken on its port."""
    if decision.outcome is not Outcome.CLOSED or request.is_tls:
        return False
    listener = config.listeners.get(decision.listener)
    chains = config.chains(listener).chains if listener is not None else ()
    ours = [each for each in chains if each.port in (0, request.port)]
    return any("transport_socket" in each.chain for each in ours)


def _speaks_plaintext(config: EnvoyConfig, host: str, port: int) -> bool:
    """Whether a sidecar has routes, which it has of plaintext HTTP alone, for a host on a port."""
    table = config.routes.get(str(port))
    return table is not None and host in hosts_of(config, table)
