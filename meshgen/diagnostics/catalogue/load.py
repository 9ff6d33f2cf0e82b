"""Codes MG00xx, reading sources."""

from __future__ import annotations

from meshgen.diagnostics.model import Code, Severity

UNSERVED_VERSION = Code(
    number="MG0040",
    slug="unserved-version",
    severity=Severity.ERROR,
    title="Istio has no such kind, or not in this API version",
    page="""
The document's `apiVersion` belongs to Istio, but Istio serves no object of this `kind` under it. An API server would refuse it.

```yaml
apiVersion: networking.istio.io/v2   # there is no v2
kind: VirtualService
```

Write a version that the kind has, `networking.istio.io/v1` here. All versions of a kind have the same fields.
""",
    same_as=("IST0106",),
)

INVALID_FIELD = Code(
    number="MG0041",
    slug="invalid-field",
    severity=Severity.ERROR,
    title="a field of a native Istio object has a value that the API does not take",
    page="""
The value has another type than the field, lies outside of its range, is none of the field's words, breaks its pattern, or
stands beside a field
that excludes it. istiod or the API server would refuse the whole object, and with it everything else that the commit changes.

```yaml
kind: VirtualService
spec:
  http:
    - timeout: 5        # a number: durations carry a unit
```

Write `timeout: 5s`.
""",
    same_as=("IST0106",),
)

UNKNOWN_FIELD = Code(
    number="MG0042",
    slug="unknown-field",
    severity=Severity.ERROR,
    title="a native Istio object has a field that the API does not have",
    at_key=True,
    page="""
An API server prunes an unknown field in silence, unless strict field validation is asked for: the object is accepted and does
not do what its
author meant.

```yaml
kind: VirtualService
spec:
  http:
    - retrys: {attempts: 3}   # pruned: no retries are configured
```

Write the field's name as the API has it, `retries` here.
""",
    same_as=("IST0106",),
)

NEWER_THAN_TARGET = Code(
    number="MG0062",
    slug="newer-than-target",
    severity=Severity.ERROR,
    title="a kind, a field or a value that came to Istio after the target",
    at_key=True,
    page="""
The project's `targets.istio` says which release runs in the cluster, and that release does not have this yet: its API server
would refuse the object or prune the field in silence.

```yaml
# meshgen.yaml: targets: {istio: "1.25"}
kind: VirtualService
spec:
  http:
    - retries: {attempts: 3, backoff: 200ms}     # `backoff` came with 1.26
```

Leave it out, or raise `targets.istio` once the cluster runs a release that has it.
""",
)

INVALID_FACT = Code(
    number="MG0043",
    slug="invalid-core-object",
    severity=Severity.ERROR,
    title="a core Kubernetes object cannot be read as a fact",
    page="""
meshgen reads Services, Pods, EndpointSlices, Deployments, Namespaces, ServiceAccounts and the names of Secrets to know ports,
labels and endpoints; and, where no `Mesh` is given, istiod's MeshConfig in the ConfigMap `istio`.
This one has a value of the wrong type where such a fact should stand, so that checks and routes that rest on it would be wrong.

```yaml
kind: Service
spec:
  ports:
    - port: http    # a name: `port` is a number
```

Write `port: 80`, and the name under `name`.
""",
)

UNKNOWN_KIND = Code(
    number="MG0050",
    slug="unknown-intent-kind",
    severity=Severity.ERROR,
    title="the intent language has no such kind or version",
    page="""
The document's `apiVersion` says that it is intent, but meshgen has no such version, or no such `kind` in it. It would be left
out of the output.

```yaml
apiVersion: meshgen/v1
kind: Servce        # no such kind
```

Write one of the kinds that `meshgen schema` lists, `Service` here, under `apiVersion: meshgen/v1`.
""",
)

