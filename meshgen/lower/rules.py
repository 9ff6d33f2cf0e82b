"""The rules of a host: a service's own, those of routes, and the canaries and mirrors that change both.

A destination that is a service without a version stands for the service as it routes itself: the service's own rules take its
place, each narrowed by the rule that sends there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias, cast

from msgspec.structs import replace

from meshgen.diagnostics import JsonPath, Origin, Related
from meshgen.diagnostics.catalogue.lower import CANNOT_COMBINE, SPLIT_WITHOUT_VERSION
from meshgen.intent.decode import IntentObject
from meshgen.intent.kind import Intent
from meshgen.istio import virtual_service as istio
from meshgen.lower.actions import actions_of, percent
from meshgen.lower.combine import combine
from meshgen.lower.draft import Draft, Mirrored, Resolver, Target
from meshgen.lower.index import Declared, Index, ServiceKey, host_of, subset_at_gateway
from meshgen.lower.matches import Inexpressible, Matches, http_match
from meshgen.lower.result import Report
from meshgen.values import Protocol

if TYPE_CHECKING:  # a kind is imported where the mesh has it
    from meshgen.intent.match import Match, TcpMatch, TlsMatch
    from meshgen.intent.route import Route
    from meshgen.intent.rule import Rule, TcpRule, TlsRule
    from meshgen.intent.service import Service

HttpDraft: TypeAlias = Draft[istio.HTTPMatchRequest]
TcpDraft: TypeAlias = Draft[istio.L4MatchAttributes]
TlsDraft: TypeAlias = Draft[istio.TLSMatchAttributes]

MESH = "mesh"
"""The gateway that all sidecars are."""

_EVERYTHING = istio.HTTPMatchRequest()
_SNIFFED = (Protocol.UNSUPPORTED, Protocol.UDP)
_NOT_FOUND = istio.HTTPDirectResponse(status=404)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules of one intent."""

    http: tuple[HttpDraft, ...] = ()
    tcp: tuple[TcpDraft, ...] = ()
    tls: tuple[TlsDraft, ...] = ()


def gateway_names(names: Iterable[str] | None, namespace: str) -> tuple[str, ...] | None:
    """Gateways by their full names, `namespace/name`; `mesh` stays."""
    if names is None:
        return None
    return tuple(name if name == "mesh" or "/" in name else f"{namespace}/{name}" for name in names)


