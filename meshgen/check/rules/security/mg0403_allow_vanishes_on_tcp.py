"""MG0403: an ALLOW policy has only rules on HTTP fields and closes a TCP port."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.http_fields import applies_to_port, http_fields, tcp_ports
from meshgen.check.rule import Answer, Inventory, Rule
from meshgen.diagnostics import Related
from meshgen.diagnostics.catalogue.security import ALLOW_VANISHES_ON_TCP
from meshgen.istio.authorization_policy import AuthorizationPolicy
from meshgen.istio.object import IstioObject
from meshgen.mesh import Port, Service


def find(context: Context) -> Iterator[Answer]:
    """ALLOW policies that leave a port with no rule, where no other policy has one for it."""
    for policy in context.mesh.of_kind(AuthorizationPolicy):
        if not _allows(policy) or not any(http_fields(rule) for rule in policy.spec.rules or ()):
            continue
        for service, port in tcp_ports(context, policy):
            if not _opens(context, service, port):
                yield ALLOW_VANISHES_ON_TCP.at(
                    policy.origin_of("spec", "rules"),
                    f"policy `{policy.name}` closes TCP port {port.target} of `{service.name}`",
                    label="every rule for it has HTTP fields and is left out there",
                    help=f'add a rule for the port by its source: `to: [{{operation: {{ports: ["{port.target}"]}}}}]`',
                    related=[Related(service.origin, f"port {port.number} is {port.protocol.value}")],
                )
                break


def _allows(policy: IstioObject[AuthorizationPolicy]) -> bool:
    return policy.spec.action in (None, "ALLOW")


def _opens(context: Context, service: Service, port: Port) -> bool:
    """Whether some ALLOW rule for the service's workloads acts on the port."""
    return any(
        applies_to_port(rule, port.target) and not http_fields(rule)
        for policy in context.mesh.authorization_policies(service.namespace, service.selector)
        if _allows(policy)
        for rule in policy.spec.rules or ()
    )


RULE = Rule(code=ALLOW_VANISHES_ON_TCP, find=find, needs=(Inventory.SERVICES,))
