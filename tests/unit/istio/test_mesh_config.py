"""MeshConfig, MeshNetworks and Helm values: every field of Istio's protos is known, and istiod's defaults are ours."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from meshgen.diagnostics import Diagnostic, Origin
from meshgen.diagnostics.catalogue.admission import DEPRECATED_FORM
from meshgen.intent.decode import IntentObject
from meshgen.intent.mesh import Mesh
from meshgen.istio.helm_values import HelmValues
from meshgen.istio.mesh_config import MeshConfig
from meshgen.istio.mesh_defaults import beyond_defaults, in_full, known_providers
from meshgen.istio.mesh_networks import MeshNetworks
from meshgen.lower.mesh.config import mesh_settings

ROOT = Path(__file__).parents[3]
MESSAGES: dict[str, list[dict[str, Any]]] = json.loads((ROOT / "tests" / "data" / "mesh-api.json").read_text())["messages"]
_VALUES: dict[str, Any] = {
    "string": "text",
    "bool": True,
    "int32": 7,
    "uint32": 7,
    "int64": 7,
    "double": 0.5,
    "duration": "7s",
    "struct": {"a": 1},
    "value": "x",
}
# Messages of the CRDs, which have tests of their own: one value each.
_OF_CRDS: dict[str, Any] = {
    "ConnectionPoolSettings.TCPSettings.TcpKeepalive": {"probes": 3},
    "ClientTLSSettings": {"mode": "SIMPLE"},
    "ConnectionPoolSettings": {"tcp": {"maxConnections": 1}},
    "OutlierDetection": {"interval": "5s"},
    "LocalityLoadBalancerSetting": {"enabled": False},
    "ZoneAwareLoadBalancerSetting": {"enabled": True},
    "HTTPRetry": {"attempts": 3},
    "ReadinessProbe": {"tcpSocket": {"port": 80}},
    "ProxyImage": {"imageType": "debug"},
}


def leaves(message: str, seen: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """One document for each leaf field of a message: its path, and the smallest value that gives it."""
    for field in MESSAGES[message]:
        for path, value in _values(field, (*seen, message)):
            name = f"{field['name']}{path}"
            given = [value] if field.get("repeated") else {"key": value} if field.get("map") else value
            document = {field["name"]: given}
            if message == "MeshConfig.ExtensionProvider":
                document = {"name": "p", "prometheus": {}} if field["name"] == "name" else {"name": "p", **document}
            if message == "LabelSelectorRequirement" and field["name"] == "operator":
                document = {"operator": "In"}
            yield name, document


def _values(field: dict[str, Any], seen: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    held = field.get("message")
    if held == "Values.IntOrString":
        yield "", "25%"
    elif held in _OF_CRDS:
        yield "", _OF_CRDS[held]
    elif held is not None and (held in seen or not MESSAGES[held]):
        yield "", {}
    elif held is not None:
        yield from ((f".{path}", value) for path, value in leaves(held, seen))
    elif field["name"] == "autoInject":
        yield "", "enabled"
    else:
        yield "", field["values"][-1] if "values" in field else _VALUES[field["type"]]


@pytest.mark.parametrize(
    ("message", "kind", "least"),
    [("MeshConfig", MeshConfig, 250), ("MeshNetworks", MeshNetworks, 6), ("Values", HelmValues, 300)],
)
def test_every_leaf_of_the_proto_is_read_and_kept(message: str, kind: type[msgspec.Struct], least: int) -> None:
    cases = list(leaves(message))
    assert len(cases) >= least
    for path, document in cases:
        value = msgspec.convert(document, kind)
        given = in_full(value) if kind is MeshConfig else msgspec.to_builtins(value)
        assert _holds(json.loads(json.dumps(given)), document), path


def _holds(whole: object, part: object) -> bool:
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and _holds(whole[key], value) for key, value in part.items())
    if isinstance(part, list):
        return isinstance(whole, list) and len(whole) == len(part) and all(map(_holds, whole, part))
    return bool(whole == part)


def test_the_types_are_as_the_generator_writes_them() -> None:
    run = [sys.executable, "tools/generate_mesh_config.py", "--check"]
    result = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_the_defaults_are_those_of_istiod() -> None:
    """`DefaultMeshConfig` and `DefaultProxyConfig` of Istio's `pkg/config/mesh/mesh.go`."""
    given = json.loads(json.dumps(in_full(MeshConfig())))
    proxy = given.pop("defaultConfig")
    assert {key: value for key, value in given.items() if value not in ("", 0, False, [], {})} == {
        "enableTracing": True,
        "accessLogEncoding": "TEXT",
        "protocolDetectionTimeout": "0s",
        "ingressService": "istio-ingressgateway",
        "ingressControllerMode": "STRICT",
        "ingressClass": "istio",
        "trustDomain": "cluster.local",
        "enableAutoMtls": True,
        "outboundTrafficPolicy": {"mode": "ALLOW_ANY"},
        "inboundTrafficPolicy": {"mode": "PASSTHROUGH"},
        "localityLbSetting": {"enabled": True},
        "rootNamespace": "istio-system",
        "proxyListenPort": 15001,
        "proxyInboundListenPort": 15006,
        "connectTimeout": "10s",
        "defaultServiceExportTo": ["*"],
        "defaultVirtualServiceExportTo": ["*"],
        "defaultDestinationRuleExportTo": ["*"],
        "dnsRefreshRate": "60s",
        "enablePrometheusMerge": True,
        "h2UpgradePolicy": "DO_NOT_UPGRADE",
        "pathNormalization": {"normalization": "DEFAULT"},
    }
    assert proxy == {
        "configPath": "./etc/istio/proxy",
        "binaryPath": "/usr/local/bin/envoy",
        "drainDuration": "45s",
        "terminationDrainDuration": "5s",
        "proxyAdminPort": 15000,
        "controlPlaneAuthPolicy": "MUTUAL_TLS",
        "discoveryAddress": "istiod.istio-system.svc:15012",
        "statNameLength": 189,
        "statusPort": 15020,
        "proxyMetadata": {},
        "gatewayTopology": {"numTrustedProxies": 0, "forwardClientCertDetails": "UNDEFINED"},
    }
    assert known_providers(MeshConfig()) == {"prometheus", "stackdriver", "envoy"}


def test_what_a_configuration_says_is_what_the_defaults_do_not() -> None:
    said = {"trustDomain": "shop.example", "defaultConfig": {"concurrency": 2, "gatewayTopology": {"numTrustedProxies": 1}}}
    config = msgspec.convert({**said, "rootNamespace": "istio-system", "accessLogFile": ""}, MeshConfig)
    assert beyond_defaults(config) == said


def test_every_leaf_of_mesh_config_can_be_said_in_a_mesh() -> None:
    """By `config`, whose values are checked; most have a word of the Mesh's own besides."""
    for path, document in leaves("MeshConfig"):
        report: list[Diagnostic] = []
        mesh = IntentObject(Mesh("mesh", config=document), Origin("mesh.yaml"))
        settings = mesh_settings(mesh, (), report)
        wrong = [each for each in report if each.code is not DEPRECATED_FORM]
        assert (wrong, settings.said) == ([], document), path
