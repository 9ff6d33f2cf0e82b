"""What istiod refuses of a Gateway, and of the TLS of a server, which Sidecars have as well."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from meshgen.diagnostics.catalogue.admission import OLD_TLS
from meshgen.istio.admission.hosts import is_label
from meshgen.istio.admission.said import host_faults, ignored, port_faults, wrong
from meshgen.istio.gateway import Gateway, Server
from meshgen.istio.rules import Rules
from meshgen.istio.shared import ServerTLSSettings
from meshgen.istio.violation import Violation, show
from meshgen.values import Protocol, is_ip, parse_protocol

_CERTIFICATES: Final = {
    "server_certificate": "serverCertificate",
    "private_key": "privateKey",
    "ca_certificates": "caCertificates",
    "tls_certificates": "tlsCertificates",
    "credential_name": "credentialName",
    "credential_names": "credentialNames",
}
_CIPHERS: Final = frozenset(
    f"{prefix}{cipher}"
    for prefix, ciphers in {
        "ECDHE-ECDSA-": ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305", "AES128-SHA", "AES256-SHA"),
        "ECDHE-RSA-": ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305", "AES128-SHA", "AES256-SHA"),
        "": ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "AES128-SHA", "AES256-SHA", "DES-CBC3-SHA"),
    }.items()
    for cipher in ciphers
)


def gateway(spec: Gateway) -> Iterator[Violation]:
    """Servers and the names of their ports."""
    if not spec.servers:
        yield wrong("a Gateway needs at least one server", *(("servers",) if spec.servers is not None else ()))
    names: set[str] = set()
    for index, server in enumerate(spec.servers or ()):
        name = server.port.name
        if name in names:
            yield wrong(
                f"the port's name {show(name)} is given to two servers",
                "servers",
                index,
                "port",
                "name",
                help="give each its own",
            )
        names.add(name)


def server(spec: Server) -> Iterator[Violation]:
    """Hosts, port, address and whether TLS goes with the protocol."""
    if not spec.hosts:
        yield wrong("a server needs at least one host", "hosts", help='write `["*"]` for all')
    for index, host in enumerate(spec.hosts):
        yield from _server_host(host, index)
    socket = (spec.bind or "").startswith("unix://")
    if not socket or spec.port.number:
        yield from port_faults(spec.port.number, "port", "number")
    if socket and spec.port.number:
        yield wrong("a Unix domain socket has the port number 0", "port", "number")
    if spec.bind and not socket and not is_ip(spec.bind):
        yield wrong(f"`bind` must be an IP address or `unix://…`, not {show(spec.bind)}", "bind")
    if parse_protocol(spec.port.protocol) is Protocol.UNSUPPORTED:
        hint = "one of HTTP, HTTPS, HTTP2, GRPC, GRPC-WEB, TCP, TLS, MONGO, MYSQL, REDIS"
        yield wrong(f"{show(spec.port.protocol)} is no protocol that Istio knows", "port", "protocol", help=hint)
    if spec.port.target_port:
        yield wrong("a Gateway's port has no `targetPort`", "port", "targetPort", help="it is the gateway's Service that has it")
    if spec.tls is not None and spec.tls.https_redirect and not parse_protocol(spec.port.protocol).is_http:
        yield ignored("`httpsRedirect` answers HTTP requests, and this server speaks none", "tls", "httpsRedirect")


def _server_host(host: str, index: int) -> Iterator[Violation]:
    namespace, slash, name = host.rpartition("/")
    if slash and namespace not in {"*", "."} and not is_label(namespace):
        yield wrong(f"{show(namespace)} is no namespace", "hosts", index, help="write `namespace/host`, `./host` or `*/host`")
    if name != "*" and "." not in name and name.isascii():
        yield wrong(f"{show(name)} is a short name, which a Gateway does not take", "hosts", index, help="write it in full")
    elif "*" in name and name != "*" and not name.startswith("*."):
        yield wrong(f"{show(name)} has its wildcard inside of a label", "hosts", index, help="write `*.` in front, or `*` alone")
    else:
        yield from host_faults(name, "hosts", index, address=True)


def server_tls(tls: ServerTLSSettings) -> Iterator[Violation]:
    """Certificates that go with the mode, from one source; versions and ciphers."""
    given = [wire for attribute, wire in _CERTIFICATES.items() if getattr(tls, attribute)]
    mode = tls.mode or "PASSTHROUGH"
    yield from _ciphers(tls)
    if mode == "ISTIO_MUTUAL":
        for wire in given:
            yield wrong(f"`mode: ISTIO_MUTUAL` has the mesh's certificates, and takes no `{wire}`", wire)
        return
    if mode in {"PASSTHROUGH", "AUTO_PASSTHROUGH"}:
        if given and tls.mode is not None:
            yield ignored(f"`mode: {mode}` reads no certificate, and `{given[0]}` does nothing", given[0])
        return
    yield from _one_source(tls, given)
    if "credentialName" not in given and "credentialNames" not in given:
        yield from _files(tls, mode)
    if tls.ca_crl:
        if tls.credential_name:
            yield ignored("`caCrl` does not go with `credentialName`", "caCrl", help="put the CRL into the Secret, as `ca.crl`")
        if mode == "SIMPLE":
            yield wrong("`caCrl` is about clients' certificates, and `mode: SIMPLE` asks for none", "caCrl")


def _one_source(tls: ServerTLSSettings, given: list[str]) -> Iterator[Violation]:
    files = bool(tls.server_certificate and tls.private_key)
    sources = [each for each in given if each in {"credentialName", "credentialNames", "tlsCertificates"}]
    # The CRD refuses two of the three pairs of these itself.
    if files and sources:
        yield wrong(f"`serverCertificate` and `{sources[0]}` both give the certificate", sources[0], help="keep one of them")
    elif {"credentialName", "tlsCertificates"} <= set(sources):
        yield wrong(
            "`credentialName` and `tlsCertificates` both give the certificate", "tlsCertificates", help="keep one of them"
        )


def _files(tls: ServerTLSSettings, mode: str) -> Iterator[Violation]:
    if mode in {"MUTUAL", "OPTIONAL_MUTUAL"} and not tls.ca_certificates and not tls.ca_cert_credential_name:
        hint = "name it in `caCertificates`, or take all from a Secret with `credentialName`"
        yield wrong(f"`mode: {mode}` checks clients' certificates, and needs a CA", "mode", help=hint)
    for index, pair in enumerate(tls.tls_certificates or ()):
        for attribute, wire in (("server_certificate", "serverCertificate"), ("private_key", "privateKey")):
            if not getattr(pair, attribute):
                yield wrong(f"`{wire}` is missing", "tlsCertificates", index)
    if not tls.tls_certificates:
        missing = [wire for wire in ("serverCertificate", "privateKey") if not getattr(tls, _attribute(wire))]
        if missing:
            hint = "name a Secret in `credentialName`, or the files in `serverCertificate` and `privateKey`"
            yield wrong(f"`mode: {mode}` needs a certificate and its key", "mode", help=hint)


def _attribute(wire: str) -> str:
    return next(attribute for attribute, name in _CERTIFICATES.items() if name == wire)


def _ciphers(tls: ServerTLSSettings) -> Iterator[Violation]:
    if tls.min_protocol_version in {"TLSV1_0", "TLSV1_1"} and not tls.cipher_suites:
        message = f"`{tls.min_protocol_version}` has none of the cipher suites that Envoy offers by default"
        yield Violation(("minProtocolVersion",), message, "name some in `cipherSuites`, or write `TLSV1_2`", OLD_TLS)
    seen: set[str] = set()
    for index, cipher in enumerate(tls.cipher_suites or ()):
        if cipher not in _CIPHERS:
            yield ignored(f"{show(cipher)} is no cipher suite of Envoy's, and is left out", "cipherSuites", index)
        elif cipher in seen:
            yield ignored(f"{show(cipher)} is given twice", "cipherSuites", index)
        seen.add(cipher)


RULES: Final[Rules] = {Gateway: (gateway,), Server: (server,), ServerTLSSettings: (server_tls,)}
