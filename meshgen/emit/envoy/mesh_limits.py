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
        **dict.fromkeys(("controlPlaneAuthPolicy", "discoveryAddress", "discoveryRefreshDelay"), "how a proxy finds istiod"),
        **dict.fromkeys(("customConfigFile", "proxyBootstrapTemplatePath"), "a bootstrap that istiod's agent would use"),
        **dict.fromkeys(
            ("concurrency", "drainDuration", "fileFlushInterval", "fileFlushMinSizeKb", "terminationDrainDuration"),
            "given on the command line that starts Envoy",
        ),
        **dict.fromkeys(("meshId", "serviceCluster", "availabilityZone"), "metadata for istiod's own telemetry"),
        "extraStatTags": "tags of `istio.stats`, a filter that stock Envoy does not have",
        "statNameLength": "no limit of Envoy's any more",
        "proxyAdminPort": "`outputs.envoy.adminPort` of meshgen.yaml says it",
    },
}
"""Settings that decide nothing for an Envoy without istiod, and whose they are."""

REPORTED: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "MeshConfig": {
        "caCertificates": (
            "roots of other trust domains, which istiod gives out",
            "put them into `root-cert.pem`",
        ),
        "proxyHttpPort": (
            "a proxy for clients that know of it",
            "send to the services' own ports",
        ),
        "serviceEntryVisibility": ("not translated", "write `exportTo` into the ServiceEntries"),
    },
    "ProxyConfig": {
        "interceptionMode": ("meshgen.yaml says it of each proxy", "write `bind: loopback` or `iptables` there"),
        "privateKeyProvider": ("of Envoy builds with Intel's libraries alone", "leave it to proxies of such a build"),
    },
}
"""Settings that are left out and said (MG0906), why, and what to do; all others are carried over."""


def mesh_limits(mesh: Mesh, view: ProxyView) -> Iterator[Diagnostic]:
    """The settings that mean something for this proxy and are left out, in one finding."""
    said = once(mesh, ("beyond defaults",), None, lambda: beyond_defaults(mesh.config))
    left = {name: why for name, why in REPORTED["MeshConfig"].items() if name in said}
    proxy = said.get("defaultConfig")
    if isinstance(proxy, dict):
        left |= {f"defaultConfig.{name}": why for name, why in REPORTED["ProxyConfig"].items() if name in proxy}
    if left:
        names = ", ".join(f"`{name}`" for name in left)
        message = f"MeshConfig's {names} {'is' if len(left) == 1 else 'are'} not carried over to Envoy"
        hint = next(iter(left.values()))[1] if len(left) == 1 else "a proxy without istiod goes on as if nothing were said"
        yield FIELD_NOT_CARRIED.at(view.proxy.origin, message, help=hint)
