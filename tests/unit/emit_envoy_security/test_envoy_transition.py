"""The waves in which a running Envoy's files are changed."""

from __future__ import annotations

import json

from mesh_text import mesh_of
from small_mesh import CATALOG, endpoint, sidecar

from meshgen.emit.envoy.delivery import Delivery, files
from meshgen.emit.envoy.transition import Step, Wave, not_taken, transition
from meshgen.emit.envoy.translate import emit_envoy

RULES = """
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: catalog, namespace: shop}}
spec: {{host: catalog, subsets: [{{name: {subset}, labels: {{version: {subset}}}}}]}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: catalog, namespace: shop}}
spec:
  hosts: [catalog]
  http: [{{route: [{{destination: {{host: catalog, subset: {subset}}}}}]}}]
"""


def tree(subset: str) -> dict[str, bytes]:
    mesh = mesh_of(CATALOG + RULES.format(subset=subset) + endpoint("10.0.0.1", version=subset))
    return dict(files(emit_envoy(mesh, sidecar())[0], Delivery.FILESYSTEM, "/etc/mesh"))


def name(subset: str) -> str:
    return f"outbound|8000|{subset}|catalog.shop.svc.cluster.local"


def cluster_names(step: Step) -> set[str]:
    return {cluster["name"] for cluster in json.loads(step.content or b"")["resources"]}


def test_nothing_changes_between_equal_trees():
    assert transition(tree("v1"), tree("v1")) == ()


def test_a_cluster_that_goes_stays_until_the_routes_have_moved():
    steps = transition(tree("v1"), tree("v2"))
    assert [step.wave for step in steps] == sorted(step.wave for step in steps)
    together = next(step for step in steps if step.path.endswith("clusters.json") and step.wave is Wave.CLUSTERS)
    alone = next(step for step in steps if step.wave is Wave.LEAVING)
    assert {name("v1"), name("v2")} <= cluster_names(together)
    assert name("v2") in cluster_names(alone)
    assert name("v1") not in cluster_names(alone)
    assert [step.path.rpartition("/")[2] for step in steps if step.wave is Wave.ROUTES] == ["8000.json"]


def test_files_that_nothing_names_are_removed_last():
    steps = transition(tree("v1"), tree("v2"))
    removed = [step.path for step in steps if step.content is None]
    assert removed == ["shop/webapp/eds/outbound_8000_v1_catalog.shop.svc.cluster.local.json"]
    assert steps[-1].path == removed[0]


def test_applying_the_steps_gives_the_new_tree():
    before, after = tree("v1"), tree("v2")
    for step in transition(before, after):
        if step.content is None:
            del before[step.path]
        else:
            before[step.path] = step.content
    assert before == after


def test_a_first_writing_ends_with_the_bootstrap():
    steps = transition({}, tree("v1"))
    assert steps[-1].path == "shop/webapp/bootstrap.json"


def test_a_wave_is_taken_when_envoy_shows_its_versions_and_warms_nothing():
    wave = {step.path: step.content or b"" for step in transition(tree("v1"), tree("v2")) if step.wave is Wave.CLUSTERS}
    path = "shop/webapp/cds/clusters.json"
    version = json.loads(wave[path])["version_info"]
    shown = {"version_info": version, "dynamic_active_clusters": [{"version_info": version}]}
    assert not_taken({"configs": [shown]}, wave) == ()
    assert not_taken({"configs": [{**shown, "version_info": "older"}]}, wave) == (path,)
    warming = {"dynamic_warming_clusters": [{"version_info": version, "cluster": {"name": "slow"}}]}
    assert not_taken({"configs": [{**shown, **warming}]}, wave) == ("cluster `slow`",)
    listeners = {"dynamic_listeners": [{"name": "edge", "active_state": {}, "warming_state": {}}]}
    assert not_taken({"configs": [{**shown, **listeners}]}, wave) == ("listener `edge`",)


def test_a_route_table_is_waited_for_where_some_listener_asks_for_it():
    path = "shop/webapp/rds/8000.json"
    routes = {path: tree("v2")[path]}
    old = {"dynamic_route_configs": [{"version_info": "older", "route_config": {"name": "8000"}}]}
    assert not_taken({"configs": [old]}, routes) == (path,)
    assert not_taken({"configs": []}, routes) == ()
