"""A port whose protocol nobody names, between two sidecars: requests are still seen as requests by the server's policies."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from certificates import Authority
from harness import EchoServer, RunningEnvoy, free_port, http_request, start_envoy
from mesh_text import mesh_of
from meshes import bootstrap, endpoint, service, sidecar

from meshgen.emit.envoy.sidecar_listeners import LoopbackAddresses
from meshgen.mesh import Proxy

pytestmark = pytest.mark.envoy

SERVER = "127.0.0.31"
POLICY = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: catalog, namespace: shop}
spec:
  selector: {matchLabels: {app: catalog}}
  rules:
  - from: [{source: {principals: [cluster.local/ns/shop/sa/webapp]}}]
    to: [{operation: {paths: [/open]}}]
"""


def test_a_policy_on_paths_holds_on_a_sniffed_port(tmp_path: Path):
    authority, port = Authority(), free_port()
    for name in ("webapp", "catalog"):
        authority.workload(tmp_path / name, f"cluster.local/ns/shop/sa/{name}")
    with EchoServer("catalog") as echo:
        made = endpoint("catalog", SERVER, echo.port, mutual_tls=True, protocol="anything")

        def start(proxy: Proxy, service_port: int) -> AbstractContextManager[RunningEnvoy]:
            # Sidecars on one machine must not share a socket for the same service: the kernel would pick one of them.
            mesh = mesh_of(POLICY, service("catalog", service_port, target=echo.port, protocol="anything"), *made)
            directory = tmp_path / proxy.name
            return start_envoy(bootstrap(mesh, proxy, directory), directory)

        with start(sidecar("catalog", SERVER), free_port()), start(sidecar("webapp"), port):
            address = LoopbackAddresses().of("catalog.shop.svc.cluster.local")
            statuses = [http_request(port, path, address=address, host="catalog").status for path in ("/open", "/closed")]
    assert statuses == [200, 403]
