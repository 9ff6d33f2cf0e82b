"""Which settings of MeshConfig and ProxyConfig the Envoy output carries over; of the others, what is reported.

Every field stands here; tests/unit/emit_envoy/test_mesh_limits.py compares the tables with the types.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from meshgen.diagnostics import Diagnostic
from meshgen.diagnostics.catalogue.backend import FIELD_NOT_CARRIED
from meshgen.emit.envoy.shared import once
from meshgen.istio.mesh_defaults import beyond_defaults
from meshgen.mesh import Mesh, ProxyView


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


CARRIED: Final[Mapping[str, frozenset[str]]] = {
    "MeshConfig": _names(
        "accessLogEncoding accessLogFile accessLogFormat connectTimeout defaultConfig defaultDestinationRuleExportTo"
        " defaultHttpRetryPolicy defaultProviders defaultServiceExportTo defaultVirtualServiceExportTo discoverySelectors"
        " dnsRefreshRate enableAutoMtls extensionProviders h2UpgradePolicy localityLbSetting outboundTrafficPolicy"
        " pathNormalization protocolDetectionTimeout rootNamespace tcpKeepalive trustDomain trustDomainAliases"
    ),
    "ProxyConfig": frozenset({"gatewayTopology", "tracing"}),
}
NOT_APPLICABLE: Final[Mapping[str, frozenset[str]]] = {
    # Of istiod, of Kubernetes' Ingress, of several clusters and ambient mode, of the agent beside the proxy.
    "MeshConfig": _names(
        "ca certificates configSources enablePrometheusMerge hboneIdleTimeout ingressClass ingressControllerMode"
        " ingressSelector ingressService serviceScopeConfigs serviceSettings verifyCertificateAtClient"
    ),
    # Of the agent, of injection, and of how a proxy finds istiod; ports and workers are given where Envoy is started.
    "ProxyConfig": _names(
        "availabilityZone binaryPath caCertificatesPem concurrency configPath controlPlaneAuthPolicy customConfigFile"
        " discoveryAddress discoveryRefreshDelay drainDuration holdApplicationUntilProxyStarts image meshId"
        " proxyAdminPort proxyBootstrapTemplatePath proxyMetadata readinessProbe sds serviceCluster statsCompression"
        " statusPort terminationDrainDuration"
    ),
}
REPORTED: Final[Mapping[str, frozenset[str]]] = {
    "MeshConfig": _names(
        "caCertificates defaultInboundHttpRetryPolicy defaultTrafficPolicy disableEnvoyListenerLog"
        " enableEnvoyAccessLogService enableTracing inboundClusterStatName inboundTrafficPolicy meshMTLS"
        " outboundClusterStatName proxyHttpPort proxyInboundListenPort proxyListenPort serviceEntryVisibility"
        " tlsDefaults zoneAwareLbSetting"
    ),
    "ProxyConfig": _names(
        "connectionSettings envoyAccessLogService envoyMetricsService envoyMetricsServiceAddress extraStatTags"
        " fileFlushInterval fileFlushMinSizeKb interceptionMode privateKeyProvider proxyHeaders proxyStatsMatcher"
        " runtimeValues statNameLength statsdUdpAddress tracingServiceName zipkinAddress"
    ),
}


def mesh_limits(mesh: Mesh, view: ProxyView) -> Iterator[Diagnostic]:
    """The settings that mean something for this proxy and are left out, in one finding."""
    said = once(mesh, ("beyond defaults",), None, lambda: beyond_defaults(mesh.config))
    left = [name for name in said if name in REPORTED["MeshConfig"]]
    proxy = said.get("defaultConfig")
    left += [f"defaultConfig.{name}" for name in proxy if name in REPORTED["ProxyConfig"]] if isinstance(proxy, dict) else []
    if left:
        names = ", ".join(f"`{name}`" for name in left)
        message = f"MeshConfig's {names} {'is' if len(left) == 1 else 'are'} not carried over to Envoy"
        hint = "a proxy without istiod goes on as if nothing were said"
        if left == ["proxyHttpPort"]:
            hint = "send to the services' own ports"
        yield FIELD_NOT_CARRIED.at(view.proxy.origin, message, help=hint)
