"""Where requests go in a proxy's configuration, and the classes of requests that can be told apart there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from meshgen.diff.classes.places import capture_of, concrete
from meshgen.diff.content import content
from meshgen.json import JsonObject
from meshgen.query.examples.callers import ANYBODY, Caller, callers_of
from meshgen.query.examples.predicates import Example, example_of_route, examples_of_permission
from meshgen.trace import Capture, EnvoyConfig, Request
from meshgen.trace.config import HTTP_CONNECTION_MANAGER, network_filters
from meshgen.trace.fields import boolean, integer, message, messages, string, strings, typed_config

_RBAC = "envoy.extensions.filters.http.rbac.v3.RBAC"
ANY_PORT = 1  # stands for the ports of a workload that no chain names; 15006 itself leads nowhere
_MOST_OF_A_POLICY = 32  # examples of one access rule: alternatives multiply
_METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD")
_PATHS = ("/", "/other", "/any/other")
_Place = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One virtual host behind one filter chain of one listener, seen from a client."""

    host: str  # that clients ask for
    inbound: bool
    base: Request  # a request that gets there, if nothing else is asked for
    parts: tuple[JsonObject, ...] = field(compare=False)  # whatever decides what becomes of its requests
    routes: tuple[JsonObject, ...] = field(compare=False)
    policies: tuple[JsonObject, ...] = field(compare=False)  # RBAC policies in force
    issuers: tuple[str, ...] = ()  # whose tokens are verified


def targets_of(config: EnvoyConfig, workload: str) -> tuple[Target, ...]:
    """The HTTP targets of a proxy, each place once; `workload` is what inbound requests ask for."""
    found: dict[_Place, Target] = {}
    for listener in config.listeners.values():
        for chain in (*messages(listener, "filter_chains"), message(listener, "default_filter_chain")):
            manager = next((each for _, kind, each in network_filters(chain) if kind == HTTP_CONNECTION_MANAGER), None)
            if manager is not None:
                for place, target in _targets(config, listener, chain, manager, workload):
                    found.setdefault(place, target)
    return tuple(found.values())


def _targets(
    config: EnvoyConfig, listener: JsonObject, chain: JsonObject, manager: JsonObject, workload: str
) -> Iterator[tuple[_Place, Target]]:
    routing = message(manager, "route_config")
    if not routing:
        routing = config.routes.get(string(message(manager, "rds"), "route_config_name"), {})
    connection = _connection(listener, chain)
    inbound = connection.capture is Capture.INBOUND or string(listener, "traffic_direction") == "INBOUND"
    place = (string(listener, "name"), str(connection.port), connection.tls, ",".join(sorted(_server_names(chain))))
    outside: JsonObject = {"chain": chain, "listener": {k: v for k, v in listener.items() if not k.endswith("_chains")}}
    for host in messages(routing, "virtual_hosts"):
        if strings(host, "domains") == ["*"] and not host.get("routes") and "require_tls" not in host:
            continue  # istiod's placeholder for a table without hosts: 404, as without it
        name = _host_name(host, routing)
        target = Target(
            host=name,
            inbound=inbound,
            base=ANYBODY.sends(_request(connection, host, chain, workload if inbound else ""), ()),
            parts=(outside, host, *_clusters(config, host)),
            routes=tuple(messages(host, "routes")),
            policies=tuple(_policies(manager)),
            issuers=tuple(_issuers(manager)),
        )
        yield (*place, "" if inbound else name), target
        if not inbound and connection.capture is Capture.NONE:
            yield from (((*place, other.host), other) for other in _others(target, strings(host, "domains")))


def _others(first: Target, domains: Iterable[str]) -> Iterator[Target]:
    """A gateway's virtual host once more for each of its other hosts; those of a sidecar's are other names of one service."""
    for name in dict.fromkeys(re.sub(r":(\d+|\*)$", "", domain) for domain in domains):
        if name not in ("*", first.host):
            sni = concrete(name) if first.base.sni else first.base.sni
            base = replace(first.base, host=concrete(name), sni=sni)
            yield replace(first, host=name, base=base)


def _connection(listener: JsonObject, chain: JsonObject) -> Request:
    """How a client reaches the filter chain: the port, whether it was captured, and what TLS it speaks."""
    match, socket = message(chain, "filter_chain_match"), message(listener, "address", "socket_address")
    port = integer(match, "destination_port") or integer(socket, "port_value")
    capture = capture_of(listener)
    if capture is Capture.INBOUND and "destination_port" not in match:
        port = ANY_PORT
    bound = string(socket, "address")
    address = None if bound in ("", "0.0.0.0", "::") else bound  # noqa: S104 - what a listener is bound to
    return Request(port=port, capture=capture, address=address, tls=_tls(chain))


def _tls(chain: JsonObject) -> str:
    match = message(chain, "filter_chain_match")
    socket = typed_config(message(chain, "transport_socket"))[1]
    if not socket and string(match, "transport_protocol") != "tls":
        return "none"
    istio = any(name.startswith("istio") for name in strings(match, "application_protocols"))
    return "mtls" if istio or boolean(socket, "require_client_certificate") else "tls"


