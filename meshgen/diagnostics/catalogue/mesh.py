"""Codes MG013x and MG081x, the Mesh: MeshConfig, the bounds of service owners, installation."""

from __future__ import annotations

from meshgen.diagnostics.model import Code, Severity

UNKNOWN_CONFIG_FIELD = Code(
    number="MG0131",
    slug="unknown-mesh-config-field",
    severity=Severity.ERROR,
    title="a Mesh gives a field that MeshConfig does not have",
    at_key=True,
    page="""
What stands under `config`, and extension providers in Istio's own words, goes into MeshConfig as it is. istiod passes over fields
that it does not know, without a word.

```yaml
kind: Mesh
spec:
  config:
    ingressControlerMode: DEFAULT    # `ingressControllerMode`
```

Write a field of MeshConfig, or the Mesh's own word for it: `ingress: {mode: default}`.
""",
)

INVALID_CONFIG = Code(
    number="MG0132",
    slug="invalid-mesh-config",
    severity=Severity.ERROR,
    title="a Mesh gives a value that MeshConfig does not take",
    page="""
istiod does not start with such a value, or goes on with the settings that it had.

```yaml
kind: Mesh
spec:
  config:
    defaultConfig: {concurrency: two}    # a number
```

Write a value of the field's type.
""",
)

CONFIG_SAID_TWICE = Code(
    number="MG0133",
    slug="mesh-config-said-twice",
    severity=Severity.ERROR,
    title="a Mesh says one field of MeshConfig in two ways",
    page="""
`config` is for what the Mesh has no word for. Here it says again, and otherwise, what a field of the Mesh says.

```yaml
kind: Mesh
spec:
  outbound: registryOnly
  config:
    outboundTrafficPolicy: {mode: ALLOW_ANY}
```

Leave it out of `config`.
""",
)

OUT_OF_BOUNDS = Code(
    number="MG0134",
    slug="out-of-bounds",
    severity=Severity.ERROR,
    title="an object leaves the bounds that the Mesh sets",
    page="""
Who runs the mesh says under `bounds` what owners of services may not do. The bound holds for intents and for native objects.

```yaml
kind: Mesh
spec: {bounds: {maxTimeout: 10s}}
---
kind: Service
metadata: {name: reports, namespace: shop}
spec: {ports: [80], routes: [{to: v1, timeout: 60s}], versions: [v1]}
```

Stay within the bound, or have the namespace exempted: `bounds: {maxTimeout: 10s, exempt: [shop]}`.
""",
)

NOT_DISCOVERED = Code(
    number="MG0135",
    slug="namespace-not-discovered",
    severity=Severity.WARNING,
    title="objects of a namespace that istiod does not look at",
    page="""
MeshConfig's `discoverySelectors` (a Mesh's `discovery`) say which namespaces istiod looks at. None of them picks the labels of
this Namespace, so its Istio objects do nothing and its services are unknown to the mesh. The root namespace is always looked at,
and for meshgen so is a namespace that the sources do not declare: its labels are not known.

```yaml
kind: Mesh
spec: {discovery: [{labels: {mesh: "on"}}]}
---
kind: Namespace
metadata: {name: legacy}             # without `mesh: "on"`
---
kind: VirtualService
metadata: {name: orders, namespace: legacy}
```

Give the Namespace a label that a selector asks for, or remove the objects.
""",
)

OPERATOR_ONLY = Code(
    number="MG0810",
    slug="operator-only-setting",
    severity=Severity.INFO,
    title="an IstioOperator says what Helm says in another place",
    page="""
IstioOperator is input of `istioctl install` only; the operator that read it in a cluster is gone, and Helm does not read it. Most
of it is a Helm value of the same name under `values`. This setting is not, and has another place in Helm's values.

```yaml
kind: IstioOperator
spec:
  components:
    pilot:
      k8s: {replicaCount: 2}     # in Helm's values of istiod: `replicaCount: 2`, `autoscaleEnabled: false`
```

Nothing to do while istioctl installs; in a Mesh, `install` gives both forms.
""",
)

INVALID_VALUES = Code(
    number="MG0811",
    slug="invalid-helm-values",
    severity=Severity.ERROR,
    title="values of Istio's Helm charts do not fit",
    page="""
Istio's charts pass over most values that they do not know, and fail on others while they are rendered.

```yaml
kind: Mesh
spec:
  install:
    values:
      pilot: {replicaCont: 2}    # `replicaCount`
```

Write a value that the chart has.
""",
)

MESH_CONFIG_UNREAD = Code(
    number="MG0812",
    slug="mesh-config-unread",
    severity=Severity.INFO,
    title="istiod's settings in the tree do not count, since there is a Mesh",
    page="""
A Mesh says all of MeshConfig; what it does not say has istiod's default. A ConfigMap `istio` or an IstioOperator beside it is
checked, but nothing is taken from it.

```yaml
kind: Mesh
metadata: {name: mesh}
spec: {mtls: strict}
---
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    accessLogFile: /dev/stdout     # not read
```

Take its settings into the Mesh (`accessLog: /dev/stdout`; others under `config`), and remove it.
""",
)
