"""Where MeshConfig comes from: the Mesh, else istiod's ConfigMap, else istiod's defaults."""

from __future__ import annotations

from lowered_mesh import lower_text

from meshgen.istio.mesh_config import MeshConfig

CONFIG_MAP = """
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    trustDomain: shop.example
    rootNamespace: mesh
    accessLogFile: null
    outboundTrafficPolicy: {mode: %s}
    extensionProviders:
    - name: ext
      envoyExtAuthzHttp: {service: ext.shop.svc.cluster.local, port: 80}
    defaultConfig: {discoveryAddress: "istiod.istio-system.svc:15012", concurrency: 4}
"""
MESH = """
---
apiVersion: meshgen/v1
kind: Mesh
metadata: {name: mesh}
spec: {trustDomain: other.example}
"""


def test_a_tree_without_a_mesh_has_the_mesh_config_of_its_config_map() -> None:
    result = lower_text(CONFIG_MAP % "REGISTRY_ONLY")
    lowered, found = result.lowered, result.diagnostics
    config = lowered.config
    assert found == ()
    assert (config.trust_domain, config.root_namespace, config.access_log_file) == ("shop.example", "mesh", "")
    assert config.outbound_traffic_policy.mode == "REGISTRY_ONLY"
    assert [provider.name for provider in config.extension_providers] == ["ext"]
    assert config.default_config.concurrency == 4


def test_a_mesh_decides_alone() -> None:
    lowered = lower_text(CONFIG_MAP % "REGISTRY_ONLY" + MESH).lowered
    assert lowered.config == MeshConfig(trust_domain="other.example")


def test_intents_beside_a_config_map_live_in_its_trust_domain() -> None:
    access = """
---
apiVersion: meshgen/v1
kind: Access
metadata: {name: callers, namespace: shop}
spec: {allow: [{from: [webapp]}]}
"""
    lowered = lower_text(CONFIG_MAP % "ALLOW_ANY" + access).lowered
    assert "shop.example/ns/shop/sa/webapp" in repr(lowered.objects)


def test_a_wrong_value_is_said_where_the_config_map_stands_and_the_defaults_hold() -> None:
    result = lower_text(CONFIG_MAP % "REGISTRYONLY")
    lowered, found = result.lowered, result.diagnostics
    assert [each.code.number for each in found] == ["MG0041"]
    assert "`mode` must be one of `ALLOW_ANY`, `ALLOW_ANY_DYNAMIC_DNS`, `REGISTRY_ONLY`, not `REGISTRYONLY`" in found[0].message
    assert found[0].origin.path == ("data", "mesh", "outboundTrafficPolicy", "mode")
    assert lowered.config == MeshConfig()


def test_an_installation_profile_says_a_part_of_mesh_config() -> None:
    mesh = MESH.replace("{trustDomain: other.example}", "{outbound: registryOnly, install: {profile: demo}}")
    lowered = lower_text(mesh).lowered
    assert lowered.config.access_log_file == "/dev/stdout"
    assert [provider.name for provider in lowered.config.extension_providers] == ["otel", "skywalking", "otel-tracing", "jaeger"]
    assert lowered.installation is not None
    assert lowered.installation.mesh_config == {"outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}}
