"""Extensions in a real Envoy: a Lua program that calls, local and global limits, a tap, an external processor."""

from __future__ import annotations

import http.client
import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from certificates import Authority
from envoy.config.core.v3 import base_pb2
from envoy.service.ext_proc.v3 import external_processor_pb2, external_processor_pb2_grpc
from envoy.service.ratelimit.v3 import rls_pb2, rls_pb2_grpc
from harness import EchoServer, Response, RunningEnvoy, free_port, http_request, named_headers, start_envoy
from meshes import bootstrap, echo_endpoint, endpoint, service

from meshgen.mesh import Capture
from meshgen.outputs import dump_documents
from meshgen.pipeline import Result, compile_project

pytestmark = pytest.mark.envoy

SERVER = "127.0.0.31"


@dataclass
class Shop:
    """The sidecar of `catalog`, and the application behind it."""

    envoy: RunningEnvoy
    echo: EchoServer
    result: Result

    def get(self, path: str = "/", **headers: str) -> Response:
        return http_request(self.echo.port, path, address=SERVER, host="catalog", headers=named_headers(headers))


@contextmanager
def shop(folder: Path, extension: str, *documents: dict[str, Any], **files: str) -> Iterator[Shop]:
    """A real Envoy in front of `catalog` with one Extension: its `spec`, for the service `catalog`."""
    with ExitStack() as stack:
        echo = stack.enter_context(EchoServer("catalog"))
        spec = {"service": "catalog", **yaml.safe_load(extension)}
        intent = {"apiVersion": "meshgen/v1", "kind": "Extension", "metadata": {"name": "it", "namespace": "shop"}, "spec": spec}
        core = [service("catalog", free_port(), target=echo.port), *endpoint("catalog", SERVER, echo.port), *documents]
        project = {"apiVersion": "meshgen/v1", "kind": "Project", "spec": {"sources": ["shop.yaml"]}}
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "meshgen.yaml").write_text(yaml.safe_dump(project))
        (folder / "shop.yaml").write_text(yaml.safe_dump_all([intent, *core]))
        for name, text in files.items():
            (folder / f"{name}.lua").write_text(text)
        result = compile_project(folder)
        assert not result.failed, result.diagnostics
        proxy = next(proxy for proxy in result.proxies if proxy.name == "catalog")
        certificates = Authority().workload(folder / "certificates", "cluster.local/ns/shop/sa/catalog")
        loopback = replace(proxy, capture=Capture.LOOPBACK, address=SERVER)
        envoy = stack.enter_context(start_envoy(bootstrap(result.mesh, loopback, certificates), folder / "envoy"))
        yield Shop(envoy, echo, result)


