"""Gateways."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from msgspec.structs import replace

from meshgen.diagnostics import JsonPath, Origin
from meshgen.intent.decode import IntentObject
from meshgen.intent.gateway import Gateway
from meshgen.istio import gateway as istio
from meshgen.istio.hosts import overlaps
from meshgen.istio.shared import ServerTLSSettings, TLSCertificate
from meshgen.lower.index import Index
from meshgen.lower.result import Made, make

if TYPE_CHECKING:  # a kind is imported where the mesh has it
    from meshgen.intent.gateway import CertificateFiles, Listener, ServerTls

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
    """One for each Gateway intent that has listeners."""
    for gateway in index.of(Gateway):
        if gateway.model.listeners is not None:
            yield _gateway(gateway, gateway.model.listeners)


def _gateway(gateway: IntentObject[Gateway], listeners: Sequence[Listener]) -> Made:
    origins: dict[JsonPath, Origin] = {}
    taken: set[str] = set()
    servers: list[istio.Server] = []
    for position, listener in enumerate(listeners):
        for server, path in _servers(listener, taken):
            origins["spec", "servers", len(servers)] = gateway.item("spec", "listeners", position, *path)
            servers.append(server)
    spec = istio.Gateway(selector=gateway.model.selector, servers=tuple(servers))
    return make(gateway, spec, origins=origins)


def admits(gateway: Gateway, host: str, namespace: str) -> bool:
    """Whether the gateway takes a host from a namespace, by `namespace/host` of its listeners; yes where none has the host."""
    owners = {
        place
        for listener in gateway.listeners or ()
        for place, _, listed in (written.rpartition("/") for written in (*(listener.hosts or ()), *(listener.certificates or ())))
        if overlaps(listed, host)
    }
    if namespace == gateway.namespace:
        owners = {"" if owner == "." else owner for owner in owners}
    return not owners or not owners.isdisjoint({"", "*", namespace})


def protocol_of(listener: Listener) -> str:
    """What a listener speaks: as it says, or as its TLS mode has it."""
    if listener.protocol is not None:
        return listener.protocol
    if listener.certificates is not None:
        return "HTTPS"
    if listener.tls is None:
        return "HTTP"
    return "TLS" if listener.tls.mode in {"passthrough", "autoPassthrough"} else "HTTPS"


def _servers(listener: Listener, taken: set[str]) -> Iterator[tuple[istio.Server, JsonPath]]:
    """The servers of a listener, and where in it each was written: one for each certificate."""
    if listener.certificates is None:
        tls = None if listener.tls is None else server_tls(listener.tls)
        if listener.redirect_to_https:
            tls = ServerTLSSettings(https_redirect=True)
        yield _server(listener, listener.hosts or (), tls, taken), ()
        return
    common = ServerTLSSettings(mode="SIMPLE") if listener.tls is None else server_tls(listener.tls)
    for host, credential in listener.certificates.items():
        yield _server(listener, (host,), replace(common, credential_name=credential), taken), ("certificates", host)


def _server(listener: Listener, hosts: Sequence[str], tls: ServerTLSSettings | None, taken: set[str]) -> istio.Server:
    protocol = protocol_of(listener)
    name = listener.port_name
    if name is None or listener.certificates is not None:
        name = _port_name(name or f"{protocol.lower()}-{listener.port}", taken)
    taken.add(name)
    return istio.Server(
        name=listener.name,
        hosts=tuple(hosts),
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


def _files(files: CertificateFiles) -> TLSCertificate:
    return TLSCertificate(
        server_certificate=files.server_certificate, private_key=files.private_key, ca_certificates=files.ca_certificates
    )


def server_tls(tls: ServerTls) -> ServerTLSSettings:
    """`tls` of a server or listener."""
    return ServerTLSSettings(
        mode=_MODES[tls.mode],
        credential_name=tls.credential,
        credential_names=tls.credentials,
        ca_cert_credential_name=tls.ca_cert_credential,
        server_certificate=tls.server_certificate,
        private_key=tls.private_key,
        tls_certificates=None if tls.certificate_files is None else tuple(map(_files, tls.certificate_files)),
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
