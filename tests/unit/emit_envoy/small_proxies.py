"""Small meshes and their proxies, with short ways to what was emitted."""

from __future__ import annotations

from typing import Any, TypeAlias

from mesh_text import mesh_of

from meshgen.diagnostics import Diagnostic
from meshgen.emit.envoy.snapshot import Snapshot
from meshgen.emit.envoy.translate import emit_envoy
from meshgen.mesh import Capture, Proxy, Role

Json: TypeAlias = Any

WEBAPP = Proxy(name="webapp", namespace="shop", role=Role.SIDECAR, labels={"app": "webapp"}, address="10.0.0.10")
CATALOG = Proxy(name="catalog", namespace="shop", role=Role.SIDECAR, labels={"app": "catalog"}, address="10.0.0.11")
LOOPBACK = Proxy(
    name="catalog",
    namespace="shop",
    role=Role.SIDECAR,
    labels={"app": "catalog"},
    address="127.0.0.11",
    capture=Capture.LOOPBACK,
)
EDGE = Proxy(name="edge", namespace="edge", role=Role.INGRESS, labels={"istio": "edge"}, address="10.0.0.1")

CATALOG_SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: catalog, namespace: shop}
spec:
  clusterIP: 10.96.0.1
  selector: {app: catalog}
  ports: [{name: http, port: 8000, targetPort: 8080}]
---
"""


def emitted(text: str, proxy: Proxy, config: str = "{}") -> tuple[Snapshot, tuple[Diagnostic, ...]]:
    return emit_envoy(mesh_of(text, config=config), proxy)


def numbers(diagnostics: tuple[Diagnostic, ...]) -> list[str]:
    return [found.code.number for found in diagnostics]


def listener(snapshot: Snapshot, name: str) -> Json:
    return next(found for found in snapshot.listeners if found["name"] == name)


def names(snapshot: Snapshot) -> list[str]:
    return [str(found["name"]) for found in snapshot.listeners]


def table(snapshot: Snapshot, name: str) -> Json:
    return next(found for found in snapshot.routes if found["name"] == name)


def host(snapshot: Snapshot, name: str, table_name: str = "8000") -> Json:
    return next(found for found in table(snapshot, table_name)["virtual_hosts"] if found["name"] == name)


def routes(text: str, proxy: Proxy = WEBAPP, config: str = "{}") -> Json:
    """The routes of catalog, as a sidecar has them."""
    return host(emitted(CATALOG_SERVICE + text, proxy, config)[0], "catalog.shop.svc.cluster.local:8000")["routes"]


def rule(body: str) -> str:
    """A virtual service of catalog with one rule, written in YAML's flow style."""
    return f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: catalog, namespace: shop}}
spec: {{hosts: [catalog], http: [{body}]}}
---
"""


def manager(chain: Json) -> Json:
    return next(one["typed_config"] for one in chain["filters"] if one["name"].endswith("http_connection_manager"))


def http_filters(chain: Json) -> list[str]:
    return [one["name"] for one in manager(chain)["http_filters"]]
