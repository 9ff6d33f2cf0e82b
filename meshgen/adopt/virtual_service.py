"""VirtualServices and DestinationRules → Services, Routes and TrafficPolicies.

Those that speak of one service in its own namespace are one Service; what does not fit into it (another object's labels, other
visibility) is a Route and a TrafficPolicy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshgen.adopt.meaning import own_marks
from meshgen.adopt.reader import Native, Proposal, ServiceKey, Surroundings, Unsaid, gateway_names, service_of
from meshgen.adopt.rules import Rules, export_to
from meshgen.adopt.traffic import traffic, versions
from meshgen.intent.route import Route
from meshgen.intent.service import Service
from meshgen.intent.traffic_policy import TrafficPolicy
from meshgen.istio.hosts import fully_qualified
from meshgen.istio.virtual_service import VirtualService
from meshgen.json import JsonObject

MESH = ("mesh",)


def own_service(native: Native) -> ServiceKey | None:
    """The service, if the object speaks of one service in its own namespace, to all of the mesh and nowhere else."""
    spec = native.spec
    if isinstance(spec, VirtualService):
        hosts = {fully_qualified(host, native.namespace) for host in spec.hosts or ()}
        if len(hosts) != 1 or spec.gateways not in {None, (), MESH}:
            return None
        host = hosts.pop()
    else:
        if spec.workload_selector is not None:
            return None
        host = spec.host
    key = service_of(host, native.namespace)
    return key if key is not None and key[0] == native.namespace else None


def grouped(natives: Iterable[Native]) -> dict[ServiceKey, tuple[Native, ...]]:
    """VirtualServices and DestinationRules that one Service may give: one of each kind at most, alike in marks and visibility."""
    found: dict[ServiceKey, dict[str, Native]] = {}
    for native in natives:
        if native.kind not in {"VirtualService", "DestinationRule"}:
            continue
        key = own_service(native)
        if key is None:
            continue
        group = found.setdefault(key, {})
        if native.kind not in group and all(_alike(native, other) for other in group.values()):
            group[native.kind] = native
    return {key: tuple(group.values()) for key, group in found.items()}


def _alike(one: Native, other: Native) -> bool:
    marks = [(own_marks(each.labels), own_marks(each.annotations), set(each.spec.export_to or ())) for each in (one, other)]
    return marks[0] == marks[1]


def service(key: ServiceKey, natives: Iterable[Native], beside: Surroundings) -> Proposal:
    """The Service that gives a VirtualService, a DestinationRule, or both."""
    by_kind = {native.kind: native for native in natives}
    spec: JsonObject = {}
    rule = by_kind.get("DestinationRule")
    if rule is not None:
        spec |= _policy(rule)
    routes = by_kind.get("VirtualService")
    if routes is not None:
        spec |= _rules(routes, Rules(key[0], beside, key), "routes")
    first = next(iter(by_kind.values()))
    return Proposal(
        kind=Service,
        name=key[1],
        namespace=key[0],
        spec={**spec, **export_to(first.spec.export_to)},
        objects=tuple(by_kind.values()),
        names={kind: native.name for kind, native in by_kind.items() if native.name != key[1]},
        labels=first.labels,
        annotations=first.annotations,
    )


def _policy(native: Native) -> JsonObject:
    spec = native.spec
    said: JsonObject = {}
    if spec.subsets:
        said["versions"] = versions(spec.subsets)
    if spec.traffic_policy is not None or not spec.subsets:
        said["traffic"] = traffic(spec.traffic_policy)
    return said


def _rules(native: Native, rules: Rules, http: str) -> JsonObject:
    spec = native.spec
    said: JsonObject = {}
    if spec.http:
        said[http] = [rules.http(rule) for rule in spec.http]
    if spec.tcp:
        said["tcp"] = [rules.tcp(rule) for rule in spec.tcp]
    if spec.tls:
        said["tls"] = [rules.tls(rule) for rule in spec.tls]
    if not said:
        raise Unsaid("it has no rules")
    return said


def route(native: Native, beside: Surroundings) -> Iterator[Proposal]:
    """The Route that gives a VirtualService by itself."""
    spec = native.spec
    said: JsonObject = {}
    if spec.hosts:
        said["hosts"] = [_host(host, native.namespace) for host in dict.fromkeys(spec.hosts)]
    if spec.gateways and spec.gateways != MESH:
        said["gateways"] = gateway_names(spec.gateways, native.namespace)
    said |= _rules(native, Rules(native.namespace, beside), "rules")
    yield Proposal(
        kind=Route,
        name=native.name,
        namespace=native.namespace,
        spec={**said, **export_to(spec.export_to)},
        objects=(native,),
        labels=native.labels,
        annotations=native.annotations,
    )


def _host(host: str, namespace: str) -> str:
    """A service of the same namespace by its name."""
    key = service_of(host, namespace)
    return key[1] if key is not None and key[0] == namespace else host


def traffic_policy(native: Native, beside: Surroundings) -> Iterator[Proposal]:  # noqa: ARG001 (as the other kinds)
    """The TrafficPolicy that gives a DestinationRule by itself."""
    spec = native.spec
    said: JsonObject = {"host": _host(spec.host, native.namespace)}
    if spec.workload_selector is not None and spec.workload_selector.match_labels:
        said["clients"] = {"selector": dict(spec.workload_selector.match_labels)}
    yield Proposal(
        kind=TrafficPolicy,
        name=native.name,
        namespace=native.namespace,
        spec={**said, **_policy(native), **export_to(spec.export_to)},
        objects=(native,),
        labels=native.labels,
        annotations=native.annotations,
    )
