"""meshgen: a declarative GitOps configuration compiler for service meshes.

The public Python API: the kinds of the intent language and their parts, as a source uses them, and the stages for programs. All
are imported on first use, so that `import meshgen` costs nothing.

```python
from meshgen import Canary, Rule, Service

catalog = Service("catalog", namespace="shop", ports=[80], versions=["v1", "v2"], routes=[Rule(to="v1")])
mesh = [catalog, Canary("catalog-v2", namespace="shop", service=catalog, from_="v1", to="v2", weight=10)]
```

```python
from meshgen import compile_project, diff_projects, trace_request

before, after = compile_project("shop", revision="main"), compile_project("shop")
print(diff_projects(before, after).changes)
print(trace_request(after, "http://catalog/items", source="shop/webapp"))
```
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshgen.adopt.project import AdoptionResult as AdoptionResult
    from meshgen.api import adopt_project as adopt_project
    from meshgen.api import check_project as check_project
    from meshgen.api import compile_clusters as compile_clusters
    from meshgen.api import compile_project as compile_project
    from meshgen.api import diff_projects as diff_projects
    from meshgen.api import load_project as load_project
    from meshgen.api import trace_request as trace_request
    from meshgen.compare import Comparison as Comparison
    from meshgen.diagnostics import Diagnostic as Diagnostic
    from meshgen.intent.access import Access as Access
    from meshgen.intent.access import AccessRule as AccessRule
    from meshgen.intent.access import Allow as Allow
    from meshgen.intent.access import Audit as Audit
    from meshgen.intent.access import Caller as Caller
    from meshgen.intent.access import Condition as Condition
    from meshgen.intent.access import Deny as Deny
    from meshgen.intent.access import External as External
    from meshgen.intent.access import JwtCaller as JwtCaller
    from meshgen.intent.access import NotCaller as NotCaller
    from meshgen.intent.access import Operation as Operation
    from meshgen.intent.access import Target as Target
    from meshgen.intent.actions import Abort as Abort
    from meshgen.intent.actions import Cors as Cors
    from meshgen.intent.actions import Delay as Delay
    from meshgen.intent.actions import Delegate as Delegate
    from meshgen.intent.actions import DirectResponse as DirectResponse
    from meshgen.intent.actions import Fault as Fault
    from meshgen.intent.actions import HeaderOperations as HeaderOperations
    from meshgen.intent.actions import Headers as Headers
    from meshgen.intent.actions import PathRegex as PathRegex
    from meshgen.intent.actions import Redirect as Redirect
    from meshgen.intent.actions import Retries as Retries
    from meshgen.intent.actions import Rewrite as Rewrite
    from meshgen.intent.actions import RuleMirror as RuleMirror
    from meshgen.intent.analysis import Analysis as Analysis
    from meshgen.intent.analysis import CanaryMetric as CanaryMetric
    from meshgen.intent.analysis import Latency as Latency
    from meshgen.intent.analysis import SuccessRate as SuccessRate
    from meshgen.intent.analysis import TemplateReference as TemplateReference
    from meshgen.intent.analysis import Webhook as Webhook
    from meshgen.intent.authentication import Authentication as Authentication
    from meshgen.intent.authentication import JwtIssuer as JwtIssuer
    from meshgen.intent.authentication import MutualTls as MutualTls
    from meshgen.intent.authentication import TokenHeader as TokenHeader
    from meshgen.intent.canary import Canary as Canary
    from meshgen.intent.canary import CanaryStep as CanaryStep
    from meshgen.intent.canary import Stickiness as Stickiness
    from meshgen.intent.cluster import Cluster as Cluster
    from meshgen.intent.cluster import ClusterAuthority as ClusterAuthority
    from meshgen.intent.cluster import EastWest as EastWest
    from meshgen.intent.core_objects import CoreObjects as CoreObjects
    from meshgen.intent.core_objects import CoreService as CoreService
    from meshgen.intent.core_objects import CoreServiceAccount as CoreServiceAccount
    from meshgen.intent.envoy import Envoy as Envoy
    from meshgen.intent.envoy import EnvoyFilterConfig as EnvoyFilterConfig
    from meshgen.intent.envoy import ExternalProcessor as ExternalProcessor
    from meshgen.intent.envoy import ProcessingMode as ProcessingMode
    from meshgen.intent.envoy import ProxyVersions as ProxyVersions
    from meshgen.intent.envoy import Tap as Tap
    from meshgen.intent.extension import ExtendedTraffic as ExtendedTraffic
    from meshgen.intent.extension import Extension as Extension
    from meshgen.intent.extension import Lua as Lua
    from meshgen.intent.extension import Wasm as Wasm
    from meshgen.intent.extension import WasmVariable as WasmVariable
    from meshgen.intent.external_service import ExternalEndpoint as ExternalEndpoint
    from meshgen.intent.external_service import ExternalService as ExternalService
    from meshgen.intent.external_service import TlsOrigination as TlsOrigination
    from meshgen.intent.gateway import CertificateFiles as CertificateFiles
    from meshgen.intent.gateway import Gateway as Gateway
    from meshgen.intent.gateway import GatewayWorkload as GatewayWorkload
    from meshgen.intent.gateway import Listener as Listener
    from meshgen.intent.gateway import ServerTls as ServerTls
    from meshgen.intent.gateway_deployment import Autoscaling as Autoscaling
    from meshgen.intent.gateway_deployment import DisruptionBudget as DisruptionBudget
    from meshgen.intent.gateway_deployment import GatewayDeployment as GatewayDeployment
    from meshgen.intent.gateway_deployment import GatewayPort as GatewayPort
    from meshgen.intent.gateway_deployment import GatewayService as GatewayService
    from meshgen.intent.gateway_deployment import Resources as Resources
    from meshgen.intent.kind import Patch as Patch
    from meshgen.intent.leaves import Pattern as Pattern
    from meshgen.intent.leaves import StringMatch as StringMatch
    from meshgen.intent.limits import AddressMask as AddressMask
    from meshgen.intent.limits import Limit as Limit
    from meshgen.intent.limits import LimitKey as LimitKey
    from meshgen.intent.limits import LocalRateLimit as LocalRateLimit
    from meshgen.intent.limits import MetadataKey as MetadataKey
    from meshgen.intent.limits import Rate as Rate
    from meshgen.intent.limits import RateLimit as RateLimit
    from meshgen.intent.match import CallingWorkload as CallingWorkload
    from meshgen.intent.match import Match as Match
    from meshgen.intent.match import TcpMatch as TcpMatch
    from meshgen.intent.match import TlsMatch as TlsMatch
    from meshgen.intent.mesh import Mesh as Mesh
    from meshgen.intent.mesh_install import Autoscale as Autoscale
    from meshgen.intent.mesh_install import Install as Install
    from meshgen.intent.mesh_install import InstalledGateway as InstalledGateway
    from meshgen.intent.mesh_install import InstalledPort as InstalledPort
    from meshgen.intent.mesh_install import InstalledService as InstalledService
    from meshgen.intent.mesh_install import Istiod as Istiod
    from meshgen.intent.mesh_install import SidecarContainer as SidecarContainer
    from meshgen.intent.mesh_install import Tuning as Tuning
    from meshgen.intent.mesh_providers import Authorizer as Authorizer
    from meshgen.intent.mesh_providers import Collector as Collector
    from meshgen.intent.mesh_providers import Datadog as Datadog
    from meshgen.intent.mesh_providers import DynatraceSampler as DynatraceSampler
    from meshgen.intent.mesh_providers import ExternalAuthorizer as ExternalAuthorizer
    from meshgen.intent.mesh_providers import FileLog as FileLog
    from meshgen.intent.mesh_providers import GrpcAuthorizer as GrpcAuthorizer
    from meshgen.intent.mesh_providers import GrpcExport as GrpcExport
    from meshgen.intent.mesh_providers import HeaderValue as HeaderValue
    from meshgen.intent.mesh_providers import HttpAuthorizer as HttpAuthorizer
    from meshgen.intent.mesh_providers import HttpExport as HttpExport
    from meshgen.intent.mesh_providers import HttpLogService as HttpLogService
    from meshgen.intent.mesh_providers import LogSink as LogSink
    from meshgen.intent.mesh_providers import OpenTelemetry as OpenTelemetry
    from meshgen.intent.mesh_providers import OpenTelemetryLog as OpenTelemetryLog
    from meshgen.intent.mesh_providers import Prometheus as Prometheus
    from meshgen.intent.mesh_providers import Provider as Provider
    from meshgen.intent.mesh_providers import RequestBody as RequestBody
    from meshgen.intent.mesh_providers import SecretServer as SecretServer
    from meshgen.intent.mesh_providers import SkyWalking as SkyWalking
    from meshgen.intent.mesh_providers import Stackdriver as Stackdriver
    from meshgen.intent.mesh_providers import TcpLogService as TcpLogService
    from meshgen.intent.mesh_providers import Zipkin as Zipkin
    from meshgen.intent.mesh_proxy import ClientCertificateDetails as ClientCertificateDetails
    from meshgen.intent.mesh_proxy import ConnectionSettings as ConnectionSettings
    from meshgen.intent.mesh_proxy import FileFlush as FileFlush
    from meshgen.intent.mesh_proxy import NamespaceSettings as NamespaceSettings
    from meshgen.intent.mesh_proxy import PrivateKeys as PrivateKeys
    from meshgen.intent.mesh_proxy import ProxyDefaults as ProxyDefaults
    from meshgen.intent.mesh_proxy import ProxyHeaders as ProxyHeaders
    from meshgen.intent.mesh_proxy import RemoteService as RemoteService
    from meshgen.intent.mesh_proxy import Selector as Selector
    from meshgen.intent.mesh_proxy import WorkloadProxy as WorkloadProxy
    from meshgen.intent.mesh_settings import Bounds as Bounds
    from meshgen.intent.mesh_settings import CertificateAuthority as CertificateAuthority
    from meshgen.intent.mesh_settings import DefaultProviders as DefaultProviders
    from meshgen.intent.mesh_settings import ExportDefaults as ExportDefaults
    from meshgen.intent.mesh_settings import Injection as Injection
    from meshgen.intent.mesh_settings import KubernetesIngress as KubernetesIngress
    from meshgen.intent.mesh_settings import MeshTls as MeshTls
    from meshgen.intent.mesh_settings import SidecarDefaults as SidecarDefaults
    from meshgen.intent.mesh_settings import TlsVersions as TlsVersions
    from meshgen.intent.mesh_settings import TrafficDefaults as TrafficDefaults
    from meshgen.intent.mesh_settings import TrustAnchor as TrustAnchor
    from meshgen.intent.metrics import MetricChange as MetricChange
    from meshgen.intent.metrics import MetricOverride as MetricOverride
    from meshgen.intent.metrics import Metrics as Metrics
    from meshgen.intent.metrics import MetricTag as MetricTag
    from meshgen.intent.metrics import NewMetric as NewMetric
    from meshgen.intent.mirror import Mirror as Mirror
    from meshgen.intent.model import IntentError as IntentError
    from meshgen.intent.observability import Dashboards as Dashboards
    from meshgen.intent.observability import GoldenSignals as GoldenSignals
    from meshgen.intent.observability import Kiali as Kiali
    from meshgen.intent.observability import KialiGrafana as KialiGrafana
    from meshgen.intent.observability import KialiTracing as KialiTracing
    from meshgen.intent.observability import Observability as Observability
    from meshgen.intent.observability import PrometheusScrape as PrometheusScrape
    from meshgen.intent.observation import AccessLog as AccessLog
    from meshgen.intent.observation import LogRule as LogRule
    from meshgen.intent.observation import ProxyStats as ProxyStats
    from meshgen.intent.observation import TagSource as TagSource
    from meshgen.intent.observation import Tracing as Tracing
    from meshgen.intent.proxy import Proxy as Proxy
    from meshgen.intent.reference import Destination as Destination
    from meshgen.intent.route import Route as Route
    from meshgen.intent.rule import Rule as Rule
    from meshgen.intent.rule import Share as Share
    from meshgen.intent.rule import TcpRule as TcpRule
    from meshgen.intent.rule import TlsRule as TlsRule
    from meshgen.intent.service import Call as Call
    from meshgen.intent.service import Endpoint as Endpoint
    from meshgen.intent.service import Port as Port
    from meshgen.intent.service import Service as Service
    from meshgen.intent.service import Version as Version
    from meshgen.intent.service import Workload as Workload
    from meshgen.intent.sidecar import InboundListener as InboundListener
    from meshgen.intent.sidecar import OutboundListener as OutboundListener
    from meshgen.intent.sidecar import Sidecar as Sidecar
    from meshgen.intent.sidecar import SidecarSettings as SidecarSettings
    from meshgen.intent.sidecar import UnknownHosts as UnknownHosts
    from meshgen.intent.target import TargetReference as TargetReference
    from meshgen.intent.telemetry import Telemetry as Telemetry
    from meshgen.intent.traffic import BackendUtilization as BackendUtilization
    from meshgen.intent.traffic import ClientTls as ClientTls
    from meshgen.intent.traffic import Connections as Connections
    from meshgen.intent.traffic import ConsistentHash as ConsistentHash
    from meshgen.intent.traffic import CookieAttribute as CookieAttribute
    from meshgen.intent.traffic import Http2Keepalive as Http2Keepalive
    from meshgen.intent.traffic import HttpConnections as HttpConnections
    from meshgen.intent.traffic import HttpCookie as HttpCookie
    from meshgen.intent.traffic import LoadBalancer as LoadBalancer
    from meshgen.intent.traffic import Locality as Locality
    from meshgen.intent.traffic import LocalityDistribute as LocalityDistribute
    from meshgen.intent.traffic import LocalityFailover as LocalityFailover
    from meshgen.intent.traffic import Maglev as Maglev
    from meshgen.intent.traffic import Outliers as Outliers
    from meshgen.intent.traffic import PortTraffic as PortTraffic
    from meshgen.intent.traffic import RetryBudget as RetryBudget
    from meshgen.intent.traffic import RingHash as RingHash
    from meshgen.intent.traffic import TcpConnections as TcpConnections
    from meshgen.intent.traffic import TcpKeepalive as TcpKeepalive
    from meshgen.intent.traffic import Traffic as Traffic
    from meshgen.intent.traffic import Tunnel as Tunnel
    from meshgen.intent.traffic import Warmup as Warmup
    from meshgen.intent.traffic import ZoneAware as ZoneAware
    from meshgen.intent.traffic_policy import TrafficPolicy as TrafficPolicy
    from meshgen.intent.virtual_machines import GrpcProbe as GrpcProbe
    from meshgen.intent.virtual_machines import HttpProbe as HttpProbe
    from meshgen.intent.virtual_machines import Join as Join
    from meshgen.intent.virtual_machines import Machine as Machine
    from meshgen.intent.virtual_machines import MachineService as MachineService
    from meshgen.intent.virtual_machines import MachineTemplate as MachineTemplate
    from meshgen.intent.virtual_machines import Probe as Probe
    from meshgen.intent.virtual_machines import TcpProbe as TcpProbe
    from meshgen.intent.virtual_machines import VirtualMachines as VirtualMachines
    from meshgen.journey import Hop as Hop
    from meshgen.journey import UnanswerableError as UnanswerableError
    from meshgen.pipeline import Result as Result

_STAGES = {
    "adopt.project": "AdoptionResult",
    "api": "adopt_project check_project compile_clusters compile_project diff_projects load_project trace_request",
    "compare": "Comparison",
    "diagnostics": "Diagnostic",
    "journey": "Hop UnanswerableError",
    "pipeline": "Result",
}
_PARTS = {
    "access": ("Access AccessRule Allow Audit Caller Condition Deny External JwtCaller NotCaller Operation Target"),
    "actions": (
        "Abort Cors Delay Delegate DirectResponse Fault HeaderOperations Headers PathRegex Redirect Retries Rewrite RuleMirror"
    ),
    "analysis": "Analysis CanaryMetric Latency SuccessRate TemplateReference Webhook",
    "authentication": "Authentication JwtIssuer MutualTls TokenHeader",
    "canary": "Canary CanaryStep Stickiness",
    "cluster": "Cluster ClusterAuthority EastWest",
    "core_objects": "CoreObjects CoreService CoreServiceAccount",
    "external_service": "ExternalEndpoint ExternalService TlsOrigination",
    "gateway": "CertificateFiles Gateway GatewayWorkload Listener ServerTls",
    "gateway_deployment": "Autoscaling DisruptionBudget GatewayDeployment GatewayPort GatewayService Resources",
    "envoy": "Envoy EnvoyFilterConfig ExternalProcessor ProcessingMode ProxyVersions Tap",
    "extension": "ExtendedTraffic Extension Lua Wasm WasmVariable",
    "limits": "AddressMask Limit LimitKey LocalRateLimit MetadataKey Rate RateLimit",
    "kind": "Patch",
    "leaves": "Pattern StringMatch",
    "match": "CallingWorkload Match TcpMatch TlsMatch",
    "mesh": "Mesh",
    "mesh_install": ("Autoscale Install InstalledGateway InstalledPort InstalledService Istiod SidecarContainer Tuning"),
    "mesh_providers": (
        "Authorizer Collector Datadog DynatraceSampler ExternalAuthorizer FileLog GrpcAuthorizer GrpcExport"
        " HeaderValue HttpAuthorizer HttpExport HttpLogService LogSink OpenTelemetry OpenTelemetryLog"
        " Prometheus Provider RequestBody SecretServer SkyWalking Stackdriver TcpLogService Zipkin"
    ),
    "mesh_proxy": (
        "ClientCertificateDetails ConnectionSettings FileFlush NamespaceSettings PrivateKeys ProxyDefaults"
        " ProxyHeaders RemoteService Selector WorkloadProxy"
    ),
    "mesh_settings": (
        "Bounds CertificateAuthority DefaultProviders ExportDefaults Injection KubernetesIngress MeshTls"
        " SidecarDefaults TlsVersions TrafficDefaults TrustAnchor"
    ),
    "metrics": "MetricChange MetricOverride MetricTag Metrics NewMetric",
    "mirror": "Mirror",
    "model": "IntentError",
    "observability": "Dashboards GoldenSignals Kiali KialiGrafana KialiTracing Observability PrometheusScrape",
    "observation": "AccessLog LogRule ProxyStats TagSource Tracing",
    "proxy": "Proxy",
    "reference": "Destination",
    "route": "Route",
    "rule": "Rule Share TcpRule TlsRule",
    "service": "Call Endpoint Port Service Version Workload",
    "sidecar": "InboundListener OutboundListener Sidecar SidecarSettings UnknownHosts",
    "target": "TargetReference",
    "telemetry": "Telemetry",
    "traffic": (
        "BackendUtilization ClientTls Connections ConsistentHash CookieAttribute Http2Keepalive HttpConnections HttpCookie"
        " LoadBalancer Locality LocalityDistribute LocalityFailover Maglev Outliers PortTraffic RetryBudget RingHash"
        " TcpConnections TcpKeepalive Traffic Tunnel Warmup ZoneAware"
    ),
    "traffic_policy": "TrafficPolicy",
    "virtual_machines": "GrpcProbe HttpProbe Join Machine MachineService MachineTemplate Probe TcpProbe VirtualMachines",
}
_MODULES = {
    **{name: f"meshgen.{module}" for module, names in _STAGES.items() for name in names.split()},
    **{name: f"meshgen.intent.{module}" for module, names in _PARTS.items() for name in names.split()},
}

__all__ = sorted(_MODULES)  # noqa: PLE0605 (made of the table above)


def __getattr__(name: str) -> object:
    """Imports a name of the public API on first use."""
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module `meshgen` has no attribute `{name}`")
    return getattr(import_module(module), name)


def __dir__() -> list[str]:
    """The public API."""
    return list(__all__)
