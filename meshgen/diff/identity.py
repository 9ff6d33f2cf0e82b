"""How the items of a list are told apart, and whether their order means anything.

Source: the field documentation of istio.io (networking, security). Order decides in the rules of a VirtualService, where the
first match wins, and in lists that are not known here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from meshgen.json import JsonObject, JsonValue

Pattern = tuple[str, ...]
"""A path with `*` for the index of any list: `("spec", "http", "*", "route")`."""


@dataclass(frozen=True, slots=True)
class ListRule:
    """What identifies an item (fields, each a path inside of it, the first that is there) and whether order decides."""

    keys: tuple[Pattern, ...] = ()
    ordered: bool = False
    parts: tuple[Pattern, ...] = ()  # identify the item together, whether all are there or not
    alike: bool = False  # whether maps that share most of their content count as one item that changed

    def identity(self, item: JsonValue) -> str:
        """A text that is the same for an item before and after a change of its content; empty where there is none."""
        if not isinstance(item, dict):
            return json.dumps(item, sort_keys=True)
        if self.parts:
            values = [_at(item, part) for part in self.parts]
            return json.dumps(values, sort_keys=True) if any(value is not None for value in values) else ""
        for key in self.keys:
            value = _at(item, key)
            if value is not None:
                return json.dumps(value, sort_keys=True)
        return ""


SET = ListRule(alike=True)
SEQUENCE = ListRule(keys=(("name",),), ordered=True, alike=True)
"""What is assumed of a list that is not known here."""

_NAMED = ListRule(keys=(("name",),))
_DESTINATIONS = ListRule(parts=(("destination",),))
_RULES = ListRule(keys=(("name",), ("match",)), ordered=True, alike=True)
_PORTS = ListRule(keys=(("name",), ("number",)))
_SERVERS = ListRule(keys=(("port", "name"), ("port", "number")))

_HTTP: dict[str, ListRule] = {
    "match": ListRule(keys=(("name",),), alike=True),
    "match.*.gateways": SET,
    "route": _DESTINATIONS,
    "mirrors": _DESTINATIONS,
    "corsPolicy.allowOrigins": SET,
    "corsPolicy.allowOrigin": SET,
    "corsPolicy.allowMethods": SET,
    "corsPolicy.allowHeaders": SET,
    "corsPolicy.exposeHeaders": SET,
    "headers.request.remove": SET,
    "headers.response.remove": SET,
    "route.*.headers.request.remove": SET,
    "route.*.headers.response.remove": SET,
}
_CONNECTIONS: dict[str, ListRule] = {
    "match": SET,
    "match.*.sniHosts": SET,
    "match.*.destinationSubnets": SET,
    "match.*.gateways": SET,
    "route": _DESTINATIONS,
}
_TRAFFIC_POLICY: dict[str, ListRule] = {
    "portLevelSettings": ListRule(keys=(("port", "number"),)),
    "portLevelSettings.*.tls.subjectAltNames": SET,
    "tls.subjectAltNames": SET,
    "loadBalancer.localityLbSetting.distribute": ListRule(keys=(("from",),)),
    "loadBalancer.localityLbSetting.failover": ListRule(keys=(("from",),)),
}
_SOURCE_LISTS = (
    *("principals", "notPrincipals", "requestPrincipals", "notRequestPrincipals", "namespaces", "notNamespaces"),
    *("ipBlocks", "notIpBlocks", "remoteIpBlocks", "notRemoteIpBlocks", "serviceAccounts", "notServiceAccounts"),
)
_OPERATION_LISTS = ("hosts", "notHosts", "ports", "notPorts", "methods", "notMethods", "paths", "notPaths")


def _below(prefix: str, rules: Mapping[str, ListRule]) -> dict[str, ListRule]:
    return {f"{prefix}.{path}": rule for path, rule in rules.items()}


_KINDS: dict[str, dict[str, ListRule]] = {
    "VirtualService": {
        "hosts": SET,
        "gateways": SET,
        "exportTo": SET,
        "http": _RULES,
        "tls": _RULES,
        "tcp": _RULES,
        **_below("http.*", _HTTP),
        **_below("tls.*", _CONNECTIONS),
        **_below("tcp.*", _CONNECTIONS),
    },
    "DestinationRule": {
        "exportTo": SET,
        "subsets": _NAMED,
        **_below("trafficPolicy", _TRAFFIC_POLICY),
        **_below("subsets.*.trafficPolicy", _TRAFFIC_POLICY),
    },
    "Gateway": {"servers": _SERVERS, "servers.*.hosts": SET, "servers.*.tls.subjectAltNames": SET},
    "ServiceEntry": {
        "hosts": SET,
        "addresses": SET,
        "exportTo": SET,
        "subjectAltNames": SET,
        "ports": _PORTS,
        "endpoints": ListRule(parts=(("address",), ("ports",), ("network",))),
    },
    "AuthorizationPolicy": {
        "rules": SET,
        "rules.*.from": SET,
        "rules.*.to": SET,
        "rules.*.when": ListRule(keys=(("key",),)),
        "rules.*.when.*.values": SET,
        "rules.*.when.*.notValues": SET,
        **{f"rules.*.from.*.source.{name}": SET for name in _SOURCE_LISTS},
        **{f"rules.*.to.*.operation.{name}": SET for name in _OPERATION_LISTS},
        "targetRefs": _NAMED,
    },
    "RequestAuthentication": {
        "jwtRules": ListRule(keys=(("issuer",),)),
        "jwtRules.*.audiences": SET,
        "jwtRules.*.fromHeaders": _NAMED,
        "jwtRules.*.fromParams": SET,
        "jwtRules.*.fromCookies": SET,
        "jwtRules.*.outputClaimToHeaders": ListRule(keys=(("header",),)),
        "targetRefs": _NAMED,
    },
    "Sidecar": {
        "egress": ListRule(parts=(("port",), ("bind",)), ordered=True),
        "egress.*.hosts": SET,
        "ingress": ListRule(parts=(("port",), ("bind",))),
    },
    "Service": {"ports": ListRule(keys=(("name",), ("port",)))},
}

_CHAINS = ListRule(keys=(("name",), ("filter_chain_match",)), alike=True)
_ENVOY_KINDS: dict[str, dict[str, ListRule]] = {
    "Listener": {
        "filter_chains": _CHAINS,
        "filter_chains.*.filter_chain_match.server_names": SET,
        "filter_chains.*.filter_chain_match.application_protocols": SET,
    },
    "RouteConfiguration": {
        "virtual_hosts": _NAMED,
        "virtual_hosts.*.domains": SET,
        "virtual_hosts.*.routes": _RULES,
        "virtual_hosts.*.routes.*.route.weighted_clusters.clusters": _NAMED,
    },
    "ClusterLoadAssignment": {
        "endpoints": ListRule(parts=(("locality",), ("priority",))),
        "endpoints.*.lb_endpoints": ListRule(keys=(("endpoint", "address"),)),
    },
}

_RULES_BY_PATTERN: dict[tuple[str, Pattern], ListRule] = {
    **{(kind, ("spec", *path.split("."))): rule for kind, rules in _KINDS.items() for path, rule in rules.items()},
    **{(kind, tuple(path.split("."))): rule for kind, rules in _ENVOY_KINDS.items() for path, rule in rules.items()},
}


def list_rule(kind: str, pattern: Pattern) -> ListRule:
    """How the list at a path of an object of this kind is compared."""
    return _RULES_BY_PATTERN.get((kind, pattern), SEQUENCE)


def item_name(item: JsonValue, index: int) -> str:
    """How people call an item of a list: its name, its destination's version or host, else its index."""
    if isinstance(item, str):
        return item
    if not isinstance(item, dict):
        return str(index)
    destination = item.get("destination")
    if isinstance(destination, dict):
        return _first_text(destination, (("subset",), ("host",))) or str(index)
    return _first_text(item, _NAMES) or _match_name(item) or str(index)


