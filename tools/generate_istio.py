"""Generates `meshgen/istio/<kind>.py` from Istio's CRDs: one struct for each object in the schema, one module a kind.

Usage: python tools/generate_istio.py [--check]

Shapes that several kinds share go to `shared.py`. Descriptions are not taken over: the docstring names the path, which is where
Istio's own reference explains it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
CRDS = ROOT / "tests" / "data" / "istio-crds.yaml"
OUT = ROOT / "meshgen" / "istio"

# The names of Istio's protobuf messages, by the first path at which a shape stands.
NAMES = {
    "TrafficExtension.lua": "LuaConfig",
    "TrafficExtension.wasm": "WasmConfig",
    "TrafficExtension.match[]": "TrafficSelector",
    "TrafficExtension.match[].ports[]": "TrafficSelectorPort",
    "TrafficExtension.selector": "WorkloadSelector",
    "TrafficExtension.targetRefs[]": "PolicyTargetReference",
    "TrafficExtension.wasm.vmConfig": "VmConfig",
    "TrafficExtension.wasm.vmConfig.env[]": "EnvVar",
    "DestinationRule.subsets[]": "Subset",
    "DestinationRule.subsets[].trafficPolicy": "TrafficPolicy",
    "DestinationRule.subsets[].trafficPolicy.connectionPool": "ConnectionPoolSettings",
    "DestinationRule.subsets[].trafficPolicy.connectionPool.http": "HTTPSettings",
    "DestinationRule.subsets[].trafficPolicy.connectionPool.http.http2KeepAlive": "HTTP2KeepAlive",
    "DestinationRule.subsets[].trafficPolicy.connectionPool.tcp": "TCPSettings",
    "DestinationRule.subsets[].trafficPolicy.connectionPool.tcp.tcpKeepalive": "TcpKeepalive",
    "DestinationRule.subsets[].trafficPolicy.loadBalancer": "LoadBalancerSettings",
    "DestinationRule.subsets[].trafficPolicy.loadBalancer.backendUtilization": "BackendUtilization",
    "DestinationRule.subsets[].trafficPolicy.loadBalancer.consistentHash": "ConsistentHashLB",
    "DestinationRule.subsets[].trafficPolicy.loadBalancer.consistentHash.httpCookie": "HTTPCookie",
    "DestinationRule.subsets[].trafficPolicy.loadBalancer.consistentHash.httpCookie.attributes[]": "HTTPCookieAttribute",
    "DestinationRule.subsets[].trafficPolicy.loadBalancer.consistentHash.maglev": "MagLev",
    "DestinationRule.subsets[].trafficPolicy.loadBalancer.consistentHash.ringHash": "RingHash",
    "DestinationRule.subsets[].trafficPolicy.loadBalancer.localityLbSetting": "LocalityLoadBalancerSetting",
    "DestinationRule.subsets[].trafficPolicy.loadBalancer.localityLbSetting.distribute[]": "LocalityDistribute",
    "DestinationRule.subsets[].trafficPolicy.loadBalancer.localityLbSetting.failover[]": "LocalityFailover",
    "DestinationRule.subsets[].trafficPolicy.loadBalancer.warmup": "WarmupConfiguration",
    "DestinationRule.subsets[].trafficPolicy.loadBalancer.zoneAwareLbSetting": "ZoneAwareLoadBalancerSetting",
    "DestinationRule.subsets[].trafficPolicy.outlierDetection": "OutlierDetection",
    "DestinationRule.subsets[].trafficPolicy.portLevelSettings[]": "PortTrafficPolicy",
    "DestinationRule.subsets[].trafficPolicy.portLevelSettings[].port": "PortSelector",
    "DestinationRule.subsets[].trafficPolicy.portLevelSettings[].tls": "ClientTLSSettings",
    "DestinationRule.subsets[].trafficPolicy.proxyProtocol": "ProxyProtocol",
    "DestinationRule.subsets[].trafficPolicy.retryBudget": "RetryBudget",
    "DestinationRule.subsets[].trafficPolicy.tunnel": "TunnelSettings",
    "EnvoyFilter.configPatches[]": "EnvoyConfigObjectPatch",
    "EnvoyFilter.configPatches[].match": "EnvoyConfigObjectMatch",
    "EnvoyFilter.configPatches[].match.cluster": "ClusterMatch",
    "EnvoyFilter.configPatches[].match.listener": "ListenerMatch",
    "EnvoyFilter.configPatches[].match.listener.filterChain": "FilterChainMatch",
    "EnvoyFilter.configPatches[].match.listener.filterChain.filter": "FilterMatch",
    "EnvoyFilter.configPatches[].match.listener.filterChain.filter.subFilter": "NamedReference",
    "EnvoyFilter.configPatches[].match.proxy": "ProxyMatch",
    "EnvoyFilter.configPatches[].match.routeConfiguration": "RouteConfigurationMatch",
    "EnvoyFilter.configPatches[].match.routeConfiguration.vhost": "VirtualHostMatch",
    "EnvoyFilter.configPatches[].match.routeConfiguration.vhost.route": "RouteMatch",
    "EnvoyFilter.configPatches[].match.waypoint": "WaypointMatch",
    "EnvoyFilter.configPatches[].patch": "Patch",
    "EnvoyFilter.workloadSelector": "NetworkingWorkloadSelector",
    "Gateway.servers[]": "Server",
    "Gateway.servers[].port": "GatewayPort",
    "Gateway.servers[].tls": "ServerTLSSettings",
    "Gateway.servers[].tls.tlsCertificates[]": "TLSCertificate",
    "ProxyConfig.image": "ProxyImage",
    "ServiceEntry.endpoints[]": "WorkloadEntry",
    "ServiceEntry.ports[]": "ServicePort",
    "Sidecar.egress[]": "IstioEgressListener",
    "Sidecar.egress[].port": "SidecarPort",
    "Sidecar.ingress[]": "IstioIngressListener",
    "Sidecar.outboundTrafficPolicy": "OutboundTrafficPolicy",
    "Sidecar.outboundTrafficPolicy.egressProxy": "Destination",
    "VirtualService.http[]": "HTTPRoute",
    "VirtualService.http[].corsPolicy": "CorsPolicy",
    "VirtualService.http[].corsPolicy.allowOrigins[]": "StringMatch",
    "VirtualService.http[].delegate": "Delegate",
    "VirtualService.http[].directResponse": "HTTPDirectResponse",
    "VirtualService.http[].directResponse.body": "HTTPBody",
    "VirtualService.http[].fault": "HTTPFaultInjection",
    "VirtualService.http[].fault.abort": "FaultAbort",
    "VirtualService.http[].fault.abort.percentage": "Percent",
    "VirtualService.http[].fault.delay": "FaultDelay",
    "VirtualService.http[].headers": "Headers",
    "VirtualService.http[].headers.request": "HeaderOperations",
    "VirtualService.http[].match[]": "HTTPMatchRequest",
    "VirtualService.http[].mirrors[]": "HTTPMirrorPolicy",
    "VirtualService.http[].redirect": "HTTPRedirect",
    "VirtualService.http[].retries": "HTTPRetry",
    "VirtualService.http[].rewrite": "HTTPRewrite",
    "VirtualService.http[].rewrite.uriRegexRewrite": "RegexRewrite",
    "VirtualService.http[].route[]": "HTTPRouteDestination",
    "VirtualService.tcp[]": "TCPRoute",
    "VirtualService.tcp[].match[]": "L4MatchAttributes",
    "VirtualService.tcp[].route[]": "RouteDestination",
    "VirtualService.tls[]": "TLSRoute",
    "VirtualService.tls[].match[]": "TLSMatchAttributes",
    "WorkloadGroup.metadata": "WorkloadGroupMetadata",
    "WorkloadGroup.probe": "ReadinessProbe",
    "WorkloadGroup.probe.exec": "ExecHealthCheckConfig",
    "WorkloadGroup.probe.grpc": "GrpcHealthCheckConfig",
    "WorkloadGroup.probe.httpGet": "HTTPHealthCheckConfig",
    "WorkloadGroup.probe.httpGet.httpHeaders[]": "HTTPHeader",
    "WorkloadGroup.probe.tcpSocket": "TCPHealthCheckConfig",
    "WorkloadGroup.template": "WorkloadGroupTemplate",
    "AuthorizationPolicy.rules[]": "Rule",
    "AuthorizationPolicy.rules[].from[]": "RuleFrom",
    "AuthorizationPolicy.rules[].from[].source": "Source",
    "AuthorizationPolicy.rules[].to[]": "RuleTo",
    "AuthorizationPolicy.rules[].to[].operation": "Operation",
    "AuthorizationPolicy.rules[].when[]": "Condition",
    "PeerAuthentication.mtls": "MutualTLS",
    "RequestAuthentication.jwtRules[]": "JWTRule",
    "RequestAuthentication.jwtRules[].fromHeaders[]": "JWTHeader",
    "RequestAuthentication.jwtRules[].outputClaimToHeaders[]": "ClaimToHeader",
    "Telemetry.accessLogging[]": "AccessLogging",
    "Telemetry.accessLogging[].filter": "AccessLoggingFilter",
    "Telemetry.accessLogging[].match": "ModeMatch",
    "Telemetry.accessLogging[].providers[]": "ProviderRef",
    "Telemetry.metrics[]": "Metrics",
    "Telemetry.metrics[].overrides[]": "MetricsOverrides",
    "Telemetry.metrics[].overrides[].match": "MetricSelector",
    "Telemetry.metrics[].overrides[].tagOverrides{}": "TagOverride",
    "Telemetry.tracing[]": "Tracing",
    "Telemetry.tracing[].customTags{}": "CustomTag",
    "Telemetry.tracing[].customTags{}.environment": "NamedTag",
    "Telemetry.tracing[].customTags{}.formatter": "LiteralTag",
}

# How people write the fields; what is not named here follows in alphabetical order.
FIELD_ORDER = (
    "selector",
    "workloadSelector",
    "targetRef",
    "targetRefs",
    "name",
    "number",
    "protocol",
    "address",
    "hosts",
    "host",
    "subset",
    "addresses",
    "location",
    "resolution",
    "gateways",
    "priority",
    "action",
    "provider",
    "mtls",
    "portLevelMtls",
    "servers",
    "port",
    "ports",
    "bind",
    "captureMode",
    "ingress",
    "egress",
    "outboundTrafficPolicy",
    "match",
    "source",
    "from",
    "to",
    "when",
    "key",
    "operation",
    "uri",
    "exact",
    "prefix",
    "regex",
    "scheme",
    "method",
    "authority",
    "headers",
    "delegate",
    "redirect",
    "directResponse",
    "destination",
    "weight",
    "route",
    "rewrite",
    "timeout",
    "retries",
    "attempts",
    "perTryTimeout",
    "retryOn",
    "fault",
    "delay",
    "abort",
    "mirror",
    "mirrors",
    "mirrorPercentage",
    "percentage",
    "corsPolicy",
    "labels",
    "trafficPolicy",
    "subsets",
    "mode",
    "tls",
    "http",
    "tcp",
    "rules",
    "jwtRules",
    "issuer",
    "exportTo",
)

# Properties whose snake_case would collide or read badly.
ATTRIBUTES = {
    "mirror_percent": "mirror_percent_deprecated",
    "jwks_uri": "jwks_uri_deprecated",
    "from": "from_",
    "exec": "exec_",
    "string": "string_",
    "bytes": "bytes_",
}


def snake(name: str) -> str:
    """The attribute's name: `http1MaxPendingRequests` → `http1_max_pending_requests`, `mirror_percent` has a name of its own."""
    if name in ATTRIBUTES:
        return ATTRIBUTES[name]
    text = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name)
    text = re.sub(r"(?<=[a-z])(5xx)", r"_\1", text)
    return text.lower()


