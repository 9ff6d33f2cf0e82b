"""What istiod refuses of a VirtualService as a whole, and of its TLS and TCP routes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Final

from meshgen.istio.admission.hosts import is_label, is_name, is_subnet
from meshgen.istio.admission.said import host_faults, ignored, port_faults, wrong
from meshgen.istio.hosts import overlaps
from meshgen.istio.rules import Rules
from meshgen.istio.violation import Violation, show
from meshgen.istio.virtual_service import L4MatchAttributes, TCPRoute, TLSMatchAttributes, TLSRoute, VirtualService
from meshgen.values import is_ip

_CLAIM: Final = "@request.auth.claims"


def virtual_service(spec: VirtualService) -> Iterator[Violation]:
    """Hosts, gateways, and that it says something."""
    at_gateway = any(name != "mesh" for name in spec.gateways or ())
    if spec.hosts:
        yield from _hosts(spec.hosts, on_mesh=not at_gateway)
    else:
        yield from _delegate(spec)
    yield from _gateway_names(spec.gateways or (), "gateways")
    if not (spec.http or spec.tls or spec.tcp):
        yield wrong("a VirtualService needs `http`, `tls` or `tcp` rules")
    if not at_gateway:
        yield from _claims(spec)
    for rule, tls in enumerate(spec.tls or ()):
        for index, match in enumerate(tls.match):
            yield from _sni(spec, match, ("tls", rule, "match", index))


def _hosts(hosts: tuple[str, ...], *, on_mesh: bool) -> Iterator[Violation]:
    sound = True
    for index, host in enumerate(hosts):
        if not on_mesh and host.startswith("outbound_"):
            continue  # the SNI of a service behind AUTO_PASSTHROUGH
        found = host_faults(host, "hosts", index, address=True)
        if not found and host == "*" and on_mesh:
            found = (
                wrong("`*` is not for the mesh's own sidecars, only for gateways", "hosts", index, help="name the `gateways`"),
            )
        sound = sound and not found
        yield from found
    if sound and len(hosts) > 1:
        for (_, host), (index, other) in combinations(enumerate(hosts), 2):
            if overlaps(host, other):
                yield wrong(f"{show(other)} and {show(host)} overlap", "hosts", index, help="keep the wider one")


def _delegate(spec: VirtualService) -> Iterator[Violation]:
    """One without hosts is a delegate of others."""
    for name, value in (("gateways", spec.gateways), ("tls", spec.tls), ("tcp", spec.tcp)):
        if value:
            yield wrong(f"a VirtualService without hosts is a delegate, and has no `{name}`", name, help="write the `hosts`")
    for index, http in enumerate(spec.http or ()):
        if http.delegate is not None:
            yield wrong("a delegate cannot delegate again", "http", index, "delegate")


def _gateway_names(names: Iterable[str], *path: str | int) -> Iterator[Violation]:
    for index, name in enumerate(names):
        namespace, slash, gateway = name.partition("/")
        fits = is_label(namespace) and is_label(gateway) if slash else is_name(name)
        if not fits:
            yield wrong(f"{show(name)} is no name of a Gateway", *path, index, help="write `namespace/name`")


def _claims(spec: VirtualService) -> Iterator[Violation]:
    for rule, http in enumerate(spec.http or ()):
        for index, match in enumerate(http.match or ()):
            for field, entries in (("headers", match.headers), ("withoutHeaders", match.without_headers)):
                for name in entries or ():
                    if name.startswith(_CLAIM):
                        message = "a token's claims can be matched at gateways only"
                        yield wrong(message, "http", rule, "match", index, field, name, help="name the `gateways`")


def _sni(spec: VirtualService, match: TLSMatchAttributes, path: tuple[str | int, ...]) -> Iterator[Violation]:
    if not match.sni_hosts:
        yield wrong("a TLS match needs at least one host", *path, "sniHosts")
    for index, host in enumerate(match.sni_hosts):
        place = (*path, "sniHosts", index)
        if is_ip(host):
            yield ignored(f"{show(host)} is an address, which clients do not send as SNI", *place)
        elif host.startswith("outbound_"):
            continue
        elif not _within(host, spec.hosts or ()):
            yield wrong(f"{show(host)} is not among the hosts of the VirtualService", *place, help="add it to `hosts`")
        else:
            yield from host_faults(host, *place)


def _within(host: str, hosts: Iterable[str]) -> bool:
    return any(host == wide or (wide.startswith("*") and host.endswith(wide[1:])) for wide in hosts)


def tls_route(rule: TLSRoute) -> Iterator[Violation]:
    """A match and a destination."""
    if not rule.match:
        yield wrong("a TLS rule needs at least one match", "match", help="match by `sniHosts`")
    if not rule.route:
        yield wrong("a TLS rule needs a `route`")


def tcp_route(rule: TCPRoute) -> Iterator[Violation]:
    """A destination."""
    if not rule.route:
        yield wrong("a TCP rule needs a `route`")


def connection(match: L4MatchAttributes | TLSMatchAttributes) -> Iterator[Violation]:
    """Addresses, port and gateways of a connection."""
    for index, subnet in enumerate(match.destination_subnets or ()):
        if not is_subnet(subnet):
            yield wrong(f"{show(subnet)} is no IP address and no range of them", "destinationSubnets", index)
    if match.port:
        yield from port_faults(match.port, "port")
    yield from _gateway_names(match.gateways or (), "gateways")


RULES: Final[Rules] = {
    VirtualService: (virtual_service,),
    TLSRoute: (tls_route,),
    TCPRoute: (tcp_route,),
    TLSMatchAttributes: (connection,),
    L4MatchAttributes: (connection,),
}
