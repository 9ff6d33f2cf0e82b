"""Codes MG0150 to MG0156, lowering: the edge of the mesh."""

from __future__ import annotations

from meshgen.diagnostics.model import Code, Severity

NO_WAY_TO_GATEWAY = Code(
    number="MG0150",
    slug="no-way-to-gateway",
    severity=Severity.ERROR,
    title="nothing leads to the egress gateway that an ExternalService goes through",
    page="""
What goes `through` a Gateway is sent to the core Service in front of its Pods first, on the port that the client used. meshgen
must know that Service, and the Service must have the port: else every request ends at the client with 503.

```yaml
kind: Gateway
metadata: {name: egress, namespace: istio-system}
spec:
  workload: {selector: {istio: egressgateway}}     # no Service of the tree selects these Pods
---
kind: ExternalService
metadata: {name: payments-provider, namespace: shop}
spec: {hosts: [api.example.com], ports: [443], resolution: dns, through: istio-system/egress}
```

Name the Service, `workload: {selector: …, service: istio-egressgateway}`, put the core Service into the tree, or let meshgen run
the gateway: `deploy: true`.
""",
)

CORE_SERVICE_INCOMPLETE = Code(
    number="MG0151",
    slug="core-object-incomplete",
    severity=Severity.ERROR,
    title="a Service asks for core objects and does not say enough for them",
    page="""
With `kubernetes` a Service gives its core Service, or the ServiceAccount of its Pods, too. A core Service has ports, and an
account has a name; where the intent does not say them, there is nothing to write.

```yaml
kind: Service
metadata: {name: catalog, namespace: shop}
spec: {workload: {selector: {app: catalog}}, kubernetes: true}     # no ports
```

Add `ports`, and `workload: {serviceAccount: catalog}` for the account.
""",
)