def _server_names(chain: JsonObject) -> list[str]:
    return strings(message(chain, "filter_chain_match"), "server_names")


def _host_name(host: JsonObject, routing: JsonObject) -> str:
    """What clients ask for: the first domain; that of an unnamed port's only service is its virtual host's name."""
    first = next((domain for domain in strings(host, "domains") if domain != "*"), "")
    name = (string(host, "name") or string(routing, "name")).rpartition(":")[0]
    return first or (name if "." in name and not name.startswith("*") else "any other host")


def _request(connection: Request, host: JsonObject, chain: JsonObject, workload: str) -> Request:
    domain = workload or concrete(next(iter(strings(host, "domains")), "*"))
    sni = concrete(_server_names(chain)[0]) if _server_names(chain) else None
    return Request(
        host=domain,
        port=connection.port,
        address=connection.address,
        capture=connection.capture,
        tls=connection.tls,
        sni=sni if connection.tls != "none" else None,
    )


def _clusters(config: EnvoyConfig, host: JsonObject) -> Iterator[JsonObject]:
    """The clusters that the virtual host names, and who serves them."""
    for name in sorted(set(_cluster_names(host)) - {""}):
        yield config.clusters.get(name, {})
        yield config.endpoints.get(name, {})


def _cluster_names(host: JsonObject) -> Iterator[str]:
    for holder in (host, *(message(route, "route") for route in messages(host, "routes"))):
        yield string(holder, "cluster")
        yield from (string(each, "cluster") for each in messages(holder, "request_mirror_policies"))
        yield from (string(each, "name") for each in messages(message(holder, "weighted_clusters"), "clusters"))


def _policies(manager: JsonObject) -> Iterator[JsonObject]:
    for entry in messages(manager, "http_filters"):
        kind, content_ = typed_config(entry)
        if kind == _RBAC:
            policies = message(content_, "rules", "policies")
            yield from (policy for _, policy in sorted(policies.items()) if isinstance(policy, dict))


def _issuers(manager: JsonObject) -> Iterator[str]:
    for entry in messages(manager, "http_filters"):
        providers = message(typed_config(entry)[1], "providers")
        yield from (string(message(providers, name), "issuer") for name in sorted(providers))


@dataclass(slots=True)
class Classes:
    """The classes of requests to a target that are told apart there."""

    requests: list[Example] = field(default_factory=list)  # the first has no condition
    callers: list[tuple[Caller, Example]] = field(default_factory=list)
    missed: int = 0  # matchers for which no example was found


def classes_of(target: Target) -> Classes:
    """Examples from the predicates of its routes and policies, each once."""
    found = Classes()
    routes, policies = _once(target.routes), _once(target.policies)
    base = _unnamed(Example(target.base), routes, policies)
    found.requests = [base]
    for route in routes:
        _note(found, example_of_route(base, message(route, "match")))
    if policies:
        _note_callers(found, base, policies)
    return found


def _unnamed(base: Example, routes: Iterable[JsonObject], policies: Iterable[JsonObject]) -> Example:
    """The base with a method and a path that no predicate names: it stands for the requests that none speaks of."""
    examples = [example_of_route(base, message(route, "match")) for route in routes]
    permissions = [each for policy in policies for each in messages(policy, "permissions")]
    examples += [example for each in permissions for example in examples_of_permission(base, each)]
    named = [(condition, each.request) for each in examples if each is not None for condition in each.conditions]
    methods = {request.method for condition, request in named if condition.startswith("method ")}
    paths = {request.path for condition, request in named if condition.startswith("path ")}
    method = next((each for each in _METHODS if each not in methods), base.request.method)
    path = next((each for each in _PATHS if each not in paths), base.request.path)
    return replace(base, request=replace(base.request, method=method, path=path))


def _once(values: Iterable[JsonObject]) -> list[JsonObject]:
    return list({content(value): value for value in values}.values())


def _note(found: Classes, example: Example | None) -> None:
    if example is None:
        found.missed += 1
    elif all(example.request != each.request for each in found.requests):
        found.requests.append(example)


def _note_callers(found: Classes, base: Example, policies: Iterable[JsonObject]) -> None:
    """Every caller that a policy names and one that none does, with every operation that one names."""
    operations = {base.conditions: base}
    callers = [ANYBODY]
    for policy in policies:
        for permission in messages(policy, "permissions"):
            examples = examples_of_permission(base, permission)
            found.missed += not examples
            operations |= {each.conditions: each for each in examples[:_MOST_OF_A_POLICY]}
        for principal in messages(policy, "principals"):
            named = callers_of(principal)
            found.missed += not named
            callers += [each for each in named if base.request.tls == "mtls" or not each.principal]
    found.callers = [(caller, each) for caller in dict.fromkeys(callers) for each in operations.values()]
