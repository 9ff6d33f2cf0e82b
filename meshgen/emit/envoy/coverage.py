"""Which fields of Istio's API the Envoy output carries over, and what becomes of the others.

A field that nothing here speaks of is carried, and has to be: tools/envoy_coverage.py names a golden case for each whose Envoy
output changes with the field, and docs/envoy-coverage.md shows the table. What is reported has a case whose findings change.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Final

from meshgen.emit.envoy.mesh_limits import NOT_APPLICABLE as OF_OTHERS
from meshgen.emit.envoy.mesh_limits import REPORTED as LEFT_OUT


class Coverage(StrEnum):
    """What becomes of a field."""

    CARRIED = "carried"
    REPORTED = "reported"  # left out, with a diagnostic MG09xx (`limits.py`, `traffic_limits.py`, `mesh_limits.py`)
    NOT_APPLICABLE = "not applicable"  # decides nothing for a proxy


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What becomes of a field, and why."""

    coverage: Coverage
    reason: str = ""
    code: str = ""  # of the diagnostic that says it
    instead: str = ""  # what to do


CARRIED: Final = Fate(coverage=Coverage.CARRIED)


def _reported(reason: str, instead: str, code: str = "MG0906") -> Fate:
    return Fate(coverage=Coverage.REPORTED, reason=reason, code=code, instead=instead)


def _nothing(reason: str) -> Fate:
    return Fate(coverage=Coverage.NOT_APPLICABLE, reason=reason)


_OF_GATEWAY_API: Final = _nothing("names Gateways of the Gateway API and waypoints, which are no proxies of ours")
_LABEL: Final = _nothing("a label for people")
_UNREAD: Final = _nothing("istiod does not read it")
_OF_AGENT: Final = _nothing("of the agent beside a proxy, which a stock Envoy does not have")
_METRICS: Final = _reported("of the filter `istio.stats`, which stock Envoy does not have", "use Envoy's own statistics")
_PULLED: Final = _nothing("of images that an agent pulls; a module that lies in a file has none")
_WAYPOINT: Final = _nothing("a waypoint's; it is no proxy of ours")

_GONE: Final = _reported("a tracer that Envoy has no more", "send spans to an `opentelemetry` provider")
_UNREADABLE: Final = _nothing("a tracer that Envoy has no more")

_REFUSED: Final = _nothing("istiod refuses it on a Sidecar")
_NO_SECRETS: Final = (
    "caCertCredentialName",
    "credentialName",
    "credentialNames",
    "httpsRedirect",
    "subjectAltNames",
    "tlsCertificates",
)
_DERIVED: Final = _nothing("makes the proxy that is compiled; its endpoints are the WorkloadEntries of machines that registered")
_INBOUND: Final = _nothing("of what is called; what serves speaks what its port says")

FATES: Final[Mapping[str, Fate]] = {
    # --- traffic
    "fault.delay.exponentialDelay": _reported("istiod does not read it either", "write `fixedDelay`"),
    "fault.abort.http2Error": _reported("istiod does not read it either", "write `httpStatus` or `grpcStatus`"),
    "tcp.match.sourceSubnet": _reported("istiod does not read it either", "use an AuthorizationPolicy with `ipBlocks`"),
    "subsets.trafficPolicy.tunnel": _nothing("istiod reads it at the top level of a rule alone"),
    "envoyMetricsService.tlsSettings": _nothing("the sink of metrics starts before secrets are read; send it through a sidecar"),
    "outlierDetection.consecutiveErrors": _reported("istiod ignores this deprecated field", "write `consecutive5xxErrors`"),
    # --- gateways and sidecars
    "servers.defaultEndpoint": _reported("istiod does not read it on gateways either", "write a VirtualService"),
    "port.targetPort": _UNREAD,
    "Sidecar.ingress.port.name": _LABEL,
    "Sidecar.egress.port.name": _LABEL,
    **{f"Sidecar.ingress.tls.{name}": _REFUSED for name in _NO_SECRETS},
    "Sidecar.ingress.connectionPool.http.h2UpgradePolicy": _INBOUND,
    "Sidecar.inboundConnectionPool.http.h2UpgradePolicy": _INBOUND,
    "MeshConfig.outboundTrafficPolicy.tls": _nothing("of `ALLOW_ANY_DYNAMIC_DNS`, which is reported"),
    "MeshConfig.defaultTrafficPolicy.outlierDetection.consecutiveErrors": _nothing("istiod ignores this deprecated field"),
    # --- who is meant
    "targetRef": _OF_GATEWAY_API,
    "targetRefs": _OF_GATEWAY_API,
    # --- telemetry and extensions
    "Telemetry.metrics": _METRICS,
    "extensionProviders.lightstep": _GONE,
    "extensionProviders.opencensus": _GONE,
    "extensionProviders.stackdriver": _GONE,
    "extensionProviders.sds": _nothing("of istiod's secrets"),
    "defaultProviders.metrics": _nothing("of `istio.stats`, a filter that stock Envoy does not have"),
    "defaultConfig.tracing.lightstep": _UNREADABLE,
    "defaultConfig.tracing.stackdriver": _UNREADABLE,
    "defaultConfig.tracing.openCensusAgent": _UNREADABLE,
    "proxyHeaders.metadataExchangeHeaders": _nothing("of a filter that stock Envoy does not have"),
    "EnvoyFilter.configPatches.match.waypoint": _WAYPOINT,
    "EnvoyFilter.configPatches.patch.filterClass": _reported("a place in the order of istiod's own filters", "name a filter"),
    "imagePullPolicy": _PULLED,
    "imagePullSecret": _PULLED,
    "sha256": _PULLED,
    "verificationKey": _PULLED,
    # --- of the agent
    "ProxyConfig": _OF_AGENT,
    "WorkloadGroup.probe": _OF_AGENT,
    "WorkloadGroup.metadata.annotations": _nothing("annotations of the WorkloadEntries that machines register"),
    "WorkloadGroup.metadata.labels": _DERIVED,
    "WorkloadGroup.template": _DERIVED,
    **{f"MeshConfig.{name}": _nothing(reason) for name, reason in OF_OTHERS["MeshConfig"].items()},
    **{f"MeshConfig.defaultConfig.{name}": _nothing(reason) for name, reason in OF_OTHERS["ProxyConfig"].items()},
    **{f"MeshConfig.{name}": _reported(*why) for name, why in LEFT_OUT["MeshConfig"].items()},
    **{f"MeshConfig.defaultConfig.{name}": _reported(*why) for name, why in LEFT_OUT["ProxyConfig"].items()},
}
"""By fields in a row, wherever they stand; with the kind first, there only. What lies below shares the fate."""


def coverage(leaf: str) -> Fate:
    """What becomes of a leaf field, by its path (`VirtualService.http[].corsPolicy.maxAge`)."""
    names = tuple(re.sub(r"\[\]|\{\}", "", leaf).split("."))
    found = [(parts, fate) for parts, fate in _fates() if _within(parts, names)]
    return max(found, key=lambda each: (each[0][0] == names[0], len(each[0])))[1] if found else CARRIED


def _within(parts: tuple[str, ...], names: tuple[str, ...]) -> bool:
    return any(names[start : start + len(parts)] == parts for start in range(len(names) - len(parts) + 1))


@cache
def _fates() -> tuple[tuple[tuple[str, ...], Fate], ...]:
    return tuple((tuple(key.split(".")), fate) for key, fate in FATES.items())
