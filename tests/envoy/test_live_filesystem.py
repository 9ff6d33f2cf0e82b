"""A running Envoy that reads files: weights, endpoints, routes and clusters change under load and no request is lost."""

from __future__ import annotations

import math
import socket
import ssl
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from certificates import Authority
from cryptography import x509
from harness import EchoServer, RunningEnvoy, free_port, http_request, start_envoy, wait_until
from load import Load
from mesh_text import mesh_of
from meshes import FileTree, Json, echo_endpoint, gateway, service, sidecar

from meshgen.mesh import Mesh

pytestmark = pytest.mark.envoy

RULE = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: catalog, namespace: shop}}
spec:
  host: catalog
  subsets: [{subsets}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: catalog, namespace: shop}}
spec:
  hosts: [catalog]
  http:
  - match: [{{uri: {{prefix: /moved-{rule}}}}}]
    redirect: {{uri: /}}
  - route: [{route}]
"""

SECURE = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: edge, namespace: shop}}
spec:
  selector: {{istio: edge}}
  servers:
  - port: {{number: {port}, name: https, protocol: HTTPS}}
    bind: 127.0.0.1
    hosts: [shop.example]
    tls: {{mode: SIMPLE, credentialName: shop-cert}}
"""


@dataclass
class Catalog:
    """One client sidecar from files, and the versions of the service that it calls."""

    port: int
    echoes: dict[str, EchoServer]
    tree: FileTree
    envoy: RunningEnvoy | None = None
    more: list[Json] = field(default_factory=list)

    def mesh(self, rule: int = 0, **weights: int) -> Mesh:
        subsets = ", ".join(f"{{name: {name}, labels: {{version: {name}}}}}" for name in weights)
        route = ", ".join(
            f"{{destination: {{host: catalog, subset: {name}}}, weight: {weight}}}" for name, weight in weights.items()
        )
        endpoints = [document for name, echo in self.echoes.items() for document in echo_endpoint("catalog", echo, version=name)]
        return mesh_of(
            RULE.format(subsets=subsets, route=route, rule=rule), service("catalog", self.port), *endpoints, *self.more
        )

    def server(self) -> str:
        answer = http_request(self.port, "/", host="catalog")
        return str(answer.json()["server"]) if answer.status == 200 else str(answer.status)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with ExitStack() as stack:
        echoes = {name: stack.enter_context(EchoServer(name)) for name in ("v1", "v2")}
        made = Catalog(free_port(), echoes, FileTree(tmp_path / "xds", sidecar("webapp")))
        made.tree.write(made.mesh(v1=50, v2=50))
        made.envoy = made.tree.envoy = stack.enter_context(
            start_envoy(made.tree.bootstrap(), tmp_path / "envoy", arguments=("--drain-time-s", "1"))
        )
        yield made


def test_weights_and_endpoints_change_under_load_and_no_request_is_lost(catalog: Catalog):
    load = Load(catalog.port)
    assert catalog.envoy
    with load.running(), EchoServer("moved") as moved:
        for weight in (90, 70, 50, 30, 10, 90, 60, 40, 20, 100):
            changed = catalog.tree.write(catalog.mesh(v1=100 - weight, v2=weight))
            assert changed == [f"rds/{catalog.port}.json"]
        wait_until(lambda: {catalog.server() for _ in range(20)} == {"v2"}, "the last weights were taken")
        catalog.echoes["v2"] = moved
        changed = catalog.tree.write(catalog.mesh(v1=0, v2=100))
        assert {Path(path).parent.name for path in changed} == {"eds"}
        wait_until(lambda: {catalog.server() for _ in range(20)} == {"moved"}, "the new endpoint was taken")
    assert load.failures == []
    assert set(load.servers) == {"v1", "v2", "moved"}


def test_traffic_moves_to_versions_that_were_not_there_from_versions_that_go_and_no_request_is_lost(catalog: Catalog):
    load = Load(catalog.port)
    with ExitStack() as stack:
        stack.enter_context(load.running())
        for name in (f"new{number}" for number in range(12)):
            catalog.echoes = {**catalog.echoes, name: stack.enter_context(EchoServer(name))}
            catalog.tree.write(catalog.mesh(**{name: 100}))
            assert catalog.server() == name
            catalog.echoes = {name: catalog.echoes[name]}
    assert load.failures == []
    assert {"new0", "new11"} <= set(load.servers)


