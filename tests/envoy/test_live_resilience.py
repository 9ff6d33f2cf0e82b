"""Resilience and sticky canaries, written as intent, on a real Envoy: what a client's requests meet (chapters 5 and 6)."""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import (
    Answer,
    EchoServer,
    Received,
    Response,
    RunningEnvoy,
    free_port,
    http_request,
    named_headers,
    start_envoy,
    wait_until,
)
from meshes import bootstrap, sidecar

from meshgen.load.load import Options
from meshgen.load.project import Project, Source
from meshgen.mesh import Mesh
from meshgen.pipeline import compile_project

pytestmark = pytest.mark.envoy

INTENT = """
apiVersion: meshgen/v1
kind: Service
metadata: {{name: catalog, namespace: shop}}
spec:
  ports: [{port}]
  workload: {{selector: {{app: catalog}}, sidecar: false}}
  versions: [{{name: v1, endpoints: ["127.0.0.1:{v1}"]}}, {{name: v2, endpoints: ["127.0.0.1:{v2}"]}}]
---
apiVersion: meshgen/v1
kind: Canary
metadata: {{name: catalog-v2, namespace: shop}}
spec: {{service: catalog, from: v1, to: v2, steps: [5, 30], weight: 30, stickiness: {{cookie: catalog-version, ttl: 1h}}}}
---
apiVersion: meshgen/v1
kind: Canary
metadata: {{name: testers, namespace: shop}}
spec: {{service: catalog, from: v1, to: v2, match: {{cookie: {{tester: "yes"}}}}}}
---
apiVersion: meshgen/v1
kind: Service
metadata: {{name: slow, namespace: shop}}
spec:
  ports: [{port}]
  workload: {{selector: {{app: slow}}, sidecar: false}}
  endpoints: ["127.0.0.1:{slow}"]
  routes:
    - match: {{path: /hedged*}}
      retries: {{attempts: 1, perTryTimeout: 50ms, hedge: true}}
      to: {{service: slow}}
    - match: {{path: /unhedged*}}
      retries: {{attempts: 1, perTryTimeout: 50ms}}
      to: {{service: slow}}
    - match: {{path: /status*}}
      retries: {{attempts: 2, on: [418], backoff: 1ms}}
      to: {{service: slow}}
    - retries: 0
      to: {{service: slow}}
---
apiVersion: meshgen/v1
kind: Service
metadata: {{name: narrow, namespace: shop}}
spec:
  ports: [{port}]
  workload: {{selector: {{app: narrow}}, sidecar: false}}
  endpoints: ["127.0.0.1:{narrow}"]
  traffic:
    connections: {{tcp: {{maxConnections: 1}}, http: {{maxPendingRequests: 1, maxRequestsPerConnection: 1}}}}
  routes: [{{retries: 0, to: {{service: narrow}}}}]
---
apiVersion: meshgen/v1
kind: Service
metadata: {{name: thrifty, namespace: shop}}
spec:
  ports: [{port}]
  workload: {{selector: {{app: thrifty}}, sidecar: false}}
  endpoints: ["127.0.0.1:{broken}"]
  traffic: {{retryBudget: {{percent: 0, minRetryConcurrency: 0}}}}
  routes: [{{retries: {{attempts: 3, on: [5xx], backoff: 1ms}}, to: {{service: thrifty}}}}]
"""

BALANCED = """
---
apiVersion: meshgen/v1
kind: Service
metadata: {{name: {name}, namespace: shop}}
spec:
  ports: [{port}]
  workload: {{selector: {{app: {name}}}, sidecar: false}}
  endpoints: [{endpoints}]
  traffic: {{loadBalancer: {balancer}}}
"""


class SlowOnce:
    """The first request of each path waits until it is let go; 418 for the first of `/status…`."""

    def __init__(self, released: threading.Event) -> None:
        self._released = released
        self._seen: Counter[str] = Counter()

    def __call__(self, request: Received) -> Answer:
        self._seen[request.path] += 1
        if self._seen[request.path] > 1:
            return 200, (), b"second"
        if request.path.startswith("/status"):
            return 418, (), b"a teapot"
        self._released.wait(20)
        return 200, (), b"first"


@dataclass
class Shop:
    envoy: RunningEnvoy
    port: int
    slow: EchoServer
    narrow: EchoServer
    gate: threading.Event
    broken: EchoServer

    def get(self, host: str, path: str = "/", **headers: str) -> Response:
        return http_request(self.port, path, host=host, headers=named_headers(headers))

    def stat(self, service: str, name: str) -> int:
        return self.envoy.stat(f"cluster.outbound|{self.port}||{service}.shop.svc.cluster.local.{name}")


def compiled(text: str, directory: Path) -> Mesh:
    directory.mkdir(parents=True)
    (directory / "shop.yaml").write_text(text)
    result = compile_project(directory, Options(project=Project(sources=[Source(path="")])))
    assert not result.failed, [each.message for each in result.diagnostics]
    return result.mesh


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    port, released, gate = free_port(), threading.Event(), threading.Event()

    def hold(_: Received) -> Answer:
        gate.wait(20)
        return 200, (), b"held"

    def fail(_: Received) -> Answer:
        return 503, (), b"broken"

    with ExitStack() as stack:
        stack.callback(released.set)
        stack.callback(gate.set)
        echoes = {name: stack.enter_context(EchoServer(name)) for name in ("v1", "v2", "a", "b", "c")}
        slow = stack.enter_context(EchoServer("slow", SlowOnce(released)))
        narrow, broken = stack.enter_context(EchoServer("narrow", hold)), stack.enter_context(EchoServer("broken", fail))
        ports = {name: echo.port for name, echo in echoes.items()}
        text = INTENT.format(port=port, slow=slow.port, narrow=narrow.port, broken=broken.port, **ports)
        endpoints = ", ".join(f'"127.0.0.1:{ports[name]}"' for name in "abc")
        for name, balancer in (
            ("turns", "roundRobin"),
            ("dice", "random"),
            ("least", "leastRequest"),
            ("hashed", "{consistentHash: {httpHeaderName: x-user}}"),
        ):
            text += BALANCED.format(name=name, port=port, endpoints=endpoints, balancer=balancer)
        base = tmp_path_factory.mktemp("resilience")
        mesh = compiled(text, base / "source")
        envoy = stack.enter_context(start_envoy(bootstrap(mesh, sidecar("webapp")), base / "webapp"))
        yield Shop(envoy, port, slow, narrow, gate, broken)


