"""What a client's requests meet in a real Envoy with a sidecar's configuration: splits, mirrors, headers, retries, ejection."""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

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
from mesh_text import mesh_of
from meshes import bootstrap, echo_endpoint, service, sidecar

pytestmark = pytest.mark.envoy

RULES = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: catalog, namespace: shop}
spec:
  host: catalog
  subsets:
  - {name: v1, labels: {version: v1}}
  - {name: v2, labels: {version: v2}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: catalog, namespace: shop}
spec:
  hosts: [catalog]
  http:
  - name: cohort
    match: [{headers: {x-cohort: {exact: internal}}}]
    route: [{destination: {host: catalog, subset: v2}}]
  - name: mirrored
    match: [{uri: {prefix: /mirrored}}]
    route: [{destination: {host: catalog, subset: v1}}]
    mirrors: [{destination: {host: shadow}}]
  - name: canary
    route:
    - {destination: {host: catalog, subset: v1}, weight: 80}
    - {destination: {host: catalog, subset: v2}, weight: 20}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: flaky, namespace: shop}
spec:
  hosts: [flaky]
  http:
  - name: patient
    match: [{uri: {prefix: /patient}}]
    retries: {attempts: 3, retryOn: 5xx, backoff: 1ms}
    route: [{destination: {host: flaky}}]
  - name: hasty
    retries: {attempts: 0}
    route: [{destination: {host: flaky}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: slow, namespace: shop}
spec:
  hosts: [slow]
  http:
  - name: impatient
    timeout: 100ms
    retries: {attempts: 0}
    route: [{destination: {host: slow}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: mixed, namespace: shop}
spec:
  host: mixed
  trafficPolicy:
    loadBalancer: {simple: ROUND_ROBIN}
    outlierDetection: {consecutive5xxErrors: 3, interval: 50ms, baseEjectionTime: 1h, maxEjectionPercent: 100}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mixed, namespace: shop}
spec:
  hosts: [mixed]
  http: [{retries: {attempts: 0}, route: [{destination: {host: mixed}}]}]
"""


class Flaky:
    """Fails the first `failures` requests of each path with 503, then answers."""

    def __init__(self, failures: int) -> None:
        self._failures = failures
        self._seen: Counter[str] = Counter()

    def __call__(self, request: Received) -> Answer:
        self._seen[request.path] += 1
        return (503, (), b"not yet") if self._seen[request.path] <= self._failures else (200, (), b"at last")


@dataclass
class Shop:
    envoy: RunningEnvoy
    port: int
    shadow: EchoServer
    flaky: EchoServer

    def get(self, host: str, path: str = "/", **headers: str) -> Response:
        return http_request(self.port, path, host=host, headers=named_headers(headers))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    port = free_port()
    released = threading.Event()

    def wait(_: Received) -> Answer:
        released.wait(30)
        return 200, (), b"late"

    def fail(_: Received) -> Answer:
        return 500, (), b"broken"

    with ExitStack() as stack:
        stack.callback(released.set)
        echoes = {name: stack.enter_context(EchoServer(name)) for name in ("v1", "v2", "shadow", "good")}
        flaky = stack.enter_context(EchoServer("flaky", Flaky(2)))
        slow, bad = stack.enter_context(EchoServer("slow", wait)), stack.enter_context(EchoServer("bad", fail))
        mesh = mesh_of(
            RULES,
            *(service(name, port) for name in ("catalog", "shadow", "flaky", "slow", "mixed")),
            *echo_endpoint("catalog", echoes["v1"], version="v1"),
            *echo_endpoint("catalog", echoes["v2"], version="v2"),
            *echo_endpoint("shadow", echoes["shadow"]),
            *echo_endpoint("flaky", flaky),
            *echo_endpoint("slow", slow),
            *echo_endpoint("mixed", echoes["good"], version="v1"),
            *echo_endpoint("mixed", bad, version="v2"),
        )
        envoy = stack.enter_context(start_envoy(bootstrap(mesh, sidecar("webapp")), tmp_path_factory.mktemp("webapp")))
        yield Shop(envoy, port, echoes["shadow"], flaky)


def test_a_canary_gets_its_share_of_the_requests(shop: Shop):
    requests = 1000
    servers = Counter(shop.get("catalog").json()["server"] for _ in range(requests))
    # Five standard deviations of a binomial: a right 20 % misses that once in two million runs.
    bound = 5 * math.sqrt(requests * 0.2 * 0.8)
    assert abs(servers["v2"] - requests * 0.2) < bound
    assert servers["v1"] + servers["v2"] == requests


def test_a_header_rule_before_the_canary_sends_all_of_its_requests_to_one_version(shop: Shop):
    assert {shop.get("catalog", x_cohort="internal").json()["server"] for _ in range(30)} == {"v2"}


def test_mirrored_requests_reach_the_shadow_and_the_client_gets_the_answer_of_the_first(shop: Shop):
    answers = {shop.get("catalog", f"/mirrored/{index}").json()["server"] for index in range(20)}
    assert answers == {"v1"}
    wanted = {f"/mirrored/{index}" for index in range(20)}
    wait_until(lambda: {request.path for request in list(shop.shadow.received)} >= wanted, "all copies arrived")
    assert {request.host for request in shop.shadow.received} == {"catalog"}


def test_a_request_is_retried_until_the_upstream_answers(shop: Shop):
    assert (shop.get("flaky", "/patient").status, shop.get("flaky", "/patient").body) == (200, b"at last")
    tries = [request for request in shop.flaky.received if request.path == "/patient"]
    assert len(tries) == 4  # three for the first request, one for the second


def test_a_rule_with_no_attempts_hands_the_failure_on(shop: Shop):
    assert [shop.get("flaky", "/hasty").status for _ in range(3)] == [503, 503, 200]


def test_a_request_past_its_timeout_gets_504(shop: Shop):
    assert shop.get("slow").status == 504


def test_an_endpoint_that_keeps_failing_is_ejected(shop: Shop):
    def ejected() -> bool:
        shop.get("mixed")
        return (
            shop.envoy.stat(f"cluster.outbound|{shop.port}||mixed.shop.svc.cluster.local.outlier_detection.ejections_active") == 1
        )

    wait_until(ejected, "the failing endpoint was ejected")
    assert {shop.get("mixed").status for _ in range(30)} == {200}


def test_a_host_that_the_mesh_does_not_know_is_refused(shop: Shop):
    assert shop.get("unknown.example").status == 502