@dataclass
class Shape:
    """One struct to write."""

    name: str
    path: str
    schema: dict[str, Any]
    fields: list[str] = field(default_factory=list)


@dataclass
class Module:
    """One module to write."""

    name: str
    shapes: list[Shape] = field(default_factory=list)
    imports: set[str] = field(default_factory=set)


def bare(schema: Any) -> Any:
    """The schema without descriptions, to tell equal shapes."""
    if isinstance(schema, dict):
        return {key: bare(value) for key, value in schema.items() if key != "description"}
    return [bare(value) for value in schema] if isinstance(schema, list) else schema


def fingerprint(schema: dict[str, Any]) -> str:
    """Equal for equal shapes."""
    return json.dumps(bare(schema), sort_keys=True)


def spec_schema(crd: dict[str, Any]) -> dict[str, Any]:
    """The schema of `spec`, which is the same in all versions of a kind."""
    versions = [version["schema"]["openAPIV3Schema"]["properties"]["spec"] for version in crd["spec"]["versions"]]
    assert all(fingerprint(version) == fingerprint(versions[0]) for version in versions), "versions of a kind differ"
    result: dict[str, Any] = versions[0]
    return result


class Generator:
    """Walks the schemas and collects shapes; shapes seen in more than one kind go to `shared`."""

    def __init__(self, crds: list[dict[str, Any]]) -> None:
        self.crds = crds
        self.kinds_of: dict[str, set[str]] = {}
        self.first_path: dict[str, str] = {}
        for crd in crds:
            kind = crd["spec"]["names"]["kind"]
            self.survey(spec_schema(crd), kind, kind)
        self.modules: dict[str, Module] = {"shared": Module("shared")}
        self.done: dict[str, tuple[str, str]] = {}

    def survey(self, schema: dict[str, Any], path: str, kind: str) -> None:
        """Notes each shape's first path and the kinds that hold it."""
        if "properties" in schema:
            key = fingerprint(schema)
            self.kinds_of.setdefault(key, set()).add(kind)
            self.first_path.setdefault(key, path)
            for name, child in schema["properties"].items():
                self.survey(child, f"{path}.{name}", kind)
        elif schema.get("type") == "array":
            self.survey(schema["items"], path + "[]", kind)
        elif isinstance(schema.get("additionalProperties"), dict):
            self.survey(schema["additionalProperties"], path + "{}", kind)

    def name_of(self, schema: dict[str, Any]) -> str:
        """The struct's name."""
        path = self.first_path[fingerprint(schema)]
        return NAMES.get(path, path) if path != "WorkloadEntry" else "WorkloadEntry"

    def run(self) -> dict[str, str]:
        """Module name → source text."""
        for crd in self.crds:
            kind = crd["spec"]["names"]["kind"]
            module = self.modules.setdefault(snake(kind), Module(snake(kind)))
            name = self.struct(spec_schema(crd), module)
            if name not in (shape.name for shape in module.shapes):
                module.imports.add(name)
        return {name: self.text(module) for name, module in self.modules.items()}

    def struct(self, schema: dict[str, Any], asking: Module) -> str:
        """Makes sure that the struct exists, and imports it into the asking module; returns its name."""
        key = fingerprint(schema)
        if key not in self.done:
            shared = len(self.kinds_of[key]) > 1
            module = self.modules["shared"] if shared else asking
            name = self.name_of(schema)
            self.done[key] = (module.name, name)
            shape = Shape(name, self.first_path[key], schema)
            properties = sorted(
                schema["properties"], key=lambda p: (FIELD_ORDER.index(p) if p in FIELD_ORDER else len(FIELD_ORDER), p)
            )
            required = set(schema.get("required", ()))
            for prop in properties:
                shape.fields.append(self.field(prop, schema["properties"][prop], prop in required, module))
            module.shapes.append(shape)
        home, name = self.done[key]
        if home != asking.name:
            asking.imports.add(name)
        return name

    def field(self, name: str, schema: dict[str, Any], required: bool, module: Module) -> str:
        """One line of a struct."""
        kind = self.type_of(schema, module)
        return f"{snake(name)}: {kind}" if required else f"{snake(name)}: {kind} | None = None"

    def type_of(self, schema: dict[str, Any], module: Module) -> str:
        """The Python type of a schema, with its constraints."""
        if "properties" in schema:
            return self.struct(schema, module)
        match schema.get("type"):
            case "array":
                inner = f"tuple[{self.type_of(schema['items'], module)}, ...]"
                return constrained(inner, {"min_length": schema.get("minItems"), "max_length": schema.get("maxItems")})
            case "object" if isinstance(schema.get("additionalProperties"), dict):
                inner = f"dict[str, {self.type_of(schema['additionalProperties'], module)}]"
                return constrained(inner, {"min_length": schema.get("minProperties"), "max_length": schema.get("maxProperties")})
            case "object":
                return "FreeForm"
            case "boolean":
                return "bool"
            case "integer":
                return integer(schema)
            case "number":
                return constrained("float", {"ge": schema.get("minimum"), "le": schema.get("maximum")})
            case "string":
                return string(schema)
            case None if schema.get("x-kubernetes-int-or-string"):
                return "int | str"
            case other:
                raise AssertionError(f"a schema of type {other}: {bare(schema)}")

    def text(self, module: Module) -> str:
        """The module's source."""
        body = "\n\n".join(self.shape_text(shape) for shape in module.shapes)
        used = [
            name
            for name in ("Duration", "FreeForm", "IstioStruct", "exactly_one", "at_most_one")
            if re.search(rf"\b{name}\b", body)
        ]
        lines = [
            f'"""{module_doc(module.name)}',
            "",
            'Generated by tools/generate_istio.py: do not edit.\n"""',
            "",
            "from __future__ import annotations",
            "",
        ]
        typing_names = [name for name in ("Annotated", "Literal") if name + "[" in body]
        if typing_names:
            lines += [f"from typing import {', '.join(typing_names)}", ""]
        if "Meta(" in body:
            lines += ["from msgspec import Meta", ""]
        if module.imports:
            lines.append(f"from meshgen.istio.shared import {', '.join(sorted(module.imports))}")
        if used:
            lines.append(f"from meshgen.istio.struct import {', '.join(sorted(used))}")
        if module.imports:
            lines += ["", f"__all__ = {json.dumps(sorted(module.imports | {shape.name for shape in module.shapes}))}"]
        return "\n".join([*lines, "", "", body, ""])

    def shape_text(self, shape: Shape) -> str:
        """One struct's source."""
        renames = {snake(name): name for name in shape.schema["properties"] if snake(name) != name}
        path = shape.path.split(".", 1)
        where = f"`{path[0]}`" if len(path) == 1 else f"`spec.{path[1]}` of `{path[0]}`"
        options = f", rename={renames!r}" if renames else ""
        lines = [f"class {shape.name}(IstioStruct, frozen=True, kw_only=True{options}):", f'    """{where} (Istio API)."""', ""]
        lines += [f"    {line}" for line in shape.fields]
        checks = list(one_of(shape.schema))
        if checks:
            lines += [
                "",
                "    def __post_init__(self) -> None:",
                '        """Raises ValueError where fields exclude each other."""',
            ]
            lines += [
                f"        {'at_most_one' if optional else 'exactly_one'}(self, {', '.join(repr(name) for name in names)})"
                for names, optional in checks
            ]
        return "\n".join(lines) + "\n"


