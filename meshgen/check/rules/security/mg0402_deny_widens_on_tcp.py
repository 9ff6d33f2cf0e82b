"""MG0402: a DENY rule on HTTP fields covers a TCP port and denies more than it says."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.http_fields import applies_to_port, http_fields, tcp_ports
from meshgen.check.rule import Answer, Inventory, Rule
from meshgen.diagnostics import Related
from meshgen.diagnostics.catalogue.security import DENY_WIDENS_ON_TCP
from meshgen.istio.authorization_policy import AuthorizationPolicy


def find(context: Context) -> Iterator[Answer]:
    """DENY rules whose HTTP fields fall away on a port of a workload that they select."""
    for policy in context.mesh.of_kind(AuthorizationPolicy):
        if policy.spec.action != "DENY":
            continue
        for number, rule in enumerate(policy.spec.rules or ()):
            fields = http_fields(rule)
            ports = tcp_ports(context, policy) if fields else ()
            hit = next((found for found in ports if applies_to_port(rule, found[1].target)), None)
            if hit is not None:
                service, port = hit
                yield DENY_WIDENS_ON_TCP.at(
                    policy.origin_of("spec", "rules", number),
                    f"on TCP port {port.target} of `{service.name}` this rule of policy `{policy.name}` denies more than it says",
                    label=f"{', '.join(f'`{field}`' for field in fields)} cannot be seen there and is left out",
                    help="name the HTTP ports of the workload in `ports`",
                    related=[Related(service.origin, f"port {port.number} is {port.protocol.value}")],
                )


RULE = Rule(code=DENY_WIDENS_ON_TCP, find=find, needs=(Inventory.SERVICES,))
