"""MG0406: a destination rule turns off mutual TLS towards a workload that demands it."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.rule import Answer, Inventory, Rule
from meshgen.diagnostics import JsonPath
from meshgen.diagnostics.catalogue.security import PLAINTEXT_TO_STRICT
from meshgen.istio.destination_rule import DestinationRule
from meshgen.istio.hosts import is_wildcard, subset_of
from meshgen.istio.object import IstioObject
from meshgen.mesh import Service


def find(context: Context) -> Iterator[Answer]:
    """Rules with TLS off for a service one of whose ports takes mutual TLS only."""
    for rule in context.mesh.of_kind(DestinationRule):
        for path, number in _plaintext(rule.spec):
            strict = next(_strict(context, rule, number), None)
            if strict is not None:
                service, port = strict
                yield PLAINTEXT_TO_STRICT.at(
                    rule.origin_of("spec", *path),
                    f"destination rule `{rule.name}` turns mutual TLS off, which port {port} of `{service.host}` demands",
                    help="remove the `tls` block: automatic mutual TLS does what the server asks for",
                )


def _plaintext(spec: DestinationRule) -> Iterator[tuple[JsonPath, int | None]]:
    """Where TLS is off, and for which of the service's ports (None for all)."""
    policy = spec.traffic_policy
    if policy is not None:
        if policy.tls is not None and policy.tls.mode in (None, "DISABLE"):
            yield ("trafficPolicy", "tls"), None
        for index, port in enumerate(policy.port_level_settings or ()):
            if port.tls is not None and port.tls.mode in (None, "DISABLE") and port.port is not None:
                yield ("trafficPolicy", "portLevelSettings", index, "tls"), port.port.number
    for index, subset in enumerate(spec.subsets or ()):
        tls = subset.traffic_policy.tls if subset.traffic_policy is not None else None
        if tls is not None and tls.mode in (None, "DISABLE"):
            yield ("subsets", index, "trafficPolicy", "tls"), None


def _strict(context: Context, rule: IstioObject[DestinationRule], number: int | None) -> Iterator[tuple[Service, int]]:
    host = context.mesh.fqdn(rule.spec.host, rule.namespace)
    strict = context.once(_strict_ports)
    hosts = (name for name in strict if subset_of(name, host)) if is_wildcard(host) else (host,)
    for name in hosts:
        for service, port in strict.get(name, ()):
            if number in (None, port) and _acts(context, rule, service):
                yield service, port


def _strict_ports(context: Context) -> dict[str, list[tuple[Service, int]]]:
    """Services with a port that takes mutual TLS only, by host."""
    found: dict[str, list[tuple[Service, int]]] = {}
    for service in context.mesh.services:
        for port in service.ports if service.selector and not service.external else ():
            target = port.target if isinstance(port.target, int) else None
            if context.mesh.mutual_tls_mode(service.namespace, service.selector, target) == "STRICT":
                found.setdefault(service.host, []).append((service, port.number))
    return found


def _acts(context: Context, rule: IstioObject[DestinationRule], service: Service) -> bool:
    acting = context.mesh.destination_rule_for(service.host, rule.namespace, service.namespace)
    return acting is not None and acting.key == rule.key


RULE = Rule(code=PLAINTEXT_TO_STRICT, find=find, needs=(Inventory.SERVICES,))
