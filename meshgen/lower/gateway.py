"""Gateways."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from meshgen.diagnostics import JsonPath, Origin
from meshgen.intent.decode import IntentObject
from meshgen.intent.gateway import Gateway, Listener, ServerTls
from meshgen.istio import gateway as istio
from meshgen.istio.shared import ServerTLSSettings
from meshgen.lower.index import Index
from meshgen.lower.result import Made, make

_MODES: dict[str, Literal["PASSTHROUGH", "SIMPLE", "MUTUAL", "AUTO_PASSTHROUGH", "ISTIO_MUTUAL", "OPTIONAL_MUTUAL"]] = {
    "simple": "SIMPLE",
    "mutual": "MUTUAL",
    "optionalMutual": "OPTIONAL_MUTUAL",
    "passthrough": "PASSTHROUGH",
    "autoPassthrough": "AUTO_PASSTHROUGH",
    "istioMutual": "ISTIO_MUTUAL",
}
_VERSIONS: dict[str, Literal["TLS_AUTO", "TLSV1_0", "TLSV1_1", "TLSV1_2", "TLSV1_3"]] = {
    "auto": "TLS_AUTO",
    "1.0": "TLSV1_0",
    "1.1": "TLSV1_1",
    "1.2": "TLSV1_2",
    "1.3": "TLSV1_3",
}


def gateways(index: Index) -> Iterator[Made]:
    """One for each Gateway intent."""
    for gateway in index.of(Gateway):
        yield _gateway(gateway)


def _gateway(gateway: IntentObject[Gateway]) -> Made:
    origins: dict[JsonPath, Origin] = {}
    taken: set[str] = set()
    servers = []
    for position, listener in enumerate(gateway.model.listeners):
        origins["spec", "servers", position] = gateway.item("spec", "listeners", position)
        servers.append(_server(listener, taken))
    spec = istio.Gateway(selector=gateway.model.workload.selector, servers=tuple(servers))
    return make(gateway, spec, origins=origins)


def protocol_of(listener: Listener) -> str:
    """What a listener speaks: as it says, or as its TLS mode has it."""
    if listener.protocol is not None:
        return listener.protocol
    if listener.tls is None:
        return "HTTP"
    return "TLS" if listener.tls.mode in {"passthrough", "autoPassthrough"} else "HTTPS"


def _server(listener: Listener, taken: set[str]) -> istio.Server:
    protocol = protocol_of(listener)
    name = listener.port_name or _port_name(f"{protocol.lower()}-{listener.port}", taken)
    taken.add(name)
    tls = None if listener.tls is None else _tls(listener.tls)
    if listener.redirect_to_https:
        tls = ServerTLSSettings(https_redirect=True)
    return istio.Server(
        name=listener.name,
        hosts=listener.hosts,
        port=istio.GatewayPort(name=name, number=listener.port, protocol=protocol, target_port=listener.target_port),
        bind=listener.bind,
        tls=tls,
        default_endpoint=listener.default_endpoint,
    )


def _port_name(name: str, taken: set[str]) -> str:
    """A name that no other port of the gateway has, as istiod asks; listeners that share a port are numbered."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free


def _tls(tls: ServerTls) -> ServerTLSSettings:
    return ServerTLSSettings(
        mode=_MODES[tls.mode],
        credential_name=tls.credential,
        credential_names=tls.credentials,
        ca_cert_credential_name=tls.ca_cert_credential,
        server_certificate=tls.server_certificate,
        private_key=tls.private_key,
        ca_certificates=tls.ca_certificates,
        ca_crl=tls.ca_crl,
        subject_alt_names=tls.subject_alt_names,
        verify_certificate_hash=tls.verify_certificate_hash,
        verify_certificate_spki=tls.verify_certificate_spki,
        min_protocol_version=None if tls.min_version is None else _VERSIONS[tls.min_version],
        max_protocol_version=None if tls.max_version is None else _VERSIONS[tls.max_version],
        cipher_suites=tls.cipher_suites,
        ecdh_curves=tls.ecdh_curves,
        insecure_skip_verify=tls.insecure_skip_verify,
    )
