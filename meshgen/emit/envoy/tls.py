"""Transport sockets, and the secrets that they name (envoy-mapping.md §2.3, §2.4, §2.6, §4.4).

Contexts name their certificates as istiod does (`default`, `ROOTCA`, `kubernetes://<credential>`, `file-cert:<chain>~<key>`,
`file-root:<ca>`); `secrets` gives each name its files. Files of a credential are relative to the certificate directory of a
delivery: `<credential>/{tls.crt,tls.key,ca.crt}`, and `workload/{cert-chain.pem,key.pem,root-cert.pem}` for the workload's own. A
key never stands in a resource.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeAlias, cast

from meshgen.emit.envoy.names import TYPE
from meshgen.emit.envoy.shared import known, once
from meshgen.istio.destination_rule import ClientTLSSettings
from meshgen.istio.mesh_config import MeshConfig, TLSConfig
from meshgen.istio.shared import ServerTLSSettings, TLSCertificate
from meshgen.json import JsonObject, JsonValue, drop_none
from meshgen.mesh import Mesh
from meshgen.values import is_ip

References: TypeAlias = tuple[tuple[str, bool], ...]
"""Names of secrets, each with whether it is a root rather than a certificate."""

WORKLOAD_CERTIFICATE: Final = "default"
WORKLOAD_ROOT: Final = "ROOTCA"
SYSTEM_ROOTS: Final = "/etc/ssl/certs/ca-certificates.crt"
"""Where Debian and Alpine keep the system's roots; the image that runs Envoy must have it."""

_TLS = f"{TYPE}envoy.extensions.transport_sockets.tls.v3."
_RAW = f"{TYPE}envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer"
_PROXY_PROTOCOL = f"{TYPE}envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport"
_CREDENTIAL = "kubernetes://"
_CA_SUFFIX = "-cacert"
_VERSIONS: Final[dict[str, str]] = {
    "TLSV1_0": "TLSv1_0",
    "TLSV1_1": "TLSv1_1",
    "TLSV1_2": "TLSv1_2",
    "TLSV1_3": "TLSv1_3",
}
_MESH_CIPHERS: Final = (
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
    "AES128-GCM-SHA256",
)


# --- what a client offers -------------------------------------------------------------------------------------------
def raw_buffer() -> JsonObject:
    """Plaintext."""
    return {"name": "envoy.transport_sockets.raw_buffer", "typed_config": {"@type": _RAW}}


def upstream_mutual_tls(*, sni: str, sans: Sequence[str], alpn: Sequence[str]) -> JsonObject:
    """Istio mutual TLS to a service whose identities are `sans` (any identity of the mesh's root where none is known)."""
    context: JsonObject = {
        "tls_params": _modern(),
        "alpn_protocols": list(alpn),
        "tls_certificate_sds_secret_configs": [_sds(WORKLOAD_CERTIFICATE)],
        "combined_validation_context": _combined(WORKLOAD_ROOT, _names("exact", sans)),
    }
    return _socket("UpstreamTlsContext", {"common_tls_context": context, "sni": sni})


def upstream_tls(settings: ClientTLSSettings, config: MeshConfig, *, sans: Sequence[str], http2: bool) -> JsonObject:
    """TLS that a destination rule asks for (SIMPLE, MUTUAL), verified against the system's roots unless it names others."""
    context: JsonObject = {"tls_params": {**_modern(), **_defaults(config.tls_defaults)}}
    if http2:
        context["alpn_protocols"] = ["h2"]
    if settings.mode == "MUTUAL":
        context["tls_certificate_sds_secret_configs"] = [_sds(_client_certificate(settings))]
    if settings.insecure_skip_verify:
        context["validation_context"] = {}
    else:
        context["combined_validation_context"] = _combined(_client_root(settings), _names("exact", sans) | _crl(settings.ca_crl))
    return _socket("UpstreamTlsContext", drop_none({"common_tls_context": context, "sni": settings.sni or None}))


def proxy_protocol(version: str, socket: JsonObject) -> JsonObject:
    """A PROXY protocol header (`V1` or `V2`) before what `socket` sends."""
    config: JsonObject = {"@type": _PROXY_PROTOCOL, "config": {"version": version}, "transport_socket": socket}
    return {"name": "envoy.transport_sockets.upstream_proxy_protocol", "typed_config": config}


def _client_certificate(settings: ClientTLSSettings) -> str:
    if settings.credential_name:
        return _CREDENTIAL + settings.credential_name
    return f"file-cert:{settings.client_certificate or ''}~{settings.private_key or ''}"


