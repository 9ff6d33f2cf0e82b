"""Generates `meshgen/istio/mesh_*.py` and `helm_*.py`: MeshConfig, ProxyConfig, MeshNetworks, the values of Istio's Helm charts.

Usage:
    python tools/generate_mesh_config.py [--check]
    python tools/generate_mesh_config.py --read API ISTIO

The first form works from tests/data/mesh-api.json. The second reads the protos of the Go modules (directories) `istio.io/api`
and `istio.io/istio` into that file first. These messages are in no CRD; the file holds the names and types of their fields and
nothing else, for descriptions are not taken over.
"""

from __future__ import annotations

import json
import keyword
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "tests" / "data" / "mesh-api.json"
OUT = ROOT / "meshgen" / "istio"

Field = dict[str, Any]
Messages = dict[str, list[Field]]


@dataclass(frozen=True)
class Module:
    """One module to write: messages are those whose full name starts with one of the prefixes."""

    name: str
    title: str
    roots: tuple[str, ...]


MODULES = (
    Module(
        "mesh_proxy",
        "ProxyConfig: the settings of proxies, in MeshConfig's `defaultConfig`",
        (
            "ProxyConfig",
            "RemoteService",
            "Tracing",
            "SDS",
            "Topology",
            "PrivateKeyProvider",
        ),
    ),
    Module(
        "mesh_providers",
        "MeshConfig's extension providers: authorizers, tracers, access logs, metrics",
        ("MeshConfig.ExtensionProvider",),
    ),
    Module(
        "mesh_config",
        "MeshConfig: the settings of istiod, with istiod's defaults",
        (
            "MeshConfig",
            "LabelSelector",
            "LabelSelectorRequirement",
            "ServiceEntryVisibility",
            "ConfigSource",
            "Certificate",
        ),
    ),
    Module(
        "mesh_networks",
        "MeshNetworks: which network endpoints are in, and the gateways between networks",
        ("MeshNetworks", "Network"),
    ),
    Module(
        "helm_global",
        "What Istio's Helm values say under `global`",
        (
            "Values.GlobalConfig",
            "Values.ArchConfig",
            "Values.DefaultPodDisruptionBudgetConfig",
            "Values.DefaultResourcesConfig",
            "Values.ResourcesRequestsConfig",
            "Values.MultiClusterConfig",
            "Values.ProxyConfig",
            "Values.StartupProbe",
            "Values.ProxyInitConfig",
            "Values.SDSConfig",
            "Values.TracerConfig",
            "Values.TracerDatadogConfig",
            "Values.TracerLightStepConfig",
            "Values.TracerZipkinConfig",
            "Values.TracerStackdriverConfig",
            "Values.IstiodConfig",
            "Values.STSConfig",
            "Values.WaypointConfig",
            "Values.NetworkPolicyConfig",
            "Values.Agentgateway",
            "Values.ReaderServiceAccount",
        ),
    ),
    Module(
        "helm_gateways",
        "What Istio's Helm values say of gateways and of the CNI plugin",
        (
            "Values.GatewaysConfig",
            "Values.IngressGatewayConfig",
            "Values.EgressGatewayConfig",
            "Values.SecretVolume",
            "Values.ServiceAccount",
            "Values.PortsConfig",
            "Values.TargetUtilizationConfig",
            "Values.Resources",
            "Values.GlobalLoggingConfig",
            "Values.CNIConfig",
            "Values.CNIAmbientConfig",
            "Values.CNIRepairConfig",
            "Values.ResourceQuotas",
        ),
    ),
    Module("helm_values", "The values of Istio's Helm charts, as IstioOperator's `values` has them too", ("Values",)),
)