# --- sticky canaries


def test_the_cookie_of_the_new_version_keeps_a_client_there(shop: Shop):
    answers = {shop.get("catalog", cookie="theme=dark; catalog-version=v2; a=b").json()["server"] for _ in range(30)}
    assert answers == {"v2"}


def test_the_cookie_of_the_old_version_at_this_weight_keeps_a_client_there(shop: Shop):
    assert {shop.get("catalog", cookie="catalog-version=v1.30").json()["server"] for _ in range(30)} == {"v1"}


@pytest.mark.parametrize(
    "cookie", ["", "catalog-version=", "my-catalog-version=v2", "catalog-version=v1x30", "x=catalog-version=v3"]
)
def test_other_clients_draw_and_get_the_cookie_of_what_they_drew(shop: Shop, cookie: str):
    seen: Counter[tuple[str, str]] = Counter()
    for _ in range(120):
        answer = shop.get("catalog", **({"cookie": cookie} if cookie else {}))
        seen[answer.json()["server"], answer.header("set-cookie") or ""] += 1
    assert set(seen) == {
        ("v1", "catalog-version=v1.30; Path=/; Max-Age=3600"),
        ("v2", "catalog-version=v2; Path=/; Max-Age=3600"),
    }


def test_a_client_that_follows_its_cookie_never_changes_its_version(shop: Shop):
    for _ in range(20):
        first = shop.get("catalog")
        cookie = (first.header("set-cookie") or "").partition(";")[0]
        assert {shop.get("catalog", cookie=cookie).json()["server"] for _ in range(5)} == {first.json()["server"]}


def test_of_those_who_stayed_at_a_lower_weight_just_as_many_move_on_as_are_missing(shop: Shop):
    requests = 600
    moved = sum(shop.get("catalog", cookie="catalog-version=v1.5").json()["server"] == "v2" for _ in range(requests))
    share = 0.26  # (30 - 5) of the 95 in 100 who were left
    assert abs(moved - requests * share) < 5 * math.sqrt(requests * share * (1 - share))


def test_a_dark_launch_by_a_cookie(shop: Shop):
    assert {shop.get("catalog", cookie="a=b; tester=yes").json()["server"] for _ in range(20)} == {"v2"}


# --- retries


def test_a_slow_try_is_hedged_by_a_second_one_and_the_first_answer_counts(shop: Shop):
    assert shop.get("slow", "/hedged").body == b"second"
    assert [request.path for request in shop.slow.received].count("/hedged") == 2
    assert shop.stat("slow", "upstream_rq_retry") >= 1


def test_without_hedging_a_slow_try_ends_at_its_time(shop: Shop):
    assert shop.get("slow", "/unhedged").status == 504
    assert [request.path for request in shop.slow.received].count("/unhedged") == 1


def test_a_status_code_of_ones_own_is_retried(shop: Shop):
    assert (shop.get("slow", "/status").status, shop.get("slow", "/status").body) == (200, b"second")


def test_an_empty_retry_budget_forbids_what_the_rule_allows(shop: Shop):
    assert shop.get("thrifty").status == 503
    assert len(shop.broken.received) == 1
    assert shop.stat("thrifty", "upstream_rq_retry_overflow") == 1


# --- circuit breaking


def test_requests_beyond_the_connection_and_the_queue_are_refused(shop: Shop):
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(shop.get, "narrow", "/0")
        wait_until(lambda: len(shop.narrow.received) == 1, "the only connection is taken")
        second = pool.submit(shop.get, "narrow", "/1")
        wait_until(lambda: shop.stat("narrow", "upstream_rq_pending_active") == 1, "the only place in the queue is taken")
        refused = shop.get("narrow", "/2")
        shop.gate.set()
        assert (refused.status, refused.header("x-envoy-overloaded")) == (503, "true")
        assert (first.result().status, second.result().status) == (200, 200)
    assert shop.stat("narrow", "upstream_rq_pending_overflow") == 1


# --- load balancing


def servers(shop: Shop, host: str, count: int, **headers: str) -> Counter[str]:
    return Counter(shop.get(host, **headers).json()["server"] for _ in range(count))


def test_round_robin_takes_turns(shop: Shop):
    assert servers(shop, "turns", 30) == {"a": 10, "b": 10, "c": 10}


@pytest.mark.parametrize("host", ["dice", "least"])
def test_random_and_least_request_reach_every_endpoint(shop: Shop, host: str):
    assert set(servers(shop, host, 120)) == {"a", "b", "c"}


def test_a_consistent_hash_keeps_a_header_at_one_endpoint(shop: Shop):
    homes = {user: set(servers(shop, "hashed", 8, x_user=user)) for user in "abcdefghijkl"}
    assert all(len(home) == 1 for home in homes.values())
    assert len({server for home in homes.values() for server in home}) > 1
