"""The compiled configuration against a real, running Envoy, however it was delivered."""

from __future__ import annotations

import json
import sys
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from harness import start_envoy

from meshgen.diagnostics import Diagnostic
from meshgen.diff import envoy_form
from meshgen.diff.envoy import EnvoyResources, diff_envoy, read_config_dump
from meshgen.emit.envoy.snapshot import Snapshot
from meshgen.mesh import Proxy, Role

if TYPE_CHECKING:
    from pathlib import Path

    from meshgen.diff.changes import Changes

TYPES = "type.googleapis.com/envoy.extensions"
PROXY = Proxy(name="webapp", namespace="shop", role=Role.SIDECAR)


def routes(weight: int) -> dict[str, Any]:
    clusters = [{"name": "v1", "weight": 100 - weight}, {"name": "v2", "weight": weight}]
    # Defaults are spelled out here and there; Envoy's dump leaves them out.
    route = {"weighted_clusters": {"clusters": clusters, "total_weight": 100}, "timeout": "2.5s", "priority": "DEFAULT"}
    host = {"name": "catalog", "domains": ["catalog", "catalog.shop"], "routes": [{"match": {"prefix": "/"}, "route": route}]}
    return {"name": "80", "virtual_hosts": [host], "ignore_port_in_host_matching": False, "internal_only_headers": []}


