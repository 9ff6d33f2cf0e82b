"""MG0502: a server's TLS settings do not go with its protocol."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.rule import Answer, Rule
from meshgen.diagnostics import JsonPath
from meshgen.diagnostics.catalogue.gateway import TLS_MISMATCH
from meshgen.istio.gateway import Gateway, Server
from meshgen.values import parse_protocol


def find(context: Context) -> Iterator[Answer]:
    """Servers that Istio's validation refuses for their TLS settings."""
    for gateway in context.mesh.of_kind(Gateway):
        for index, server in enumerate(gateway.spec.servers or ()):
            problem = _problem(server)
            if problem is not None:
                path, message, help_text = problem
                place = gateway.origin_of("spec", "servers", index, *path)
                yield TLS_MISMATCH.at(place, f"gateway `{gateway.name}`: {message}", help=help_text)


def _problem(server: Server) -> tuple[JsonPath, str, str] | None:
    protocol, tls, number = parse_protocol(server.port.protocol), server.tls, server.port.number
    written = server.port.protocol
    if tls is None:
        if not protocol.is_tls:
            return None
        return (
            ("port", "protocol"),
            f"port {number} speaks {written} and has no `tls`",
            "add `tls` with a `mode`",
        )
    if protocol.is_tls and tls.https_redirect:
        return ("tls", "httpsRedirect"), f"port {number} speaks {written} and cannot redirect to it", "redirect on the HTTP port"
    if protocol.is_http and (tls.mode is not None or tls.credential_name or tls.credential_names or tls.server_certificate):
        return (
            ("port", "protocol"),
            f"port {number} speaks {written}, which takes no certificate",
            "write `HTTPS`, or keep nothing of `tls` but `httpsRedirect`",
        )
    return None


RULE = Rule(code=TLS_MISMATCH, find=find)
