"""Who calls whom, as Sidecars with named hosts say it, and how long and how often a call is tried.

Only what is certain counts: a Sidecar whose hosts are wildcards says nothing of calls, and of several rules for a host the one
that makes the least of a finding is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from meshgen.check.context import Context
from meshgen.diagnostics import Origin
from meshgen.istio.hosts import is_wildcard
from meshgen.istio.object import IstioObject
from meshgen.istio.sidecar import Sidecar
from meshgen.istio.virtual_service import HTTPRoute, VirtualService
from meshgen.mesh.names import MESH, gateways_of
from meshgen.values import parse_duration


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls of a mesh by fully qualified hosts, each with the place that declares it."""

    of: Mapping[str, Mapping[str, Origin]] = field(default_factory=dict)  # caller → callee → where


def calls(context: Context) -> Calls:
    """The calls; worked out once for all rules."""
    return context.once(_calls)


def _calls(context: Context) -> Calls:
    found: dict[str, dict[str, Origin]] = {}
    mesh = context.mesh
    for sidecar in mesh.of_kind(Sidecar):
        selector = sidecar.spec.workload_selector
        labels = (selector.labels if selector is not None else None) or {}
        if not labels:
            continue
        callees = dict(_named_hosts(context, sidecar))
        for service in mesh.services_backed_by(sidecar.namespace, labels) if callees else ():
            found.setdefault(service.host, {}).update({host: at for host, at in callees.items() if host != service.host})
    return Calls(found)


def _named_hosts(context: Context, sidecar: IstioObject[Sidecar]) -> Iterator[tuple[str, Origin]]:
    for number, listener in enumerate(sidecar.spec.egress or ()):
        for position, entry in enumerate(listener.hosts or ()):
            _, _, host = entry.rpartition("/")
            if host and not is_wildcard(host) and context.mesh.services_of(host):
                yield host, sidecar.origin_of("spec", "egress", number, "hosts", position)


@dataclass(frozen=True, slots=True)
class HostRule:
    """An HTTP rule for a host inside the mesh."""

    holder: IstioObject[VirtualService]
    index: int
    route: HTTPRoute

    def place(self, key: str) -> Origin:
        """Where one of its fields stands."""
        return self.holder.origin_of("spec", "http", self.index, key)

    @property
    def tries(self) -> int:
        """Requests at most for one: the first, and the retries that the rule itself asks for."""
        retries = self.route.retries
        return 1 if retries is None or retries.attempts is None else max(retries.attempts, 0) + 1

    @property
    def timeout(self) -> int | None:
        """Nanoseconds after which the caller gives up; None where that is not said."""
        return _nanoseconds(self.route.timeout)

    @property
    def longest(self) -> int | None:
        """Nanoseconds that the caller may wait at most; None where nothing limits it."""
        retries = self.route.retries
        each = _nanoseconds(retries.per_try_timeout) if retries is not None else None
        limits = [limit for limit in (self.timeout, each * self.tries if each else None) if limit]
        return min(limits) if limits else None


def rules_of_host(context: Context) -> Mapping[str, tuple[HostRule, ...]]:
    """The HTTP rules of each host for callers of the mesh; worked out once."""
    return context.once(_rules_of_host)


def _rules_of_host(context: Context) -> Mapping[str, tuple[HostRule, ...]]:
    found: dict[str, list[HostRule]] = {}
    for holder in context.mesh.of_kind(VirtualService):
        if holder.spec.hosts and MESH in gateways_of(holder.spec, holder.namespace):
            rules = [HostRule(holder, index, route) for index, route in enumerate(holder.spec.http or ())]
            for host in holder.spec.hosts:
                found.setdefault(context.mesh.fqdn(host, holder.namespace), []).extend(rules)
    return {host: tuple(rules) for host, rules in found.items()}


def _nanoseconds(text: str | None) -> int | None:
    try:
        return parse_duration(text) or None if text is not None else None
    except ValueError:
        return None
