"""meshgen: a declarative GitOps configuration compiler for service meshes.

The public Python API: the kinds of the intent language and their parts, as a source uses them, and the stages for programs. All
are imported on first use, so that `import meshgen` costs nothing. Type checkers and editors read `__init__.pyi` in place of this,
which `make docs` writes.

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

_STAGES = {
    "adopt.project": "AdoptionResult",
    "api": (
        "adopt_project check_project compile_clusters compile_project diff_projects load_project run_traffic_tests trace_request"
    ),
    "compare": "Comparison",
    "diagnostics": "Diagnostic",
    "journey": "Hop Journeys Question UnanswerableError",
    "pipeline": "Result",
    "traffic_tests.run": "TrafficReport",
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
    "expectation": "DecidedBy Expect ExpectedFault ExpectedMirror ExpectedRetries",
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
    "traffic_test": "Sender Token TrafficRequest TrafficRow TrafficTest",
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
