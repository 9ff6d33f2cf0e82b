"""What a live diff says about answers that are no lists, and about objects that are somebody else's; no cluster needed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from meshgen.diagnostics.catalogue.live import BAD_KUBECONFIG, CLUSTER_ANSWER, CLUSTER_UNREACHABLE, LEFT_ALONE
from meshgen.diff.live import LiveObjects, diff_live, read_cluster
from meshgen.json import JsonObject
from meshgen.kubernetes import OwnedElsewhere

KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: test
contexts: [{name: test, context: {cluster: test, user: test}}]
clusters: [{name: test, cluster: {server: "http://127.0.0.1:PORT"}}]
users: [{name: test, user: {}}]
"""


class LoginPage(BaseHTTPRequestHandler):
    """What a proxy answers in a server's place when a login has expired."""

    def do_GET(self) -> None:
        body = b"<title>Log in</title>"
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing to standard error."""


@pytest.fixture
def login_page() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), LoginPage) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def kubeconfig(place: Path, port: int) -> str:
    file = place / "kubeconfig"
    file.write_text(KUBECONFIG.replace("PORT", str(port)))
    return str(file)


def test_an_answer_that_is_no_list_is_told_and_never_taken_for_an_empty_one(login_page: int, tmp_path: Path):
    live, found = read_cluster(kubeconfig(tmp_path, login_page), kinds=["VirtualService"])
    assert [each.code for each in found] == [CLUSTER_ANSWER]
    assert live == LiveObjects()


def test_a_server_that_is_not_there_is_told_once(tmp_path: Path):
    with HTTPServer(("127.0.0.1", 0), LoginPage) as server:
        port = server.server_port
    live, found = read_cluster(kubeconfig(tmp_path, port), kinds=["VirtualService", "Gateway"])
    assert [each.code for each in found] == [CLUSTER_UNREACHABLE]
    assert live == LiveObjects()


@pytest.mark.parametrize("text", ["", "a: [", "[]", "current-context: nowhere\n", "contexts: 1\n"])
def test_a_file_that_is_no_kubeconfig_is_told(text: str, tmp_path: Path):
    file = tmp_path / "kubeconfig"
    file.write_text(text)
    assert [each.code for each in read_cluster(str(file))[1]] == [BAD_KUBECONFIG]


def test_an_object_that_another_tool_writes_is_left_alone():
    owner: JsonObject = {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": "catalog", "uid": "1", "controller": True}
    mine: JsonObject = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "catalog", "namespace": "shop"},
        "spec": {"hosts": ["catalog.shop.svc.cluster.local"]},
    }
    live: JsonObject = {**mine, "metadata": {"name": "catalog", "namespace": "shop", "ownerReferences": [owner]}, "spec": {}}
    changes, notes = diff_live(LiveObjects((live,), frozenset({("VirtualService", "*")})), [mine])
    assert not changes.means_something
    assert [note.code for note in notes] == [LEFT_ALONE]


def test_a_field_that_an_engine_moves_is_no_difference_and_the_rest_of_the_object_is():
    spec: JsonObject = {"hosts": ["a.example.com"], "http": [{"route": [{"destination": {"host": "a"}, "weight": 100}]}]}
    mine: JsonObject = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "catalog", "namespace": "shop"},
        "spec": spec,
    }
    moved: JsonObject = {**spec, "http": [{"route": [{"destination": {"host": "a"}, "weight": 60}]}]}
    elsewhere = [
        OwnedElsewhere(
            group="networking.istio.io", kind="VirtualService", name="catalog", namespace="shop", json_pointers=("/spec/http",)
        )
    ]
    live = LiveObjects(({**mine, "spec": moved},), frozenset({("VirtualService", "*")}))
    assert not diff_live(live, [mine], (), elsewhere)[0].means_something
    live = LiveObjects(({**mine, "spec": {**moved, "hosts": ["b.example.com"]}},), frozenset({("VirtualService", "*")}))
    (change,) = diff_live(live, [mine], (), elsewhere)[0].changed
    assert {field.path[:2] for field in change.fields} == {("spec", "hosts")}
