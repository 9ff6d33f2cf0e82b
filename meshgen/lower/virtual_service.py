"""VirtualServices: one for each host and set of gateways, whatever intents speak of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from meshgen.diagnostics import JsonPath, Origin, Related
from meshgen.diagnostics.catalogue.lower import HIDDEN_BY_MERGE, MERGED
from meshgen.intent.decode import IntentObject
from meshgen.intent.kind import Intent
from meshgen.istio import virtual_service as istio
from meshgen.istio.hosts import SERVICE_SUFFIX, fully_qualified, service_host
from meshgen.istio.object import IstioObject
from meshgen.lower.canary.handover import delegate_name
from meshgen.lower.changes import Changes
from meshgen.lower.draft import Target
from meshgen.lower.egress import legs
from meshgen.lower.gateway import admits
from meshgen.lower.hedging import hedging, named
from meshgen.lower.index import Index, host_of
from meshgen.lower.result import Made, Report, make
from meshgen.lower.rules import MESH, HttpDraft, RuleBook, RuleSet, gateway_names, with_timeout

if TYPE_CHECKING:  # a kind is imported where the mesh has it
    from meshgen.intent.route import Route


@dataclass(frozen=True, slots=True)
class Speaker:
    """An intent that has rules for some hosts on some gateways."""

    intent: IntentObject[Intent]
    order: int
    hosts: tuple[str, ...]
    gateways: tuple[str, ...]
    rules: RuleSet
    export_to: tuple[str, ...] | None

    @property
    def sort_key(self) -> tuple[int, str, str, str]:
        """Explicit order, then namespace and name; of one name a Route before a Service."""
        model = self.intent.model
        return (self.order, model.namespace, model.name, model.KIND)


Pair = tuple[str, str]
"""A host and a gateway."""
Place = tuple[str, str, str]
"""A host, a gateway, and the namespace of a speaker that the gateway takes the host from no more than from a stranger."""


def virtual_services(index: Index, book: RuleBook, changes: Changes, report: Report) -> Iterator[Made]:
    """All VirtualServices of the intents."""
    speakers = sorted(_speakers(index, book, changes), key=lambda speaker: speaker.sort_key)
    changes.unused()
    taken: set[tuple[int, str]] = set()
    reserved = {(key[0], delegate_name(canary.model, key)) for key, canary in changes.engines.items()}  # the engines' delegates
    for group, hosts, gateways in _groups(speakers, index):
        if len(group) > 1:
            _tell(group, hosts, report)
        intent = group[0].intent
        names = _names(intent, hosts, gateways, reserved=(intent.model.namespace, intent.model.name) in reserved)
        name = next(name for name in names if (id(intent), name) not in taken)
        taken.add((id(intent), name))
        yield from _virtual_service(group, hosts, gateways, name, index, report)


def _speakers(index: Index, book: RuleBook, changes: Changes) -> Iterator[Speaker]:
    timeout = index.mesh.model.timeout if index.mesh is not None else None
    for key, service in index.services.items():
        rules = with_timeout(changes.apply(book.of_service(key)), timeout)
        if rules.http or rules.tcp or rules.tls:
            yield Speaker(service, 0, (host_of(key),), (MESH,), rules, service.model.export_to)
    for host, external in index.externals.items():
        way = index.ways.get(host)
        own = book.of_service(("", host))
        rules = with_timeout(changes.apply(own if way is None else legs(way, host, own)), timeout)
        if rules.http or rules.tcp or rules.tls:
            yield Speaker(external, 0, (host,), (MESH,) if way is None else (way.name, MESH), rules, external.model.export_to)
    for route in cast("list[IntentObject[Route]]", index.by_kind.get("Route", [])):
        rules = with_timeout(changes.apply(book.of_route(route)), timeout)
        if rules.http or rules.tcp or rules.tls:
            model = route.model
            gateways = gateway_names(model.gateways, model.namespace) or ((MESH,) if model.hosts else ())
            hosts = tuple(_host(host, model.namespace, index) for host in model.hosts or ())
            yield Speaker(route, model.order, hosts, gateways, rules, model.export_to)


def _host(host: str, namespace: str, index: Index) -> str:
    """A host fully qualified: short names, and `catalog.shop` and `catalog.shop.svc` where there is such a service."""
    short = host.removesuffix(".svc")
    name, dot, other = short.partition(".")
    if dot and "." not in other and (short != host or index.knows_service((other, name))):
        return service_host(name, other)
    return fully_qualified(host, namespace)


def _groups(speakers: Sequence[Speaker], index: Index) -> Iterator[tuple[tuple[Speaker, ...], tuple[str, ...], tuple[str, ...]]]:
    """Speakers that have the same hosts on the same gateways to themselves; those that speak alone first.

    Whom a gateway does not let speak about a host stays alone: its rules must not get into an object that is let.
    """
    by_place: dict[Place, list[Speaker]] = {}
    for speaker in speakers:
        namespace = speaker.intent.model.namespace
        for host in dict.fromkeys(speaker.hosts):
            for gateway in dict.fromkeys(speaker.gateways):
                stranger = "" if _is_admitted(namespace, host, gateway, index) else namespace
                by_place.setdefault((host, gateway, stranger), []).append(speaker)
    by_group: dict[tuple[int, ...], tuple[tuple[Speaker, ...], list[Pair]]] = {}
    for (host, gateway, _), some in by_place.items():
        by_group.setdefault(tuple(map(id, some)), (tuple(some), []))[1].append((host, gateway))
    for group, pairs in sorted(by_group.values(), key=lambda entry: (len(entry[0]), [s.sort_key for s in entry[0]])):
        yield from ((group, hosts, gateways) for hosts, gateways in _rectangles(pairs))
    yield from (((speaker,), (), ()) for speaker in speakers if not speaker.hosts)  # delegates


def _is_admitted(namespace: str, host: str, gateway: str, index: Index) -> bool:
    """Whether a Gateway takes a host from the VirtualServices of a namespace; what a native Gateway does is not known here."""
    place, _, name = gateway.partition("/")
    known = index.gateways.get((place, name))
    return known is None or admits(known.model, host, namespace)


def _rectangles(pairs: Iterable[Pair]) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Hosts that are on the same gateways, together."""
    gateways_of: dict[str, list[str]] = {}
    for host, gateway in pairs:
        gateways_of.setdefault(host, []).append(gateway)
    hosts_of: dict[tuple[str, ...], list[str]] = {}
    for host, gateways in gateways_of.items():
        hosts_of.setdefault(tuple(gateways), []).append(host)
    return ((tuple(hosts), gateways) for gateways, hosts in hosts_of.items())


