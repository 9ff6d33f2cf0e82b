"""What a Mesh says of MeshConfig, in MeshConfig's own words and as JSON, with the field of the Mesh that says each part."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from meshgen.diagnostics import JsonPath
from meshgen.json import JsonObject, JsonValue
from meshgen.lower.actions import retries
from meshgen.lower.destination_rule import (
    client_tls,
    connection_pool,
    locality_setting,
    outlier_detection,
    tcp_keepalive,
    zone_aware,
)
from meshgen.values import constant

if TYPE_CHECKING:  # a kind is imported where the mesh has it
    from meshgen.intent.mesh import Mesh
    from meshgen.intent.mesh_proxy import Selector
    from meshgen.intent.model import Model


def plain(value: Any) -> JsonValue:  # noqa: ANN401 (structs, models' values, JSON)
    """A value as JSON."""
    found: JsonValue = msgspec.json.decode(msgspec.json.encode(value))
    return found


@dataclass
class Said:
    """MeshConfig as it is said, and by which field of the Mesh: `spec` paths by MeshConfig's paths."""

    value: JsonObject = field(default_factory=dict)
    places: dict[JsonPath, JsonPath] = field(default_factory=dict)

    def put(self, path: str, value: Any, *spec: str | int) -> None:  # noqa: ANN401 (as `plain`)
        """Sets a field (`defaultConfig.concurrency`); None says nothing."""
        if value is None:
            return
        *parents, last = path.split(".")
        here: Any = self.value  # maps all the way: nobody else writes here
        for name in parents:
            here = here.setdefault(name, {})
        here[last] = plain(value)
        self.places[tuple(path.split("."))] = spec

    def put_words(self, path: str, word: str | None, *spec: str | int) -> None:
        """Sets a field that is an enum."""
        self.put(path, None if word is None else constant(word), *spec)

    def put_fields(self, model: Model, spec: tuple[str | int, ...], fields: Iterable[tuple[str, str]]) -> None:
        """Sets fields that are as the model has them: MeshConfig's path and the model's name of each."""
        for path, name in fields:
            alias = type(model).model_fields[name].alias or name
            self.put(path, getattr(model, name), *spec, alias)

    def place_of(self, path: JsonPath) -> JsonPath | None:
        """Where in the Mesh's `spec` a part of MeshConfig is said; None where nothing says it."""
        for end in range(len(path), 0, -1):
            spec = self.places.get(path[:end])
            if spec is not None:
                return (*spec, *path[end:])
        return None


def _then(value: Any, change: Callable[[Any], Any]) -> Any:  # noqa: ANN401 (a field, and what becomes of it)
    return None if value is None else change(value)


_AS_THEY_ARE = (
    ("trustDomain", "trust_domain"),
    ("trustDomainAliases", "trust_domain_aliases"),
    ("rootNamespace", "root_namespace"),
    ("enableAutoMtls", "auto_mtls"),
    ("connectTimeout", "connect_timeout"),
    ("protocolDetectionTimeout", "protocol_detection_timeout"),
    ("dnsRefreshRate", "dns_refresh_rate"),
    ("enablePrometheusMerge", "merge_metrics"),
)


def say_basics(said: Said, mesh: Mesh) -> None:
    """Identity, policies, visibility and connections."""
    said.put_fields(mesh, (), _AS_THEY_ARE)
    said.put_words("outboundTrafficPolicy.mode", mesh.outbound, "outbound")
    said.put_words("inboundTrafficPolicy.mode", mesh.inbound, "inbound")
    said.put_words("h2UpgradePolicy", mesh.h2_upgrade, "h2Upgrade")
    said.put_words("pathNormalization.normalization", mesh.path_normalization, "pathNormalization")
    said.put("defaultHttpRetryPolicy", _then(mesh.retries, retries), "retries")
    said.put("defaultInboundHttpRetryPolicy", _then(mesh.inbound_retries, retries), "inboundRetries")
    said.put("tcpKeepalive", tcp_keepalive(mesh.tcp_keepalive), "tcpKeepalive")
    said.put("localityLbSetting", _then(mesh.locality, locality_setting), "locality")
    said.put("zoneAwareLbSetting", _then(mesh.zone_aware, zone_aware), "zoneAware")
    if mesh.traffic is not None:
        said.put("defaultTrafficPolicy.connectionPool", connection_pool(mesh.traffic.connections), "traffic", "connections")
        said.put("defaultTrafficPolicy.outlierDetection", outlier_detection(mesh.traffic.outliers), "traffic", "outliers")
    said.put("discoverySelectors", _then(mesh.discovery, lambda some: [label_selector(each) for each in some]), "discovery")
    if mesh.cluster_local is not None:
        said.put("serviceSettings", [{"settings": {"clusterLocal": True}, "hosts": mesh.cluster_local}], "clusterLocal")
    if (export := mesh.export_to) is not None:
        said.put("defaultServiceExportTo", export.services, "exportTo", "services")
        said.put("defaultVirtualServiceExportTo", export.virtual_services, "exportTo", "virtualServices")
        said.put("defaultDestinationRuleExportTo", export.destination_rules, "exportTo", "destinationRules")


