"""What rules make of a request, seen behind a real Envoy: hosts, rewrites, headers, faults, CORS, delegates, upgrades."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import EchoServer, Response, RunningEnvoy, free_port, http_request, named_headers, start_envoy, wait_until
from mesh_text import mesh_of
from meshes import bootstrap, echo_endpoint, endpoint, service, sidecar
from sockets import ByteServer, connect, read_until, upgrades

pytestmark = pytest.mark.envoy

RULES = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: catalog, namespace: shop}}
spec:
  hosts: [catalog]
  http:
  - match: [{{uri: {{prefix: /old/}}}}]
    rewrite: {{uri: /new/, authority: archive.example}}
    route: [{{destination: {{host: catalog}}}}]
  - match: [{{uri: {{prefix: /numbers/}}}}]
    rewrite: {{uriRegexRewrite: {{match: '^/numbers/([0-9]+)/(.*)$', rewrite: '/\\2/\\1'}}}}
    route: [{{destination: {{host: catalog}}}}]
  - match: [{{uri: {{exact: /headers}}}}]
    headers:
      request: {{set: {{x-set: by-rule}}, add: {{x-added: more}}, remove: [x-secret]}}
      response: {{set: {{x-answer: by-rule}}, remove: [content-type]}}
    route: [{{destination: {{host: catalog}}}}]
  - match: [{{uri: {{exact: /broken}}}}]
    fault: {{abort: {{httpStatus: 418, percentage: {{value: 100}}}}}}
    route: [{{destination: {{host: catalog}}}}]
  - match: [{{uri: {{exact: /never-broken}}}}]
    fault: {{abort: {{httpStatus: 418, percentage: {{value: 0}}}}}}
    route: [{{destination: {{host: catalog}}}}]
  - match: [{{uri: {{exact: /shared}}}}]
    corsPolicy: {{allowOrigins: [{{exact: 'https://shop.example'}}], allowMethods: [PUT], maxAge: 24h}}
    route: [{{destination: {{host: catalog}}}}]
  - match: [{{uri: {{exact: /closed}}}}]
    directResponse: {{status: 410, body: {{string: gone for good}}}}
  - match: [{{uri: {{exact: /moved}}}}]
    redirect: {{uri: /here, authority: elsewhere.example, redirectCode: 308}}
  - match: [{{uri: {{prefix: /team}}}}]
    delegate: {{name: team, namespace: shop}}
  - route: [{{destination: {{host: catalog}}}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: team, namespace: shop}}
spec:
  http:
  - match: [{{uri: {{prefix: /team/private}}}}]
    directResponse: {{status: 403}}
  - rewrite: {{uri: /of-the-team}}
    route: [{{destination: {{host: catalog}}}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: any, namespace: shop}}
spec:
  hosts: ['*.wild.example']
  ports: [{{number: {port}, name: http, protocol: HTTP}}]
  resolution: STATIC
  endpoints: [{{address: 127.0.0.1, ports: {{http: {wild}}}}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: deep, namespace: shop}}
spec:
  hosts: ['*.deep.wild.example']
  ports: [{{number: {port}, name: http, protocol: HTTP}}]
  resolution: STATIC
  endpoints: [{{address: 127.0.0.1, ports: {{http: {deep}}}}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: exact, namespace: shop}}
spec:
  hosts: [one.deep.wild.example]
  ports: [{{number: {port}, name: http, protocol: HTTP}}]
  resolution: STATIC
  endpoints: [{{address: 127.0.0.1, ports: {{http: {exact}}}}}]
---
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {{name: stamp, namespace: shop}}
spec:
  workloadSelector: {{labels: {{app: webapp}}}}
  configPatches:
  - applyTo: VIRTUAL_HOST
    match: {{context: SIDECAR_OUTBOUND, routeConfiguration: {{vhost: {{name: 'catalog.shop.svc.cluster.local:{port}'}}}}}}
    patch: {{operation: MERGE, value: {{response_headers_to_add: [{{header: {{key: x-patched, value: merged}}}}]}}}}
  - applyTo: HTTP_FILTER
    match:
      context: SIDECAR_OUTBOUND
      listener: {{filterChain: {{filter: {{name: envoy.filters.network.http_connection_manager}}}}}}
    patch:
      operation: INSERT_FIRST
      value:
        name: stamp
        typed_config:
          '@type': type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
          default_source_code: {{inline_string: 'function envoy_on_request(h) h:headers():add("x-inserted", "first") end'}}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: webapp, namespace: shop}}
spec:
  workloadSelector: {{labels: {{app: webapp}}}}
  egress: [{{hosts: [shop/*, far/open.far.example]}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: far, namespace: far}}
spec:
  hosts: [open.far.example, unnamed.far.example]
  ports: [{{number: {port}, name: http, protocol: HTTP}}]
  resolution: STATIC
  endpoints: [{{address: 127.0.0.1, ports: {{http: {exact}}}}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: own, namespace: far}}
spec:
  hosts: [own.far.example]
  exportTo: ['.']
  ports: [{{number: {port}, name: http, protocol: HTTP}}]
  resolution: STATIC
  endpoints: [{{address: 127.0.0.1, ports: {{http: {exact}}}}}]
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {{name: webapp, namespace: shop}}
spec:
  accessLogging:
  - providers: [{{name: lines}}]
    filter: {{expression: 'response.code >= 400'}}
"""
CONFIG = """
extensionProviders:
- name: lines
  envoyFileAccessLog:
    path: {log}
    logFormat: {{labels: {{status: '%RESPONSE_CODE%', path: '%REQ(:PATH)%'}}}}
"""


