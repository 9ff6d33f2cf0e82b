"""MG0504: a virtual service's rules are of a kind that its gateway's server does not use."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context, ServerOf
from meshgen.check.rule import Answer, Rule
from meshgen.diagnostics import Diagnostic, Related
from meshgen.diagnostics.catalogue.gateway import ROUTES_NOT_SEEN
from meshgen.istio.object import IstioObject
from meshgen.istio.virtual_service import VirtualService
from meshgen.mesh.names import MESH, gateways_of
from meshgen.values import parse_protocol

_UNOPENED = ("PASSTHROUGH", "AUTO_PASSTHROUGH")
_WANTED = {"http": "speaks HTTP or ends TLS", "tls": "passes TLS through"}


def find(context: Context) -> Iterator[Answer]:
    """`http` rules whose servers do not open TLS, and `tls` rules whose servers do."""
    for holder in context.mesh.of_kind(VirtualService):
        spec = holder.spec
        if not spec.gateways or MESH in gateways_of(spec, holder.namespace) or not (spec.http or spec.tls):
            continue
        hosts = [context.mesh.fqdn(host, holder.namespace) for host in spec.hosts or ()]
        servers = [server for host in hosts for server in context.servers_for(holder, host)]
        sealed = [server for server in servers if _is_sealed(server)]
        if spec.http and servers and len(sealed) == len(servers):
            yield _unopened(holder, servers)
        elif spec.tls and servers and not sealed:
            yield _finding(holder, "tls", servers[0], "does not route by SNI", "`http` rules")


def _unopened(holder: IstioObject[VirtualService], servers: list[ServerOf]) -> Diagnostic:
    passing = next((server for server in servers if server.server.tls is not None), None)
    if passing is not None:
        return _finding(holder, "http", passing, "passes TLS through unopened", "`tls` rules with `sniHosts`")
    return _finding(holder, "http", servers[0], "carries connections without reading them", "`tcp` rules")


def _is_sealed(server: ServerOf) -> bool:
    tls = server.server.tls
    opaque = not parse_protocol(server.server.port.protocol).is_http and tls is None
    return opaque or (tls is not None and tls.mode in _UNOPENED)


def _finding(holder: IstioObject[VirtualService], kind: str, server: ServerOf, does: str, instead: str) -> Diagnostic:
    return ROUTES_NOT_SEEN.at(
        holder.origin_of("spec", kind, 0),
        f"the `{kind}` rules of virtual service `{holder.name}` are never used: gateway `{server.gateway.name}` {does}",
        help=f"write {instead}, or name a host of a server that {_WANTED[kind]}",
        related=[Related(server.gateway.origin_of("spec", "servers", server.index), "the server")],
    )


RULE = Rule(code=ROUTES_NOT_SEEN, find=find)