# Python names where the message's own would be taken or say too little.
NAMES = {
    "ProxyConfig": "ProxySettings",
    "Topology": "GatewayTopology",
    "MeshConfig.ProxyPathNormalization": "PathNormalization",
    "MeshConfig.CertificateData": "CertificateData",
    "MeshConfig.ServiceSettings.Settings": "ServiceSetting",
    "MeshConfig.ExtensionProvider": "ExtensionProvider",
    "MeshConfig.ExtensionProvider.EnvoyFileAccessLogProvider.LogFormat": "FileLogFormat",
    "MeshConfig.ExtensionProvider.EnvoyOpenTelemetryLogProvider.LogFormat": "OpenTelemetryLogFormat",
    "MeshConfig.ExtensionProvider.StackdriverProvider.Logging": "StackdriverLogging",
    "ServiceEntryVisibility.Policy": "VisibilityPolicy",
    "ServiceEntryVisibility.MatchRule": "VisibilityMatch",
    "ProxyConfig.ProxyHeaders.Server": "ServerHeader",
    "ProxyConfig.ProxyHeaders.RequestId": "RequestIdHeader",
    "ProxyConfig.ProxyHeaders.AttemptCount": "AttemptCountHeader",
    "Tracing.Literal": "TagLiteral",
    "Tracing.Environment": "TagEnvironment",
    "Tracing.RequestHeader": "TagRequestHeader",
    "Network.IstioNetworkGateway": "NetworkGateway",
    "Values": "HelmValues",
    "Values.ProxyConfig": "ProxyValues",
}
NAMES |= {
    f"Values.{name}": f"{name.removesuffix('Config')}Values"
    for name in (
        "CNIConfig",
        "GlobalConfig",
        "PilotConfig",
        "GatewaysConfig",
        "BaseConfig",
        "TelemetryConfig",
        "SidecarInjectorConfig",
    )
}

# Messages of Istio's API that the generated modules of the CRDs have.
IMPORTED = {
    "ConnectionPoolSettings.TCPSettings.TcpKeepalive": ("shared", "TcpKeepalive"),
    "ClientTLSSettings": ("destination_rule", "ClientTLSSettings"),
    "ConnectionPoolSettings": ("destination_rule", "ConnectionPoolSettings"),
    "OutlierDetection": ("destination_rule", "OutlierDetection"),
    "LocalityLoadBalancerSetting": ("destination_rule", "LocalityLoadBalancerSetting"),
    "ZoneAwareLoadBalancerSetting": ("destination_rule", "ZoneAwareLoadBalancerSetting"),
    "HTTPRetry": ("virtual_service", "HTTPRetry"),
    "ReadinessProbe": ("workload_group", "ReadinessProbe"),
    "ProxyImage": ("proxy_config", "ProxyImage"),
}

# istiod's defaults (`pkg/config/mesh/mesh.go`). `serviceCluster`, `istio-proxy`, is left out: it excludes `tracingServiceName`.
# The three built-in extension providers are in `mesh_defaults.py`: others are added to them.
DEFAULTS = {
    "MeshConfig": {
        "trustDomain": '"cluster.local"',
        "trustDomainAliases": "()",
        "rootNamespace": '"istio-system"',
        "proxyListenPort": "15001",
        "proxyInboundListenPort": "15006",
        "proxyHttpPort": "0",
        "connectTimeout": '"10s"',
        "protocolDetectionTimeout": '"0s"',
        "dnsRefreshRate": '"60s"',
        "ingressClass": '"istio"',
        "ingressService": '"istio-ingressgateway"',
        "ingressControllerMode": '"STRICT"',
        "enableTracing": "True",
        "accessLogFile": '""',
        "accessLogFormat": '""',
        "accessLogEncoding": '"TEXT"',
        "enableEnvoyAccessLogService": "False",
        "disableEnvoyListenerLog": "False",
        "defaultConfig": "ProxySettings()",
        "outboundTrafficPolicy": "OutboundTrafficPolicy()",
        "inboundTrafficPolicy": "InboundTrafficPolicy()",
        "enableAutoMtls": "True",
        "enablePrometheusMerge": "True",
        "localityLbSetting": "LocalityLoadBalancerSetting(enabled=True)",
        "h2UpgradePolicy": '"DO_NOT_UPGRADE"',
        "pathNormalization": "PathNormalization()",
        "defaultServiceExportTo": '("*",)',
        "defaultVirtualServiceExportTo": '("*",)',
        "defaultDestinationRuleExportTo": '("*",)',
        "extensionProviders": "()",
        "defaultProviders": "DefaultProviders()",
        "inboundClusterStatName": '""',
        "outboundClusterStatName": '""',
    },
    "MeshConfig.OutboundTrafficPolicy": {"mode": '"ALLOW_ANY"'},
    "MeshConfig.InboundTrafficPolicy": {"mode": '"PASSTHROUGH"'},
    "MeshConfig.ProxyPathNormalization": {"normalization": '"DEFAULT"'},
    "ProxyConfig": {
        "configPath": '"./etc/istio/proxy"',
        "binaryPath": '"/usr/local/bin/envoy"',
        "drainDuration": '"45s"',
        "terminationDrainDuration": '"5s"',
        "proxyAdminPort": "15000",
        "controlPlaneAuthPolicy": '"MUTUAL_TLS"',
        "discoveryAddress": '"istiod.istio-system.svc:15012"',
        "statNameLength": "189",
        "statusPort": "15020",
        "gatewayTopology": "GatewayTopology()",
        "proxyMetadata": "field(default_factory=dict)",
    },
    "Topology": {"numTrustedProxies": "0", "forwardClientCertDetails": '"UNDEFINED"'},
}
# What Istio's validation or the meaning of a field asks for beside its type.
REQUIRED = {"MeshConfig.ExtensionProvider": ("name",)}
LEAST = {"ProxyConfig.concurrency": 0}
CHOICES = {
    "LabelSelectorRequirement.operator": ["In", "NotIn", "Exists", "DoesNotExist"],
    "Values.ProxyConfig.autoInject": ["enabled", "disabled"],
}
EXACTLY_ONE = {"MeshConfig.ExtensionProvider": "provider"}

