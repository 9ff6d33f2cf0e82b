"""Chapters of examples/book as traffic on a real Envoy."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from harness import Answer, EchoServer, Received, free_port, http_request, start_envoy
from lessons import lesson, on_loopback

pytestmark = pytest.mark.envoy


# --- chapter 3: Envoy alone -----------------------------------------------------------------------------------------------
class Reviews:
    """Fails the first two requests of each path, and never answers below /reviews/asleep."""

    def __init__(self) -> None:
        self.tries: Counter[str] = Counter()
        self.released = threading.Event()

    def __call__(self, request: Received) -> Answer:
        self.tries[request.path] += 1
        if request.path == "/reviews/asleep":
            self.released.wait(30)
        return (503, (), b"") if self.tries[request.path] <= 2 else (200, (), b"applause")


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Reviews]]:
    answers, port, folder = Reviews(), free_port(), tmp_path_factory.mktemp("edge")
    with ExitStack() as stack:
        stack.callback(answers.released.set)
        first, second = stack.enter_context(EchoServer("first")), stack.enter_context(EchoServer("second"))
        reviews = stack.enter_context(EchoServer("reviews", answers))
        here = {
            "15001": str(port),
            "10.2.0.11:8000": f"127.0.0.1:{first.port}",
            "10.2.0.12:8000": f"127.0.0.1:{second.port}",
            "10.2.0.21:8000": f"127.0.0.1:{reviews.port}",
        }
        result = lesson("03-envoy", folder, here)
        stack.enter_context(start_envoy(on_loopback(result, "theatre/edge"), folder))
        yield port, answers


def test_3_an_envoy_without_istio_takes_turns_between_its_endpoints(edge: tuple[int, Reviews]):
    port, _ = edge
    servers = Counter(http_request(port, "/plays", host="any.example").json()["server"] for _ in range(20))
    assert servers == {"first": 10, "second": 10}


def test_3_a_flaky_server_is_asked_again(edge: tuple[int, Reviews]):
    port, reviews = edge
    answer = http_request(port, "/reviews/hamlet", host="any.example")
    assert (answer.status, answer.body, reviews.tries["/reviews/hamlet"]) == (200, b"applause", 3)


def test_3_a_server_that_does_not_answer_costs_the_timeout_and_no_more(edge: tuple[int, Reviews]):
    port, reviews = edge
    assert http_request(port, "/reviews/asleep", host="any.example").status == 504
    assert 1 <= reviews.tries["/reviews/asleep"] <= 4
