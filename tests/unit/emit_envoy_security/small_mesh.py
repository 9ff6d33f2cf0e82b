"""A service, its endpoints and its proxies for unit tests of the Envoy backend."""

from __future__ import annotations

from meshgen.mesh import Capture, Proxy, Role

CATALOG = """
apiVersion: v1
kind: Service
metadata: {name: catalog, namespace: shop}
spec:
  clusterIP: 10.96.0.1
  selector: {app: catalog}
  ports: [{name: http, port: 8000, targetPort: 8080}]
"""


def endpoint(address: str, locality: str = "", **labels: str) -> str:
    """A Pod of `catalog` and the EndpointSlice that lists it, as YAML documents; labels with `_` for `-`."""
    name = "pod-" + address.replace(".", "-")
    own = {"app": "catalog", **({"istio-locality": locality.replace("/", ".")} if locality else {}), **labels}
    return f"""
---
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: shop, labels: {own}}}
spec: {{serviceAccountName: catalog}}
status: {{podIP: {address}}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: {name}, namespace: shop, labels: {{kubernetes.io/service-name: catalog}}}}
ports: [{{name: http, port: 8080}}]
endpoints: [{{addresses: [{address}], targetRef: {{kind: Pod, name: {name}, namespace: shop}}}}]
---
"""


def sidecar(
    name: str = "webapp", *, locality: str = "", capture: Capture = Capture.IPTABLES, namespace: str = "shop", **labels: str
) -> Proxy:
    """A sidecar."""
    own = {"app": name, **labels}
    return Proxy(name=name, namespace=namespace, role=Role.SIDECAR, labels=own, locality=locality, capture=capture)


def gateway(name: str = "edge", namespace: str = "shop") -> Proxy:
    """A gateway that `istio: <name>` picks."""
    return Proxy(name=name, namespace=namespace, role=Role.INGRESS, labels={"istio": name})