@dataclass
class RuleBook:
    """Drafts the rules of intents; each service's own once."""

    index: Index
    report: Report
    _own: dict[ServiceKey, RuleSet] = field(default_factory=dict)
    _open: list[ServiceKey] = field(default_factory=list)

    def of_service(self, key: ServiceKey) -> RuleSet:
        """A service's own rules; the implied one where only a canary or mirror speaks of it."""
        known = self._own.get(key)
        if known is None:
            self._open.append(key)
            declared = self.index.declared(key)
            known = self._own[key] = RuleSet() if declared is None else self._draft_service(declared, key)
            self._open.pop()
        return known

    def of_route(self, intent: IntentObject[Route]) -> RuleSet:
        """The rules of a Route, services without a version followed."""
        route = intent.model
        return RuleSet(
            tuple(self._http(route.rules or (), intent, None, "rules")),
            tuple(self._tcp(route.tcp or (), intent, None)),
            tuple(self._tls(route.tls or (), intent, None)),
        )

    def _draft_service(self, intent: Declared, key: ServiceKey) -> RuleSet:
        service = intent.model
        tls = cast("Service", service).tls if service.KIND == "Service" else None  # an ExternalService has none of these
        if not (service.routes or service.tcp or tls):
            return self._implied(intent, key)
        return RuleSet(
            tuple(self._http(service.routes or (), intent, key, "routes")),
            tuple(self._tcp(service.tcp or (), intent, key)),
            tuple(self._tls(tls or (), intent, key)),
        )

    def _implied(self, intent: Declared, key: ServiceKey) -> RuleSet:
        """All requests to the version that a canary or mirror starts from: it says who has them now."""
        changes = (*self.index.canaries.get(key, ()), *self.index.mirrors.get(key, ()))
        if not changes:
            return self._timed(key)
        version = changes[0].model.from_
        if version is not None and version not in (known.name for known in intent.model.versions or ()):
            return RuleSet()  # the canary's own finding
        target = Target(host_of(key), key, version, None, follows=False)
        return implied_rules(target, self.index.ports_of(key), changes[0].origin)

    def _timed(self, key: ServiceKey) -> RuleSet:
        """All requests to all endpoints, where the mesh has a timeout for them (`with_timeout` adds it); nothing else."""
        mesh = self.index.mesh
        if mesh is None or mesh.model.timeout is None or not any(protocol.is_http for _, protocol in self.index.ports_of(key)):
            return RuleSet()
        target = Target(host_of(key), key, None, None, follows=False)
        return RuleSet(http=(Draft((), (target,), {}, mesh.at("spec", "timeout")),))

    def _http(self, rules: Sequence[Rule], intent: IntentObject[Intent], own: ServiceKey | None, key: str) -> Iterator[HttpDraft]:
        resolver = Resolver(intent, own, self.index, self.report)
        for position, rule in enumerate(rules):
            path = ("spec", key, position)
            targets = resolver.resolve_all(rule.destinations(), path)
            if targets is None:
                continue
            matches = http_matches(rule.match, intent.model.namespace)
            mirrors = tuple(_rule_mirrors(rule, resolver, path))
            hedged = rule.retries is not None and bool(rule.retries.hedge)
            yield from self._followed(Draft(matches, targets, actions_of(rule), intent.item(*path), mirrors, hedged), intent)

    def _followed(self, draft: HttpDraft, intent: IntentObject[Intent]) -> Iterator[HttpDraft]:
        """The draft, or in its place the own rules of the service that it sends to."""
        for target in draft.targets:
            service = target.service
            if not target.follows or service is None or self.index.declared(service) is None or service in self._open:
                continue
            own = self._seen_from_outside(service)
            if own and len(draft.targets) == 1:
                yield from self._combined(draft, own, intent)
                return
            if own:
                self._refuse_split(service, target.origin or draft.origin)
                return
        yield draft

    def _seen_from_outside(self, key: ServiceKey) -> tuple[HttpDraft, ...]:
        """The HTTP rules of a service, for others that send to it: those of a host behind an egress gateway hold there."""
        way = None if key[0] else self.index.ways.get(key[1])
        if way is None:
            return self.of_service(key).http
        target = Target(way.front, None, subset_at_gateway(key[1]), _http_port(self.index.ports_of(key)), follows=False)
        return (Draft((), (target,), {}, way.owner.at("spec", "through")),)

    def _refuse_split(self, service: ServiceKey, origin: Origin) -> None:
        name = service[1]
        message = f"the split sends to `{name}` without a version, and `{name}` has rules of its own"
        hint = f"write `{name}@` and a version, or `{name}@*` for all endpoints"
        declared = self.index.declared(service)
        related = [Related(declared.origin, f"`{name}` is declared here")] if declared is not None else []
        self.report.append(SPLIT_WITHOUT_VERSION.at(origin, message, help=hint, related=related))

    def _combined(self, outer: HttpDraft, own: Sequence[HttpDraft], intent: IntentObject[Intent]) -> Iterator[HttpDraft]:
        port = outer.targets[0].port
        for inner in own:
            try:
                combined = combine(outer, inner)
            except Inexpressible as what:
                name = (outer.targets[0].service or ("", ""))[1]
                message = f"{intent.spoken} and the own rules of `{name}` both speak of the {what}"
                hint = f"name a version, `{name}@v1`, or `{name}@*` for all endpoints whatever their version"
                related = [Related(inner.origin, f"the rule of `{name}`")]
                self.report.append(CANNOT_COMBINE.at(outer.origin, message, help=hint, related=related))
                continue
            if combined is not None:
                targets = tuple(
                    replace(target, port=target.port or port, origin=target.origin or inner.origin) for target in combined.targets
                )
                yield replace(combined, targets=targets)
        if all(inner.matches for inner in own):  # the service answers the rest with 404; the next rule must not see it
            yield Draft(outer.matches, (), {"direct_response": _NOT_FOUND}, outer.origin)

    def _tcp(self, rules: Sequence[TcpRule], intent: IntentObject[Intent], own: ServiceKey | None) -> Iterator[TcpDraft]:
        resolver = Resolver(intent, own, self.index, self.report)
        for position, rule in enumerate(rules):
            path = ("spec", "tcp", position)
            targets = resolver.resolve_all(rule.destinations(), path)
            if targets is not None:
                matches = tuple(tcp_match(match, intent.model.namespace) for match in rule.match or ())
                yield Draft(matches, targets, {}, intent.item(*path))

    def _tls(self, rules: Sequence[TlsRule], intent: IntentObject[Intent], own: ServiceKey | None) -> Iterator[TlsDraft]:
        resolver = Resolver(intent, own, self.index, self.report)
        for position, rule in enumerate(rules):
            path = ("spec", "tls", position)
            targets = resolver.resolve_all(rule.destinations(), path)
            if targets is not None:
                matches = tuple(tls_match(match, intent.model.namespace) for match in rule.match)
                yield Draft(matches, targets, {}, intent.item(*path))


