"""The routes of one virtual service for one listener and proxy (envoy-mapping.md §3.2, §3.3)."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import Final

from meshgen.emit.envoy import sources
from meshgen.emit.envoy.actions import RouteScope, action, destination_port, timeouts
from meshgen.emit.envoy.extension import metadata
from meshgen.emit.envoy.filters import cors, fault
from meshgen.emit.envoy.hash_policy import consistent_hash, hash_policy
from meshgen.emit.envoy.matches import reaches, route_match
from meshgen.emit.envoy.names import outbound_cluster
from meshgen.emit.envoy.retries import retry_policy
from meshgen.emit.envoy.shared import once
from meshgen.istio.object import IstioObject
from meshgen.istio.virtual_service import HTTPMatchRequest, HTTPRoute, VirtualService
from meshgen.json import JsonObject, JsonValue
from meshgen.mesh import Port, Service

Found = IstioObject[VirtualService]

NO_TIMEOUT: Final = timeouts("0s")


def http_routes(found: Found, scope: RouteScope) -> list[JsonObject]:
    """The routes of `spec.http`, in order: one for each entry of a rule's `match`; nothing after a rule that takes everything.

    Proxies to which all is the same that the routes hang on share the list.
    """
    key = ("routes", id(found), scope.port, scope.gateways, scope.tls, scope.decorated, *_asked(found, scope))
    return once(scope.mesh, key, found, lambda: _http_routes(found, scope))


def _asked(found: Found, scope: RouteScope) -> Iterator[Hashable]:
    """What the routes ask about their client, and about the destinations that it sees."""
    for rule in found.spec.http or ():
        for match in rule.match or ():
            if match.source_labels:
                yield tuple(scope.proxy.labels.get(label) for label in sorted(match.source_labels))
            if match.source_namespace:
                yield scope.proxy.namespace
        destinations = [entry.destination for entry in rule.route or ()]
        mirrors = [*([rule.mirror] if rule.mirror else []), *(mirror.destination for mirror in rule.mirrors or ())]
        for destination in (*destinations, *mirrors):
            yield destination_port(destination, scope)
            yield id(scope.destination_rule(destination.host))  # the mesh keeps its rules, so a number stays a rule's


def _http_routes(found: Found, scope: RouteScope) -> list[JsonObject]:
    routes: list[JsonObject] = []
    for index, rule in enumerate(found.spec.http or ()):
        entries: tuple[HTTPMatchRequest | None, ...] = rule.match or (None,)
        for match in entries:
            if match is not None and not reaches(match, scope.port, scope.gateways, scope.proxy.labels, scope.proxy.namespace):
                continue
            built = _route(found, index, rule, match, scope)
            if built is not None:
                routes.append(built)
            if match is None or (built is not None and _takes_all(built["match"])):
                return routes
    return routes


def _route(found: Found, index: int, rule: HTTPRoute, match: HTTPMatchRequest | None, scope: RouteScope) -> JsonObject | None:
    acting = action(rule, scope)
    if acting is None:
        return None
    path = route_match(match)
    route: JsonObject = {"match": path, **acting, "metadata": sources.of_rule(scope.mesh, found, index)}
    name = _name(rule, match)
    if name:
        route["name"] = name
    if match is not None and match.stat_prefix:
        route["stat_prefix"] = match.stat_prefix
    filters = _filters(rule)
    if filters:
        route["typed_per_filter_config"] = filters
    if scope.decorated:
        route["decorator"] = {"operation": _operation(found, rule, path, scope)}
    return route


def _name(rule: HTTPRoute, match: HTTPMatchRequest | None) -> str:
    name = rule.name or ""
    return f"{name}.{match.name}" if match is not None and match.name else name


def _filters(rule: HTTPRoute) -> JsonObject:
    found: JsonObject = {}
    if rule.fault is not None:
        found[fault.NAME] = fault.fault_injection(rule.fault)
    if rule.cors_policy is not None:
        found[cors.NAME] = cors.cors_policy(rule.cors_policy)
    return found


def _operation(found: Found, rule: HTTPRoute, path: JsonObject, scope: RouteScope) -> str:
    """A span's name: where it goes and by which path."""
    host = rule.route[0].destination.host if rule.route and len(rule.route) == 1 else found.name
    regex = path.get("safe_regex")
    text = path.get("path") or (regex.get("regex") if isinstance(regex, dict) else f"{path.get('prefix', '/')}*")
    return f"{host}:{scope.port}{text}"


def default_routes(service: Service, port: Port, scope: RouteScope) -> list[JsonObject]:
    """The one route of a service that no virtual service speaks of."""
    rule = scope.destination_rule(service.host)
    key = ("default route", service.kubernetes, service.namespace, service.name, service.host, port.number, id(rule))
    return once(scope.mesh, (*key, scope.decorated), rule, lambda: [_default_route(service, port, scope)])


def _default_route(service: Service, port: Port, scope: RouteScope) -> JsonObject:
    hashed = hash_policy(consistent_hash(scope.destination_rule(service.host), "", port.number))
    target: JsonObject = {**NO_TIMEOUT, "cluster": outbound_cluster(port.number, "", service.host)}
    retries = retry_policy(None, scope.mesh.config.default_http_retry_policy, hashed=False)
    if retries is not None:
        target["retry_policy"] = retries
    if hashed is not None:
        target["hash_policy"] = [hashed]
    kind = "Service" if service.kubernetes else "ServiceEntry"
    route: JsonObject = {
        "name": "default",
        "match": {"prefix": "/"},
        "route": target,
        "metadata": metadata(kind, service.namespace, service.name, "spec"),
    }
    if scope.decorated:
        route["decorator"] = {"operation": f"{service.host}:{port.number}/*"}
    return route


def catch_alls_last(routes: Iterable[JsonObject]) -> list[JsonObject]:
    """A gateway's routes of one host with those that take everything behind all others; the order is kept otherwise.

    Several virtual services may share a host on a gateway, so a catch-all of one would hide the others' rules.
    """
    listed = list(routes)
    return [*_where(listed, takes_all=False), *_where(listed, takes_all=True)]


def _where(routes: Iterable[JsonObject], *, takes_all: bool) -> Iterator[JsonObject]:
    return (route for route in routes if _takes_all(route["match"]) == takes_all)


def _takes_all(match: JsonValue) -> bool:
    if not isinstance(match, dict) or match.keys() & {"headers", "query_parameters", "dynamic_metadata"}:
        return False
    regex = match.get("safe_regex")
    return match.get("prefix") == "/" or (isinstance(regex, dict) and regex.get("regex") == ".*")
