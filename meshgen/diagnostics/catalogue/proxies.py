"""Codes MG0916 to MG0929, of proxies' roles and of what is between networks."""

from __future__ import annotations

from meshgen.diagnostics.model import Code, Severity

MESH_TLS_AT_EDGE = Code(
    number="MG0916",
    slug="mesh-tls-at-an-edge",
    severity=Severity.ERROR,
    title="mesh TLS at a proxy of the role `edge`, which has no certificate of a mesh",
    page="""
An edge is an Envoy for those who run no Istio: nobody gives it a workload's certificate, so it can neither serve nor speak
the mutual TLS of a mesh, and Envoy would not start with a certificate that is not there.

```yaml
kind: Gateway                                   # of Istio, selected by a proxy of `role: edge`
spec:
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    tls: {mode: ISTIO_MUTUAL}                   # and not SIMPLE with `credentialName: shop-example`
```

Name certificates (`SIMPLE`, `MUTUAL`), or let the proxy be an `ingress` of the mesh.
""",
)

GATEWAY_ADDRESS_NOT_KNOWN = Code(
    number="MG0917",
    slug="network-gateway-without-address",
    severity=Severity.WARNING,
    title="endpoints on another network, whose gateway has no address in the sources",
    page="""
Endpoints on another network are reached through its east-west gateway: a proxy is given the gateway's address in their
place, and the SNI of mesh TLS says where to go on. istiod reads the address of the gateway's Service from that cluster.
Without it a proxy is given the endpoints' own addresses, which it cannot reach as a rule.

```yaml
kind: Mesh
spec:
  clusters:
    west: {network: west, eastWest: {}}        # and no `address: west.shop.example`
```

Write the address into the Mesh, into MeshNetworks, or put the gateway's Service (with its `status`) into the sources.
""",
)

NOT_BEHIND_GATEWAY = Code(
    number="MG0918",
    slug="endpoint-not-behind-its-gateway",
    severity=Severity.WARNING,
    title="endpoints without mesh TLS on another network, which no gateway passes on",
    page="""
An east-west gateway passes on mesh TLS, by its SNI; what comes in plaintext has none. istiod leaves endpoints of other
networks out that take no mesh TLS, and so does meshgen.

```yaml
kind: WorkloadEntry
spec: {address: 10.2.0.7, network: west, labels: {app: catalog}}    # and no `serviceAccount`
```

Give the workload a sidecar (a WorkloadEntry: a `serviceAccount`), or let networks reach each other.
""",
)

NOTHING_PASSED_ON = Code(
    number="MG0919",
    slug="east-west-gateway-without-server",
    severity=Severity.WARNING,
    title="a proxy of the role `eastWest` that no Gateway tells what to pass on",
    page="""
An east-west gateway serves the Gateways that select it, and passes on what a server with `AUTO_PASSTHROUGH` exposes.
Without one it listens to nothing.

```yaml
kind: Project
spec:
  targets:
    proxies:
      - {name: east, namespace: istio-system, role: eastWest, labels: {istio: eastwestgateway}}   # and no Gateway
```

Give the cluster an `eastWest` in the Mesh, or write a Gateway with a server of `tls: {mode: AUTO_PASSTHROUGH}`.
""",
)

OWN_ENDPOINTS_NOT_KNOWN = Code(
    number="MG0920",
    slug="own-endpoints-not-known",
    severity=Severity.WARNING,
    title="`zoneAwareLbSetting` for a proxy of which no place is known",
    page="""
Envoy keeps requests in its own zone by comparing how many of its own kind run in each zone with how many endpoints do.
So it has to know where it runs and where the others of its kind do.

```yaml
kind: DestinationRule
spec: {host: catalog, trafficPolicy: {loadBalancer: {zoneAwareLbSetting: {enabled: true}}}}
# and no `locality` of the proxy, or no Pods of its kind with a locality
```

Give the proxy a `locality` in meshgen.yaml and put its Pods (with `topology.istio.io/locality`) or their EndpointSlices
into the sources. Until then requests go to all zones alike.
""",
)
