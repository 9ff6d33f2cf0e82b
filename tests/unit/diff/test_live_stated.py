"""Objects that are not Istio's against a live cluster: only what meshgen states is compared."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from meshgen.diff.changes import Changes
from meshgen.diff.live import LiveObjects, diff_live
from meshgen.diff.served import SERVED
from meshgen.istio.kinds import KINDS

COMPILED: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "edge", "namespace": "shop", "labels": {"istio": "edge"}},
    "spec": {
        "selector": {"matchLabels": {"istio": "edge"}},
        "template": {
            "metadata": {"labels": {"istio": "edge"}, "annotations": {"inject.istio.io/templates": "gateway"}},
            "spec": {
                "serviceAccountName": "edge",
                "tolerations": [{"key": "edge", "operator": "Exists"}],
                "containers": [
                    {
                        "name": "istio-proxy",
                        "image": "auto",
                        "env": [{"name": "A", "value": "1"}],
                        "resources": {"requests": {"cpu": "0.5", "memory": "1024Mi"}},
                    }
                ],
            },
        },
    },
}
SERVICE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "edge", "namespace": "shop"},
    "spec": {"type": "LoadBalancer", "ports": [{"name": "https-443", "port": 443, "targetPort": 443}]},
}


def filled_in() -> dict[str, Any]:
    """The Deployment as an API server and its controllers keep it."""
    live = deepcopy(COMPILED)
    live["metadata"] |= {"uid": "1", "generation": 3, "annotations": {"deployment.kubernetes.io/revision": "2"}}
    live["spec"] |= {"replicas": 5, "revisionHistoryLimit": 10, "strategy": {"type": "RollingUpdate"}}
    pod = live["spec"]["template"]["spec"]
    pod |= {
        "restartPolicy": "Always",
        "dnsPolicy": "ClusterFirst",
        "serviceAccount": "edge",
        "schedulerName": "default-scheduler",
    }
    pod["containers"].append({"name": "added-by-a-webhook", "image": "tool"})
    pod["containers"][0] |= {"imagePullPolicy": "Always", "terminationMessagePath": "/dev/termination-log"}
    pod["containers"][0]["env"].insert(0, {"name": "B", "value": "2"})
    pod["containers"][0]["resources"] = {"requests": {"cpu": "500m", "memory": "1Gi"}}
    live["status"] = {"readyReplicas": 5}
    return live


def compared(live: dict[str, Any], compiled: dict[str, Any]) -> Changes:
    return diff_live(LiveObjects((live,), frozenset({(compiled["kind"], "*")})), [compiled])[0].meaningful()


def told(changes: Changes) -> list[tuple[str, Any, Any]]:
    return [(".".join(each.names), each.before, each.after) for change in changes.changed for each in change.fields]


def test_defaults_and_other_owners_fields_do_not_differ():
    assert not compared(filled_in(), COMPILED)


def test_a_stated_field_that_is_another_in_the_cluster_differs():
    live = filled_in()
    live["spec"]["template"]["spec"]["containers"][0]["image"] = "proxy:1"
    live["spec"]["template"]["metadata"]["labels"]["istio"] = "other"
    del live["spec"]["template"]["spec"]["containers"][0]["env"][1]
    assert [name for name, _, _ in told(compared(live, COMPILED))] == [
        "spec.template.metadata.labels.istio",
        "spec.template.spec.containers.istio-proxy.env.A",
        "spec.template.spec.containers.istio-proxy.image",
    ]


def test_a_list_that_is_one_value_differs_as_a_whole():
    live = filled_in()
    live["spec"]["template"]["spec"]["tolerations"].append({"key": "other"})
    assert [name for name, *_ in told(compared(live, COMPILED))] == ["spec.template.spec.tolerations.other"]


def test_a_services_ports_are_told_apart_by_number_and_protocol():
    live = deepcopy(SERVICE)
    live["spec"] |= {"clusterIP": "10.96.0.7", "sessionAffinity": "None"}
    live["spec"]["ports"][0] |= {"protocol": "TCP", "nodePort": 30443}
    live["spec"]["ports"].insert(0, {"name": "https-443-udp", "port": 443, "protocol": "UDP"})
    assert not compared(live, SERVICE)
    live["spec"]["ports"][1]["targetPort"] = 8443
    assert [(before, after) for _, before, after in told(compared(live, SERVICE))] == [(8443, 443)]


@pytest.mark.parametrize("live", [None, [], "text", 7])
def test_a_field_that_holds_something_else_differs(live: object):
    changed = deepcopy(SERVICE)
    changed["spec"]["ports"] = live
    assert compared(changed, SERVICE)


def test_a_kind_of_one_name_and_another_group_is_not_taken_for_istios():
    route: dict[str, Any] = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "edge", "namespace": "shop"},
        "spec": {},
    }
    assert not diff_live(LiveObjects((), frozenset({("Gateway", "*")})), [route])[0]


def test_the_table_has_each_of_istios_kinds_and_no_kind_twice():
    assert KINDS.keys() <= SERVED.keys()
    assert all(SERVED[name].group == kind.group for name, kind in KINDS.items())
