"""Chapter 5 of examples/book on real Envoys: the box office's sidecar and the front door."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from certificates import Authority
from harness import EchoServer, Response, free_port, http_request, named_headers, start_envoy, wait_until
from lessons import lesson, on_loopback

pytestmark = pytest.mark.envoy


@dataclass
class Theatre:
    inside: int
    door: int
    shadow: EchoServer

    def ask(self, path: str, host: str = "plays", **headers: str) -> Response:
        return http_request(self.inside, path, host=host, headers=named_headers(headers))

    def enter(self, path: str, **headers: str) -> Response:
        return http_request(self.door, path, host="plays.example.com", headers=named_headers(headers))


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    root, authority = tmp_path_factory.mktemp("theatre"), Authority()
    with ExitStack() as stack:
        echoes = {name: stack.enter_context(EchoServer(name)) for name in ("v1", "v2", "shadow", "weather")}

        def start(name: str, account: str) -> dict[str, int]:
            ports = {"inside": free_port(), "door": free_port()}
            here = {
                "{port: 80, hosts: [plays": f"{{port: {ports['door']}, hosts: [plays",
                "ports: [80]": f"ports: [{{name: http, port: {ports['inside']}}}]",
                "10.5.0.11:8080": f"127.0.0.1:{echoes['v1'].port}",
                "10.5.0.12:8080": f"127.0.0.1:{echoes['v2'].port}",
                "10.5.0.21:8080": f"127.0.0.1:{echoes['shadow'].port}",
                "192.0.2.7:80": f"127.0.0.1:{echoes['weather'].port}",
            }
            place = root / name.replace("/", "-")
            certificates = authority.workload(place, f"cluster.local/ns/{account}")
            stack.enter_context(start_envoy(on_loopback(lesson("05-traffic", place, here), name, certificates), place))
            return ports

        inside = start("theatre/boxoffice", "theatre/sa/boxoffice")["inside"]
        door = start("istio-ingress/front-door", "istio-ingress/sa/default")["door"]
        yield Theatre(inside, door, echoes["shadow"])


def test_5_staff_sees_v2_at_the_door_and_deep_in_the_house(theatre: Theatre):
    assert {theatre.ask("/hamlet", x_cohort="staff").json()["server"] for _ in range(20)} == {"v2"}
    assert {theatre.enter("/hamlet", x_cohort="staff").json()["server"] for _ in range(20)} == {"v2"}


def test_5_a_tenth_of_all_others_gets_the_release(theatre: Theatre):
    requests = 1000
    servers = Counter(theatre.ask("/share").json()["server"] for _ in range(requests))
    # Five standard deviations: a right 10 % misses that once in two million runs.
    assert abs(servers["v2"] - requests * 0.1) < 5 * math.sqrt(requests * 0.1 * 0.9)
    assert servers.keys() == {"v1", "v2"}


def test_5_half_of_the_requests_is_copied_and_nobody_sees_it(theatre: Theatre):
    requests = 400
    assert {theatre.enter(f"/copied/{number}").json()["server"] for number in range(requests)} <= {"v1", "v2"}
    least = requests * 0.5 - 5 * math.sqrt(requests * 0.25)

    def copies() -> int:
        return sum(request.path.startswith("/copied/") for request in list(theatre.shadow.received))

    wait_until(lambda: copies() > least, "the copies arrived")
    assert copies() < requests * 0.5 + 5 * math.sqrt(requests * 0.25)


def test_5_a_named_host_outside_is_reached_and_no_other(theatre: Theatre):
    assert theatre.ask("/today", host="weather.example.org").json()["server"] == "weather"
    assert theatre.ask("/", host="elsewhere.example.org").status == 502
