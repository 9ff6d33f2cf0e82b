"""A real Envoy and a real `meshgen serve`: saved sources move traffic and lose no request; what is broken changes nothing."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import grpc
import pytest
import yaml
from envoy.config.core.v3 import base_pb2
from envoy.service.discovery.v3 import ads_pb2_grpc, discovery_pb2
from harness import EchoServer, RunningEnvoy, free_port, http_request, start_envoy, wait_until
from load import Load
from meshes import echo_endpoint, service

from meshgen.serve.snapshots import TYPE_URLS, Kind

pytestmark = pytest.mark.envoy

Json: TypeAlias = Any
MESHGEN = (sys.executable, "-c", "from meshgen.cli import main; main()")
PROJECT = """
apiVersion: meshgen/v1
kind: Project
spec:
  targets:
    proxies:
      - {name: webapp, namespace: shop, labels: {app: webapp}, serviceAccount: webapp, ip: 127.0.0.2, bind: loopback}
      - {name: edge, namespace: shop, role: gateway, labels: {istio: edge}}
"""


@dataclass
class Server:
    """A running `meshgen serve --json`, and what it has said."""

    directory: Path
    process: subprocess.Popen[str]
    events: list[Json] = field(default_factory=list)

    def listen(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def named(self, name: str, proxy: str = "") -> list[Json]:
        return [each for each in self.events if each["event"] == name and (not proxy or each.get("proxy") == proxy)]

    def wait_for(self, name: str, count: int = 1, proxy: str = "") -> list[Json]:
        wait_until(lambda: len(self.named(name, proxy)) >= count or self.process.poll() is not None, f"{count} {name}")
        found = self.named(name, proxy)
        assert len(found) >= count, (self.events, self.process.poll())
        return found

    @property
    def port(self) -> int:
        return int(self.wait_for("listening")[0]["port"])

    def bootstrap(self, api_type: str, proxy: str = "shop/webapp") -> Json:
        options = ("--port", str(self.port), "--api-type", api_type, "--admin-port", "0", "--print-bootstrap", proxy)
        done = subprocess.run([*MESHGEN, "serve", "-C", str(self.directory), *options], capture_output=True, check=True)
        return json.loads(done.stdout)


@contextmanager
def running(directory: Path, *options: str) -> Iterator[Server]:
    command = [*MESHGEN, "serve", "-C", str(directory), "--json", "--interval", "0.02", *(options or ("--port", "0"))]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    server = Server(directory, process)
    reader = threading.Thread(target=server.listen, daemon=True)
    reader.start()
    try:
        yield server
    finally:
        process.terminate()
        assert process.wait(20) == 0
        reader.join(5)
        assert process.stdout
        process.stdout.close()


def rules(weights: dict[str, int], prefixes: tuple[str, ...] = ()) -> list[Json]:
    """The versions of `catalog`, and how its requests are shared; a prefix has a route of its own, with the same shares."""
    route = [{"destination": {"host": "catalog", "subset": name}, "weight": weight} for name, weight in weights.items()]
    http = [{"match": [{"uri": {"prefix": prefix}}], "route": route} for prefix in prefixes] + [{"route": route}]
    meta, api = {"name": "catalog", "namespace": "shop"}, "networking.istio.io/v1"
    subsets = [{"name": name, "labels": {"version": name}} for name in weights]
    return [
        {"apiVersion": api, "kind": "DestinationRule", "metadata": meta, "spec": {"host": "catalog", "subsets": subsets}},
        {"apiVersion": api, "kind": "VirtualService", "metadata": meta, "spec": {"hosts": ["catalog"], "http": http}},
    ]


@dataclass
class Shop:
    """A project whose `catalog` has two echo servers, and a place to save other sources."""

    directory: Path
    port: int
    echoes: dict[str, EchoServer]

    def save(self, *documents: Json, name: str = "rules") -> None:
        self.write(yaml.safe_dump_all(documents), name)

    def write(self, text: str, name: str = "rules") -> None:
        file = self.directory / "mesh" / f"{name}.yaml"
        hidden = file.with_name(f".{name}")
        hidden.write_text(text)
        os.replace(hidden, file)  # noqa: PTH105 - as editors save

    def save_all(self, weights: dict[str, int], **echoes: EchoServer) -> None:
        """Endpoints and rules in one save."""
        endpoints = [each for name, echo in echoes.items() for each in echo_endpoint("catalog", echo, version=name)]
        self.save(*endpoints, *rules(weights), service("catalog", self.port))

    def server(self, address: str = "127.0.0.1") -> str:
        answer = http_request(self.port, "/", host="catalog", address=address)
        return str(answer.json()["server"]) if answer.status == 200 else str(answer.status)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with ExitStack() as stack:
        echoes = {name: stack.enter_context(EchoServer(name)) for name in ("v1", "v2")}
        made = Shop(tmp_path / "project", free_port(), echoes)
        (made.directory / "mesh").mkdir(parents=True)
        (made.directory / "meshgen.yaml").write_text(PROJECT)
        made.save_all({"v1": 50, "v2": 50}, **echoes)
        yield made


@contextmanager
def served(shop: Shop, tmp_path: Path, api_type: str) -> Iterator[tuple[Server, RunningEnvoy]]:
    with running(shop.directory) as server, start_envoy(server.bootstrap(api_type), tmp_path / "envoy") as envoy:
        server.wait_for("taken")
        yield server, envoy


@pytest.mark.parametrize("api_type", ["DELTA_GRPC", "GRPC"])
def test_a_hundred_saved_changes_lose_no_request(shop: Shop, tmp_path: Path, api_type: str):
    load = Load(shop.port, limit=100_000)
    with ExitStack() as stack:
        moved = {name: stack.enter_context(EchoServer(name)) for name in ("m0", "m1")}
        server, _ = stack.enter_context(served(shop, tmp_path, api_type))
        stack.enter_context(load.running())
        first = len(server.named("taken"))
        for number in range(100):
            v1, other = shop.echoes["v1"], moved[f"m{number // 4 % 2}"]
            match number % 4:
                case 0:  # shares
                    shop.save_all({"v1": 10 + number % 80, "v2": 90 - number % 80}, **shop.echoes)
                case 1:  # another address behind a name
                    shop.save_all({"v1": 50, "v2": 50}, v1=v1, v2=other)
                case 2:  # a version that was not there; the other one goes
                    shop.save_all({f"new{number}": 100}, **{f"new{number}": other})
                case _:  # and back, all at once
                    shop.save_all({"v2": 100}, v2=shop.echoes["v2"], v1=v1)
            server.wait_for("taken", first + number + 1)
        assert shop.server() == "v2"
    assert load.failures == []
    assert set(load.servers) == {"v1", "v2", "m0", "m1"}
    assert server.named("refused") == []


@pytest.mark.parametrize("api_type", ["DELTA_GRPC", "GRPC"])
def test_routes_move_and_a_broken_source_keeps_serving(shop: Shop, tmp_path: Path, api_type: str):
    with served(shop, tmp_path, api_type) as (server, _):
        shop.save_all({"v2": 100}, **shop.echoes)
        wait_until(lambda: {shop.server() for _ in range(30)} == {"v2"}, "the new shares were taken")
        shop.write("apiVersion: [")
        shop.write("apiVersion: [[", name="second")
        (broken, *_) = server.wait_for("broken")
        assert broken["diagnostics"][0]["place"]["file"].startswith("mesh/")
        assert {shop.server() for _ in range(30)} == {"v2"}
        (shop.directory / "mesh" / "second.yaml").unlink()
        shop.save_all({"v1": 100}, **shop.echoes)
        server.wait_for("mended")
        project = shop.directory / "meshgen.yaml"
        project.rename(project.with_name("away"))
        server.wait_for("broken", 2)
        project.with_name("away").rename(project)
        server.wait_for("mended", 2)
        wait_until(lambda: {shop.server() for _ in range(30)} == {"v1"}, "the mended sources were taken")


def patch(value: Json) -> Json:
    match = {"context": "SIDECAR_OUTBOUND", "cluster": {"service": "catalog.shop.svc.cluster.local"}}
    patches = [{"applyTo": "CLUSTER", "match": match, "patch": {"operation": "MERGE", "value": value}}]
    meta = {"name": "tuned", "namespace": "shop"}
    return {
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "EnvoyFilter",
        "metadata": meta,
        "spec": {"configPatches": patches},
    }


@pytest.mark.parametrize("api_type", ["DELTA_GRPC", "GRPC"])
def test_what_envoy_refuses_is_said_with_the_line_that_made_it(shop: Shop, tmp_path: Path, api_type: str):
    with served(shop, tmp_path, api_type) as (server, envoy):
        shop.save(patch({"lb_policy": "MAGLEV", "maglev_lb_config": {"table_size": 4}}), name="filter")
        (refused,) = server.wait_for("refused", proxy="shop/webapp")
        (found,) = refused["diagnostics"]
        assert found["code"] == "MG0950"
        assert found["place"]["file"] == "mesh/filter.yaml"
        line = (shop.directory / "mesh" / "filter.yaml").read_text().splitlines()[found["place"]["line"] - 1]
        assert "applyTo: CLUSTER" in line
        assert "table size" in found["message"]
        shop.save_all({"v1": 0, "v2": 100}, **shop.echoes)
        server.wait_for("compiled", 2)
        assert {shop.server() for _ in range(30)} == {"v1", "v2"}, "nothing goes on before clusters are taken"
        shop.save(patch({"tabel_size": 4}), name="filter")
        (unsent,) = server.wait_for("not-encoded")
        assert unsent["diagnostics"][0]["code"] == "MG0951"
        assert unsent["diagnostics"][0]["place"]["file"] == "mesh/filter.yaml"
        (shop.directory / "mesh" / "filter.yaml").unlink()
        wait_until(lambda: {shop.server() for _ in range(30)} == {"v2"}, "all went on when the patch had gone")
        assert envoy.process.poll() is None


def test_several_proxies_are_served_and_a_stranger_is_told_whom_it_may_mean(shop: Shop, tmp_path: Path):
    with ExitStack() as stack:
        server = stack.enter_context(running(shop.directory))
        stack.enter_context(start_envoy(server.bootstrap("DELTA_GRPC"), tmp_path / "one"))
        stack.enter_context(start_envoy(server.bootstrap("GRPC", "shop/edge"), tmp_path / "two"))
        server.wait_for("taken", proxy="shop/webapp")
        server.wait_for("taken", proxy="shop/edge")
        channel = stack.enter_context(grpc.insecure_channel(f"127.0.0.1:{server.port}"))
        node = base_pb2.Node(id="sidecar~127.0.0.9~webap.shop~shop.svc.cluster.local")
        for _ in range(2):
            stub = ads_pb2_grpc.AggregatedDiscoveryServiceStub(channel)
            with pytest.raises(grpc.RpcError) as refused:
                next(stub.StreamAggregatedResources(iter([discovery_pb2.DiscoveryRequest(node=node)])))
            assert refused.value.code() is grpc.StatusCode.NOT_FOUND
            assert refused.value.details().endswith("did you mean `shop/webapp`?")
        assert len(server.wait_for("unknown-node")) == 1


def test_a_client_that_never_reads_keeps_nobody_waiting(shop: Shop, tmp_path: Path):
    with served(shop, tmp_path, "GRPC") as (server, _), grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        request = discovery_pb2.DiscoveryRequest(node=base_pb2.Node(id="shop/webapp"), type_url=TYPE_URLS[Kind.CLUSTERS])
        silent = ads_pb2_grpc.AggregatedDiscoveryServiceStub(channel).StreamAggregatedResources(iter([request]))
        server.wait_for("connected", 2)
        for number in range(5):
            count = len(server.named("taken"))
            shop.save_all({"v1": 10 + number, "v2": 90 - number}, **shop.echoes)
            server.wait_for("taken", count + 1)
        silent.cancel()
        server.wait_for("disconnected")


def test_a_port_that_is_taken(shop: Shop):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        command = [*MESHGEN, "serve", "-C", str(shop.directory), "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert f"meshgen cannot serve on 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_envoy_that_was_there_before_the_server_finds_it_again(shop: Shop, tmp_path: Path):
    port = free_port()
    with running(shop.directory, "--port", str(port)) as server:
        bootstrap = server.bootstrap("DELTA_GRPC")
        stack = ExitStack()
        stack.enter_context(start_envoy(bootstrap, tmp_path / "envoy"))
        server.wait_for("taken")
    with stack:
        assert shop.server() in {"v1", "v2"}
        shop.save_all({"v2": 100}, **shop.echoes)
        with running(shop.directory, "--port", str(port)) as server:
            server.wait_for("taken")
            wait_until(lambda: {shop.server() for _ in range(30)} == {"v2"}, "what changed meanwhile was taken")
