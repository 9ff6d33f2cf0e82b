"""Rules of a VirtualService → rules of a Route, or of a Service's own routes."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd
from typing import Any

from meshgen.adopt.reader import (
    ServiceKey,
    Surroundings,
    Table,
    Unsaid,
    destination,
    each,
    fields,
    gateway_names,
    plain,
    table_of,
    word,
)
from meshgen.istio.virtual_service import HTTPRoute, StringMatch
from meshgen.json import JsonObject, JsonValue


def string_match(match: StringMatch) -> JsonValue:
    """A string match; Istio's empty one means presence."""
    return fields(match, {"exact": "exact", "prefix": "prefix", "regex": "regex"}) or {"present": True}


def _string_matches(matches: dict[str, StringMatch]) -> JsonValue:
    return {name: string_match(match) for name, match in matches.items()}


_HEADERS: Table = {name: (name, table_of({"set": "set", "add": "add", "remove": "remove"})) for name in ("request", "response")}
_REDIRECT: Table = {
    "uri": "path",
    "prefix_rewrite": "prefixRewrite",
    "authority": "authority",
    "scheme": "scheme",
    "port": "port",
    "derive_port": ("derivePort", word),
    "redirect_code": "code",
}
_REWRITE: Table = {
    "uri": "path",
    "authority": "authority",
    "uri_regex_rewrite": ("pathRegex", table_of({"match": "match", "rewrite": "rewrite"})),
}
_RETRIES: Table = {
    "attempts": "attempts",
    "per_try_timeout": "perTryTimeout",
    "retry_on": ("on", lambda text: [_condition(part.strip()) for part in text.split(",") if part.strip()]),
    "backoff": "backoff",
    "retry_remote_localities": "remoteLocalities",
    "retry_ignore_previous_hosts": "ignorePreviousHosts",
}
_CORS: Table = {
    "allow_origin": ("allowOrigins", lambda origins: [{"exact": origin} for origin in origins]),
    "allow_origins": ("allowOrigins", each(string_match)),
    "allow_methods": "allowMethods",
    "allow_headers": "allowHeaders",
    "expose_headers": "exposeHeaders",
    "max_age": "maxAge",
    "allow_credentials": "allowCredentials",
    "unmatched_preflights": ("unmatchedPreflights", word),
}
_DELAY: Table = {"fixed_delay": "fixedDelay", "exponential_delay": "exponentialDelay"}
_ABORT: Table = {"http_status": "httpStatus", "grpc_status": "grpcStatus", "http2_error": "http2Error"}


def _condition(text: str) -> JsonValue:
    return int(text) if text.isascii() and text.isdigit() and not text.startswith("0") else text


def _direct_response(value: Any) -> JsonObject:  # noqa: ANN401 (HTTPDirectResponse)
    return {"status": value.status, **fields(value.body, {"string_": "body", "bytes_": "bodyBytes"})}


def _fault(fault: Any) -> JsonObject:  # noqa: ANN401 (HTTPFaultInjection)
    said: JsonObject = {}
    for name, table in (("delay", _DELAY), ("abort", _ABORT)):
        part = getattr(fault, name)
        if part is not None:
            said[name] = {"percent": _percent(part.percentage, getattr(part, "percent", None)) or 0, **fields(part, table)}
    return said


def _percent(percentage: Any, whole: int | None = None) -> float | None:  # noqa: ANN401 (Percent)
    if percentage is not None:
        return float(percentage.value or 0)
    return None if whole is None else float(whole)


_HTTP: Table = {
    "name": "name",
    "redirect": ("redirect", table_of(_REDIRECT)),
    "direct_response": ("directResponse", _direct_response),
    "delegate": ("delegate", table_of({"name": "name", "namespace": "namespace"})),
    "rewrite": ("rewrite", table_of(_REWRITE)),
    "headers": ("headers", table_of(_HEADERS)),
    "timeout": "timeout",
    "retries": ("retries", lambda retries: {"attempts": 0, **fields(retries, _RETRIES)}),
    "fault": ("fault", _fault),
    "cors_policy": ("cors", table_of(_CORS)),
}


