"""Patches in Istio's words, as istiod reads them."""

import msgspec

from meshgen.istio.shared import WorkloadSelector
from meshgen.lower import envoy_patches as patches
from meshgen.lower.envoy_patches import Table, Where


def test_a_filter_stands_before_the_router_on_a_port() -> None:
    patch = patches.insert_http_filter(Where(context="SIDECAR_INBOUND", port=8080), {"name": "one"})
    assert msgspec.to_builtins(patch) == {
        "applyTo": "HTTP_FILTER",
        "match": {
            "context": "SIDECAR_INBOUND",
            "listener": {
                "portNumber": 8080,
                "filterChain": {
                    "filter": {
                        "name": "envoy.filters.network.http_connection_manager",
                        "subFilter": {"name": "envoy.filters.http.router"},
                    }
                },
            },
        },
        "patch": {"operation": "INSERT_BEFORE", "value": {"name": "one"}},
    }


def test_a_patch_is_for_the_proxies_that_it_was_written_for() -> None:
    where = Where(context="SIDECAR_OUTBOUND", port=80, proxy_version=patches.proxy_versions(24, 25))
    patch = patches.add_cluster(where, {"name": "one"})
    assert msgspec.to_builtins(patch.match) == {"context": "SIDECAR_OUTBOUND", "proxy": {"proxyVersion": r"^1\.(24|25).*"}}


def test_a_route_is_found_by_table_host_and_name() -> None:
    table = Table(gateway="shop/storefront", virtual_host="shop.example.com:80", route="items")
    patch = patches.merge_route(Where(context="GATEWAY"), {"route": {}}, table)
    assert msgspec.to_builtins(patch.match) == {
        "context": "GATEWAY",
        "routeConfiguration": {
            "gateway": "shop/storefront",
            "vhost": {"name": "shop.example.com:80", "route": {"name": "items"}},
        },
    }


def test_a_patch_of_everything_matches_the_context_alone() -> None:
    for patch in (
        patches.add_cluster(Where(context="GATEWAY"), {}),
        patches.merge_virtual_host(Where(context="GATEWAY"), {}, Table()),
    ):
        assert msgspec.to_builtins(patch.match) == {"context": "GATEWAY"}


def test_a_filter_has_a_priority_and_its_pods() -> None:
    found = patches.envoy_filter(
        [patches.add_cluster(Where(context="ANY"), {"name": "one"})], WorkloadSelector(match_labels={"app": "a"})
    )
    assert msgspec.json.decode(msgspec.json.encode(found)) == {
        "workloadSelector": {"labels": {"app": "a"}},
        "priority": 10,
        "configPatches": [
            {
                "applyTo": "CLUSTER",
                "match": {"context": "ANY"},
                "patch": {"operation": "ADD", "value": {"name": "one"}},
            }
        ],
    }
