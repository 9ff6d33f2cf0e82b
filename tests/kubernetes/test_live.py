"""The compiled objects against a real API server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from api_server import PLURALS, free_ports

from meshgen.diff.changes import ObjectKey
from meshgen.diff.live import LiveObjects, diff_live, read_cluster

if TYPE_CHECKING:
    from pathlib import Path

    from api_server import ApiServer

    from meshgen.diff.changes import Changes

pytestmark = pytest.mark.kubernetes


def virtual_service(namespace: str, *, weight: int = 10, name: str = "catalog") -> dict[str, Any]:
    host = f"{name}.{namespace}.svc.cluster.local"
    routes = [{"destination": {"host": host, "subset": v}, "weight": w} for v, w in (("v1", 100 - weight), ("v2", weight))]
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"hosts": [host], "http": [{"name": "main", "route": routes, "timeout": "2s"}]},
    }


def deny_all(namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "deny-all", "namespace": namespace},
        "spec": {},
    }


def workload_entry(namespace: str, **metadata: object) -> dict[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "WorkloadEntry",
        "metadata": {"name": "vm", "namespace": namespace, **metadata},
        "spec": {"address": "10.0.0.1"},
    }


def live_changes(server: ApiServer, compiled: list[Any], namespace: str, **options: Any) -> Changes:  # noqa: ANN401 - as diff_live
    live, diagnostics = read_cluster(str(server.kubeconfig()), "test", namespaces=[namespace])
    assert not diagnostics
    return diff_live(live, compiled, **options)[0]


def told(changes: Changes) -> list[tuple[str, Any, Any]]:
    return [(".".join(each.names), each.before, each.after) for change in changes.changed for each in change.fields]


def test_what_was_applied_does_not_differ(server: ApiServer):
    compiled = [virtual_service("same"), deny_all("same")]
    for value in compiled:
        server.apply(value)
    assert not live_changes(server, compiled, "same")


def test_a_weight_that_somebody_changed_in_the_cluster_is_shown(server: ApiServer):
    server.apply(virtual_service("drift", weight=50), manager="kubectl-edit")
    changes = live_changes(server, [virtual_service("drift")], "drift")
    assert told(changes) == [
        ("spec.http.main.route.v1.weight", 50, 90),
        ("spec.http.main.route.v2.weight", 50, 10),
    ]


def test_what_the_server_and_delivery_tools_add_is_left_out(server: ApiServer):
    noisy = virtual_service("noise")
    noisy["metadata"]["labels"] = {"app.kubernetes.io/instance": "shop", "kustomize.toolkit.fluxcd.io/name": "mesh"}
    noisy["metadata"]["annotations"] = {
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
        "argocd.argoproj.io/tracking-id": "shop:networking.istio.io/VirtualService:noise/catalog",
    }
    server.apply(noisy)
    path = "/apis/networking.istio.io/v1/namespaces/noise/virtualservices/catalog/status"
    conditions = {"status": {"conditions": [{"type": "Reconciled", "status": "True"}]}}
    answer = server.request("PATCH", path, conditions, "application/merge-patch+json")
    assert answer["status"]["conditions"]
    assert answer["metadata"]["managedFields"]
    assert not live_changes(server, [virtual_service("noise")], "noise")


def test_a_tracking_label_that_is_also_compiled_is_compared(server: ApiServer):
    label = {"app.kubernetes.io/instance": "shop"}
    live, compiled = virtual_service("label"), virtual_service("label")
    live["metadata"]["labels"], compiled["metadata"]["labels"] = label, {"app.kubernetes.io/instance": "web"}
    server.apply(live)
    assert told(live_changes(server, [compiled], "label")) == [("metadata.labels.app.kubernetes.io/instance", "shop", "web")]


def test_durations_and_versions_that_mean_the_same_do_not_differ(server: ApiServer):
    live = virtual_service("equal")
    live["apiVersion"] = "networking.istio.io/v1beta1"
    live["spec"]["http"][0]["timeout"] = "2000ms"
    server.apply(live)
    assert not live_changes(server, [virtual_service("equal")], "equal")


def test_only_objects_of_our_own_count_as_removed(server: ApiServer):
    server.apply(virtual_service("own", name="foreign"))
    labelled = virtual_service("own", name="labelled")
    labelled["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "meshgen"}
    server.apply(labelled)
    server.apply(virtual_service("own", name="written"))
    written = ObjectKey("networking.istio.io", "VirtualService", "own", "written")
    changes = live_changes(server, [virtual_service("own", name="new")], "own", owned=[written])
    assert [change.key.name for change in changes.removed] == ["labelled", "written"]
    assert [change.key.name for change in changes.added] == ["new"]


def test_objects_that_others_control_are_left_alone(server: ApiServer):
    owner = {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": "catalog", "uid": "1", "controller": True}
    controlled = virtual_service("others", weight=70)
    controlled["metadata"]["ownerReferences"] = [owner]
    registered = workload_entry("others", annotations={"istio.io/autoRegistrationGroup": "vms"})
    server.apply(controlled)
    server.apply(registered)
    live, _ = read_cluster(str(server.kubeconfig()), namespaces=["others"])
    changes, notes = diff_live(live, [virtual_service("others"), workload_entry("others")])
    assert not changes
    assert [note.message for note in notes] == [
        "`VirtualService others/catalog` belongs to the Canary `catalog` and is not compared",
        "`WorkloadEntry others/vm` belongs to a workload that registered itself and is not compared",
    ]


def test_a_list_of_several_pages_is_read_to_its_end(server: ApiServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("meshgen.diff.live._PAGE", 2)
    for index in range(5):
        server.apply(virtual_service("pages", name=f"s{index}"))
    live, diagnostics = read_cluster(str(server.kubeconfig()), kinds=["VirtualService"], namespaces=["pages"])
    assert not diagnostics
    names = [value["metadata"]["name"] for value in live.objects if isinstance(value["metadata"], dict)]
    assert names == ["s0", "s1", "s2", "s3", "s4"]


def test_all_namespaces_are_read_where_none_is_named(server: ApiServer):
    server.apply(deny_all("all-one"))
    server.apply(deny_all("all-two"))
    live, _ = read_cluster(str(server.kubeconfig()), kinds=["AuthorizationPolicy"])
    assert {"all-one", "all-two"} <= {
        str(value["metadata"]["namespace"]) for value in live.objects if isinstance(value["metadata"], dict)
    }


def test_a_user_who_may_not_list_is_told_which_kind_and_where(server: ApiServer):
    reader = str(server.kubeconfig("may-read-reader", organization="guests"))
    server.apply(deny_all("may-read"))
    live, diagnostics = read_cluster(reader, kinds=["AuthorizationPolicy"], namespaces=["may-read", "may-not"])
    assert len(live.objects) == 1
    assert [(each.code.number, each.message) for each in diagnostics] == [
        (
            "MG0852",
            "the kubeconfig's user may not list `authorizationpolicies.security.istio.io` in namespace `may-not`",
        )
    ]
    compiled = [deny_all("may-read"), deny_all("may-not"), virtual_service("may-read")]
    # Neither the namespace that may not be read nor the kind that was not asked for is taken for empty.
    assert not diff_live(live, compiled)[0]
    _, everywhere = read_cluster(reader, kinds=["AuthorizationPolicy"])
    assert [(each.code.number, each.help) for each in everywhere] == [("MG0852", "name the namespaces that it may read")]


def test_a_kind_that_the_cluster_does_not_have_is_a_warning(server: ApiServer):
    crd = server.remove_crd("proxyconfigs.networking.istio.io")
    try:
        live, diagnostics = read_cluster(str(server.kubeconfig()), kinds=["ProxyConfig"])
    finally:
        server.create_crd(crd)
    assert live.objects == ()
    assert [(each.code.number, each.message) for each in diagnostics] == [
        ("MG0853", "the cluster has no `proxyconfigs.networking.istio.io`")
    ]


def test_a_server_that_is_not_there_is_one_diagnostic(server: ApiServer):
    nobody = server.kubeconfig("nobody", server=f"https://127.0.0.1:{free_ports(1)[0]}")
    live, diagnostics = read_cluster(str(nobody))
    assert live.objects == ()
    assert [each.code.number for each in diagnostics] == ["MG0851"]
    assert not diff_live(live, [deny_all("shop")])[0]


def test_kinds_of_others_are_not_asked_for(server: ApiServer):
    assert read_cluster(str(server.kubeconfig()), kinds=["Job", "IstioOperator"]) == (LiveObjects(), ())


def test_a_server_whose_certificate_nobody_signed_is_not_trusted(server: ApiServer, tmp_path: Path):
    from api_server import Authority  # noqa: PLC0415 - only here

    text = server.kubeconfig("stranger").read_text().replace(str(server.authority.path), str(Authority(tmp_path).path))
    (tmp_path / "kubeconfig").write_text(text)
    _, diagnostics = read_cluster(str(tmp_path / "kubeconfig"), kinds=["Gateway"])
    assert [each.code.number for each in diagnostics] == ["MG0851"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "a: b: c",
        "contexts: []\nclusters: []\n",
        "current-context: a\ncontexts: [{name: a, context: {cluster: nope, user: x}}]\nclusters: []\nusers: []\n",
        "current-context: a\ncontexts: [{name: a, context: {cluster: a}}]\nclusters: [{name: a, cluster: {server: 'http://[::1'}}]\n",
        "current-context: a\ncontexts: [{name: a, context: 5}]\nclusters: []\n",
        (
            "current-context: a\ncontexts: [{name: a, context: {cluster: a, user: a}}]\n"
            "clusters: [{name: a, cluster: {server: 'https://127.0.0.1:1', certificate-authority: missing.crt}}]\n"
            "users: [{name: a, user: {}}]\n"
        ),
    ],
)
def test_a_kubeconfig_that_cannot_be_used_is_one_diagnostic(tmp_path: Path, text: str):
    path = tmp_path / "config"
    path.write_text(text)
    live, diagnostics = read_cluster(str(path))
    assert live.objects == ()
    assert [each.code.number for each in diagnostics] == ["MG0850"]
    assert diagnostics[0].message


def test_a_missing_kubeconfig_or_context_is_named(server: ApiServer, tmp_path: Path):
    _, missing = read_cluster(str(tmp_path / "none"))
    _, unknown = read_cluster(str(server.kubeconfig()), "staging")
    assert missing[0].message == f"Configuration file {tmp_path / 'none'} not found"
    assert unknown[0].message == "Context 'staging' not found"


CANARY = "canaries.flagger.app"


def canary_crd() -> dict[str, Any]:
    """A small CRD in the shape of Flagger's, with a default, as its author's API server fills it in."""
    analysis = {
        "type": "object",
        "properties": {
            "interval": {"type": "string"},
            "stepWeight": {"type": "integer"},
            "threshold": {"type": "integer", "default": 10},
            "metrics": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"name": {"type": "string"}, "interval": {"type": "string", "default": "1m"}},
                },
            },
        },
    }
    spec = {"type": "object", "properties": {"analysis": analysis, "suspend": {"type": "boolean", "default": False}}}
    schema = {"type": "object", "properties": {"spec": spec, "status": {"type": "object"}}}
    version = {"name": "v1beta1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": "Canary", "plural": "canaries", "singular": "canary", "listKind": "CanaryList"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": CANARY},
        "spec": {"group": "flagger.app", "names": names, "scope": "Namespaced", "versions": [version]},
    }


def canary(step: int) -> dict[str, Any]:
    return {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": {"name": "catalog", "namespace": "flagger"},
        "spec": {"analysis": {"interval": "1m", "stepWeight": step, "metrics": [{"name": "request-success-rate"}]}},
    }


def test_of_another_tools_object_only_what_is_stated_is_compared(server: ApiServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(PLURALS, "Canary", "canaries")
    server.create_crd(canary_crd())
    try:
        kept = server.apply(canary(5))
        assert kept["spec"]["suspend"] is False  # the server's own
        assert kept["spec"]["analysis"]["metrics"][0]["interval"] == "1m"
        live, diagnostics = read_cluster(str(server.kubeconfig()), kinds=["Canary"], namespaces=["flagger"])
        assert diagnostics == ()
        assert not diff_live(live, [canary(5)])[0]
        assert told(diff_live(live, [canary(10)])[0]) == [("spec.analysis.stepWeight", 5, 10)]
        elsewhere = {**canary(5), "metadata": {"name": "forum", "namespace": "flagger"}}
        assert [change.key.name for change in diff_live(live, [canary(5), elsewhere])[0].added] == ["forum"]
    finally:
        server.remove_crd(CANARY)


def test_core_kinds_are_asked_for_at_their_own_paths(server: ApiServer):
    """The server here has none of them: each is said to be missing, and nothing of it counts as removed or added."""
    kinds = ["ClusterRole", "Deployment", "Service"]
    live, diagnostics = read_cluster(str(server.kubeconfig()), kinds=kinds, namespaces=["shop"])
    assert live.objects == ()
    assert [(each.code.number, each.message) for each in diagnostics] == [
        ("MG0853", "the cluster has no `clusterroles.rbac.authorization.k8s.io`"),
        ("MG0853", "the cluster has no `deployments.apps`"),
        ("MG0853", "the cluster has no `services`"),
    ]