_LINE = re.compile(
    r"(?:(?P<close>\})|(?P<open>message|enum|oneof)\s+(?P<name>\w+)\s*\{|(?P<reserved>reserved|option|import|syntax|package)\b[^;]*;"
    r"|(?P<label>repeated\s+|optional\s+)?(?P<type>map\s*<\s*string\s*,\s*[\w.]+\s*>|[\w.]+)\s+(?P<field>\w+)\s*=\s*\d+\s*(?P<options>\[[^\]]*\])?\s*;"
    r"|(?P<value>\w+)\s*=\s*-?\d+\s*(?:\[[^\]]*\])?\s*;)"
)
_SCALARS = {
    "string": "string",
    "bool": "bool",
    "int32": "int32",
    "uint32": "uint32",
    "int64": "int64",
    "double": "double",
    "google.protobuf.Duration": "duration",
    "google.protobuf.Struct": "struct",
    "google.protobuf.Value": "value",
    "google.protobuf.BoolValue": "bool",
    "google.protobuf.Int32Value": "int32",
    "google.protobuf.Int64Value": "int64",
    "google.protobuf.StringValue": "string",
}


def json_name(name: str) -> str:
    """The JSON name that protobuf gives a field: `mesh_mTLS` is `meshMTLS`."""
    return re.sub(r"_(\w)", lambda match: match[1].upper(), name)


def read_proto(text: str, messages: Messages, enums: dict[str, list[str]], prefix: str = "") -> None:
    """Collects messages and enums with their full names; types are resolved later."""
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL)
    stack: list[tuple[str, str]] = []  # kind and full name
    for match in _LINE.finditer(text):
        scope = next((name for kind, name in reversed(stack) if kind != "oneof"), prefix)
        if match["close"]:
            if stack:
                stack.pop()
        elif match["open"]:
            full = f"{scope}.{match['name']}" if scope else match["name"]
            stack.append((match["open"], match["name"] if match["open"] == "oneof" else full))
            if match["open"] != "oneof":
                (messages if match["open"] == "message" else enums)[full] = []
        elif match["field"] and stack and stack[-1][0] != "enum":
            messages[scope].append(field_of(match, stack))
        elif match["value"] and stack and stack[-1][0] == "enum":
            enums[stack[-1][1]].append(match["value"])


def field_of(match: re.Match[str], stack: list[tuple[str, str]]) -> Field:
    """One field as the JSON file has it, its type as written."""
    options = match["options"] or ""
    named = re.search(r'json_name\s*=\s*"([^"]+)"', options)
    found: Field = {"name": named[1] if named else json_name(match["field"]), "type": match["type"]}
    held = re.fullmatch(r"map\s*<\s*string\s*,\s*([\w.]+)\s*>", match["type"])
    if held:
        found |= {"type": held[1], "map": True}
    if (match["label"] or "").startswith("repeated"):
        found["repeated"] = True
    if stack[-1][0] == "oneof":
        found["oneof"] = stack[-1][1]
    if "deprecated" in options:
        found["deprecated"] = True
    return found