def test_a_hundred_updates_of_weights_endpoints_routes_and_versions_lose_no_request(catalog: Catalog):
    load = Load(catalog.port)
    waves: Counter[str] = Counter()
    with ExitStack() as stack:
        stack.enter_context(load.running())
        for number in range(100):
            if number % 10 == 3:  # endpoints: v2 moves to another port
                catalog.echoes["v2"] = stack.enter_context(EchoServer(f"moved{number}"))
            weights = {"v1": number % 7 * 10, "v2": 100 - number % 7 * 10}
            if number % 10 == 6:  # a version that was not there takes it all
                catalog.echoes["new"] = stack.enter_context(EchoServer("new"))
                weights = {"new": 100}
            done = catalog.tree.push(catalog.tree.files(catalog.mesh(rule=number, **weights)))
            assert done.diagnostics == []
            waves.update(wave.label for wave, _ in done.waves)
    assert load.failures == []
    assert {"v1", "v2", "moved3", "moved93", "new"} <= set(load.servers)
    assert waves["routes"] == 100
    assert waves["clusters that go"] >= 10


def test_a_listener_that_comes_and_goes_loses_no_request_of_the_others(catalog: Catalog):
    port, load = free_port(), Load(catalog.port)
    with load.running(), EchoServer("other") as echo:
        for _ in range(3):
            catalog.more = [service("other", port), *echo_endpoint("other", echo)]
            assert "lds/listeners.json" in catalog.tree.write(catalog.mesh(v1=50, v2=50))
            assert http_request(port, "/", host="other").json()["server"] == "other"
            catalog.more = []
            changed = catalog.tree.write(catalog.mesh(v1=50, v2=50))
            assert changed[-2:] == [f"rds/{port}.json", f"eds/outbound_{port}__other.shop.svc.cluster.local.json"]
    assert load.failures == []


def test_after_a_change_the_shares_are_the_new_ones(catalog: Catalog):
    catalog.tree.write(catalog.mesh(v1=100, v2=0))
    wait_until(lambda: {catalog.server() for _ in range(20)} == {"v1"}, "the old shares are gone")
    catalog.tree.write(catalog.mesh(v1=75, v2=25))
    wait_until(lambda: catalog.server() == "v2", "the new shares were taken")
    requests = 800
    servers = Counter(catalog.server() for _ in range(requests))
    assert abs(servers["v2"] - requests * 0.25) < 5 * math.sqrt(requests * 0.25 * 0.75)


def test_a_file_that_envoy_refuses_leaves_the_old_configuration(catalog: Catalog, tmp_path: Path):
    assert catalog.envoy
    routes = tmp_path / "xds" / "shop" / "webapp" / "rds" / f"{catalog.port}.json"
    broken = routes.with_name(".broken")
    # A virtual host without domains breaks Envoy's own rules; a field that Envoy does not know is passed over with a warning.
    broken.write_text(routes.read_text().replace('"domains"', '"unknown"'))
    broken.replace(routes)
    stat = f"http.outbound_127.0.0.1_{catalog.port}.rds.{catalog.port}.update_rejected"
    envoy = catalog.envoy
    wait_until(lambda: envoy.stat(stat) > 0, "Envoy refused the file")
    assert {catalog.server() for _ in range(20)} == {"v1", "v2"}


def test_a_renewed_certificate_is_taken_without_a_restart(tmp_path: Path):
    authority, port = Authority(), free_port()
    certificates = tmp_path / "certificates"
    authority.credential(certificates / "shop-cert", "shop.example")

    def serial() -> int:
        context = ssl.create_default_context(cadata=authority.pem.decode())
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname="shop.example") as secure,
        ):
            return x509.load_der_x509_certificate(secure.getpeercert(binary_form=True) or b"").serial_number

    tree = FileTree(tmp_path / "xds", gateway(), certificates)
    tree.write(mesh_of(SECURE.format(port=port), service("catalog", 8000)))
    with start_envoy(tree.bootstrap(), tmp_path / "envoy"):
        first = serial()
        renewed = authority.credential(tmp_path / "renewed", "shop.example")
        for file in ("ca.crt", "tls.key", "tls.crt"):
            (renewed / file).replace(certificates / "shop-cert" / file)
        wait_until(lambda: serial() != first, "the new certificate was taken")