@dataclass(frozen=True, slots=True)
class Rules:
    """Reads the rules of one VirtualService; `own` is the Service whose own routes they become."""

    namespace: str
    beside: Surroundings
    own: ServiceKey | None = None

    def http(self, rule: HTTPRoute) -> JsonObject:
        """An HTTP rule."""
        said: JsonObject = {}
        match = self._matches(rule.match, self._http_match)
        if match:
            said["match"] = match
        said |= self._outcome(rule.route or ())
        mirrors = self._mirrors(rule)
        return {**said, **fields(rule, _HTTP), **({"mirror": mirrors} if mirrors else {})}

    def tcp(self, rule: Any) -> JsonObject:  # noqa: ANN401 (TCPRoute)
        """A TCP rule."""
        match = self._matches(rule.match, self._stream_match)
        return {**({"match": match} if match else {}), **self._outcome(rule.route or ())}

    def tls(self, rule: Any) -> JsonObject:  # noqa: ANN401 (TLSRoute)
        """A TLS rule."""
        return {"match": [self._stream_match(match) for match in rule.match], **self._outcome(rule.route or ())}

    def _matches(self, matches: Any, convert: Any) -> list[JsonValue]:  # noqa: ANN401 (of any protocol)
        """Nothing where a match takes everything."""
        said = [convert(match) for match in matches or ()]
        return [] if {} in said else said

    def _gateways(self, names: tuple[str, ...]) -> JsonValue:
        return gateway_names(names, self.namespace)

    def _http_match(self, match: Any) -> JsonObject:  # noqa: ANN401 (HTTPMatchRequest)
        always = {
            name: value for name in ("scheme", "method", "authority", "uri") if (value := getattr(match, name)) != StringMatch()
        }
        return fields(
            match,
            {
                "name": "name",
                **{
                    name: (name if name != "uri" else "path", string_match)
                    for name in ("uri", "scheme", "method", "authority")
                    if name in always
                },
                "ignore_uri_case": "ignoreUriCase",
                "headers": ("headers", _string_matches),
                "without_headers": ("withoutHeaders", _string_matches),
                "query_params": ("queryParams", _string_matches),
                "port": "port",
                "gateways": ("gateways", self._gateways),
                "source_labels": "sourceLabels",
                "source_namespace": "sourceNamespace",
                "stat_prefix": "statPrefix",
            },
        )

    def _stream_match(self, match: Any) -> JsonObject:  # noqa: ANN401 (of TCP and TLS)
        return fields(
            match,
            {
                "sni_hosts": "sniHosts",
                "port": "port",
                "destination_subnets": "destinationSubnets",
                "gateways": ("gateways", self._gateways),
                "source_labels": "sourceLabels",
                "source_namespace": "sourceNamespace",
                "source_subnet": "sourceSubnet",
            },
        )

    def _destination(self, struct: Any) -> JsonObject:  # noqa: ANN401 (Destination)
        return destination(struct, self.namespace, self.beside, self.own)

    def _outcome(self, routes: Any) -> JsonObject:  # noqa: ANN401 (of any protocol)
        """`to`, or `split` where there are several destinations or headers of one destination."""
        if not routes:
            return {}
        headers = [getattr(route, "headers", None) for route in routes]
        if len(routes) == 1 and headers[0] is None:
            return {"to": self._destination(routes[0].destination)}
        weights = [100] if len(routes) == 1 else _hundred([route.weight or 0 for route in routes])
        return {
            "split": [
                {
                    **self._destination(route.destination),
                    "weight": weight,
                    **({} if extra is None else {"headers": fields(extra, _HEADERS)}),
                }
                for route, weight, extra in zip(routes, weights, headers, strict=True)
            ]
        }

    def _mirrors(self, rule: HTTPRoute) -> list[JsonValue]:
        if rule.mirrors is not None:
            copies = [(mirror.destination, _percent(mirror.percentage)) for mirror in rule.mirrors]
        elif rule.mirror is not None:
            whole = rule.mirror_percent if rule.mirror_percent is not None else rule.mirror_percent_deprecated
            copies = [(rule.mirror, _percent(rule.mirror_percentage, whole))]
        else:
            return []
        return [{"to": self._destination(to), **({} if percent is None else {"percent": percent})} for to, percent in copies]


def _hundred(weights: list[int]) -> list[int]:
    """Weights as percentages. Raises Unsaid where the shares are no whole ones."""
    total = sum(weights)
    if total == 100:
        return weights
    if total == 0:
        raise Unsaid("the weights of a rule add up to 0")
    if any(weight * 100 % total for weight in weights):
        lowest = [weight // gcd(*weights) for weight in weights]
        raise Unsaid(f"the weights {', '.join(map(str, lowest))} are no whole percentages")
    return [weight * 100 // total for weight in weights]


def export_to(value: tuple[str, ...] | None) -> JsonObject:
    """`exportTo`, where it is said."""
    return {} if value is None else {"exportTo": plain(value)}
