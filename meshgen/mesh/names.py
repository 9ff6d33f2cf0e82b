"""Names in virtual services and gateways, made absolute in the namespace of the object that holds them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import structs

from meshgen.istio.hosts import fully_qualified
from meshgen.istio.object import IstioObject
from meshgen.istio.shared import Destination
from meshgen.istio.virtual_service import (
    HTTPMatchRequest,
    HTTPRoute,
    L4MatchAttributes,
    TCPRoute,
    TLSMatchAttributes,
    TLSRoute,
    VirtualService,
)

MESH = "mesh"
"""The gateway name that stands for all sidecars."""


def gateway_name(name: str, namespace: str) -> str:
    """A gateway as a virtual service of `namespace` names it, as `namespace/name`; `mesh` stays.

    The old form `name.namespace.svc.cluster.local` is understood as istiod understands it.
    """
    if name == MESH:
        return name
    if "/" in name:
        return f"{namespace}/{name[2:]}" if name.startswith("./") else name
    if "." in name:
        first, rest = name.split(".", 1)
        return f"{rest.split('.', 1)[0]}/{first}"
    return f"{namespace}/{name}"


def gateways_of(spec: VirtualService, namespace: str) -> tuple[str, ...]:
    """The gateways that a virtual service is bound to, `mesh` where it names none."""
    return tuple(gateway_name(name, namespace) for name in spec.gateways or (MESH,))


def destinations_of(spec: VirtualService) -> Iterator[Destination]:
    """Every destination that a virtual service names, mirrors included, hosts as written."""
    for http in spec.http or ():
        for weighted in http.route or ():
            yield weighted.destination
        if http.mirror is not None:
            yield http.mirror
        for mirror in http.mirrors or ():
            yield mirror.destination
    layer4: tuple[TLSRoute | TCPRoute, ...] = (*(spec.tls or ()), *(spec.tcp or ()))
    for rule in layer4:
        for split in rule.route or ():
            yield split.destination


def resolve_virtual_service(virtual_service: IstioObject[VirtualService]) -> IstioObject[VirtualService]:
    """The same virtual service with every host fully qualified and every gateway as `namespace/name`."""
    spec, namespace = virtual_service.spec, virtual_service.namespace
    if _is_absolute(spec):
        return virtual_service
    resolved = structs.replace(
        spec,
        hosts=_hosts(spec.hosts, namespace),
        gateways=_gateways(spec.gateways, namespace),
        http=tuple(_http(route, namespace) for route in spec.http) if spec.http else spec.http,
        tls=tuple(_tls(route, namespace) for route in spec.tls) if spec.tls else spec.tls,
        tcp=tuple(_tcp(route, namespace) for route in spec.tcp) if spec.tcp else spec.tcp,
    )
    return structs.replace(virtual_service, spec=resolved)


def _is_absolute(spec: VirtualService) -> bool:
    """Whether nothing needs to be resolved, which is so for everything that meshgen generates."""
    if not all("." in host for host in spec.hosts or ()) or not all("/" in name for name in spec.gateways or ()):
        return False
    if not all("." in destination.host for destination in destinations_of(spec)):
        return False
    rules: tuple[HTTPRoute | TLSRoute | TCPRoute, ...] = (*(spec.http or ()), *(spec.tls or ()), *(spec.tcp or ()))
    return not any(match.gateways for rule in rules for match in rule.match or ())


def _hosts(hosts: Iterable[str] | None, namespace: str) -> tuple[str, ...] | None:
    return tuple(fully_qualified(host, namespace) for host in hosts) if hosts else None


def _gateways(names: Iterable[str] | None, namespace: str) -> tuple[str, ...] | None:
    return tuple(gateway_name(name, namespace) for name in names) if names else None


def _destination(destination: Destination, namespace: str) -> Destination:
    return structs.replace(destination, host=fully_qualified(destination.host, namespace))


def _http(route: HTTPRoute, namespace: str) -> HTTPRoute:
    def resolve_match(match: HTTPMatchRequest) -> HTTPMatchRequest:
        return structs.replace(match, gateways=_gateways(match.gateways, namespace)) if match.gateways else match

    return structs.replace(
        route,
        match=tuple(map(resolve_match, route.match)) if route.match else route.match,
        route=route.route and tuple(structs.replace(w, destination=_destination(w.destination, namespace)) for w in route.route),
        mirror=route.mirror and _destination(route.mirror, namespace),
        mirrors=route.mirrors
        and tuple(structs.replace(m, destination=_destination(m.destination, namespace)) for m in route.mirrors),
    )


def _tls(route: TLSRoute, namespace: str) -> TLSRoute:
    def resolve_match(match: TLSMatchAttributes) -> TLSMatchAttributes:
        return structs.replace(match, gateways=_gateways(match.gateways, namespace)) if match.gateways else match

    return structs.replace(
        route,
        match=tuple(map(resolve_match, route.match)),
        route=route.route and tuple(structs.replace(r, destination=_destination(r.destination, namespace)) for r in route.route),
    )


def _tcp(route: TCPRoute, namespace: str) -> TCPRoute:
    def resolve_match(match: L4MatchAttributes) -> L4MatchAttributes:
        return structs.replace(match, gateways=_gateways(match.gateways, namespace)) if match.gateways else match

    return structs.replace(
        route,
        match=tuple(map(resolve_match, route.match)) if route.match else route.match,
        route=route.route and tuple(structs.replace(r, destination=_destination(r.destination, namespace)) for r in route.route),
    )