def implied_rules(target: Target, ports: Sequence[tuple[int, Protocol]], origin: Origin) -> RuleSet:
    """Everything to one target: requests by an HTTP rule, connections of TCP and TLS ports by rules for those ports."""
    streams = [(port, protocol) for port, protocol in ports if not (protocol.is_http or protocol in _SNIFFED)]
    tcp = [istio.L4MatchAttributes(port=port) for port, protocol in streams if not protocol.is_tls]
    tls = [istio.TLSMatchAttributes(port=port, sni_hosts=(target.host,)) for port, protocol in streams if protocol.is_tls]
    http = len(streams) < len(ports) or not ports
    return RuleSet(
        http=(Draft((), (target,), {}, origin),) if http else (),
        tcp=(Draft(tuple(tcp), (target,), {}, origin),) if tcp else (),
        tls=(Draft(tuple(tls), (target,), {}, origin),) if tls else (),
    )


def _http_port(ports: Iterable[tuple[int, Protocol]]) -> int | None:
    return next((port for port, protocol in ports if protocol.is_http), None)


def with_ports(targets: Iterable[Target], port: int | None) -> tuple[Target, ...]:
    """The targets, those without a port on this one."""
    return tuple(replace(target, port=target.port or port) for target in targets)


def with_timeout(rules: RuleSet, timeout: str | None) -> RuleSet:
    """The rules with the mesh's timeout where an HTTP rule sends on and says none."""
    if timeout is None:
        return rules
    return dataclasses.replace(
        rules,
        http=tuple(
            replace(draft, fields={**draft.fields, "timeout": timeout})
            if draft.targets and "timeout" not in draft.fields
            else draft
            for draft in rules.http
        ),
    )


def http_matches(matches: Sequence[Match] | None, namespace: str) -> Matches:
    """The matches of a rule in Istio's words; none where one of them takes every request."""
    found = tuple(http_match(match, gateway_names(match.gateways, namespace)) for match in matches or ())
    return () if _EVERYTHING in found else found


def tcp_match(match: TcpMatch, namespace: str) -> istio.L4MatchAttributes:
    """A match of a TCP rule in Istio's words."""
    return istio.L4MatchAttributes(
        port=match.port,
        destination_subnets=match.destination_subnets,
        gateways=gateway_names(match.gateways, namespace),
        source_labels=match.source_labels,
        source_namespace=match.source_namespace,
        source_subnet=match.source_subnet,
    )


def tls_match(match: TlsMatch, namespace: str) -> istio.TLSMatchAttributes:
    """A match of a TLS rule in Istio's words."""
    return istio.TLSMatchAttributes(
        sni_hosts=match.sni_hosts,
        port=match.port,
        destination_subnets=match.destination_subnets,
        gateways=gateway_names(match.gateways, namespace),
        source_labels=match.source_labels,
        source_namespace=match.source_namespace,
    )


def _rule_mirrors(rule: Rule, resolver: Resolver, path: JsonPath) -> Iterator[Mirrored]:
    for position, mirror in enumerate(rule.mirror or ()):
        place = (*path, "mirror", position)
        target = resolver.resolve(mirror.to, place)
        if target is not None:
            policy = istio.HTTPMirrorPolicy(destination=target.destination(), percentage=percent(mirror.percent))
            yield Mirrored(policy, resolver.intent.at(*place))
