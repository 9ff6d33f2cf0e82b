"""Gateways → Gateway intents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from meshgen.adopt.reader import Native, Proposal, Surroundings, Table, each, fields, plain, table_of, word
from meshgen.intent.gateway import Gateway
from meshgen.json import JsonObject, JsonValue
from meshgen.values import Protocol, parse_protocol

_VERSIONS = {"TLS_AUTO": "auto", "TLSV1_0": "1.0", "TLSV1_1": "1.1", "TLSV1_2": "1.2", "TLSV1_3": "1.3"}
SERVER_TLS: Table = {
    "mode": ("mode", word),
    "credential_name": "credential",
    "credential_names": "credentials",
    "ca_cert_credential_name": "caCertCredential",
    "server_certificate": "serverCertificate",
    "private_key": "privateKey",
    "tls_certificates": (
        "certificateFiles",
        each(
            table_of({
                "server_certificate": "serverCertificate",
                "private_key": "privateKey",
                "ca_certificates": "caCertificates",
            })
        ),
    ),
    "ca_certificates": "caCertificates",
    "ca_crl": "caCrl",
    "subject_alt_names": "subjectAltNames",
    "verify_certificate_hash": "verifyCertificateHash",
    "verify_certificate_spki": "verifyCertificateSpki",
    "min_protocol_version": ("minVersion", _VERSIONS.__getitem__),
    "max_protocol_version": ("maxVersion", _VERSIONS.__getitem__),
    "cipher_suites": "cipherSuites",
    "ecdh_curves": "ecdhCurves",
    "insecure_skip_verify": "insecureSkipVerify",
}


def gateway(native: Native, beside: Surroundings) -> Iterator[Proposal]:  # noqa: ARG001 (as the other kinds)
    """The Gateway intent that gives a Gateway."""
    spec = native.spec
    taken: set[str] = set()
    yield Proposal(
        kind=Gateway,
        name=native.name,
        namespace=native.namespace,
        spec={
            "workload": {"selector": plain(spec.selector or {})},
            "listeners": [listener(server, taken) for server in spec.servers or ()],
        },
        objects=(native,),
        labels=native.labels,
        annotations=native.annotations,
    )


def listener(server: Any, taken: set[str]) -> JsonObject:  # noqa: ANN401 (Server)
    """A server as a listener; what follows from the rest is left out. `taken` are the names of ports before it."""
    port, tls = server.port, server.tls
    said: JsonObject = {"port": port.number, "hosts": plain(server.hosts)}
    secured: JsonObject | None = None
    redirects = tls is not None and tls.https_redirect
    if tls is not None:
        secured = {"mode": "passthrough", **fields(tls, SERVER_TLS)}  # protobuf's zero
        if redirects and secured == {"mode": "passthrough"}:
            secured = None
    known = parse_protocol(port.protocol)
    protocol = port.protocol if known is Protocol.UNSUPPORTED else known.value
    implied = _implied(secured)
    if protocol != implied:
        said["protocol"] = protocol
    if server.name is not None:
        said["name"] = server.name
    if port.name != _port_name(f"{protocol.lower()}-{port.number}", taken):
        said["portName"] = port.name
    taken.add(port.name)
    if secured is not None:
        said["tls"] = secured
    if redirects:
        said["redirectToHttps"] = True
    return (
        said
        | fields(port, {"target_port": "targetPort"})
        | fields(server, {"bind": "bind", "default_endpoint": "defaultEndpoint"})
    )


def _implied(tls: JsonObject | None) -> JsonValue:
    if tls is None:
        return "HTTP"
    return "TLS" if tls["mode"] in {"passthrough", "autoPassthrough"} else "HTTPS"


def _port_name(name: str, taken: set[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free
