"""Upstream settings and what watches requests, on a real Envoy: warm-up, keep-alive, HTTP/2 to who asks for it, spans, Wasm."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import EchoServer, RunningEnvoy, free_port, http_request, start_envoy, wait_until
from mesh_text import mesh_of
from meshes import FileTree, bootstrap, echo_endpoint, endpoint, service, sidecar
from sockets import ByteServer
from wasm_module import adds_header

pytestmark = pytest.mark.envoy

RULES = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: kept, namespace: shop}}
spec:
  host: kept
  trafficPolicy: {{connectionPool: {{tcp: {{tcpKeepalive: {{time: 7s, interval: 3s, probes: 4}}}}}}}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: raised, namespace: shop}}
spec:
  host: raised
  trafficPolicy: {{connectionPool: {{http: {{h2UpgradePolicy: UPGRADE}}}}}}
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {{name: webapp, namespace: shop}}
spec:
  tracing:
  - providers: [{{name: spans}}]
    randomSamplingPercentage: 100
    customTags: {{shop: {{literal: {{value: north}}}}, caller: {{header: {{name: x-caller, defaultValue: nobody}}}}}}
---
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {{name: stamp, namespace: shop}}
spec:
  selector: {{matchLabels: {{app: webapp}}}}
  url: file://{module}
"""
SPANS = "extensionProviders: [{{name: spans, zipkin: {{service: zipkin.shop.svc.cluster.local, port: {port}}}}}]"


@dataclass
class Shop:
    envoy: RunningEnvoy
    port: int
    web: EchoServer
    spans: bytearray  # all that was sent to the collector
    kept: ByteServer
    raised: ByteServer


def first_words(connection: socket.socket) -> None:
    """Keeps what the peer says first, and answers nothing."""
    heard.append(connection.recv(24))
    while connection.recv(4096):
        continue


heard: list[bytes] = []


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    port, spans_port, directory = free_port(), free_port(), tmp_path_factory.mktemp("clusters")
    module = directory / "stamp.wasm"
    module.write_bytes(adds_header("x-stamped", "by wasm"))
    with ExitStack() as stack:
        spans = bytearray()

        def collect(connection: socket.socket) -> None:
            while received := connection.recv(65_536):
                spans.extend(received)
                connection.sendall(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")

        web, zipkin = stack.enter_context(EchoServer("web")), stack.enter_context(ByteServer(collect))
        kept, raised = (stack.enter_context(ByteServer(first_words)) for _ in range(2))
        mesh = mesh_of(
            RULES.format(module=module),
            *(service(name, port) for name in ("web", "kept", "raised")),
            service("zipkin", spans_port),
            *echo_endpoint("web", web),
            *endpoint("zipkin", "127.0.0.1", zipkin.port),
            *endpoint("kept", "127.0.0.1", kept.port),
            *endpoint("raised", "127.0.0.1", raised.port),
            config=SPANS.format(port=spans_port),
        )
        envoy = stack.enter_context(start_envoy(bootstrap(mesh, sidecar("webapp")), directory))
        yield Shop(envoy, port, web, spans, kept, raised)


def opened(shop: Shop, host: str) -> socket.socket:
    """A connection on which a request to this host is under way."""
    client = socket.create_connection(("127.0.0.1", shop.port), timeout=10)
    client.sendall(f"GET / HTTP/1.1\r\nhost: {host}\r\n\r\n".encode())
    return client


def test_a_module_of_webassembly_changes_requests(shop: Shop):
    assert ["x-stamped", "by wasm"] in http_request(shop.port, host="web").json()["headers"]


def test_spans_reach_their_collector_with_the_tags_that_were_asked_for(shop: Shop):
    for _ in range(10):  # Envoy posts them by the handful
        http_request(shop.port, "/traced", host="web", headers=[("x-caller", "ann")])
    wait_until(lambda: b'"caller":"ann"' in shop.spans, "spans were posted")
    assert b"POST /api/v2/spans" in shop.spans
    assert b'"shop":"north"' in shop.spans
    assert b'"http.status_code":"200"' in shop.spans


def test_a_traced_request_carries_its_trace_on(shop: Shop):
    seen = dict(http_request(shop.port, host="web").json()["headers"])
    assert (seen["x-b3-sampled"], len(seen["x-b3-traceid"])) == ("1", 32)


def test_an_idle_connection_to_a_service_is_kept_alive_by_the_kernel(shop: Shop):
    def timers() -> list[int]:
        """Seconds until the kernel's keep-alive timers of connections to the service fire (`tr` 02 of /proc/net/tcp)."""
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        mine = [row[5].split(":") for row in rows if int(row[2].rpartition(":")[2], 16) == shop.kept.port and row[3] == "01"]
        return [int(when, 16) // 100 for kind, when in mine if kind == "02"]

    with opened(shop, "kept"):
        wait_until(lambda: bool(timers()), "the connection has a keep-alive timer")
        assert all(seconds <= 7 for seconds in timers())


def test_http1_is_raised_to_http2_where_the_rule_asks_for_it(shop: Shop):
    with opened(shop, "raised"):
        wait_until(lambda: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" in heard, "the service heard HTTP/2's preface")


WARM = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: warm, namespace: shop}
spec:
  host: warm
  trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN, warmup: {duration: 5s, minimumPercent: 10}}}
"""


def test_a_new_endpoint_gets_little_while_it_warms_up(tmp_path: Path):
    port = free_port()
    with ExitStack() as stack:
        old, new = (stack.enter_context(EchoServer(name)) for name in ("old", "new"))
        known = (service("warm", port), *echo_endpoint("warm", old))
        proxy = sidecar("webapp")
        tree = FileTree(tmp_path / "files", proxy)
        tree.write(mesh_of(WARM, *known))
        tree.envoy = stack.enter_context(start_envoy(tree.bootstrap(), tmp_path / "envoy"))
        envoy = tree.envoy
        wait_until(lambda: uptime(envoy) > 5, "the first endpoint is warm")
        tree.write(mesh_of(WARM, *known, *echo_endpoint("warm", new, version="v2")))
        seen = Counter(http_request(port, host="warm").json()["server"] for _ in range(60))
    assert 0 < seen["new"] <= 20  # a tenth of the other's weight, and rising; without a warm-up it would be 30


def uptime(envoy: RunningEnvoy) -> float:
    """Seconds by Envoy's own clock."""
    return float(envoy.admin("/server_info").json()["uptime_current_epoch"].rstrip("s"))
