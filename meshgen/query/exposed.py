"""Which hosts gateways open to clients outside, with a token or without."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from meshgen.emit.envoy.names import parse_outbound
from meshgen.journey.question import OUTSIDE
from meshgen.json import JsonObject
from meshgen.mesh import Proxy
from meshgen.query.access import distinct, need_of, policies_of, what_of
from meshgen.query.answer import Answer, Row
from meshgen.query.examples.callers import ANYBODY, Caller
from meshgen.query.examples.predicates import Example
from meshgen.query.examples.targets import Target, classes_of
from meshgen.query.scene import Scene
from meshgen.trace import Capture, Decision, EnvoyConfig, Outcome, Request, trace
from meshgen.trace.config import network_filters
from meshgen.trace.fields import integer, message, messages, string, strings, typed_config

_TCP_PROXY = "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
_COLUMNS = ("host", "port", "tls", "open to", "for", "leads to", "by", "line")
_TLS = {"none": "no", "tls": "yes", "mtls": "client certificate"}
ANYONE = "anyone"


def exposed(scene: Scene, *, without_token: bool = False) -> Answer:
    """`meshgen query exposed`, all doors to the outside; or only what is open to anyone who brings nothing."""
    rows = [row for gateway in scene.gateways for row in _rows(scene, gateway)]
    if without_token:
        rows = [replace(row, holds=row.holds and row.cells["open to"] == ANYONE) for row in rows]
    which = "open to the internet" + (" without a token" if without_token else "")
    return Answer(question=f"which hosts are {which}?", columns=_COLUMNS, rows=tuple(rows), nothing=f"no host is {which}")


def _rows(scene: Scene, gateway: Proxy) -> Iterator[Row]:
    config = scene.config(gateway)
    for target in scene.targets(gateway):
        if target.base.capture is Capture.NONE:
            yield from _of_host(scene, config, target)
    yield from _of_connections(config)


def _of_host(scene: Scene, config: EnvoyConfig, target: Target) -> Iterator[Row]:
    """A virtual host: for anyone, and with each token or address that a policy names and that opens more."""
    classes = classes_of(target)
    examples = distinct((*classes.requests, *(each for _, each in classes.callers)))
    bare = (replace(each, workload="", principal="") for each, _ in classes.callers)
    seen: set[tuple[str, ...]] = set()
    for caller in dict.fromkeys((ANYBODY, *bare)):
        tried = [(each, trace(config, _sent(caller, each, target))) for each in examples]
        served = [(each, decision) for each, decision in tried if _is_served(decision)]
        opened = [(each, decision) for each, decision in served if each.conditions not in seen]
        if caller == ANYBODY or opened:
            kinds = what_of([each for each, _ in served], [each for each, _ in tried])
            yield _of_caller(scene, target, need_of(caller) or ANYONE, opened or tried, kinds)
        if caller == ANYBODY and opened and len(opened) == len(tried):
            return
        seen.update(each.conditions for each, _ in opened)


def _sent(caller: Caller, example: Example, target: Target) -> Request:
    request = caller.sends(example.request, target.issuers)
    return request if caller.network else replace(request, source_ip=OUTSIDE)


def _is_served(decision: Decision) -> bool:
    return decision.outcome in {Outcome.ROUTED, Outcome.DIRECT, Outcome.NEEDS_ANSWER, Outcome.UNAVAILABLE, Outcome.ABORTED}


def _of_caller(scene: Scene, target: Target, who: str, traced: Sequence[tuple[Example, Decision]], kinds: str) -> Row:
    """`kinds` are the requests that are served, in words; none where nothing is."""
    decisions = [decision for _, decision in traced]
    redirected = all(decision.outcome is Outcome.REDIRECT for decision in decisions)
    cells = {
        "host": target.host,
        "port": str(target.base.port),
        "tls": _TLS.get(target.base.tls, target.base.tls),
        "open to": who if kinds else "nobody",
        "for": kinds or ("redirects" if redirected else "nothing"),
        "leads to": ", ".join(sorted({each for decision in decisions for each in _destinations(decision)})),
        "by": ", ".join(dict.fromkeys(text for decision in decisions for text in policies_of(decision))),
    }
    where = tuple(dict.fromkeys(line for decision in decisions for line in _lines(scene, decision)))
    edge = ("internet", target.host, cells["for"])
    return Row(subject=target.host, cells=cells, where=where, edge=edge, holds=bool(kinds))


def _destinations(decision: Decision) -> Iterator[str]:
    for cluster in (decision.cluster, *(each.cluster for each in decision.weights)):
        found = parse_outbound(cluster)
        if found is not None:
            yield found.host.removesuffix(".svc.cluster.local")


def _lines(scene: Scene, decision: Decision) -> Iterator[str]:
    for stage in ("rbac", "route"):
        yield from (line for step in decision.steps if step.stage == stage and (line := scene.line(step.source)))


# --- connections ------------------------------------------------------------------------------------------------------
def _of_connections(config: EnvoyConfig) -> Iterator[Row]:
    """Filter chains that are no HTTP: whoever connects with the server name is let through."""
    for listener in config.listeners.values():
        port = integer(message(listener, "address", "socket_address"), "port_value")
        for chain in (*messages(listener, "filter_chains"), message(listener, "default_filter_chain")):
            proxy = next((each for _, kind, each in network_filters(chain) if kind == _TCP_PROXY), None)
            if proxy is None:
                continue
            names = strings(message(chain, "filter_chain_match"), "server_names") or ["any"]
            yield from (_connection(name, port, _tls_of(chain), proxy) for name in names)


def _tls_of(chain: JsonObject) -> str:
    if typed_config(message(chain, "transport_socket"))[1]:
        return "yes"
    match = message(chain, "filter_chain_match")
    return "passed on" if string(match, "transport_protocol") == "tls" or strings(match, "server_names") else "no"


def _connection(name: str, port: int, tls: str, proxy: JsonObject) -> Row:
    shares = messages(message(proxy, "weighted_clusters"), "clusters")
    clusters = [string(proxy, "cluster"), *(string(each, "name") for each in shares)]
    hosts = [found.host.removesuffix(".svc.cluster.local") for found in map(parse_outbound, clusters) if found is not None]
    cells = {
        "host": name,
        "port": str(port),
        "tls": tls,
        "open to": ANYONE,
        "for": "connections",
        "leads to": ", ".join(sorted(set(hosts))),
        "by": "",
    }
    return Row(subject=name, cells=cells, edge=("internet", name, "connections"))
