"""Lua and WebAssembly in their slots; access logs and tracing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from small_proxies import CATALOG, CATALOG_SERVICE, WEBAPP, Json, emitted, http_filters, listener, manager, numbers

from meshgen.diagnostics import Diagnostic
from meshgen.envoy_version import EnvoyVersion

LUA = """
apiVersion: extensions.istio.io/v1alpha1
kind: TrafficExtension
metadata: {{name: {name}, namespace: shop}}
spec: {{phase: {phase}, priority: {priority}, lua: {{inlineCode: "function envoy_on_request(h) end"}}}}
---
"""
JWT = """
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: jwt, namespace: shop}
spec: {jwtRules: [{issuer: me, jwks: '{"keys": []}'}]}
---
"""


def inbound(text: str) -> tuple[Json, tuple[Diagnostic, ...]]:
    snapshot, diagnostics = emitted(CATALOG_SERVICE + text, CATALOG)
    chains = listener(snapshot, "virtualInbound")["filter_chains"]
    return next(chain for chain in chains if chain.get("filter_chain_match", {}).get("destination_port") == 8080), diagnostics


def test_extensions_stand_in_their_phase_and_by_priority():
    text = JWT + LUA.format(name="late", phase="AUTHZ", priority=1) + LUA.format(name="early", phase="AUTHZ", priority=9)
    text += LUA.format(name="first", phase="AUTHN", priority=0)
    chain, _ = inbound(text)
    assert http_filters(chain)[:4] == ["shop.first", "envoy.filters.http.jwt_authn", "shop.early", "shop.late"]


@pytest.mark.parametrize(("url", "present"), [("file:///opt/f.wasm", True), ("oci://registry/f:1", False)])
def test_a_module_is_run_from_a_file_and_reported_elsewhere(url: str, present: bool):
    text = f"""
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {{name: guard, namespace: shop}}
spec: {{url: '{url}', pluginConfig: {{a: 1}}, failStrategy: FAIL_OPEN}}
---
"""
    chain, diagnostics = inbound(text)
    assert ("shop.guard" in http_filters(chain)) is present
    assert ("MG0910" in numbers(diagnostics)) is not present


def test_an_extension_may_ask_for_one_port_and_one_side():
    text = LUA.format(name="one", phase="STATS", priority=0).replace(
        "spec: {", "spec: {match: [{mode: SERVER, ports: [{number: 9}]}], "
    )
    chain, _ = inbound(text)
    assert "shop.one" not in http_filters(chain)


@pytest.mark.parametrize("encoding", ["TEXT", "JSON"])
def test_the_mesh_wide_access_log_is_on_managers_proxies_and_listeners(encoding: str):
    config = f"{{accessLogFile: /dev/stdout, accessLogEncoding: {encoding}}}"
    snapshot, _ = emitted(CATALOG_SERVICE, WEBAPP, config)
    (log,) = manager(listener(snapshot, "0.0.0.0_8000")["filter_chains"][0])["access_log"]
    written = log["typed_config"]["log_format"]
    assert ("json_format" in written) is (encoding == "JSON")
    (unmatched,) = listener(snapshot, "virtualOutbound")["access_log"]
    assert unmatched["filter"] == {"response_flag_filter": {"flags": ["NR"]}}


def test_a_tracer_names_its_cluster_and_spans_are_named_after_the_destination():
    config = "{extensionProviders: [{name: otel, opentelemetry: {service: shop/catalog, port: 8000}}]}"
    telemetry = """
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: all, namespace: istio-system}
spec: {tracing: [{providers: [{name: otel}], randomSamplingPercentage: 25}]}
---
"""
    snapshot, _ = emitted(CATALOG_SERVICE + telemetry, WEBAPP, config)
    block = manager(listener(snapshot, "0.0.0.0_8000")["filter_chains"][0])["tracing"]
    service = block["provider"]["typed_config"]["grpc_service"]["envoy_grpc"]
    assert service["cluster_name"] == "outbound|8000||catalog.shop.svc.cluster.local"
    assert block["random_sampling"] == {"value": 25.0}
    assert "catalog.shop.svc.cluster.local:8000/*" in str(snapshot.routes)


def test_the_request_id_decides_what_is_traced_unless_telemetry_says_otherwise():
    telemetry = """
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: all, namespace: shop}
spec: {tracing: [{match: {mode: CLIENT}, useRequestIdForTraceSampling: false, disableContextPropagation: true}]}
---
"""
    snapshot, diagnostics = emitted(CATALOG_SERVICE + telemetry, WEBAPP)
    extension = manager(listener(snapshot, "0.0.0.0_8000")["filter_chains"][0])["request_id_extension"]
    assert extension["typed_config"]["use_request_id_for_trace_sampling"] is False
    served = manager(inbound(telemetry)[0])["request_id_extension"]
    assert served["typed_config"]["use_request_id_for_trace_sampling"] is True
    assert diagnostics == ()
    _, old = emitted(CATALOG_SERVICE + telemetry, replace(WEBAPP, envoy_version=EnvoyVersion(1, 37)))
    assert "MG0906" in numbers(old)


def test_providers_of_other_kinds_are_reported():
    config = (
        "{extensionProviders: [{name: als, envoyHttpAls: {service: a, port: 1}}, {name: dd, datadog: {service: b, port: 2}}]}"
    )
    telemetry = """
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: all, namespace: shop}
spec: {tracing: [{providers: [{name: dd}]}], accessLogging: [{providers: [{name: als}]}], metrics: [{}]}
---
"""
    _, diagnostics = emitted(CATALOG_SERVICE + telemetry, WEBAPP, config)
    assert [found.origin.path[1] for found in diagnostics if found.code.number == "MG0906"] == [
        "accessLogging",
        "metrics",
        "tracing",
    ]


def test_the_default_providers_of_the_mesh_are_carried_over():
    config = (
        "{extensionProviders: [{name: otel, opentelemetry: {service: shop/catalog, port: 8000}},"
        " {name: short, envoyFileAccessLog: {path: /dev/stderr, logFormat: {text: '%PROTOCOL%'}}}],"
        " defaultProviders: {tracing: [otel], accessLogging: [short]}}"
    )
    snapshot, _ = emitted(CATALOG_SERVICE, WEBAPP, config)
    found = manager(listener(snapshot, "0.0.0.0_8000")["filter_chains"][0])
    assert found["tracing"]["provider"]["name"] == "envoy.tracers.opentelemetry"
    assert [log["typed_config"]["path"] for log in found["access_log"]] == ["/dev/stderr"]
    telemetry = """
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: all, namespace: shop}
spec: {accessLogging: [{filter: {expression: response.code >= 400}}]}
---
"""
    snapshot, _ = emitted(CATALOG_SERVICE + telemetry, WEBAPP, config)
    (log,) = manager(listener(snapshot, "0.0.0.0_8000")["filter_chains"][0])["access_log"]
    assert "extension_filter" in log["filter"]