def resolve(messages: Messages, enums: dict[str, list[str]]) -> None:
    """Types by what they are: a scalar, a message by its full name, an enumeration by its values."""
    for owner, fields in messages.items():
        for each in fields:
            written = each["type"]
            if written in _SCALARS:
                each["type"] = _SCALARS[written]
                continue
            short = re.sub(r"^(istio\.)?(networking|mesh)\.v1(alpha3|beta1|alpha1)\.", "", written)
            parts = owner.split(".")
            scopes = [".".join([*parts[:end], short]) for end in range(len(parts), -1, -1)]
            found = next((scope for scope in scopes if scope in messages or scope in enums), short)
            if found in enums:
                each["type"], each["values"] = "enum", enums[found]
            elif found in messages or short in IMPORTED:
                each["type"], each["message"] = "message", found
            else:
                raise SystemExit(f"{owner}.{each['name']}: unknown type {written}")


def reachable(messages: Messages, root: str, seen: set[str]) -> None:
    """The messages that a message holds."""
    if root in messages and root not in seen:
        seen.add(root)
        for each in messages[root]:
            if "message" in each:
                reachable(messages, each["message"], seen)


def read(api: Path, istio: Path) -> str:
    """The content of tests/data/mesh-api.json, from the protos of two Go modules."""
    messages: Messages = {}
    enums: dict[str, list[str]] = {}
    for name in ("config", "proxy", "network"):
        read_proto((api / "mesh" / "v1alpha1" / f"{name}.proto").read_text(), messages, enums)
    read_proto((istio / "operator" / "pkg" / "apis" / "values_types.proto").read_text(), messages, enums, prefix="Values")
    messages["Values"] = messages.pop("Values.Values")
    resolve(messages, enums)
    kept: set[str] = set()
    for root in ("MeshConfig", "MeshNetworks", "Values"):
        reachable(messages, root, kept)
    versions = [path.resolve().name for path in (api, istio)]
    held = ",\n".join(
        f" {json.dumps(name)}: [\n" + ",\n".join(f"  {json.dumps(each)}" for each in messages[name]) + "\n ]"
        for name in sorted(kept)
    )
    return f'{{"read from": {json.dumps(versions)},\n"messages": {{\n{held}\n}}}}\n'


def snake(name: str) -> str:
    """A Python field name: `meshMTLS` is `mesh_mtls`, `http2MaxStreams` is `http2_max_streams`."""
    name = re.sub(r"[^A-Za-z0-9]", "_", name)
    found = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)).lower()
    return f"{found}_" if keyword.iskeyword(found) else found


