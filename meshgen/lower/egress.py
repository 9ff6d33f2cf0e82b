"""The way through an egress gateway: from the clients to the gateway, and from there to the host.

Follows istio.io, "Egress Gateways": plain ports go to the gateway over the mesh's mTLS, on a server `ISTIO_MUTUAL`; connections
that are TLS already go to it as they are, on a server `PASSTHROUGH` that reads their SNI. A port of the host is the same port of
the gateway.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, cast

from msgspec.structs import replace

from meshgen.diagnostics import JsonPath, Origin, Related, did_you_mean
from meshgen.diagnostics.catalogue.edge import NO_WAY_TO_GATEWAY
from meshgen.diagnostics.catalogue.lower import UNKNOWN_INTENT_REFERENCE
from meshgen.intent.decode import IntentObject
from meshgen.istio import destination_rule, gateway, virtual_service
from meshgen.istio.destination_rule import ClientTLSSettings
from meshgen.istio.shared import ServerTLSSettings
from meshgen.lower.draft import Draft, Target
from meshgen.lower.index import Index, ServiceKey, Way, host_of, subset_at_gateway
from meshgen.lower.matches import both
from meshgen.lower.result import Made, Report, make
from meshgen.lower.rules import MESH, HttpDraft, RuleSet, TcpDraft, TlsDraft, with_ports
from meshgen.lower.target import gateway_key
from meshgen.values import Protocol

if TYPE_CHECKING:  # a kind is imported where the mesh has it
    from meshgen.intent.external_service import ExternalService
    from meshgen.intent.gateway import Gateway
    from meshgen.intent.service import Port


def find_ways(index: Index, report: Report) -> dict[str, Way]:
    """The way to each host that goes through a gateway. Where the gateway, or what leads to it, is unknown, a finding."""
    found: dict[str, Way] = {}
    for external in _externals(index):
        if external.model.through is not None:
            way = _way(external, external.model.through, index, report)
            found |= dict.fromkeys(external.model.hosts, way) if way is not None else {}
    return {host: way for host, way in found.items() if index.externals[host] is way.owner}


def _externals(index: Index) -> list[IntentObject[ExternalService]]:
    return cast("list[IntentObject[ExternalService]]", index.by_kind.get("ExternalService", []))


def _way(external: IntentObject[ExternalService], name: str, index: Index, report: Report) -> Way | None:
    place = external.at("spec", "through")
    key = gateway_key(name, external.model.namespace)
    found = index.gateways.get(key)
    if found is None:
        known = [f"{space}/{each}" if space != external.model.namespace else each for space, each in index.gateways]
        message = f"{external.spoken} goes through the gateway `{name}`, which no Gateway intent declares"
        hint = did_you_mean(name, known) or "declare the Gateway; it needs no listeners of its own"
        report.append(UNKNOWN_INTENT_REFERENCE.at(place, message, help=hint))
        return None
    front = _front(found.model, index)
    if front is None:
        message = f"{external.spoken} goes through the gateway `{key[1]}`, and nothing says which Service leads to its Pods"
        hint = "add `workload: {service: …}` to the Gateway, `deploy:`, or the core Service to the tree"
        report.append(NO_WAY_TO_GATEWAY.at(place, message, help=hint, related=[Related(found.origin, "the gateway")]))
        return None
    _check_ports(external, front, index, report)
    return Way(found, host_of(front), external)


def _front(model: Gateway, index: Index) -> ServiceKey | None:
    """The core Service in front of a gateway: as it says, its own, else one that picks its Pods."""
    if model.service_name is not None:
        return model.workload_namespace, model.service_name
    labels = model.selector.items()
    for key, service in sorted(index.core_services.items()):
        selector = service.spec.selector.items()
        if key[0] == model.workload_namespace and selector and (labels <= selector or selector <= labels):
            return key
    return None


def _check_ports(external: IntentObject[ExternalService], front: ServiceKey, index: Index, report: Report) -> None:
    """Reports ports that the Service in front of the gateway is known not to have."""
    service = index.core_services.get(front)
    if service is None:
        return
    open_ports = {port.port for port in service.spec.ports}
    for position, port in enumerate(external.model.ports or ()):
        if port.port not in open_ports:
            message = f"the Service `{front[1]}` in front of the gateway has no port {port.port}"
            hint = f"add port {port.port} to the Service, or reach `{external.model.hosts[0]}` on a port that it has"
            place = external.item("spec", "ports", position)
            report.append(NO_WAY_TO_GATEWAY.at(place, message, help=hint, related=[Related(service.origin, "the Service")]))


def egress_objects(index: Index) -> Iterator[Made]:
    """The servers on each gateway for what goes through it, and the DestinationRule of the mesh for each gateway."""
    clients: dict[int, list[Way]] = {}
    for external in _externals(index):
        way = next((index.ways[host] for host in external.model.hosts if host in index.ways), None)
        if way is not None and way.owner is external:
            yield _servers(way)
            clients.setdefault(id(way.gateway), []).append(way)
    for ways in clients.values():
        yield from _to_gateway(ways)


def _servers(way: Way) -> Made:
    model = way.owner.model
    origins: dict[JsonPath, Origin] = {}
    servers = []
    for position, port in enumerate(model.ports or ()):
        origins["spec", "servers", position] = way.owner.item("spec", "ports", position)
        servers.append(_server(port, model.hosts))
    spec = gateway.Gateway(selector=dict(way.gateway.model.selector), servers=tuple(servers))
    return make(way.owner, spec, name=f"{model.name}-egress", origins=origins, origin=way.owner.at("spec", "through"))


def _server(port: Port, hosts: Sequence[str]) -> gateway.Server:
    protocol = Protocol(port.protocol)
    spoken = "HTTPS" if protocol.is_http else "TLS"
    name = f"{spoken.lower()}-{port.port}"
    return gateway.Server(
        hosts=tuple(hosts),
        port=gateway.GatewayPort(name=name, number=port.port, protocol=spoken),
        tls=ServerTLSSettings(mode="PASSTHROUGH" if protocol.is_tls else "ISTIO_MUTUAL"),
    )


def _to_gateway(ways: Sequence[Way]) -> Iterator[Made]:
    """One subset for each host, whose mTLS says in its SNI where it goes."""
    subsets: list[destination_rule.Subset] = []
    origins: dict[JsonPath, Origin] = {}
    for way in ways:
        for host in way.owner.model.hosts if way.owner.model.plain_ports else ():
            origins["spec", "subsets", len(subsets)] = way.owner.at("spec", "through")
            policy = destination_rule.TrafficPolicy(tls=ClientTLSSettings(mode="ISTIO_MUTUAL", sni=host))
            subsets.append(destination_rule.Subset(name=subset_at_gateway(host), traffic_policy=policy))
    if subsets:
        intent = ways[0].gateway
        spec = destination_rule.DestinationRule(host=ways[0].front, subsets=tuple(subsets))
        others = tuple(way.owner for way in ways)
        yield make(intent, spec, namespace=intent.model.workload_namespace, origins=origins, others=others)


def legs(way: Way, host: str, own: RuleSet) -> RuleSet:
    """The rules of a host on both legs: clients send all to the gateway, and there its own rules hold.

    What they say about retries is said of the whole way: clients then leave retries to the gateway.
    """
    origin = way.owner.at("spec", "through")
    http: list[HttpDraft] = []
    tcp: list[TcpDraft] = []
    tls: list[TlsDraft] = []
    for port in way.owner.model.ports or ():
        protocol = Protocol(port.protocol)
        there = Target(host, ("", host), None, port.port, follows=False)
        if protocol.is_http:
            http += _http_legs(way, host, port.port, own.http or (Draft((), (there,), {}, origin),), origin)
        elif protocol.is_tls:
            tls += _tls_legs(way, host, port.port, origin)
        else:
            tcp += _tcp_legs(way, host, port.port, own.tcp or (Draft((), (there,), {}, origin),), origin)
    return RuleSet(tuple(http), tuple(tcp), tuple(tls))


def to_gateway(way: Way, host: str, port: int | None) -> Target:
    """The first leg's target."""
    return Target(way.front, None, subset_at_gateway(host), port, follows=False)


