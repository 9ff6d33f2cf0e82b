"""Chapter 6 of examples/book on a real Envoy: the box office's sidecar, and seven services with their troubles."""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest
from certificates import Authority
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
from lessons import lesson, on_loopback

pytestmark = pytest.mark.envoy

SERVERS = {
    "10.6.0.11": "plays-1",
    "10.6.0.12": "plays-2",
    "10.6.0.21": "seats-1",
    "10.6.0.22": "seats-2",
    "10.6.0.23": "seats-3",
    "10.6.0.31": "archive-here",
    "10.6.0.32": "archive-next-door",
    "10.6.0.33": "archive-far",
    "10.6.0.41": "reviews",
    "10.6.0.51": "payments",
    "10.6.0.61": "posters-europe",
    "10.6.0.62": "posters-america",
    "10.6.0.71": "vouchers-1",
    "10.6.0.72": "vouchers-2",
}


@dataclass
class Theatre:
    """The servers' moods: which of them fail, and who waits for what."""

    port: int
    envoy: RunningEnvoy | None = None
    broken: set[str] = field(default_factory=set)
    tries: Counter[str] = field(default_factory=Counter)
    released: threading.Event = field(default_factory=threading.Event)

    def answer(self, server: str, request: Received) -> Answer:
        self.tries[request.path] += 1
        first = self.tries[request.path] == 1
        if request.path in {"/reviews/slow", "/wait"} or (request.path == "/reviews/best" and first):
            self.released.wait(30)
        if request.path == "/reviews/limited" and self.tries[request.path] <= 2:
            return 429, (), b"later"
        return (500, (), b"broken") if server in self.broken else (200, (), server.encode())

    def get(self, host: str, path: str = "/", **headers: str) -> Response:
        return http_request(self.port, path, host=host, headers=named_headers(headers))

    def server(self, host: str, path: str = "/", **headers: str) -> str:
        return self.get(host, path, **headers).body.decode()

    def stat(self, service: str, name: str) -> int:
        assert self.envoy is not None
        return self.envoy.stat(f"cluster.outbound|{self.port}||{service}.theatre.svc.cluster.local.{name}")


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    made, root = Theatre(free_port()), tmp_path_factory.mktemp("boxoffice")
    with ExitStack() as stack:
        stack.callback(made.released.set)
        here = {"ports: [80]": f"ports: [{{name: http, port: {made.port}}}]"}
        for address, name in SERVERS.items():
            server = stack.enter_context(EchoServer(name, lambda request, name=name: made.answer(name, request)))
            if name.startswith(("archive", "posters")):
                here[f"address: {address}, port: 8080"] = f"address: 127.0.0.1, port: {server.port}"
            else:
                here[f"{address}:8080"] = f"127.0.0.1:{server.port}"
        result = lesson("06-resilience", root, here)
        certificates = Authority().workload(root, "cluster.local/ns/theatre/sa/boxoffice")
        made.envoy = stack.enter_context(start_envoy(on_loopback(result, "theatre/boxoffice", certificates), root))
        yield made


def test_6_endpoints_take_turns(theatre: Theatre):
    assert Counter(theatre.server("plays") for _ in range(20)) == {"plays-1": 10, "plays-2": 10}


def test_6_a_visitor_has_one_endpoint_and_visitors_have_several(theatre: Theatre):
    held = {str(visitor): {theatre.server("seats", x_visitor=str(visitor)) for _ in range(5)} for visitor in range(30)}
    assert {len(servers) for servers in held.values()} == {1}
    assert len(set().union(*held.values())) > 1


def test_6_the_archive_is_asked_here_and_next_door(theatre: Theatre):
    requests = 1000
    servers = Counter(theatre.server("archive") for _ in range(requests))
    # Five standard deviations: a right 70 % misses that once in two million runs.
    assert abs(servers["archive-here"] - requests * 0.7) < 5 * math.sqrt(requests * 0.7 * 0.3)
    assert servers.keys() == {"archive-here", "archive-next-door"}


def test_6_america_answers_once_europe_fails(theatre: Theatre):
    assert {theatre.server("posters") for _ in range(10)} == {"posters-europe"}
    theatre.broken.add("posters-europe")
    wait_until(lambda: theatre.server("posters") == "posters-america", "posters came from America")
    assert theatre.stat("posters", "outlier_detection.ejections_active") == 1
    assert {theatre.server("posters") for _ in range(10)} == {"posters-america"}


def test_6_a_status_code_is_tried_again(theatre: Theatre):
    answer = theatre.get("reviews", "/reviews/limited")
    assert (answer.status, theatre.tries["/reviews/limited"]) == (200, 3)


def test_6_nobody_waits_long_and_nobody_asks_twice_for_what_is_slow(theatre: Theatre):
    assert theatre.get("reviews", "/reviews/slow").status == 504
    assert theatre.tries["/reviews/slow"] == 1


def test_6_a_second_try_starts_beside_a_slow_one(theatre: Theatre):
    assert (theatre.get("reviews", "/reviews/best").status, theatre.tries["/reviews/best"]) == (200, 2)


def test_6_a_third_payment_is_turned_away_while_one_is_made_and_one_waits(theatre: Theatre):
    before = theatre.stat("payments", "upstream_rq_pending_overflow")
    with ThreadPoolExecutor(2) as pool:
        waiting = []
        # One after the other: a request waits also while its connection is being made.
        for stat in ("upstream_rq_active", "upstream_rq_pending_active"):
            waiting.append(pool.submit(theatre.get, "payments", "/wait"))
            wait_until(lambda stat=stat: theatre.stat("payments", stat) == 1, f"{stat} was 1")
        refused = theatre.get("payments", "/now")
        theatre.released.set()
        assert [each.result().status for each in waiting] == [200, 200]
    assert (refused.status, refused.header("x-envoy-overloaded")) == (503, "true")
    assert theatre.stat("payments", "upstream_rq_pending_overflow") > before


def test_6_an_endpoint_that_fails_once_is_left_out(theatre: Theatre):
    theatre.broken.add("vouchers-1")

    def ejected() -> bool:
        theatre.get("vouchers")
        return theatre.stat("vouchers", "outlier_detection.ejections_active") == 1

    wait_until(ejected, "the broken endpoint was left out")
    assert {theatre.server("vouchers") for _ in range(10)} == {"vouchers-2"}
