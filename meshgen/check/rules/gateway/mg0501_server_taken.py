"""MG0501: two servers of one gateway workload want the same port and host."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.rule import Answer, Rule
from meshgen.check.servers import servers_by_listener
from meshgen.diagnostics import Related
from meshgen.diagnostics.catalogue.gateway import SERVER_TAKEN
from meshgen.istio.gateway import Gateway, Server
from meshgen.istio.object import IstioObject
from meshgen.values import parse_protocol


def find(context: Context) -> Iterator[Answer]:
    """TLS servers with a host that an earlier one has, and TCP servers behind the first of a port."""
    for servers in servers_by_listener(context.mesh):
        taken: dict[str, tuple[IstioObject[Gateway], int]] = {}
        for gateway, index, server in servers:
            for position, claim in _claims(server):
                owner, place = taken.setdefault(claim, (gateway, index))
                if (owner.key, place) != (gateway.key, index):
                    what = f"host `{claim}`" if claim else "this port"
                    yield SERVER_TAKEN.at(
                        gateway.origin_of("spec", "servers", index, *position),
                        f"port {server.port.number} of gateway `{gateway.name}`: {what} is served by `{owner.name}` already",
                        label="this server is left out for it",
                        help="keep the host in one server, and bind all its virtual services to that gateway",
                        related=[Related(owner.origin_of("spec", "servers", place), "the server that acts")],
                    )


def _claims(server: Server) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What no other server of the listener may have: hosts by SNI, or the whole port for opaque TCP."""
    protocol = parse_protocol(server.port.protocol)
    if server.tls is not None and not protocol.is_http:
        for position, host in enumerate(server.hosts):
            yield ("hosts", position), host.rpartition("/")[2]
    elif not protocol.is_http:
        yield ("port",), ""


RULE = Rule(code=SERVER_TAKEN, find=find)