def listener(**routing: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    router = {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{TYPES}.filters.http.router.v3.Router"}}
    manager = {
        "@type": f"{TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "main",
        "codec_type": "AUTO",
        "generate_request_id": False,
        "stream_idle_timeout": "0s",
        "http_filters": [router],
        **routing,
    }
    chain = {"name": "http", "filters": [{"name": "hcm", "typed_config": manager}]}
    address = {"socket_address": {"address": "127.0.0.1", "port_value": 0}}
    return {"name": "outbound", "address": address, "filter_chains": [chain]}


def cluster(name: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    limits = {"thresholds": [{"max_connections": 4294967295, "priority": "DEFAULT"}]}
    return {"name": name, "connect_timeout": "10s", "lb_policy": "ROUND_ROBIN", "circuit_breakers": limits, **more}


def endpoints(name: str, *ports: int) -> dict[str, Any]:
    addresses = [{"socket_address": {"address": "127.0.0.1", "port_value": port}} for port in ports]
    members = [{"endpoint": {"address": address}, "load_balancing_weight": 1} for address in addresses]
    return {"cluster_name": name, "endpoints": [{"locality": {"region": "east"}, "lb_endpoints": members}]}


def snapshot(weight: int, *ports: int) -> Snapshot:
    ads = {"ads": {}, "resource_api_version": "V3"}
    return Snapshot(
        proxy=PROXY,
        listeners=(listener(rds={"config_source": ads, "route_config_name": "80"}),),
        routes=(routes(weight),),
        clusters=tuple(cluster(n, type="EDS", eds_cluster_config={"eds_config": ads}) for n in ("v1", "v2")),
        endpoints=tuple(endpoints(n, *(ports or (9001,))) for n in ("v1", "v2")),
    )


def static_bootstrap(weight: int) -> dict[str, Any]:
    clusters = [cluster(n, type="STATIC", load_assignment=endpoints(n, 9001)) for n in ("v1", "v2")]
    return {"static_resources": {"listeners": [listener(route_config=routes(weight))], "clusters": clusters}}


def filesystem_bootstrap(weight: int, directory: Path) -> dict[str, Any]:
    """A bootstrap that watches files, one resource of routes or endpoints each."""

    def source(name: str, kind: str, *resources: dict[str, Any]) -> dict[str, Any]:
        path = directory / f"{name}.json"
        items = [{"@type": f"type.googleapis.com/{envoy_form.TYPES[kind]}", **each} for each in resources]
        path.write_text(json.dumps({"version_info": "7", "resources": items}))
        return {"path_config_source": {"path": str(path)}, "resource_api_version": "V3"}

    directory.mkdir()
    clusters = []
    for name in ("v1", "v2"):
        eds = source(f"eds-{name}", "ClusterLoadAssignment", endpoints(name, 9001))
        clusters.append(cluster(name, type="EDS", eds_cluster_config={"eds_config": eds}))
    rds = {"config_source": source("rds", "RouteConfiguration", routes(weight)), "route_config_name": "80"}
    lds = source("lds", "Listener", listener(rds=rds))
    return {
        "node": {"id": "a", "cluster": "a"},
        "dynamic_resources": {"lds_config": lds, "cds_config": source("cds", "Cluster", *clusters)},
        "static_resources": {"clusters": [cluster("xds", type="STATIC", load_assignment=endpoints("xds", 1))]},
    }


def told(changes: Changes) -> list[tuple[str, str, Any, Any]]:
    return [(str(c.key), ".".join(f.names), f.before, f.after) for c in changes.changed for f in c.fields]


WEIGHTS = "virtual_hosts.catalog.routes.0.route.weighted_clusters.clusters"
FROM_10_TO_25 = [
    ("RouteConfiguration 80", f"{WEIGHTS}.v1.weight", 90, 75),
    ("RouteConfiguration 80", f"{WEIGHTS}.v2.weight", 10, 25),
]


@pytest.mark.envoy
@pytest.mark.parametrize("delivery", ["static", "filesystem"])
def test_a_running_envoy_differs_from_what_is_compiled_only_where_it_does(tmp_path: Path, delivery: str):
    started = static_bootstrap(10) if delivery == "static" else filesystem_bootstrap(10, tmp_path / "xds")
    with start_envoy(started, tmp_path / "envoy") as envoy:
        dump = read_config_dump(f"http://127.0.0.1:{envoy.admin_port}")
    assert isinstance(dump, dict)
    running = EnvoyResources.from_config_dump(dump)
    assert not diff_envoy(running, EnvoyResources.from_snapshot(snapshot(10)))
    assert not diff_envoy(running, EnvoyResources.from_bootstrap(static_bootstrap(10)))
    assert told(diff_envoy(running, EnvoyResources.from_snapshot(snapshot(25)))) == FROM_10_TO_25
    moved = diff_envoy(running, EnvoyResources.from_snapshot(snapshot(10, 9001, 9002)))
    assert [(key, path) for key, path, *_ in told(moved)] == [
        ("ClusterLoadAssignment v1", "endpoints.0.lb_endpoints.127.0.0.1 #1"),
        ("ClusterLoadAssignment v2", "endpoints.0.lb_endpoints.127.0.0.1 #1"),
    ]


@pytest.mark.envoy
def test_resources_that_only_one_side_has_are_added_or_removed(tmp_path: Path):
    with start_envoy(filesystem_bootstrap(10, tmp_path / "xds"), tmp_path / "envoy") as envoy:
        running = EnvoyResources.from_config_dump(envoy.config_dump())
    compiled = snapshot(10)
    extra = cluster("v3", type="STRICT_DNS", load_assignment=endpoints("v3", 80))
    changed = Snapshot(
        proxy=PROXY,
        listeners=compiled.listeners,
        routes=compiled.routes,
        clusters=(compiled.clusters[0], extra),
        endpoints=compiled.endpoints[:1],
    )
    changes = diff_envoy(running, EnvoyResources.from_snapshot(changed))
    assert [str(each.key) for each in changes.added] == ["Cluster v3"]
    # The cluster of the bootstrap that leads to the xDS server is nobody's to remove.
    assert [str(each.key) for each in changes.removed] == ["Cluster v2", "ClusterLoadAssignment v2"]
    assert not changes.changed


def test_without_protos_durations_and_empty_lists_are_still_equal(monkeypatch: pytest.MonkeyPatch):
    one, two = routes(10), deepcopy(routes(10))
    two["virtual_hosts"][0]["routes"][0]["route"]["timeout"] = "2.500s"
    two.pop("internal_only_headers")
    monkeypatch.setitem(sys.modules, "google.protobuf.json_format", None)
    left, right = envoy_form.same_form("RouteConfiguration", one, two)
    assert left == right
    assert "ignore_port_in_host_matching" in left


def test_a_message_that_the_protos_do_not_know_is_compared_by_its_structure():
    left, right = envoy_form.same_form("Cluster", {"name": "a", "of_the_future": 1}, {"name": "a", "of_the_future": 2})
    assert (left["of_the_future"], right["of_the_future"]) == (1, 2)


@pytest.mark.parametrize("odd", [None, 5, [], {"a": 1}, True, "x", {"@type": []}])
def test_a_dump_that_is_not_as_envoy_makes_it_is_compared_all_the_same(odd: object):
    strange = {**cluster("a"), "transport_socket": {"name": "tls", "typed_config": {"@type": odd}}, "metadata": odd}
    section = {"@type": "type.googleapis.com/envoy.admin.v3.ClustersConfigDump"}
    entries: list[Any] = [{"cluster": strange}, odd, {"cluster": odd}]
    running = EnvoyResources.from_config_dump({"configs": [{**section, "dynamic_active_clusters": entries}, odd]})  # type: ignore[list-item]
    changes = diff_envoy(running, EnvoyResources.from_snapshot(snapshot(10)))
    assert "Cluster a" in [str(each.key) for each in changes.removed]


def test_a_dump_is_read_from_a_file(tmp_path: Path):
    path = tmp_path / "dump.json"
    path.write_text('{"configs": []}')
    assert read_config_dump(str(path)) == {"configs": []}


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"configs": {}}', "[" * 100_000])
def test_what_is_no_dump_is_a_diagnostic(tmp_path: Path, text: str):
    path = tmp_path / "dump.json"
    path.write_text(text)
    found = read_config_dump(str(path))
    assert isinstance(found, Diagnostic)
    assert found.code.number == "MG0856"


@pytest.mark.parametrize("source", ["missing.json", "http://127.0.0.1:1", "http://", "http://127.0.0.1:99999"])
def test_an_envoy_that_does_not_answer_is_a_diagnostic(source: str):
    found = read_config_dump(source)
    assert isinstance(found, Diagnostic)
    assert found.code.number == "MG0856"
