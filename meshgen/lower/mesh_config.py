"""MeshConfig: what the Mesh says, else what istiod's own ConfigMap in the tree says, else istiod's defaults."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Literal

import msgspec

from meshgen.intent import mesh as intent
from meshgen.intent.mesh import Mesh
from meshgen.intent.observation import AccessLog
from meshgen.istio.decode import struct_diagnostics
from meshgen.istio.mesh_config import MeshConfig, OutboundTrafficPolicy, PathNormalization
from meshgen.istio.mesh_providers import ExtensionProvider
from meshgen.istio.mesh_proxy import GatewayTopology, ProxySettings
from meshgen.json import JsonObject, JsonValue
from meshgen.kubernetes import MeshConfigMap
from meshgen.lower.actions import retries
from meshgen.lower.destination_rule import locality_setting, tcp_keepalive
from meshgen.lower.result import Report

_OUTBOUND: dict[str, Literal["ALLOW_ANY", "REGISTRY_ONLY"]] = {"allowAny": "ALLOW_ANY", "registryOnly": "REGISTRY_ONLY"}
_PATHS: dict[str, Literal["DEFAULT", "NONE", "BASE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES"]] = {
    "default": "DEFAULT",
    "none": "NONE",
    "base": "BASE",
    "mergeSlashes": "MERGE_SLASHES",
    "decodeAndMergeSlashes": "DECODE_AND_MERGE_SLASHES",
}
_CERTIFICATES = {
    "sanitize": "SANITIZE",
    "forwardOnly": "FORWARD_ONLY",
    "appendForward": "APPEND_FORWARD",
    "sanitizeSet": "SANITIZE_SET",
    "alwaysForwardOnly": "ALWAYS_FORWARD_ONLY",
}


def mesh_config(mesh: Mesh | None, config_maps: Iterable[MeshConfigMap], report: Report) -> MeshConfig:
    """The settings of istiod. A Mesh decides alone; without one the ConfigMap does that a cluster's istiod reads.

    Of several ConfigMaps that of `istio-system` counts, where istiod usually lives, else the first by namespace; of revisions
    (`istio-canary`) the one without, else the first by name.
    """
    if mesh is not None:
        return MeshConfig(**_identity(mesh), **_connections(mesh), **_visibility(mesh), **_observation(mesh))  # type: ignore[arg-type]  # gathered by name
    found = sorted(
        config_maps,
        key=lambda each: (each.metadata.namespace != MeshConfig().root_namespace, each.metadata.namespace, each.metadata.name),
    )
    return _native(found[0], report) if found else MeshConfig()


def _native(config_map: MeshConfigMap, report: Report) -> MeshConfig:
    """The MeshConfig as written; istiod starts with its defaults where one value is wrong, and so do we."""
    value = _without_nulls(config_map.mesh)
    try:
        return msgspec.convert(value, MeshConfig)
    except msgspec.ValidationError:
        report.extend(struct_diagnostics(value, MeshConfig, config_map.origin))
        return MeshConfig()


def _without_nulls(value: JsonValue) -> JsonValue:
    """The value without nulls, which stand for an absent field in a protobuf message."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _given(**values: object) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}


def _identity(mesh: Mesh) -> dict[str, object]:
    return _given(
        trust_domain=mesh.trust_domain,
        trust_domain_aliases=mesh.trust_domain_aliases,
        root_namespace=mesh.root_namespace,
        enable_auto_mtls=mesh.auto_mtls,
    )


def _connections(mesh: Mesh) -> dict[str, object]:
    return _given(
        outbound_traffic_policy=None if mesh.outbound is None else OutboundTrafficPolicy(mode=_OUTBOUND[mesh.outbound]),
        default_http_retry_policy=None if mesh.retries is None else retries(mesh.retries),
        connect_timeout=mesh.connect_timeout,
        protocol_detection_timeout=mesh.protocol_detection_timeout,
        tcp_keepalive=tcp_keepalive(mesh.tcp_keepalive),
        dns_refresh_rate=mesh.dns_refresh_rate,
        locality_lb_setting=None if mesh.locality is None else locality_setting(mesh.locality),
        h2_upgrade_policy=None if mesh.h2_upgrade is None else ("UPGRADE" if mesh.h2_upgrade == "upgrade" else "DO_NOT_UPGRADE"),
        path_normalization=None
        if mesh.path_normalization is None
        else PathNormalization(normalization=_PATHS[mesh.path_normalization]),
    )


def _visibility(mesh: Mesh) -> dict[str, object]:
    export = mesh.export_to or intent.ExportDefaults()
    return _given(
        default_service_export_to=export.services,
        default_virtual_service_export_to=export.virtual_services,
        default_destination_rule_export_to=export.destination_rules,
    )


def _observation(mesh: Mesh) -> dict[str, object]:
    log = mesh.access_log or AccessLog()
    return _given(
        extension_providers=None if mesh.providers is None else tuple(_providers(mesh.providers)),
        access_log_file=log.file,
        access_log_format=log.format,
        access_log_encoding=None if log.encoding is None else log.encoding.upper(),
        default_config=None if mesh.proxy is None else _proxy(mesh.proxy),
    )


def _providers(given: Iterable[JsonObject]) -> Iterator[ExtensionProvider]:
    for provider in given:
        with suppress(msgspec.ValidationError):
            yield msgspec.convert(provider, ExtensionProvider)


def _proxy(proxy: intent.ProxyDefaults) -> ProxySettings:
    topology = _given(
        num_trusted_proxies=proxy.trusted_proxies,
        forward_client_cert_details=None if proxy.forward_client_cert is None else _CERTIFICATES[proxy.forward_client_cert],
    )
    settings = _given(concurrency=proxy.concurrency, proxy_metadata=proxy.metadata)
    return ProxySettings(gateway_topology=GatewayTopology(**topology), **settings)  # type: ignore[arg-type]  # as above