_NAMES: tuple[Pattern, ...] = (
    *(("name",), ("port", "name"), ("port", "number"), ("issuer",), ("address",), ("key",)),
    ("endpoint", "address", "socket_address", "address"),
)


def _match_name(item: JsonObject) -> str:
    """A rule without a name, by what it matches: `x-cohort: internal`, `/api/`; `default` where it matches everything."""
    if "route" not in item and "redirect" not in item and "delegate" not in item:
        return ""
    match = item.get("match")
    if not match:
        return "default"
    first = match[0] if isinstance(match, list) else None
    return _condition_name(first) if isinstance(first, dict) else ""


def _condition_name(match: JsonObject) -> str:
    headers = match.get("headers")
    parts = [f"{name}: {_value_name(value)}" for name, value in headers.items()] if isinstance(headers, dict) else []
    plain = [_value_name(match[name]) for name in ("uri", "method", "authority", "sniHosts", "port") if name in match]
    return ", ".join([*plain, *parts])


def _value_name(value: JsonValue) -> str:
    if isinstance(value, dict):
        return ", ".join(str(each) for each in value.values()) or "*"
    return ", ".join(str(each) for each in value) if isinstance(value, list) else str(value)


def _first_text(item: JsonObject, paths: tuple[Pattern, ...]) -> str:
    for path in paths:
        value = _at(item, path)
        if isinstance(value, (str, int)) and not isinstance(value, bool) and value != "":
            return str(value)
    return ""


def _at(item: JsonObject, path: Pattern) -> JsonValue:
    value: JsonValue = item
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value
