"""Which header, cookie, address or parameter of a request picks the host (envoy-mapping.md §3.5)."""

from __future__ import annotations

from meshgen.istio.destination_rule import ConsistentHashLB, DestinationRule, TrafficPolicy
from meshgen.json import JsonObject, drop_none
from meshgen.values import duration_to_envoy


def consistent_hash(rule: DestinationRule | None, subset: str, port: int) -> ConsistentHashLB | None:
    """The consistent hash in effect for a destination.

    The subset's port level, then the subset, then the rule's port level, then the rule: a subset that asks for another kind of
    load balancing still leaves the rule's hash on the route, where it does nothing.
    """
    if rule is None:
        return None
    found = next((entry for entry in rule.subsets or () if entry.name == subset), None) if subset else None
    policy = found.traffic_policy if found else None
    return _at_port(policy, port) or _whole(policy) or _at_port(rule.traffic_policy, port) or _whole(rule.traffic_policy)


def _at_port(policy: TrafficPolicy | None, port: int) -> ConsistentHashLB | None:
    for level in (policy and policy.port_level_settings) or ():
        if level.port is not None and level.port.number == port:
            return level.load_balancer.consistent_hash if level.load_balancer else None
    return None


def _whole(policy: TrafficPolicy | None) -> ConsistentHashLB | None:
    return policy.load_balancer.consistent_hash if policy and policy.load_balancer else None


def hash_policy(settings: ConsistentHashLB | None) -> JsonObject | None:
    """The `hash_policy` entry of a route."""
    if settings is None:
        return None
    if settings.http_header_name:
        return {"header": {"header_name": settings.http_header_name}}
    if settings.http_cookie is not None:
        cookie = settings.http_cookie
        return {
            "cookie": drop_none({
                "name": cookie.name,
                "path": cookie.path or None,
                "ttl": duration_to_envoy(cookie.ttl) if cookie.ttl else None,
                "attributes": [drop_none({"name": attribute.name, "value": attribute.value}) for attribute in cookie.attributes]
                if cookie.attributes
                else None,
            })
        }
    if settings.use_source_ip:
        return {"connection_properties": {"source_ip": True}}
    if settings.http_query_parameter_name:
        return {"query_parameter": {"name": settings.http_query_parameter_name}}
    return None
