"""Mesh: MeshConfig, and the mesh-wide objects in the root namespace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshgen.diagnostics import JsonPath, Origin
from meshgen.intent import mesh as intent
from meshgen.intent.decode import IntentObject
from meshgen.intent.mesh import Mesh
from meshgen.istio import telemetry
from meshgen.istio.authorization_policy import AuthorizationPolicy
from meshgen.istio.mesh_config import GatewayTopology, MeshConfig, ModeSetting, PathNormalization, ProxySettings
from meshgen.istio.peer_authentication import PeerAuthentication
from meshgen.lower.actions import retries
from meshgen.lower.authentication import mutual_tls
from meshgen.lower.destination_rule import locality_setting, tcp_keepalive
from meshgen.lower.index import Index
from meshgen.lower.result import Made, make

_OUTBOUND = {"allowAny": "ALLOW_ANY", "registryOnly": "REGISTRY_ONLY"}
_PATHS = {
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
_SIDES = {"client": "CLIENT", "server": "SERVER", "clientAndServer": "CLIENT_AND_SERVER"}


def mesh_config(mesh: Mesh | None) -> MeshConfig:
    """The settings of istiod: what the Mesh says, and istiod's defaults for the rest."""
    if mesh is None:
        return MeshConfig()
    return MeshConfig(**_identity(mesh), **_connections(mesh), **_visibility(mesh), **_observation(mesh))  # type: ignore[arg-type]


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
        outbound_traffic_policy=None if mesh.outbound is None else ModeSetting(mode=_OUTBOUND[mesh.outbound]),
        default_http_retry_policy=None if mesh.retries is None else retries(mesh.retries),
        connect_timeout=mesh.connect_timeout,
        protocol_detection_timeout=mesh.protocol_detection_timeout,
        tcp_keepalive=tcp_keepalive(mesh.tcp_keepalive),
        dns_refresh_rate=mesh.dns_refresh_rate,
        locality_lb_setting=None if mesh.locality is None else locality_setting(mesh.locality),
        h2_upgrade_policy=None if mesh.h2_upgrade is None else ("UPGRADE" if mesh.h2_upgrade == "upgrade" else "DO_NOT_UPGRADE"),
        path_normalization=None
        if mesh.path_normalization is None
        else PathNormalization(normalization=_PATHS[mesh.path_normalization]),  # type: ignore[arg-type]
    )


def _visibility(mesh: Mesh) -> dict[str, object]:
    export = mesh.export_to or intent.ExportDefaults()
    return _given(
        default_service_export_to=export.services,
        default_virtual_service_export_to=export.virtual_services,
        default_destination_rule_export_to=export.destination_rules,
    )


def _observation(mesh: Mesh) -> dict[str, object]:
    log = mesh.access_log or intent.AccessLog()
    return _given(
        extension_providers=mesh.providers,
        access_log_file=log.file,
        access_log_format=log.format,
        access_log_encoding=None if log.encoding is None else log.encoding.upper(),
        default_config=None if mesh.proxy is None else _proxy(mesh.proxy),
    )


def _proxy(proxy: intent.ProxyDefaults) -> ProxySettings:
    topology = _given(
        num_trusted_proxies=proxy.trusted_proxies,
        forward_client_cert_details=None if proxy.forward_client_cert is None else _CERTIFICATES[proxy.forward_client_cert],
    )
    settings = _given(concurrency=proxy.concurrency, proxy_metadata=proxy.metadata)
    return ProxySettings(gateway_topology=GatewayTopology(**topology), **settings)  # type: ignore[arg-type]


def mesh_objects(index: Index) -> Iterator[Made]:
    """The mesh-wide objects, in the root namespace under the Mesh's name."""
    mesh = index.mesh
    if mesh is None:
        return
    root, model = index.root_namespace, mesh.model
    if model.mtls is not None:
        origins: dict[JsonPath, Origin] = {("spec", "mtls"): mesh.at("spec", "mtls")}
        yield make(mesh, PeerAuthentication(mtls=mutual_tls(model.mtls)), namespace=root, origins=origins)
    if model.access is not None:
        yield make(mesh, AuthorizationPolicy(), namespace=root, origin=mesh.at("spec", "access"))
    spec = _telemetry(model)
    if spec is not None:
        yield make(mesh, spec, namespace=root, origins=_telemetry_origins(mesh))


def _telemetry_origins(mesh: IntentObject[Mesh]) -> dict[JsonPath, Origin]:
    return {
        ("spec", "accessLogging"): mesh.at("spec", "accessLog"),
        ("spec", "tracing"): mesh.at("spec", "tracing"),
    }


def _telemetry(mesh: Mesh) -> telemetry.Telemetry | None:
    log = mesh.access_log
    logging = tracing = None
    if log is not None and (log.providers, log.filter, log.side, log.disabled) != (None, None, None, None):
        logging = (
            telemetry.AccessLogging(
                providers=_providers(log.providers),
                filter=None if log.filter is None else telemetry.AccessLoggingFilter(expression=log.filter),
                match=_side(log.side),
                disabled=log.disabled,
            ),
        )
    if mesh.tracing is not None:
        tracing = (_tracing(mesh.tracing),)
    if logging is None and tracing is None:
        return None
    return telemetry.Telemetry(access_logging=logging, tracing=tracing)


def _tracing(tracing: intent.MeshTracing) -> telemetry.Tracing:
    return telemetry.Tracing(
        providers=_providers(tracing.providers),
        random_sampling_percentage=tracing.sampling,
        disable_span_reporting=tracing.disabled,
        custom_tags=None if tracing.tags is None else {name: _tag(tag) for name, tag in tracing.tags.items()},
        match=_side(tracing.side),
        use_request_id_for_trace_sampling=tracing.use_request_id,
        enable_istio_tags=tracing.enable_istio_tags,
    )


def _providers(names: Sequence[str] | None) -> tuple[telemetry.ProviderRef, ...] | None:
    return None if names is None else tuple(telemetry.ProviderRef(name=name) for name in names)


def _side(side: str | None) -> telemetry.ModeMatch | None:
    return None if side is None else telemetry.ModeMatch(mode=_SIDES[side])  # type: ignore[arg-type]


def _tag(tag: intent.TagSource) -> telemetry.CustomTag:
    if tag.literal is not None:
        return telemetry.CustomTag(literal=telemetry.LiteralTag(value=tag.literal))
    if tag.formatter is not None:
        return telemetry.CustomTag(formatter=telemetry.LiteralTag(value=tag.formatter))
    if tag.environment is not None:
        return telemetry.CustomTag(environment=telemetry.NamedTag(name=tag.environment, default_value=tag.default))
    return telemetry.CustomTag(header=telemetry.NamedTag(name=tag.header or "", default_value=tag.default))
