"""What a rule does with the requests that it matches: route, redirect or answer (envoy-mapping.md §3.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from meshgen.emit.envoy.extension import millionths
from meshgen.emit.envoy.hash_policy import consistent_hash, hash_policy
from meshgen.emit.envoy.header_operations import HeaderChanges, header_changes, joined
from meshgen.emit.envoy.names import outbound_cluster
from meshgen.emit.envoy.retries import retry_policy
from meshgen.istio.destination_rule import DestinationRule
from meshgen.istio.shared import Destination
from meshgen.istio.virtual_service import (
    HTTPDirectResponse,
    HTTPRedirect,
    HTTPRewrite,
    HTTPRoute,
    HTTPRouteDestination,
    Percent,
)
from meshgen.json import JsonObject, JsonValue, drop_none
from meshgen.mesh import Mesh, Proxy, Service
from meshgen.values import duration_to_envoy

REDIRECT_CODES: Final = {
    301: None,  # Envoy's default
    302: "FOUND",
    303: "SEE_OTHER",
    307: "TEMPORARY_REDIRECT",
    308: "PERMANENT_REDIRECT",
}
_DEFAULT_PORTS = {("http", 80), ("https", 443)}


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteScope:
    """For which listener and proxy routes are made."""

    mesh: Mesh
    proxy: Proxy
    port: int  # the service port (a gateway server's port) that `match.port` speaks of
    gateways: frozenset[str]  # {"mesh"}, or {"namespace/name"} of a gateway
    services: Mapping[str, Service]  # known here, by host: a destination without port means a service's only port
    tls: bool = False  # whether clients speak TLS
    decorated: bool = False  # whether spans are named after the destination (a tracer is configured)
    _rules: dict[str, DestinationRule | None] = field(default_factory=dict, init=False, compare=False, repr=False)

    def destination_rule(self, host: str) -> DestinationRule | None:
        """The destination rule in effect for a host, looked up once a table."""
        if host not in self._rules:
            found = self.mesh.destination_rule(host, self.proxy)
            self._rules[host] = found.spec if found is not None else None
        return self._rules[host]


def cluster_of(destination: Destination, scope: RouteScope) -> str:
    """The cluster that a destination means; it may not exist, and then Envoy answers 503."""
    return outbound_cluster(destination_port(destination, scope), destination.subset or "", destination.host)


def destination_port(destination: Destination, scope: RouteScope) -> int:
    """The destination's port, else its service's only port, else the listener's."""
    if destination.port is not None and destination.port.number:
        return destination.port.number
    service = scope.services.get(destination.host)
    return service.ports[0].number if service is not None and len(service.ports) == 1 else scope.port


def action(rule: HTTPRoute, scope: RouteScope) -> JsonObject | None:
    """The route's action with its header changes; None where Envoy has none for the rule."""
    changes = header_changes(rule.headers)
    if rule.redirect is not None:
        redirected = redirect(rule.redirect, scope)
        return None if redirected is None else {**changes.fields, "redirect": redirected}
    if rule.direct_response is not None:
        return {**changes.fields, "direct_response": direct_response(rule.direct_response)}
    return _route(rule, changes, scope) if rule.route else None


def redirect(wanted: HTTPRedirect, scope: RouteScope) -> JsonObject | None:
    """A `RedirectAction`; None for a code that Envoy cannot send."""
    code = wanted.redirect_code or 301
    if code not in REDIRECT_CODES:
        return None
    found = drop_none({
        "host_redirect": wanted.authority or None,
        "path_redirect": wanted.uri or None,
        "prefix_rewrite": wanted.prefix_rewrite if not wanted.uri else None,
        "scheme_redirect": wanted.scheme or None,
        "response_code": REDIRECT_CODES[code],
    })
    port = wanted.port or (scope.port if wanted.derive_port == "FROM_REQUEST_PORT" else 0)
    scheme = wanted.scheme or ("https" if scope.tls else "http")
    if port and (scheme, port) not in _DEFAULT_PORTS:
        found["port_redirect"] = port
    return found


def direct_response(wanted: HTTPDirectResponse) -> JsonObject:
    """A `DirectResponseAction`."""
    found: JsonObject = {"status": wanted.status}
    if wanted.body is not None and wanted.body.string_ is not None:
        found["body"] = {"inline_string": wanted.body.string_}
    elif wanted.body is not None and wanted.body.bytes_ is not None:
        found["body"] = {"inline_bytes": wanted.body.bytes_}
    return found