_TLS_VERSIONS = {"auto": "TLS_AUTO", "1.2": "TLSV1_2", "1.3": "TLSV1_3"}


def say_trust(said: Said, mesh: Mesh) -> None:
    """Certificates and TLS."""
    if mesh.trust_anchors is not None:
        anchors = [
            given(pem=each.pem, spiffeBundleUrl=each.spiffe_bundle_url, certSigners=each.signers, trustDomains=each.trust_domains)
            for each in mesh.trust_anchors
        ]
        said.put("caCertificates", anchors, "trustAnchors")
    if (authority := mesh.certificate_authority) is not None:
        fields = (("ca.address", "address"), ("ca.requestTimeout", "request_timeout"), ("ca.istiodSide", "through_istiod"))
        said.put_fields(authority, ("certificateAuthority",), fields)
        said.put("ca.tlsSettings", client_tls(authority.tls), "certificateAuthority", "tls")
    for path, name in (("meshMTLS", "mutual"), ("tlsDefaults", "other")):
        versions = getattr(mesh.tls, name, None)
        if versions is not None:
            least = _then(versions.minimum, _TLS_VERSIONS.__getitem__)
            said.put(f"{path}.minProtocolVersion", least, "tls", name, "minimum")
            said.put(f"{path}.ecdhCurves", versions.curves, "tls", name, "curves")
            said.put(f"{path}.cipherSuites", versions.cipher_suites, "tls", name, "cipherSuites")


def say_observation(said: Said, mesh: Mesh) -> None:
    """Access logs, providers in use, Kubernetes' Ingress."""
    if (log := mesh.access_log) is not None:
        said.put("accessLogFile", log.file, "accessLog", "file")
        said.put("accessLogFormat", log.format, "accessLog", "format")
        said.put("accessLogEncoding", _then(log.encoding, str.upper), "accessLog", "encoding")
    if (providers := mesh.default_providers) is not None:
        fields = (("metrics", "metrics"), ("tracing", "tracing"), ("accessLogging", "access_logs"))
        said.put_fields(providers, ("defaultProviders",), [(f"defaultProviders.{path}", name) for path, name in fields])
    if (ingress := mesh.ingress) is not None:
        said.put_words("ingressControllerMode", ingress.mode, "ingress", "mode")
        said.put_fields(
            ingress,
            ("ingress",),
            (("ingressClass", "ingress_class"), ("ingressService", "service"), ("ingressSelector", "selector")),
        )


def label_selector(selector: Selector) -> JsonObject:
    """A selector as Kubernetes' API has it."""
    expressions: list[JsonValue] = []
    for operator, labels in (("In", selector.any_of), ("NotIn", selector.not_)):
        expressions += [{"key": key, "operator": operator, "values": list(values)} for key, values in (labels or {}).items()]
    for operator, names in (("Exists", selector.present), ("DoesNotExist", selector.absent)):
        expressions += [{"key": key, "operator": operator} for key in names or ()]
    return given(matchLabels=selector.labels, matchExpressions=expressions or None)


def given(**values: Any) -> JsonObject:  # noqa: ANN401 (as `plain`)
    """What is given of some fields, as JSON; None is not."""
    return {name: plain(value) for name, value in values.items() if value is not None}