def _client_root(settings: ClientTLSSettings) -> str:
    if settings.credential_name:
        return f"{_CREDENTIAL}{settings.credential_name}{_CA_SUFFIX}"
    return f"file-root:{settings.ca_certificates or 'system'}"


# --- what a server asks for -----------------------------------------------------------------------------------------
def inbound_mutual_tls(config: MeshConfig, *, alpn: Sequence[str]) -> JsonObject:
    """What a sidecar terminates: the workload's certificate, and a client of this trust domain or one of its aliases."""
    domains = (config.trust_domain, *config.trust_domain_aliases)
    context: JsonObject = {
        "tls_params": {**_modern(), "cipher_suites": list(_MESH_CIPHERS), **_defaults(config.mesh_mtls)},
        "alpn_protocols": list(alpn),
        "tls_certificate_sds_secret_configs": [_sds(WORKLOAD_CERTIFICATE)],
        "combined_validation_context": _combined(WORKLOAD_ROOT, _names("prefix", [f"spiffe://{name}/" for name in domains])),
    }
    return _socket("DownstreamTlsContext", {"common_tls_context": context, "require_client_certificate": True})


def downstream_tls(server: ServerTLSSettings, config: MeshConfig, *, alpn: Sequence[str]) -> JsonObject:
    """What a gateway server terminates: modes SIMPLE, MUTUAL, OPTIONAL_MUTUAL and ISTIO_MUTUAL."""
    mode = server.mode or "SIMPLE"
    context: JsonObject = {"alpn_protocols": list(alpn)}
    parameters = _parameters(server, config.mesh_mtls if mode == "ISTIO_MUTUAL" else config.tls_defaults)
    if parameters:
        context["tls_params"] = parameters
    context["tls_certificate_sds_secret_configs"] = [_sds(name) for name in _server_certificates(server)]
    if mode != "SIMPLE":
        context["combined_validation_context"] = _combined(_server_root(server), _server_validation(server))
    required = mode in {"MUTUAL", "ISTIO_MUTUAL"}
    return _socket("DownstreamTlsContext", {"common_tls_context": context, "require_client_certificate": required})


def _parameters(server: ServerTLSSettings, defaults: TLSConfig | None) -> JsonObject:
    """A server's own, and those of the mesh where it says nothing."""
    return _defaults(defaults) | drop_none({
        "tls_minimum_protocol_version": _VERSIONS.get(server.min_protocol_version or ""),
        "tls_maximum_protocol_version": _VERSIONS.get(server.max_protocol_version or ""),
        "cipher_suites": list(server.cipher_suites) if server.cipher_suites else None,
        "ecdh_curves": list(server.ecdh_curves) if server.ecdh_curves else None,
    })


def _server_certificates(server: ServerTLSSettings) -> tuple[str, ...]:
    if server.mode == "ISTIO_MUTUAL":
        return (WORKLOAD_CERTIFICATE,)
    credentials = server.credential_names or ((server.credential_name,) if server.credential_name else ())
    if credentials:
        return tuple(_CREDENTIAL + name for name in credentials)
    files = server.tls_certificates or (
        TLSCertificate(server_certificate=server.server_certificate, private_key=server.private_key),
    )
    return tuple(f"file-cert:{pair.server_certificate or ''}~{pair.private_key or ''}" for pair in files)


def _server_root(server: ServerTLSSettings) -> str:
    if server.mode == "ISTIO_MUTUAL":
        return WORKLOAD_ROOT
    credential = server.ca_cert_credential_name or server.credential_name or next(iter(server.credential_names or ()), None)
    if credential:
        return f"{_CREDENTIAL}{credential}{_CA_SUFFIX}"
    pair = next(iter(server.tls_certificates or ()), None)
    return f"file-root:{server.ca_certificates or (pair.ca_certificates if pair else '') or 'system'}"


def _server_validation(server: ServerTLSSettings) -> JsonObject:
    pins = drop_none({
        "verify_certificate_spki": list(server.verify_certificate_spki) if server.verify_certificate_spki else None,
        "verify_certificate_hash": list(server.verify_certificate_hash) if server.verify_certificate_hash else None,
        "trust_chain_verification": "ACCEPT_UNTRUSTED" if server.insecure_skip_verify else None,
    })
    return _names("exact", server.subject_alt_names or ()) | pins | _crl(server.ca_crl)


# --- shared pieces --------------------------------------------------------------------------------------------------
def _socket(context: str, config: JsonObject) -> JsonObject:
    return {"name": "envoy.transport_sockets.tls", "typed_config": {"@type": _TLS + context, **config}}