def _http_legs(way: Way, host: str, port: int, own: Sequence[HttpDraft], origin: Origin) -> Iterator[HttpDraft]:
    match = virtual_service.HTTPMatchRequest
    once = {"retries": virtual_service.HTTPRetry(attempts=0)} if any("retries" in draft.fields for draft in own) else {}
    yield Draft((match(gateways=(MESH,), port=port),), (to_gateway(way, host, port),), dict(once), origin)
    for draft in own:
        matches = both((match(gateways=(way.name,), port=port),), draft.matches)
        if matches is not None:
            yield replace(draft, matches=matches, targets=with_ports(draft.targets, port))


def _tcp_legs(way: Way, host: str, port: int, own: Sequence[TcpDraft], origin: Origin) -> Iterator[TcpDraft]:
    match = virtual_service.L4MatchAttributes
    yield Draft((match(gateways=(MESH,), port=port),), (to_gateway(way, host, port),), {}, origin)
    for draft in own:
        found = [each for each in draft.matches if each.port in {None, port}]
        if not draft.matches or found:
            narrowed = tuple(replace(each, gateways=(way.name,), port=port) for each in found or (match(),))
            yield replace(draft, matches=narrowed, targets=with_ports(draft.targets, port))


def _tls_legs(way: Way, host: str, port: int, origin: Origin) -> Iterator[TlsDraft]:
    match = virtual_service.TLSMatchAttributes
    front = Target(way.front, None, None, port, follows=False)
    there = Target(host, ("", host), None, port, follows=False)
    yield Draft((match(gateways=(MESH,), port=port, sni_hosts=(host,)),), (front,), {}, origin)
    yield Draft((match(gateways=(way.name,), port=port, sni_hosts=(host,)),), (there,), {}, origin)
