"""Codes MG1010 to MG1029, tests of traffic."""

from __future__ import annotations

from meshgen.diagnostics.model import Code, Severity

UNKNOWN_EXPECTED_DESTINATION = Code(
    number="MG1010",
    slug="unknown-expected-destination",
    severity=Severity.WARNING,
    title="a test expects requests at a service or a version that nobody has",
    page="""
No Service and no version of the host that is asked for has this name, so that the test can only fail, or pass for another
reason than its author thinks. A bare name is a version of the host that is asked for, or else a Service of the test's namespace.

```yaml
kind: TrafficTest
metadata: {name: catalog, namespace: shop}
spec:
  from: webapp
  tests:
    - {request: GET http://catalog/items, expect: v3}    # catalog has v1 and v2
```

`meshgen test` does not run such a test: it counts as broken. Correct the name, or write the whole of it: `catalog.shop:80@v2`,
`{host: api.example.com}`.
""",
    of_reference=True,
)

UNKNOWN_EXPECTED_POLICY = Code(
    number="MG1011",
    slug="unknown-expected-policy",
    severity=Severity.WARNING,
    title="a test expects a policy or a rule of it to decide, and there is none",
    page="""
`by` names an AuthorizationPolicy of the compiled mesh, `name` or `namespace/name`. An Access gives one of its own name for what
it allows, and `<name>-deny`, `<name>-audit` and `<name>-<provider>` for the rest. Rules count from 0, as in Istio's
`spec.rules[0]`.

```yaml
kind: Access
metadata: {name: catalog-callers, namespace: shop}
spec: {service: catalog, allow: [{from: [webapp]}]}
---
kind: TrafficTest
metadata: {name: catalog, namespace: shop}
spec:
  tests:
    - {from: forum, request: GET http://catalog/items, expect: {outcome: denied, by: catalog-caller}}
```

A request that no rule allows is denied by none of them: write `by: default`.
""",
    of_reference=True,
)

CANNOT_BE_ASKED = Code(
    number="MG1012",
    slug="cannot-be-asked",
    severity=Severity.ERROR,
    title="the request of a test cannot be sent",
    page="""
The sender is not in the mesh, no gateway serves the host or several do, or the line of curl cannot be read. The test counts as
broken, and `meshgen test` ends with exit code 2.

```yaml
- {from: weebapp, request: GET http://catalog/items, expect: v1}    # the workload is `webapp`
```

A sender is a workload by its proxy, its Service or its `app` label, of the test's own namespace or `namespace/name`; `outside` is
a client outside of the mesh, `{gateway: storefront}` one at that gateway.
""",
)
