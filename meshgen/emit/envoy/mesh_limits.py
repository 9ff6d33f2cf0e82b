"""Which settings of MeshConfig and ProxyConfig the Envoy output does not carry over, and what is reported of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from meshgen.diagnostics import Diagnostic
from meshgen.diagnostics.catalogue.backend import FIELD_NOT_CARRIED
from meshgen.emit.envoy.shared import once
from meshgen.istio.mesh_defaults import beyond_defaults
from meshgen.mesh import Mesh, ProxyView


NOT_APPLICABLE: Final[Mapping[str, Mapping[str, str]]] = {
    "MeshConfig": {
        **dict.fromkeys(("ca", "certificates", "configSources", "verifyCertificateAtClient"), "of istiod itself"),
        **dict.fromkeys(
            ("ingressClass", "ingressControllerMode", "ingressSelector", "ingressService"), "of Kubernetes' own Ingress"
        ),
        **dict.fromkeys(("hboneIdleTimeout", "serviceScopeConfigs"), "of ambient mode"),
        "serviceSettings": "of several clusters",
        "enablePrometheusMerge": "of the agent beside a proxy",
    },
    "ProxyConfig": {
        **dict.fromkeys(
            (
                "binaryPath",
                "caCertificatesPem",
                "configPath",
                "holdApplicationUntilProxyStarts",
                "image",
                "proxyMetadata",
                "readinessProbe",
                "sds",
                "statsCompression",
                "statusPort",
            ),
            "of the agent beside a proxy and of injection",
        ),
        **dict.fromkeys(
            ("controlPlaneAuthPolicy", "discoveryAddress", "discoveryRefreshDelay"), "how a proxy finds istiod"
        ),
        **dict.fromkeys(("customConfigFile", "proxyBootstrapTemplatePath"), "a bootstrap that istiod's agent would use"),
        **dict.fromkeys(
            ("concurrency", "drainDuration", "terminationDrainDuration"), "given on the command line that starts Envoy"
        ),
        **dict.fromkeys(("meshId", "serviceCluster", "availabilityZone"), "metadata for istiod's own telemetry"),
        "proxyAdminPort": "`outputs.envoy.adminPort` of meshgen.yaml says it",
    },
}
"""Settings that decide nothing for an Envoy without istiod, and whose they are."""

_LATER: Final = "not translated yet"
REPORTED: Final[Mapping[str, Mapping[str, str]]] = {
    "MeshConfig": dict.fromkeys(
        (
            "caCertificates defaultInboundHttpRetryPolicy defaultTrafficPolicy disableEnvoyListenerLog"
            " enableEnvoyAccessLogService enableTracing inboundClusterStatName inboundTrafficPolicy meshMTLS"
            " outboundClusterStatName proxyHttpPort proxyInboundListenPort proxyListenPort serviceEntryVisibility"
            " tlsDefaults zoneAwareLbSetting"
        ).split(),
        _LATER,
    ),
    "ProxyConfig": dict.fromkeys(
        (
            "connectionSettings envoyAccessLogService envoyMetricsService envoyMetricsServiceAddress extraStatTags"
            " fileFlushInterval fileFlushMinSizeKb interceptionMode privateKeyProvider proxyHeaders proxyStatsMatcher"
            " runtimeValues statNameLength statsdUdpAddress tracingServiceName zipkinAddress"
        ).split(),
        _LATER,
    ),
}
"""Settings that are left out and said (MG0906), and why; all others are carried over."""


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
