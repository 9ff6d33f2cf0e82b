"""Codes MG06xx, timeouts, retries, outliers."""

from __future__ import annotations

from meshgen.diagnostics.model import Code, Severity

RETRIES_CUT = Code(
    number="MG0601",
    slug="retries-cut-by-timeout",
    severity=Severity.WARNING,
    title="the timeout ends a request before its retries can run",
    page="""
`timeout` covers all tries together. With `attempts: 3` there are up to four tries; where each may take
`perTryTimeout`, the last ones never run or are cut. A `perTryTimeout` at or above `timeout` is ignored by Envoy.

```yaml
timeout: 2s
retries: {attempts: 3, perTryTimeout: 1s}    # four tries of 1s
```

Make the timeout at least (attempts + 1) times `perTryTimeout`, or lower either.
""",
)

FAILOVER_WITHOUT_OUTLIERS = Code(
    number="MG0602",
    slug="failover-without-outlier-detection",
    severity=Severity.WARNING,
    title="locality failover is set without outlier detection and never acts",
    page="""
Envoy fails over to another locality when the endpoints of the nearer one are unhealthy, and only outlier detection
makes them so. Without it `failover` and `failoverPriority` do nothing.

```yaml
trafficPolicy:
  loadBalancer: {localityLbSetting: {failover: [{from: eu, to: us}]}}
```

Add `outlierDetection`, at the same level or above.
""",
)

POLICY_REPLACED = Code(
    number="MG0603",
    slug="subset-policy-replaces",
    severity=Severity.WARNING,
    title="a subset's block replaces the rule's whole block, not single fields",
    page="""
A subset's `connectionPool`, `loadBalancer`, `outlierDetection` or `tls` takes the place of the rule's block of that
name as a whole. Fields that only the rule's block has fall back to the defaults.

```yaml
trafficPolicy:
  outlierDetection: {consecutive5xxErrors: 3, baseEjectionTime: 1m}
subsets:
  - name: v2
    trafficPolicy: {outlierDetection: {consecutive5xxErrors: 1}}    # baseEjectionTime is 30s again
```

Repeat the fields that shall stay in the subset's block.
""",
)

PORT_POLICY_REPLACES = Code(
    number="MG0604",
    slug="port-policy-replaces",
    severity=Severity.WARNING,
    title="settings of a port replace the whole traffic policy for it",
    page="""
An entry of `portLevelSettings` takes the place of everything that the traffic policy says at its level: blocks that
the entry does not have are back at the defaults for that port.

```yaml
trafficPolicy:
  outlierDetection: {consecutive5xxErrors: 3}
  portLevelSettings:
    - {port: {number: 8080}, loadBalancer: {simple: RANDOM}}     # no outlier detection on 8080
```

Repeat in the entry the blocks that shall hold for the port.
""",
)

CALLER_GIVES_UP_FIRST = Code(
    number="MG0605",
    slug="caller-gives-up-first",
    severity=Severity.WARNING,
    title="a service may wait longer for what it calls than its own callers wait for it",
    page="""
The timeout of a rule covers all of its tries. Where requests to a service end sooner than a request of the service's own to the
next one may, the service works on for a caller that is gone, and its own retries come too late to help. Only calls that a
Service declares (`calls`), or that a Sidecar names by host, are followed, and only where every rule of the caller's has a
timeout.

```yaml
kind: Service
metadata: {name: catalog, namespace: shop}
spec: {calls: [forum], routes: [{to: {service: catalog}, timeout: 1s}]}
---
kind: Service
metadata: {name: forum, namespace: shop}
spec: {routes: [{to: {service: forum}, retries: {attempts: 2, perTryTimeout: 1s}}]}      # up to 3s
```

Give the caller the longer timeout, or the callee the shorter one.
""",
)

RETRIES_MULTIPLY = Code(
    number="MG0606",
    slug="retries-multiply",
    severity=Severity.INFO,
    title="retries along a chain of calls multiply",
    page="""
Where each service of a chain retries, a failure of the last one is tried as often as the product of all of them: three retries at
each of three services make 64 requests of one, just when the service has the least strength. Retries of the rules count, Istio's
own two do not; it is said above ten.

```yaml
kind: Service
metadata: {name: catalog, namespace: shop}
spec: {calls: [forum], routes: [{to: {service: catalog}, retries: 3}]}
---
kind: Service
metadata: {name: forum, namespace: shop}
spec: {routes: [{to: {service: forum}, retries: 3}]}       # 16 requests for one to catalog
```

Retry at one place of the chain, or limit what retries may add with `traffic: {retryBudget: 20%}`.
""",
)

VERSION_WITHOUT_RULE = Code(
    number="MG0607",
    slug="version-without-rule",
    severity=Severity.INFO,
    title="no rule sends to a version",
    of_reference=True,  # while errors keep rules out, it says nothing
    page="""
The other versions of the service have rules, and this one is named by none, nor by a canary or a mirror: it gets no requests.
That is right between a deployment and its release, and else it is a leftover. A weight of 0 counts as a rule.

```yaml
kind: Service
metadata: {name: catalog, namespace: shop}
spec: {ports: [80], versions: [v1, v2], routes: [{to: v1}]}        # v2 is deployed and not released
```

Release it (a Canary, a rule), or remove the version.
""",
)

VERSIONS_UNPINNED = Code(
    number="MG0608",
    slug="versions-unpinned",
    severity=Severity.INFO,
    title="a service has several versions, and no rule chooses among them",
    of_reference=True,  # while errors keep rules out, it says nothing
    page="""
All Pods of the service get requests, whatever their version: a new version is released the moment that it is deployed, with as
large a share as it has Pods.

```yaml
kind: Service
metadata: {name: catalog, namespace: shop}
spec: {ports: [80], versions: [v1, v2], workload: {selector: {app: catalog}}}
```

Pin the versions, `routes: [{to: v1}]`, and move on from there with a Canary.
""",
)