@dataclass
class Shop:
    envoy: RunningEnvoy
    port: int
    catalog: EchoServer
    log: Path

    def ask(self, path: str, *, host: str = "catalog", method: str = "GET", **headers: str) -> Response:
        return http_request(self.port, path, host=host, method=method, headers=named_headers(headers))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    port, directory = free_port(), tmp_path_factory.mktemp("routes")
    log = directory / "access.log"
    with ExitStack() as stack:
        echoes = {name: stack.enter_context(EchoServer(name)) for name in ("catalog", "wild", "deep", "exact")}
        chat = stack.enter_context(ByteServer(upgrades))
        ports = {name: echo.port for name, echo in echoes.items() if name != "catalog"}
        mesh = mesh_of(
            RULES.format(port=port, **ports),
            service("catalog", port),
            service("chat", port),
            *echo_endpoint("catalog", echoes["catalog"]),
            *endpoint("chat", "127.0.0.1", chat.port),
            config=CONFIG.format(log=log),
        )
        at_once = ("--file-flush-interval-msec", "20")
        envoy = stack.enter_context(start_envoy(bootstrap(mesh, sidecar("webapp")), directory, arguments=at_once))
        yield Shop(envoy, port, echoes["catalog"], log)


@pytest.mark.parametrize(
    ("host", "server"),
    [
        ("one.deep.wild.example", "exact"),
        ("ONE.deep.wild.example", "exact"),
        ("two.deep.wild.example", "deep"),
        ("a.b.deep.wild.example", "deep"),
        ("deep.wild.example", "wild"),
        ("other.wild.example", "wild"),
    ],
)
def test_the_exact_host_wins_then_the_longest_ending(host: str, server: str, shop: Shop):
    assert shop.ask("/", host=host).json()["server"] == server


def test_a_host_that_only_resembles_a_wildcard_is_unknown(shop: Shop):
    assert shop.ask("/", host="wild.example").status == 502


def test_path_and_host_are_rewritten(shop: Shop):
    seen = shop.ask("/old/books?page=2").json()
    assert (seen["path"], seen["host"]) == ("/new/books?page=2", "archive.example")
    assert shop.ask("/numbers/7/of/nine").json()["path"] == "/of/nine/7"


def test_headers_are_set_added_and_taken_away_in_both_directions(shop: Shop):
    answer = shop.ask("/headers", x_set="by-client", x_added="one", x_secret="key")
    seen = [(name, value) for name, value in answer.json()["headers"] if name in {"x-set", "x-added", "x-secret"}]
    assert sorted(seen) == [("x-added", "more"), ("x-added", "one"), ("x-set", "by-rule")]
    assert (answer.header("x-answer"), answer.header("content-type")) == ("by-rule", None)


def test_a_fault_answers_in_the_place_of_the_service_as_often_as_it_says(shop: Shop):
    before = len(shop.catalog.received)
    assert {shop.ask("/broken").status for _ in range(5)} == {418}
    assert len(shop.catalog.received) == before
    assert {shop.ask("/never-broken").status for _ in range(5)} == {200}


def test_a_preflight_of_an_allowed_origin_is_answered_and_any_other_goes_through(shop: Shop):
    wanted = {"access_control_request_method": "PUT"}
    good = shop.ask("/shared", method="OPTIONS", origin="https://shop.example", **wanted)
    assert (good.status, good.header("access-control-allow-origin")) == (200, "https://shop.example")
    assert (good.header("access-control-allow-methods"), good.header("access-control-max-age")) == ("PUT", "86400")
    bad = shop.ask("/shared", method="OPTIONS", origin="https://evil.example", **wanted)
    assert bad.header("access-control-allow-origin") is None


def test_an_answer_of_the_rules_own_and_a_redirect_reach_no_service(shop: Shop):
    closed, moved = shop.ask("/closed"), shop.ask("/moved")
    assert (closed.status, closed.body) == (410, b"gone for good")
    assert (moved.status, moved.header("location")) == (308, "http://elsewhere.example/here")


def test_a_delegate_decides_below_its_prefix(shop: Shop):
    assert shop.ask("/team/private/1").status == 403
    assert shop.ask("/team/1").json()["path"] == "/of-the-team/1"


def test_a_websocket_is_opened_and_carries_bytes_both_ways(shop: Shop):
    with connect(shop.port) as client:
        client.sendall(b"GET /chat HTTP/1.1\r\nhost: chat\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n")
        assert read_until(client, b"\r\n\r\n").startswith(b"HTTP/1.1 101")
        client.sendall(b"hello")
        assert read_until(client, b"hello") == b"hello"
        client.sendall(b"again")
        assert read_until(client, b"again") == b"again"


def test_patches_of_an_envoy_filter_act(shop: Shop):
    answer = shop.ask("/")
    assert answer.header("x-patched") == "merged"
    assert ["x-inserted", "first"] in answer.json()["headers"]


def test_a_sidecar_sees_what_is_exported_to_it_and_what_its_scope_names(shop: Shop):
    assert shop.ask("/", host="open.far.example").json()["server"] == "exact"
    assert shop.ask("/", host="unnamed.far.example").status == 502
    assert shop.ask("/", host="own.far.example").status == 502


def test_the_access_log_has_what_its_filter_lets_through(shop: Shop):
    for path in ("/closed?logged", "/fine"):
        shop.ask(path)
    wait_until(lambda: shop.log.is_file() and "/closed?logged" in shop.log.read_text(), "the line was written")
    assert '"status":410' in shop.log.read_text()
    assert "/fine" not in shop.log.read_text()
