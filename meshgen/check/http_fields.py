"""The parts of an AuthorizationPolicy that only HTTP can decide.

On a port that is not HTTP, istiod leaves a whole ALLOW rule out that has one of them, and of any other rule just these parts
(`security/authz/model`).
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.istio.authorization_policy import AuthorizationPolicy, Rule
from meshgen.istio.object import IstioObject
from meshgen.mesh import Port, Service
from meshgen.mesh.policies import selector_of
from meshgen.values import Protocol

_OPERATION = ("hosts", "not_hosts", "methods", "not_methods", "paths", "not_paths")
_SOURCE = ("request_principals", "not_request_principals")
_NO_TCP = (Protocol.UDP, Protocol.UNSUPPORTED, Protocol.HBONE)


def http_fields(rule: Rule) -> tuple[str, ...]:
    """The fields of a rule that only HTTP can decide, by the API's names, each once."""
    return tuple(dict.fromkeys(_fields(rule)))


def _fields(rule: Rule) -> Iterator[str]:
    for to in rule.to or ():
        yield from (_wire(name) for name in _OPERATION if to.operation is not None and getattr(to.operation, name))
    for source in rule.from_ or ():
        yield from (_wire(name) for name in _SOURCE if source.source is not None and getattr(source.source, name))
    for condition in rule.when or ():
        if condition.key.startswith(("request.headers", "request.auth.")):
            yield condition.key


def _wire(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)


def uses_tokens(rule: Rule) -> bool:
    """Whether a rule asks for anything that a verified token tells."""
    sources = (source.source for source in rule.from_ or () if source.source is not None)
    return any(source.request_principals or source.not_request_principals for source in sources) or any(
        condition.key.startswith("request.auth.") for condition in rule.when or ()
    )


def applies_to_port(rule: Rule, number: int | str) -> bool:
    """Whether a rule may concern a workload's port: some `to` leaves the port open or names it."""
    operations = [to.operation for to in rule.to or () if to.operation is not None]
    if not operations:
        return True
    text = str(number)
    return any(
        (not operation.ports or text in operation.ports) and text not in (operation.not_ports or ()) for operation in operations
    )


def tcp_ports(context: Context, policy: IstioObject[AuthorizationPolicy]) -> tuple[tuple[Service, Port], ...]:
    """The ports that are not HTTP of the services whose workloads a policy selects."""
    selector = selector_of(policy.spec)
    known = context.once(_no_tcp_ports_yet)
    key = (policy.namespace, tuple(sorted(selector.items())))
    if key not in known:
        known[key] = tuple(
            (service, port)
            for service in context.services_behind(policy.namespace, selector)
            for port in service.ports
            if not port.protocol.is_http and port.protocol not in _NO_TCP
        )
    return known[key]


def _no_tcp_ports_yet(_: Context) -> dict[tuple[str, tuple[tuple[str, str], ...]], tuple[tuple[Service, Port], ...]]:
    """Where `tcp_ports` keeps its answers: many policies of a namespace have one selector."""
    return {}