def _defaults(settings: TLSConfig | None) -> JsonObject:
    """`tls_params` that MeshConfig's `tlsDefaults` or `meshMTLS` says."""
    if settings is None:
        return {}
    return drop_none({
        "tls_minimum_protocol_version": _VERSIONS.get(settings.min_protocol_version or ""),
        "cipher_suites": list(settings.cipher_suites) if settings.cipher_suites else None,
        "ecdh_curves": list(settings.ecdh_curves) if settings.ecdh_curves else None,
    })


def _modern() -> JsonObject:
    return {"tls_minimum_protocol_version": "TLSv1_2", "tls_maximum_protocol_version": "TLSv1_3"}


def _combined(root: str, default: JsonObject) -> JsonObject:
    return {"default_validation_context": default, "validation_context_sds_secret_config": _sds(root)}


def _sds(name: str) -> JsonObject:
    """A secret by name; the delivery says where it comes from (`delivery.py`)."""
    return {"name": name, "sds_config": {"ads": {}, "resource_api_version": "V3"}}


def _names(form: str, names: Iterable[str]) -> JsonObject:
    """Accepted subject alternative names; istiod still writes the older field, which compares with names of any type."""
    matchers: list[JsonValue] = [{"san_type": _san_type(name), "matcher": {form: name}} for name in names]
    return {"match_typed_subject_alt_names": matchers} if matchers else {}


def _san_type(name: str) -> str:
    if "://" in name:
        return "URI"
    return "IP_ADDRESS" if is_ip(name) else "DNS"


def names_of_secrets(resources: Iterable[JsonObject]) -> frozenset[str]:
    """The names of the secrets that these resources use."""
    return frozenset(name for resource in resources for name, _ in _references(resource))


def _crl(path: str | None) -> JsonObject:
    return {"crl": {"filename": path}} if path else {}


# --- secrets --------------------------------------------------------------------------------------------------------
def secrets(mesh: Mesh, listeners: Iterable[JsonObject], clusters: Iterable[JsonObject]) -> tuple[JsonObject, ...]:
    """The SDS secrets that these resources name, by file names, sorted by name.

    Relative file names are meant from the certificate directory of the delivery.
    """
    named = [reference for listener in listeners for reference in _references(listener)]
    named += [reference for cluster in clusters for reference in _of_cluster(mesh, cluster)]
    found = {name: _root(name) if is_root else _certificate(name) for name, is_root in dict.fromkeys(named)}
    return tuple(found[name] for name in sorted(found))


def with_known_references(mesh: Mesh, cluster: JsonObject) -> JsonObject:
    """A cluster that proxies share, its secrets looked for once."""
    once(mesh, ("references", id(cluster)), cluster, lambda: _of_sockets(cluster))
    return cluster


def _of_cluster(mesh: Mesh, cluster: JsonObject) -> References:
    shared = known(mesh, ("references", id(cluster)))
    return _of_sockets(cluster) if shared is None else cast("References", shared)


def _of_sockets(cluster: JsonObject) -> References:
    """The secrets of the parts of a cluster that may name some: looking through all of it would cost as much as making it."""
    parts = (cluster[key] for key in ("transport_socket", "transport_socket_matches") if key in cluster)
    return tuple(reference for part in parts for reference in _references(part))


def _references(value: JsonValue) -> Iterator[tuple[str, bool]]:
    """Each named secret, and whether it is a root rather than a certificate."""
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "tls_certificate_sds_secret_configs" and isinstance(item, list):
                yield from ((str(entry["name"]), False) for entry in item if isinstance(entry, dict))
            elif key == "validation_context_sds_secret_config" and isinstance(item, dict):
                yield str(item["name"]), True
            else:
                yield from _references(item)


def _certificate(name: str) -> JsonObject:
    if name.startswith("file-cert:"):
        chain, _, key = name.removeprefix("file-cert:").partition("~")
    elif name == WORKLOAD_CERTIFICATE:
        chain, key = "workload/cert-chain.pem", "workload/key.pem"
    else:
        credential = name.removeprefix(_CREDENTIAL)
        chain, key = f"{credential}/tls.crt", f"{credential}/tls.key"
    files: JsonObject = {"certificate_chain": {"filename": chain}, "private_key": {"filename": key}}
    return {"name": name, "tls_certificate": files}


def _root(name: str) -> JsonObject:
    if name.startswith("file-root:"):
        path = name.removeprefix("file-root:")
        path = SYSTEM_ROOTS if path == "system" else path
    elif name == WORKLOAD_ROOT:
        path = "workload/root-cert.pem"
    else:
        path = f"{name.removeprefix(_CREDENTIAL).removesuffix(_CA_SUFFIX)}/ca.crt"
    return {"name": name, "validation_context": {"trusted_ca": {"filename": path}}}