def _names(intent: IntentObject[Intent], hosts: Sequence[str], gateways: Sequence[str], *, reserved: bool) -> Iterator[str]:
    """Names for the objects of one intent, the first that is free is taken: its own, then with the host, then the gateway.

    Where its own name is reserved for an engine's delegate, the object is the root that hands over to it.
    """
    name = f"{intent.model.name}-root" if reserved else intent.model.name
    yield name
    parts = [part.removesuffix(SERVICE_SUFFIX).rpartition("/")[2] for part in (*hosts[:1], *gateways)]
    for part in parts:
        name += f"-{part.replace('*', 'any').replace('.', '-')}"
        yield name


def _tell(group: Sequence[Speaker], hosts: Sequence[str], report: Report) -> None:
    """Says that rules were merged, or that the first speaker leaves nothing to a later one."""
    for position, speaker in enumerate(group[1:], start=1):
        title = speaker.intent.spoken
        hider = next((other for other in group[:position] if _takes_all(other.rules.http)), None)
        if hider is not None and speaker.rules.http:
            message = f"{title} is never asked about `{hosts[0]}`: {hider.intent.spoken} takes every request first"
            related = [Related(_last_rule(hider), "this rule takes every request")]
            hint = "give it the lower `order`, or write the rules in one intent"
            report.append(HIDDEN_BY_MERGE.at(speaker.intent.origin, message, help=hint, related=related))
        else:
            before = group[position - 1]
            message = f"the rules of {title} for `{hosts[0]}` come after those of {before.intent.spoken}"
            related = [Related(before.intent.origin, "its rules come first")]
            report.append(MERGED.at(speaker.intent.origin, message, related=related, help="`order` decides"))