class Writer:
    """Writes the modules."""

    def __init__(self, messages: Messages) -> None:
        self.messages = messages
        self.home = {name: self._home(name) for name in messages}

    def _home(self, name: str) -> str:
        roots = [(len(root), module.name) for module in MODULES for root in module.roots if f"{name}.".startswith(f"{root}.")]
        return max(roots)[1]

    def name_of(self, message: str) -> str:
        """The struct's name."""
        return NAMES.get(message, message.rpartition(".")[2])

    def text(self, module: Module) -> str:
        """The module's source."""
        own = [name for name in self.messages if self.home[name] == module.name]
        ordered: list[str] = []
        for name in own:
            self._order(name, module.name, ordered)
        imports: dict[str, set[str]] = {}
        body = "\n\n".join(self._struct(name, module.name, imports) for name in ordered)
        for word in ("Duration", "FreeForm", "IstioStruct", "at_most_one", "exactly_one", "DurationOrZero"):
            if re.search(rf"\b{word}\b", body):
                imports.setdefault("struct", set()).add(word)
        typing = [name for name in ("Annotated", "Any", "Literal") if re.search(rf"\b{name}\b", body)]
        lines = [f'"""{module.title}.', "", "Generated by tools/generate_mesh_config.py: do not edit.\n" + '"""', ""]
        lines += ["from __future__ import annotations", ""]
        lines += [f"from typing import {', '.join(typing)}", ""] if typing else []
        words = [word for word in ("Meta", "field") if f"{word}(" in body]
        lines += [f"from msgspec import {', '.join(words)}", ""] if words else []
        lines += [f"from meshgen.istio.{home} import {', '.join(sorted(names))}" for home, names in sorted(imports.items())]
        return "\n".join([*lines, "", "", body])

    def _order(self, name: str, home: str, ordered: list[str]) -> None:
        """Messages after those that they hold: defaults are built of them."""
        if self.home.get(name) != home or name in ordered:
            return
        for each in self.messages[name]:
            if "message" in each and each["message"] != name:
                self._order(each["message"], home, ordered)
        ordered.append(name)

    def _struct(self, name: str, home: str, imports: dict[str, set[str]]) -> str:
        fields = self.messages[name]
        renames = {snake(each["name"]): each["name"] for each in fields if snake(each["name"]) != each["name"]}
        options = f", rename={renames!r}" if renames else ""
        lines = [f"class {self.name_of(name)}(IstioStruct, frozen=True, kw_only=True{options}):"]
        lines += [f'    """`{name}` ({"Istio Helm charts" if name.startswith("Values") else "Istio API"})."""', ""]
        lines += [f"    {self._field(name, each, home, imports)}" for each in fields]
        groups: dict[str, list[str]] = {}
        for each in fields:
            if "oneof" in each:
                groups.setdefault(each["oneof"], []).append(snake(each["name"]))
        checks = {group: names for group, names in groups.items() if len(names) > 1}
        if checks:
            lines += [
                "",
                "    def __post_init__(self) -> None:",
                '        """Raises ValueError where fields exclude each other."""',
            ]
            for group, names in checks.items():
                check = "exactly_one" if EXACTLY_ONE.get(name) == group else "at_most_one"
                lines.append(f"        {check}(self, {', '.join(repr(each) for each in names)})")
        return "\n".join(lines) + "\n"

    def _field(self, owner: str, each: Field, home: str, imports: dict[str, set[str]]) -> str:
        kind = self._type(owner, each, home, imports)
        if each.get("repeated"):
            kind = f"tuple[{kind}, ...]"
        if each.get("map"):
            kind = f"dict[str, {kind}]"
        name = snake(each["name"])
        if each["name"] in REQUIRED.get(owner, ()):
            return f"{name}: {kind}"
        default = DEFAULTS.get(owner, {}).get(each["name"])
        return f"{name}: {kind} | None = None" if default is None else f"{name}: {kind} = {default}"

    def _type(self, owner: str, each: Field, home: str, imports: dict[str, set[str]]) -> str:
        choices = CHOICES.get(f"{owner}.{each['name']}", each.get("values"))
        if choices:
            return f"Literal[{', '.join(json.dumps(value) for value in choices)}]"
        if each["type"] == "message":
            message = each["message"]
            if message in IMPORTED and message not in self.messages:
                module, name = IMPORTED[message]
                imports.setdefault(module, set()).add(name)
                return name
            if message == "Values.IntOrString":
                return "int | str"
            if self.home[message] != home:
                imports.setdefault(self.home[message], set()).add(self.name_of(message))
            return self.name_of(message)
        low, high = {"int32": (-(2**31), 2**31 - 1), "uint32": (0, 2**32 - 1)}.get(each["type"], (0, 0))
        low = LEAST.get(f"{owner}.{each['name']}", low)
        if high:
            return f"Annotated[int, Meta(ge={low}, le={high})]"
        return {
            "string": "str",
            "bool": "bool",
            "int64": "int",
            "double": "float",
            "duration": "DurationOrZero",
            "struct": "FreeForm",
            "value": "Any",
        }[each["type"]]


def formatted(text: str, name: str) -> str:
    """The text as ruff formats it."""
    run = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(OUT / f"{name}.py"), "-"]
    return subprocess.run(run, input=text, capture_output=True, text=True, check=True, cwd=ROOT).stdout


def main() -> int:
    """Writes the modules, or with --check says whether they are as they would be written."""
    if "--read" in sys.argv:
        api, istio = sys.argv[sys.argv.index("--read") + 1 :][:2]
        DATA.write_text(read(Path(api), Path(istio)))
    messages = json.loads(DATA.read_text())["messages"]
    messages.pop("Values.IntOrString", None)
    writer = Writer(messages)
    stale = []
    for module in MODULES:
        text = formatted(writer.text(module), module.name)
        path = OUT / f"{module.name}.py"
        if not path.exists() or path.read_text() != text:
            stale.append(path.name)
            if "--check" not in sys.argv:
                path.write_text(text)
    if stale and "--check" in sys.argv:
        print(f"not as generated: {', '.join(stale)}; run tools/generate_mesh_config.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
