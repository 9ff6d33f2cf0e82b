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