def _takes_all(drafts: Sequence[HttpDraft]) -> bool:
    return any(not draft.matches for draft in drafts)


def _last_rule(speaker: Speaker) -> Origin:
    return next(draft.origin for draft in speaker.rules.http if not draft.matches)


def _virtual_service(
    group: Sequence[Speaker], hosts: tuple[str, ...], gateways: tuple[str, ...], name: str, index: Index, report: Report
) -> Iterator[Made]:
    """The VirtualService of a group, and the EnvoyFilter for those of its rules that are hedged."""
    origins: dict[JsonPath, Origin] = {}
    http = named([draft for speaker in group for draft in speaker.rules.http], name)
    tcp = [draft for speaker in group for draft in speaker.rules.tcp]
    tls = [draft for speaker in group for draft in speaker.rules.tls]
    spec = istio.VirtualService(
        hosts=hosts or None,
        gateways=gateways if gateways not in {(), (MESH,)} else None,
        http=tuple(_http_route(draft, ("spec", "http", i), origins) for i, draft in enumerate(http)) or None,
        tcp=tuple(
            istio.TCPRoute(
                match=draft.matches or None, route=_stream_routes(draft.targets, draft.origin, ("spec", "tcp", i), origins)
            )
            for i, draft in enumerate(tcp)
        )
        or None,
        tls=tuple(
            istio.TLSRoute(match=draft.matches, route=_stream_routes(draft.targets, draft.origin, ("spec", "tls", i), origins))
            for i, draft in enumerate(tls)
        )
        or None,
        export_to=_export_to(group),
    )
    first = group[0].intent
    _host_origins(first, hosts, origins)
    made = make(first, spec, name=name, origins=origins, others=tuple(speaker.intent for speaker in group[1:]))
    yield made
    yield from hedging(first, cast("IstioObject[istio.VirtualService]", made.object), http, index, report)


def _host_origins(intent: IntentObject[Intent], hosts: Sequence[str], origins: dict[JsonPath, Origin]) -> None:
    if intent.model.KIND == "Service":
        origins["spec", "hosts"] = intent.item("metadata", "name")
    elif hosts:
        origins["spec", "hosts"] = intent.item("spec", "hosts")
        origins["spec", "gateways"] = intent.item("spec", "gateways")


def _export_to(group: Sequence[Speaker]) -> tuple[str, ...] | None:
    """All that any of the speakers exports to; everywhere where one says nothing."""
    given = [speaker.export_to for speaker in group]
    if None in given:
        return None
    return tuple(dict.fromkeys(name for names in given for name in names or ()))


def _http_route(draft: HttpDraft, path: JsonPath, origins: dict[JsonPath, Origin]) -> istio.HTTPRoute:
    origins[path] = draft.origin
    for position, target in enumerate(draft.targets):
        if target.origin is not None:
            origins[*path, "route", position] = target.origin
    for position, mirror in enumerate(draft.mirrors):
        origins[*path, "mirrors", position] = mirror.origin
    routes = tuple(
        istio.HTTPRouteDestination(destination=target.destination(), weight=target.weight, headers=target.headers)
        for target in draft.targets
    )
    mirrors = tuple(mirror.policy for mirror in draft.mirrors)
    return istio.HTTPRoute(match=draft.matches or None, route=routes or None, mirrors=mirrors or None, **draft.fields)  # type: ignore[arg-type]  # gathered by name


def _stream_routes(
    targets: Sequence[Target], origin: Origin, path: JsonPath, origins: dict[JsonPath, Origin]
) -> tuple[istio.RouteDestination, ...]:
    origins[path] = origin
    for position, target in enumerate(targets):
        if target.origin is not None:
            origins[*path, "route", position] = target.origin
    return tuple(istio.RouteDestination(destination=target.destination(), weight=target.weight) for target in targets)
