"""Requests of something in the cluster that has no sidecar: straight to the server's, without TLS."""

from __future__ import annotations

from dataclasses import replace

from meshgen.journey import Hop, Journeys, Question, UnanswerableError
from meshgen.mesh import Role
from meshgen.trace import Capture, Request, trace

STRANGER = "10.255.255.1"
"""The address of a caller that names none."""


def ask_plaintext(journeys: Journeys, question: Question, asked: str | None) -> tuple[Hop, ...]:
    """What the sidecar of the Service that is asked for makes of the request; `asked` is its fully qualified host.

    Raises:
        UnanswerableError: where the host is no Service of the mesh with a sidecar behind it.
    """
    request = question.request()
    server = _server(journeys, request, asked, question.remote_address or STRANGER)
    if server is None:
        message = f"nothing with a sidecar stands behind `{request.host}` on port {request.port}, which `plaintext` calls"
        raise UnanswerableError(message)
    return (server,)


def _server(journeys: Journeys, request: Request, asked: str | None, source_ip: str) -> Hop | None:
    """What the sidecar in front of a Service makes of a plaintext request; None where there is no such sidecar."""
    for proxy in journeys.proxies:
        if proxy.role is not Role.SIDECAR:
            continue
        for service, port, workload_port in journeys.mesh.view(proxy).inbound_services:
            if service.host == asked and port.number == request.port:
                arriving = replace(
                    request,
                    port=workload_port,
                    address=proxy.address or None,
                    capture=Capture.INBOUND,
                    source_ip=source_ip,
                )
                return Hop(side="into", proxy=proxy, request=arriving, decision=trace(journeys.config(proxy), arriving))
    return None
