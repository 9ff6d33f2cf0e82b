"""The bootstrap of an Envoy that asks a control plane for everything (envoy-mapping.md §1, mode (c)).

The control plane is a static HTTP/2 cluster. Its certificates come from SDS files beside the bootstrap, for Envoy reads those
again when they are renewed, and files that a static cluster names only once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final

from meshgen.emit.envoy.bootstrap import DEFAULTS, BootstrapOptions, file_source, frame, with_files
from meshgen.emit.envoy.clusters import HTTP_OPTIONS
from meshgen.emit.envoy.dns import with_dns_cluster_type
from meshgen.emit.envoy.extension import extension
from meshgen.emit.envoy.names import TYPE
from meshgen.emit.envoy.patch_values import merged
from meshgen.json import JsonObject, JsonValue
from meshgen.mesh import Proxy
from meshgen.values import is_ip

CLUSTER: Final = "xds-grpc"
"""The cluster of the control plane, as istiod's bootstrap calls it; no name that a mesh gives has this form."""

_CERTIFICATE, _ROOT = "xds-certificate", "xds-root"


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlane:
    """Where an ADS server is, and how it is spoken to."""

    address: str
    port: int
    api_type: str = "DELTA_GRPC"  # or GRPC, the state of the world
    credential: str = ""  # the directory of certificates for TLS; empty for plain text
    server_name: str = ""
    mutual: bool = False
    metadata: Mapping[str, JsonValue] = field(default_factory=dict)


def ads_bootstrap(
    proxy: Proxy, plane: ControlPlane, extra: JsonObject, *, directory: str = "", options: BootstrapOptions = DEFAULTS
) -> JsonObject:
    """A bootstrap that names the proxy and the control plane, with `extra` merged into it.

    `directory` is where the files of `ads_secrets` will be. As with istiod Envoy waits for its first listeners and clusters for
    as long as it takes: one that gave up would serve nothing, and say that it was ready.
    """
    found = frame(proxy, options, extra)
    node = found["node"]
    assert isinstance(node, dict)  # noqa: S101 - made a line above
    source: JsonObject = {"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"}
    dynamic: JsonObject = {
        "ads_config": {
            "api_type": plane.api_type,
            "transport_api_version": "V3",
            "set_node_on_first_message_only": True,
            "grpc_services": [{"envoy_grpc": {"cluster_name": CLUSTER}}],
        },
        "lds_config": source,
        "cds_config": dict(source),
    }
    asked: JsonObject = {
        **found,
        "node": {**node, "metadata": {**_metadata(proxy), **plane.metadata}},
        "static_resources": {"clusters": [_cluster(plane, directory)]},
        "dynamic_resources": dynamic,
    }
    return merged(asked, extra)


def ads_secrets(plane: ControlPlane, certificates: str) -> Mapping[str, JsonObject]:
    """The secrets for TLS with the control plane, by the file that holds each, below the directory of the bootstrap."""
    if not plane.credential:
        return {}
    root: JsonObject = {"trusted_ca": _file(plane, "ca.crt")}
    pair: JsonObject = {"certificate_chain": _file(plane, "tls.crt"), "private_key": _file(plane, "tls.key")}
    secrets: dict[str, JsonObject] = {_ROOT: {"name": _ROOT, "validation_context": root}}
    if plane.mutual:
        secrets[_CERTIFICATE] = {"name": _CERTIFICATE, "tls_certificate": pair}
    return {f"sds/{name}.json": with_files(secret, certificates, watched=True) for name, secret in secrets.items()}


def _file(plane: ControlPlane, name: str) -> JsonObject:
    return {"filename": str(PurePosixPath(plane.credential, name))}


def _metadata(proxy: Proxy) -> JsonObject:
    """What control planes look at, under the names that Istio's agent gives it."""
    return {
        "NAME": proxy.name,
        "NAMESPACE": proxy.namespace,
        "SERVICE_ACCOUNT": proxy.service_account,
        "ISTIO_VERSION": proxy.istio_version,
        "LABELS": dict(sorted(proxy.labels.items())),
    }


def _cluster(plane: ControlPlane, directory: str) -> JsonObject:
    where: JsonObject = {"socket_address": {"address": plane.address, "port_value": plane.port}}
    http2: JsonObject = {"connection_keepalive": {"interval": "30s", "timeout": "5s"}}
    options: JsonObject = {"explicit_http_config": {"http2_protocol_options": http2}}
    found: JsonObject = {
        "name": CLUSTER,
        "type": "STATIC" if is_ip(plane.address) else "STRICT_DNS",
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": CLUSTER, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": where}}]}]},
        "typed_extension_protocol_options": {HTTP_OPTIONS: {"@type": TYPE + HTTP_OPTIONS, **options}},
        "upstream_connection_options": {"tcp_keepalive": {"keepalive_time": 300}},
    }
    if plane.credential:
        found["transport_socket"] = _tls(plane, directory)
    return with_dns_cluster_type(found)


def _tls(plane: ControlPlane, directory: str) -> JsonObject:
    name = plane.server_name or plane.address

    def secret(which: str) -> JsonObject:
        return {"name": which, "sds_config": file_source(directory, "sds", f"{which}.json")}

    accepted: JsonObject = {"san_type": "IP_ADDRESS" if is_ip(name) else "DNS", "matcher": {"exact": name}}
    context: JsonObject = {
        "alpn_protocols": ["h2"],
        "combined_validation_context": {
            "default_validation_context": {"match_typed_subject_alt_names": [accepted]},
            "validation_context_sds_secret_config": secret(_ROOT),
        },
    }
    if plane.mutual:
        context["tls_certificate_sds_secret_configs"] = [secret(_CERTIFICATE)]
    config: JsonObject = {"common_tls_context": context, **({} if is_ip(name) else {"sni": name})}
    return extension("envoy.transport_sockets.tls", "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext", config)