def one_of(schema: dict[str, Any]) -> list[tuple[list[str], bool]]:
    """The groups of fields of which at most one (True) or exactly one (False) may be given."""
    groups = []
    for entry in [schema, *schema.get("allOf", ())]:
        if "oneOf" in entry:
            names = [snake(option["required"][0]) for option in entry["oneOf"] if "required" in option]
            if len(names) > 1:
                groups.append((names, any("not" in option for option in entry["oneOf"])))
    return groups


def constrained(kind: str, limits: dict[str, Any]) -> str:
    """`Annotated[kind, Meta(...)]` where there are limits."""
    given = ", ".join(f"{key}={value!r}" for key, value in limits.items() if value is not None)
    return f"Annotated[{kind}, Meta({given})]" if given else kind


def integer(schema: dict[str, Any]) -> str:
    """An integer with its range; int32 and uint32 have theirs by format."""
    low, high = schema.get("minimum"), schema.get("maximum")
    if schema.get("format") == "int32":
        low, high = low if low is not None else -(2**31), high if high is not None else 2**31 - 1
    return constrained("int", {"ge": int(low) if low is not None else None, "le": int(high) if high is not None else None})


def string(schema: dict[str, Any]) -> str:
    """A string: an enumeration, a duration, or one with limits."""
    if "enum" in schema:
        return f"Literal[{', '.join(json.dumps(value) for value in schema['enum'])}]"
    rules = " ".join(rule["rule"] for rule in schema.get("x-kubernetes-validations", ()))
    if "duration(self)" in rules:
        return "Duration"
    return constrained(
        "str", {"min_length": schema.get("minLength"), "max_length": schema.get("maxLength"), "pattern": schema.get("pattern")}
    )


def module_doc(name: str) -> str:
    """The module's first line."""
    return (
        "Shapes that several kinds of Istio's API share."
        if name == "shared"
        else f"Istio's {name.replace('_', ' ')}, field for field."
    )


def main() -> int:
    """Writes the modules; with --check only says whether they are current."""
    crds = [crd for crd in yaml.load_all(CRDS.read_text(), yaml.CSafeLoader) if crd]
    stale = []
    for name, text in Generator(crds).run().items():
        target = OUT / f"{name}.py"
        formatted = text
        for command in (["check", "--fix", "--select", "I"], ["format"]):
            arguments = [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(target), "-"]
            formatted = subprocess.run(arguments, input=formatted, capture_output=True, text=True, check=True).stdout
        if target.exists() and target.read_text() == formatted:
            continue
        stale.append(target.name)
        if "--check" not in sys.argv:
            target.write_text(formatted)
    print("stale: " + ", ".join(stale) if stale else "current")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
