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
The value has another type than the field, lies outside of its range, is none of the field's words, breaks its pattern, or stands beside a field
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
    page="""
An API server prunes an unknown field in silence, unless strict field validation is asked for: the object is accepted and does not do what its
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

INVALID_FACT = Code(
    number="MG0043",
    slug="invalid-core-object",
    severity=Severity.ERROR,
    title="a core Kubernetes object cannot be read as a fact",
    page="""
meshgen reads Services, Pods, EndpointSlices, Deployments, Namespaces, ServiceAccounts and the names of Secrets to know ports, labels and endpoints.
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