UNKNOWN_INTENT_FIELD = Code(
    number="MG0051",
    slug="unknown-intent-field",
    severity=Severity.ERROR,
    title="an intent has a field that its kind does not have",
    at_key=True,
    page="""
What the field should say would be lost in silence, so meshgen refuses the document.

```yaml
kind: Service
spec:
  routes:
    - to: v1
      timeuot: 2s     # did you mean `timeout`?
```

Write the field as the kind has it; keys are in camelCase. What the kind has no word for goes under `patches`, or into a native
Istio object.
""",
)

INVALID_INTENT_VALUE = Code(
    number="MG0052",
    slug="invalid-intent-value",
    severity=Severity.ERROR,
    title="a field of an intent has a value that it does not take",
    page="""
The value is of another type than the field, out of its range, or none of its words. meshgen converts nothing by guess: `"80"`
is a text, `80` a port.

```yaml
kind: Service
spec:
  ports: ["80"]                # a text
  routes:
    - to: v1
      timeout: 2               # a number without a unit
```

Write `ports: [80]` and `timeout: 2s`.
""",
)

MISSING_INTENT_FIELD = Code(
    number="MG0053",
    slug="missing-intent-field",
    severity=Severity.ERROR,
    title="an intent lacks a field without which it says nothing",
    page="""
The field has no default that could be right for everybody.

```yaml
kind: Canary
metadata: {name: catalog-v2, namespace: shop}
spec: {service: catalog, from: v1, weight: 10}    # to which version?
```

Add the field: `to: v2`.
""",
)

CONTRADICTORY_INTENT = Code(
    number="MG0054",
    slug="contradictory-intent",
    severity=Severity.ERROR,
    title="fields of an intent exclude each other, or say nothing together",
    page="""
Two fields decide the same thing, or none of several does, so that whichever meshgen chose would be a guess.

```yaml
kind: Route
spec:
  hosts: [shop.example.com]
  gateways: [storefront]
  rules:
    - to: webapp
      redirect: {path: /new}    # sent on, or redirected?
```

Keep the one that is meant. Two outcomes for different requests are two rules, each with its `match`.
""",
)

SPLIT_NOT_WHOLE = Code(
    number="MG0055",
    slug="split-not-whole",
    severity=Severity.ERROR,
    title="the weights of a split do not add up to 100",
    page="""
Envoy takes weights in proportion to their sum: 90 and 20 give 82% and 18%, which nobody wrote.

```yaml
split: {v1: 90, v2: 20}
```

Write shares in percent that add up to 100, `{v1: 80, v2: 20}`.
""",
    same_as=("KIA1104",),
)

KEY_MATERIAL = Code(
    number="MG0056",
    slug="key-material",
    severity=Severity.ERROR,
    title="an intent holds a private key",
    secret=True,
    page="""
Intent lives in Git and is copied to every output and report. A private key in it is published.

```yaml
tls: {mode: simple, privateKey: "-----BEGIN PRIVATE KEY----- …"}
```

Take the key for stolen and replace it. Put the new one into a Secret and name that: `credential: shop-cert`. Key sets for JWTs
hold public keys alone.
""",
)

NOT_FORMATTED = Code(
    number="MG0044",
    slug="not-formatted",
    severity=Severity.ERROR,
    title="a source cannot be formatted without a change of what it says",
    page="""
`meshgen fmt` writes a source anew and reads the result again before it replaces the file. Here the result did not read as the
same documents, so
the file was left alone. Anchors, aliases and merge keys inside of an intent are the usual reason.

```yaml
retries: &retries {attempts: 3}   # shared by an alias further down
```

Write the value out at each place, or leave this file as it is.
""",
)

NOT_IN_MESH = Code(
    number="MG0045",
    slug="not-in-mesh",
    severity=Severity.WARNING,
    title="an object takes no part in the mesh, for meshgen does not read its kind yet",
    page="""
Objects of the Kubernetes Gateway API decide about requests in a cluster, but this release of meshgen does not translate them:
checks, traces and diffs answer as if they were not there, and they are not written to the output.

```yaml
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute      # not read yet
```

Write the route as a Route or a VirtualService, or keep such objects out of the project's sources and deliver them by themselves.
""",
)
