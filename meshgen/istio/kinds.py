"""The kinds of Istio's API: group, versions, plural and the struct of their spec."""

from __future__ import annotations

from dataclasses import dataclass

from meshgen.istio.authorization_policy import AuthorizationPolicy
from meshgen.istio.destination_rule import DestinationRule
from meshgen.istio.envoy_filter import EnvoyFilter
from meshgen.istio.gateway import Gateway
from meshgen.istio.peer_authentication import PeerAuthentication
from meshgen.istio.proxy_config import ProxyConfig
from meshgen.istio.request_authentication import RequestAuthentication
from meshgen.istio.service_entry import ServiceEntry
from meshgen.istio.sidecar import Sidecar
from meshgen.istio.struct import IstioStruct
from meshgen.istio.telemetry import Telemetry
from meshgen.istio.traffic_extension import TrafficExtension
from meshgen.istio.versions import OLDEST, IstioVersion
from meshgen.istio.virtual_service import VirtualService
from meshgen.istio.wasm_plugin import WasmPlugin
from meshgen.istio.workload_entry import WorkloadEntry
from meshgen.istio.workload_group import WorkloadGroup


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of Istio's API."""

    name: str
    group: str
    versions: tuple[str, ...]  # newest first; all are served and have one schema
    plural: str
    spec: type[IstioStruct]
    since: IstioVersion = OLDEST  # the first release that has it, as far back as is known here

    @property
    def api_version(self) -> str:
        """The newest `group/version`."""
        return f"{self.group}/{self.versions[0]}"


_NETWORKING, _SECURITY = "networking.istio.io", "security.istio.io"
_TELEMETRY, _EXTENSIONS = "telemetry.istio.io", "extensions.istio.io"
_THREE, _TWO = ("v1", "v1beta1", "v1alpha3"), ("v1", "v1beta1")

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            name="AuthorizationPolicy",
            group=_SECURITY,
            versions=_TWO,
            plural="authorizationpolicies",
            spec=AuthorizationPolicy,
        ),
        Kind(name="DestinationRule", group=_NETWORKING, versions=_THREE, plural="destinationrules", spec=DestinationRule),
        Kind(name="EnvoyFilter", group=_NETWORKING, versions=("v1alpha3",), plural="envoyfilters", spec=EnvoyFilter),
        Kind(name="Gateway", group=_NETWORKING, versions=_THREE, plural="gateways", spec=Gateway),
        Kind(
            name="PeerAuthentication",
            group=_SECURITY,
            versions=_TWO,
            plural="peerauthentications",
            spec=PeerAuthentication,
        ),
        Kind(name="ProxyConfig", group=_NETWORKING, versions=("v1beta1",), plural="proxyconfigs", spec=ProxyConfig),
        Kind(
            name="RequestAuthentication",
            group=_SECURITY,
            versions=_TWO,
            plural="requestauthentications",
            spec=RequestAuthentication,
        ),
        Kind(name="ServiceEntry", group=_NETWORKING, versions=_THREE, plural="serviceentries", spec=ServiceEntry),
        Kind(name="Sidecar", group=_NETWORKING, versions=_THREE, plural="sidecars", spec=Sidecar),
        Kind(name="Telemetry", group=_TELEMETRY, versions=("v1", "v1alpha1"), plural="telemetries", spec=Telemetry),
        Kind(
            name="TrafficExtension",
            group=_EXTENSIONS,
            versions=("v1alpha1",),
            plural="trafficextensions",
            spec=TrafficExtension,
            since=IstioVersion(1, 30),
        ),
        Kind(name="VirtualService", group=_NETWORKING, versions=_THREE, plural="virtualservices", spec=VirtualService),
        Kind(name="WasmPlugin", group=_EXTENSIONS, versions=("v1alpha1",), plural="wasmplugins", spec=WasmPlugin),
        Kind(name="WorkloadEntry", group=_NETWORKING, versions=_THREE, plural="workloadentries", spec=WorkloadEntry),
        Kind(name="WorkloadGroup", group=_NETWORKING, versions=_THREE, plural="workloadgroups", spec=WorkloadGroup),
    )
}
