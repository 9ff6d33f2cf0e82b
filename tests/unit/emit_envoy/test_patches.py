"""EnvoyFilter operations that the recorded case does not have."""

from __future__ import annotations

import orjson
from small_proxies import CATALOG, CATALOG_SERVICE, WEBAPP, emitted, host, http_filters, listener, manager, names, numbers

from meshgen.emit.envoy.patch_values import merged, snake_case


def patch(apply_to: str, match: str, body: str) -> str:
    return f"""
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {{name: patch, namespace: shop}}
spec: {{configPatches: [{{applyTo: {apply_to}, match: {match}, patch: {body}}}]}}
---
"""


def outbound_filters(text: str) -> list[str]:
    snapshot, _ = emitted(CATALOG_SERVICE + text, WEBAPP)
    return [name.rpartition(".")[2] for name in http_filters(listener(snapshot, "0.0.0.0_8000")["filter_chains"][0])]


def beside(name: str) -> str:
    found = f"{{name: envoy.http_connection_manager, subFilter: {{name: {name}}}}}"
    return f"{{context: SIDECAR_OUTBOUND, listener: {{filterChain: {{filter: {found}}}}}}}"


TAP = "value: {name: x.tap, typedConfig: {'@type': t}}"


def test_a_filter_is_placed_before_after_first_last_and_in_another_ones_stead():
    cors = beside("envoy.filters.http.cors")
    anywhere = "{context: SIDECAR_OUTBOUND}"
    assert outbound_filters(patch("HTTP_FILTER", cors, f"{{operation: INSERT_BEFORE, {TAP}}}"))[2:4] == ["tap", "cors"]
    assert outbound_filters(patch("HTTP_FILTER", cors, f"{{operation: INSERT_AFTER, {TAP}}}"))[2:4] == ["cors", "tap"]
    assert outbound_filters(patch("HTTP_FILTER", anywhere, f"{{operation: INSERT_FIRST, {TAP}}}"))[0] == "tap"
    assert outbound_filters(patch("HTTP_FILTER", anywhere, f"{{operation: ADD, {TAP}}}"))[-1] == "tap"
    assert outbound_filters(patch("HTTP_FILTER", cors, f"{{operation: REPLACE, {TAP}}}"))[2] == "tap"


def test_a_filter_beside_one_that_is_not_there_is_not_placed():
    assert "tap" not in outbound_filters(
        patch("HTTP_FILTER", beside("envoy.filters.http.lua"), f"{{operation: INSERT_BEFORE, {TAP}}}")
    )


def test_an_inbound_patch_leaves_outbound_listeners_alone():
    assert "tap" not in outbound_filters(patch("HTTP_FILTER", "{context: SIDECAR_INBOUND}", f"{{operation: ADD, {TAP}}}"))


def test_a_patch_never_changes_what_other_proxies_get():
    text = CATALOG_SERVICE + patch(
        "HTTP_FILTER", beside("envoy.filters.http.cors"), "{operation: MERGE, value: {disabled: true}}"
    )
    before = orjson.dumps(emitted(CATALOG_SERVICE, WEBAPP)[0].listeners)
    assert b"disabled" in orjson.dumps(emitted(text, WEBAPP)[0].listeners)
    assert orjson.dumps(emitted(CATALOG_SERVICE, WEBAPP)[0].listeners) == before


def test_listeners_and_chains_are_added_and_removed():
    add = patch("LISTENER", "{context: SIDECAR_OUTBOUND}", "{operation: ADD, value: {name: own, trafficDirection: OUTBOUND}}")
    remove = patch("LISTENER", "{context: SIDECAR_OUTBOUND, listener: {portNumber: 8000}}", "{operation: REMOVE}")
    chain = patch(
        "FILTER_CHAIN",
        "{context: SIDECAR_INBOUND, listener: {name: virtualInbound, filterChain: {transportProtocol: raw_buffer}}}",
        "{operation: REMOVE}",
    )
    assert "own" in names(emitted(CATALOG_SERVICE + add, WEBAPP)[0])
    assert "0.0.0.0_8000" not in names(emitted(CATALOG_SERVICE + remove, WEBAPP)[0])
    inbound = listener(emitted(CATALOG_SERVICE + chain, CATALOG)[0], "virtualInbound")["filter_chains"]
    assert not any(found.get("filter_chain_match", {}).get("transport_protocol") == "raw_buffer" for found in inbound)


def test_a_route_is_inserted_before_the_one_that_is_named():
    vhost = "{name: 'catalog.shop.svc.cluster.local:8000', route: {name: default}}"
    match = f"{{context: SIDECAR_OUTBOUND, routeConfiguration: {{portNumber: 8000, vhost: {vhost}}}}}"
    text = patch(
        "HTTP_ROUTE",
        match,
        "{operation: INSERT_BEFORE, value: {name: own, match: {prefix: /own}, directResponse: {status: 418}}}",
    )
    found = host(emitted(CATALOG_SERVICE + text, WEBAPP)[0], "catalog.shop.svc.cluster.local:8000")["routes"]
    assert [(route["name"], "direct_response" in route) for route in found] == [("own", True), ("default", False)]


def test_a_patch_of_the_inbound_routes_reaches_those_inline_in_the_listener():
    match = "{context: SIDECAR_INBOUND, routeConfiguration: {portNumber: 8080}}"
    text = patch("VIRTUAL_HOST", match, "{operation: MERGE, value: {requireTls: ALL}}")
    chains = listener(emitted(CATALOG_SERVICE + text, CATALOG)[0], "virtualInbound")["filter_chains"]
    patched = [
        chain["filter_chain_match"].get("destination_port")
        for chain in chains
        if "http_connection_manager" in str(chain) and "require_tls" in str(manager(chain)["route_config"])
    ]
    assert patched == [8080, 8080]


def test_patches_without_a_place_in_stock_envoy_are_reported():
    bootstrap = patch("BOOTSTRAP", "{}", "{operation: REMOVE}")
    stats = patch("HTTP_FILTER", beside("istio.stats"), f"{{operation: INSERT_BEFORE, {TAP}}}").replace(
        "name: patch", "name: other"
    )
    _, diagnostics = emitted(CATALOG_SERVICE + bootstrap + stats, WEBAPP)
    assert [number for number in numbers(diagnostics) if number != "MG0902"] == ["MG0911", "MG0911"]


def test_lists_are_appended_or_replaced_and_messages_merged():
    base = {"a": [1], "m": {"x": 1, "y": 2}}
    assert merged(base, {"a": [2], "m": {"y": 3}}) == {"a": [1, 2], "m": {"x": 1, "y": 3}}
    assert merged(base, {"a": [2]}, replace_lists=True) == {"a": [2], "m": {"x": 1, "y": 2}}


def test_a_field_takes_the_place_of_the_one_that_excludes_it():
    assert merged({"cluster": "a", "timeout": "0s"}, {"weighted_clusters": {}}) == {"timeout": "0s", "weighted_clusters": {}}


def test_a_typed_configuration_of_another_type_is_replaced_whole():
    assert merged({"@type": "a", "x": 1}, {"@type": "b", "y": 1}) == {"@type": "b", "y": 1}


def test_keys_are_read_in_both_spellings_of_protobuf():
    assert snake_case({"typedConfig": {"statPrefix": 1}, "envoy.filters.http.cors": 2, "jsonFormat": {"aB": 1}}) == {
        "typed_config": {"stat_prefix": 1},
        "envoy.filters.http.cors": 2,
        "json_format": {"aB": 1},
    }