@contextmanager
def grpc_service(register: Any, servicer: object) -> Iterator[int]:  # noqa: ANN401 (generated functions have no types)
    """A gRPC server on loopback; its port."""
    server = grpc.server(ThreadPoolExecutor(2))
    register(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait()


def test_a_lua_program_asks_a_service_and_adds_what_it_says(tmp_path: Path):
    program = """
function envoy_on_request(handle)
  local _, group = handle:httpCall("bucket_tester", {[":method"] = "GET", [":path"] = "/", [":authority"] = "bucket"}, "", 5000)
  handle:headers():add("x-test-group", group)
end
"""
    extension = "{traffic: inbound, lua: {file: group.lua, calls: {bucket_tester: bucket-tester}}}"
    with EchoServer("bucket-tester", lambda _: (200, (), b"dark-launch-7")) as bucket:
        documents = [service("bucket-tester", free_port()), *echo_endpoint("bucket-tester", bucket)]
        with shop(tmp_path, extension, *documents, group=program) as running:
            received = dict(running.get("/items").json()["headers"])
    assert received["x-test-group"] == "dark-launch-7"


def test_a_local_limit_refuses_what_is_over_it_and_counts_by_path_and_header(tmp_path: Path):
    extension = """
localRateLimit:
  limit: 10000/s
  limits:
    - {by: {path: true, match: /search*}, limit: 3/h}
    - {by: {header: x-plan}, values: {free: 2/h}, absent: 20/h}
  status: 503
  headers: {x-limited: "true"}
"""
    with shop(tmp_path, extension) as running:
        search = [running.get("/search?q=a", x_plan="paid") for _ in range(5)]
        free = [running.get("/items", x_plan="free").status for _ in range(4)]
        paid = {running.get("/items", x_plan="paid").status for _ in range(30)}
        absent = Counter(running.get("/items").status for _ in range(25))
    assert [answer.status for answer in search] == [200, 200, 200, 503, 503]
    assert search[-1].header("x-limited") == "true"
    assert free == [200, 200, 503, 503]
    assert paid == {200}
    assert absent == {200: 20, 503: 5}


class Limits(rls_pb2_grpc.RateLimitServiceServicer):
    """A rate limit service for one domain, that reads the configuration which meshgen gives to the real one."""

    def __init__(self) -> None:
        self.config: dict[str, Any] = {}
        self.counts: Counter[tuple[tuple[str, str], ...]] = Counter()

    def ShouldRateLimit(self, request: Any, context: object) -> object:  # noqa: ANN401, N802, ARG002 (gRPC's own names)
        assert request.domain == self.config["domain"]
        over = [self._over(tuple((entry.key, entry.value) for entry in each.entries)) for each in request.descriptors]
        code = rls_pb2.RateLimitResponse.OVER_LIMIT if any(over) else rls_pb2.RateLimitResponse.OK
        return rls_pb2.RateLimitResponse(overall_code=code)

    def _over(self, entries: tuple[tuple[str, str], ...]) -> bool:
        level, found = self.config["descriptors"], None
        for key, value in entries:
            named = [one for one in level if one["key"] == key and one.get("value") == value]
            found = next(iter(named or [one for one in level if one["key"] == key and "value" not in one]), None)
            if found is None:
                return False
            level = found.get("descriptors", [])
        self.counts[entries] += 1
        return found is not None and "rate_limit" in found and self.counts[entries] > found["rate_limit"]["requests_per_unit"]


def test_a_global_limit_holds_each_tier_to_its_own_by_the_configuration_of_the_service(tmp_path: Path):
    limits = Limits()
    extension = """
rateLimit:
  service: ratelimit
  domain: catalog-ratelimit
  fail: closed
  timeout: 5s
  limits:
    by: {header: x-loyalty}
    values: {gold: 10/m, silver: 5/m, bronze: 3/m}
    absent: 1/m
"""
    with grpc_service(rls_pb2_grpc.add_RateLimitServiceServicer_to_server, limits) as port:
        documents = [
            service("ratelimit", free_port(), protocol="grpc"),
            *endpoint("ratelimit", "127.0.0.1", port, protocol="grpc"),
        ]
        with shop(tmp_path, extension, *documents) as running:
            config_map = running.result.others[0].object
            limits.config = yaml.safe_load(config_map["data"]["catalog-ratelimit.yaml"])
            passed = {
                tier: sum(running.get(x_loyalty=tier).status == 200 for _ in range(12)) for tier in ("gold", "silver", "bronze")
            }
            passed["absent"] = sum(running.get().status == 200 for _ in range(4))
            refused = running.get().status
    assert passed == {"gold": 10, "silver": 5, "bronze": 3, "absent": 1}
    assert refused == 429


def test_a_limit_that_fails_closed_refuses_while_the_service_is_away(tmp_path: Path):
    extension = (
        "{rateLimit: {service: ratelimit, fail: closed, failStatus: 503, timeout: 5s, limits: {by: remoteAddress, limit: 9/m}}}"
    )
    with shop(tmp_path, extension, service("ratelimit", free_port(), protocol="grpc")) as running:
        assert running.get().status == 503


def test_a_tap_gives_the_requests_that_the_posted_file_asks_for(tmp_path: Path):
    extension = '{tap: {id: look, headers: {x-tap: "true"}}}'
    with shop(tmp_path, extension) as running:
        body = dump_documents([running.result.files[0].content])  # what `extensions/shop/it/tap.yaml` holds
        connection = http.client.HTTPConnection("127.0.0.1", running.envoy.admin_port, timeout=20)
        connection.request("POST", "/tap", body)
        stream = connection.getresponse()
        assert stream.status == 200
        running.get("/quiet")
        running.get("/looked-at", x_tap="true")
        text = ""
        while not text.rstrip().endswith("}") or text.count("{") != text.count("}"):
            text += stream.read1().decode()
        connection.close()
    headers = json.loads(text)["http_buffered_trace"]["request"]["headers"]
    assert {each["key"]: each["value"] for each in headers}[":path"] == "/looked-at"


class Stamp(external_processor_pb2_grpc.ExternalProcessorServicer):
    """Adds a header to each request."""

    def Process(self, requests: Iterator[Any], context: object) -> Iterator[object]:  # noqa: N802, ARG002 (gRPC's own names)
        for _ in requests:
            value = base_pb2.HeaderValueOption(header=base_pb2.HeaderValue(key="x-scanned", raw_value=b"clean"))
            mutation = external_processor_pb2.HeaderMutation(set_headers=[value])
            common = external_processor_pb2.CommonResponse(header_mutation=mutation)
            yield external_processor_pb2.ProcessingResponse(
                request_headers=external_processor_pb2.HeadersResponse(response=common)
            )


def test_an_external_processor_changes_requests(tmp_path: Path):
    extension = "{externalProcessor: {service: scanner, messageTimeout: 5s, mode: {responseHeaders: skip}}}"
    with grpc_service(external_processor_pb2_grpc.add_ExternalProcessorServicer_to_server, Stamp()) as port:
        documents = [service("scanner", free_port(), protocol="grpc"), *endpoint("scanner", "127.0.0.1", port, protocol="grpc")]
        with shop(tmp_path, extension, *documents) as running:
            answer = running.get("/items")
    assert dict(answer.json()["headers"])["x-scanned"] == "clean"


def test_filters_by_name_stand_where_they_are_put(tmp_path: Path):
    extension = """
envoy:
  proxyVersions: 1.24 - 1.40
  filters:
    - name: second
      type: envoy.extensions.filters.http.lua.v3.Lua
      config: {default_source_code: {inline_string: "function envoy_on_request(h) h:headers():add('x-order', 'second') end"}}
    - name: third
      type: envoy.extensions.filters.http.lua.v3.Lua
      config: {default_source_code: {inline_string: "function envoy_on_request(h) h:headers():add('x-order', 'third') end"}}
    - name: first
      first: true
      type: envoy.extensions.filters.http.lua.v3.Lua
      config: {default_source_code: {inline_string: "function envoy_on_request(h) h:headers():add('x-order', 'first') end"}}
"""
    with shop(tmp_path, extension) as running:
        headers = running.get().json()["headers"]
    assert [value for name, value in headers if name == "x-order"] == ["first", "second", "third"]
