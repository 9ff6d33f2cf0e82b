"""MG0503: a host is served in plaintext beside TLS, without a redirect."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.rule import Answer, Rule
from meshgen.check.servers import Listed, servers_by_selector
from meshgen.diagnostics import Diagnostic, Related
from meshgen.diagnostics.catalogue.gateway import PLAINTEXT_BESIDE_TLS
from meshgen.istio.hosts import most_specific
from meshgen.values import parse_protocol


def find(context: Context) -> Iterator[Answer]:
    """Hosts of plain HTTP servers that a TLS server of the same workload serves too."""
    for servers in servers_by_selector(context.mesh):
        secure: dict[str, Listed] = {}
        for listed in servers:
            if listed[2].tls is not None and not parse_protocol(listed[2].port.protocol).is_http:
                for host in listed[2].hosts:
                    secure.setdefault(host.rpartition("/")[2], listed)
        for listed in servers:
            yield from _plain(listed, secure)


def _plain(listed: Listed, secure: dict[str, Listed]) -> Iterator[Diagnostic]:
    gateway, index, server = listed
    if not parse_protocol(server.port.protocol).is_http or (server.tls is not None and server.tls.https_redirect):
        return
    for position, written in enumerate(server.hosts):
        host = written.rpartition("/")[2]
        other = most_specific(host, secure)
        if other is not None:
            yield PLAINTEXT_BESIDE_TLS.at(
                gateway.origin_of("spec", "servers", index, "hosts", position),
                f"gateway `{gateway.name}` serves `{host}` in plaintext on port {server.port.number} beside TLS",
                help="add `tls: {httpsRedirect: true}` to this server",
                related=[Related(other[0].origin_of("spec", "servers", other[1]), "the TLS server")],
            )
            return


RULE = Rule(code=PLAINTEXT_BESIDE_TLS, find=find)