def timeouts(timeout: str) -> JsonObject:
    """How long a route's requests may take; zero is for ever, where Envoy's own would be 15 s.

    A gRPC client's own deadline (`grpc-timeout`) holds where the route has no limit. Within a limit it is left to the client:
    Envoy has deprecated the `max_grpc_timeout` that istiod writes, and beside its successor `max_stream_duration` it would not
    look at `timeout` at all (`FilterUtility::finalTimeout`).
    """
    if timeout != "0s":
        return {"timeout": timeout}
    return {"timeout": timeout, "max_stream_duration": {"grpc_timeout_header_max": timeout}}


def _route(rule: HTTPRoute, changes: HeaderChanges, scope: RouteScope) -> JsonObject:
    """A `RouteAction`. Istio sets no timeout unless asked, so zero must be said: Envoy's own would be 15 s."""
    timeout = duration_to_envoy(rule.timeout) if rule.timeout else "0s"
    destinations = rule.route or ()
    found: JsonObject = {**timeouts(timeout), **_rewrite(rule.rewrite)}
    authority = (rule.rewrite.authority if rule.rewrite else None) or changes.authority
    fields = changes.fields
    if len(destinations) == 1:
        own = header_changes(destinations[0].headers)
        found["cluster"] = cluster_of(destinations[0].destination, scope)
        fields = joined(fields, own.fields)
        authority = authority or own.authority
    else:
        found["weighted_clusters"] = {"clusters": _weights(destinations, scope)}
    if authority:
        found["host_rewrite_literal"] = authority
    hashes: list[JsonValue] = [policy for entry in destinations if (policy := _hash(entry.destination, scope)) is not None]
    if hashes:
        found["hash_policy"] = hashes
    retries = retry_policy(
        rule.retries, scope.mesh.config.default_http_retry_policy, hashed=bool(hashes) and len(destinations) == 1
    )
    if retries is not None:
        found["retry_policy"] = retries
    mirrors = _mirrors(rule, scope)
    if mirrors:
        found["request_mirror_policies"] = mirrors
    return {**fields, "route": found}


def _rewrite(rewrite: HTTPRewrite | None) -> JsonObject:
    if rewrite is None:
        return {}
    if rewrite.uri_regex_rewrite is not None:
        pattern: JsonObject = {"regex": rewrite.uri_regex_rewrite.match or ""}
        return {"regex_rewrite": {"pattern": pattern, "substitution": rewrite.uri_regex_rewrite.rewrite or ""}}
    return {"prefix_rewrite": rewrite.uri} if rewrite.uri else {}


def _weights(destinations: tuple[HTTPRouteDestination, ...], scope: RouteScope) -> list[JsonValue]:
    """One entry a destination of weight above zero; the weights may add up to anything."""
    entries: list[JsonValue] = []
    for entry in destinations:
        if not entry.weight:
            continue
        own = header_changes(entry.headers)
        found: JsonObject = {"name": cluster_of(entry.destination, scope), "weight": entry.weight, **own.fields}
        if own.authority:
            found["host_rewrite_literal"] = own.authority
        entries.append(found)
    return entries


def _hash(destination: Destination, scope: RouteScope) -> JsonObject | None:
    rule = scope.destination_rule(destination.host)
    if rule is None:
        return None
    port = destination.port.number if destination.port is not None else None
    return hash_policy(consistent_hash(rule, destination.subset or "", port or 0))


def _mirrors(rule: HTTPRoute, scope: RouteScope) -> list[JsonValue]:
    """Copies of requests: `mirror` with its percentage in one of three spellings, then `mirrors`."""
    wanted: list[tuple[Destination, JsonObject | None]] = []
    if rule.mirror is not None:
        wanted.append((rule.mirror, _mirror_fraction(rule.mirror_percentage, _whole_percent(rule))))
    wanted.extend((mirror.destination, _mirror_fraction(mirror.percentage, None)) for mirror in rule.mirrors or ())
    return [
        {
            "cluster": cluster_of(destination, scope),
            "runtime_fraction": {"default_value": fraction},
            "trace_sampled": False,
            # Copies go out with the host that the client wrote, not with `-shadow` behind it (Istio 1.28 and later).
            "disable_shadow_host_suffix_append": True,
        }
        for destination, fraction in wanted
        if fraction is not None
    ]


def _whole_percent(rule: HTTPRoute) -> int | None:
    return rule.mirror_percent if rule.mirror_percent is not None else rule.mirror_percent_deprecated


def _mirror_fraction(percentage: Percent | None, whole: int | None) -> JsonObject | None:
    """The share that is copied: all where nothing is said, none for an explicit zero."""
    if percentage is not None:
        return millionths(percentage.value) if percentage.value else None
    if whole is not None:
        return {"numerator": whole} if whole else None
    return {"numerator": 100}
