"""Codes MG03xx, routes, splits, mirrors."""

from __future__ import annotations

from meshgen.diagnostics.model import Code, Severity

UNREACHABLE_RULE = Code(
    number="MG0301",
    slug="unreachable-rule",
    severity=Severity.WARNING,
    title="a rule can never match, since earlier rules take all its requests",
    page="""
Rules are tried in order and the first match wins; nothing is sorted by specificity. A rule behind one that takes
everything that it could match is never used.

```yaml
http:
  - match: [{uri: {prefix: /api}}]
    route: [...]
  - match: [{uri: {prefix: /api/v2}}]    # never used: /api takes it
    route: [...]
```

Put the more specific rule first, or remove the dead one. The message shows a request that the rule was meant for and
that the earlier rule takes.
""",
    same_as=("IST0130", "IST0131"),
)

ZERO_WEIGHTS = Code(
    number="MG0302",
    slug="zero-weights",
    severity=Severity.ERROR,
    title="all weights of a split are zero",
    page="""
A split between several destinations needs a weight above zero. Istio's validation refuses the object; without it, no
request would have anywhere to go.

```yaml
route:
  - {destination: {host: catalog, subset: v1}}
  - {destination: {host: catalog, subset: v2}}     # no weight is weight 0
```

Give each destination its share, adding up to 100.
""",
    same_as=("IST0106",),
)

WEIGHTS_NOT_100 = Code(
    number="MG0303",
    slug="weights-not-100",
    severity=Severity.WARNING,
    title="the weights of a split do not add up to 100",
    page="""
Envoy reads weights as shares of their total, so 45 and 45 mean half and half, not 45 % each with a rest. A total
other than 100 is most often a slip in one of the numbers; a destination without weight gets nothing.

```yaml
route:
  - {destination: {host: catalog, subset: v1}, weight: 90}
  - {destination: {host: catalog, subset: v2}, weight: 5}    # 5.3 %, not 5 %
```

Write percentages that add up to 100.
""",
)

DUPLICATE_DESTINATION = Code(
    number="MG0304",
    slug="duplicate-destination",
    severity=Severity.WARNING,
    title="a split names one destination twice",
    page="""
Two entries of one route have the same host, subset and port. Their weights add up, which is rarely what was meant:
most often one of them should name another subset.

```yaml
route:
  - {destination: {host: catalog, subset: v1}, weight: 90}
  - {destination: {host: catalog, subset: v1}, weight: 10}   # v2?
```

Name the other version, or join the entries.
""",
    same_as=("KIA1105",),
)

PORT_MISSING = Code(
    number="MG0305",
    slug="destination-port-missing",
    severity=Severity.WARNING,
    title="a destination names no port of a service that has several",
    page="""
Without a port Istio takes the service's only port; where it has several, that of the listener on which the request
came in, which the destination may not have. On a gateway that is the gateway's port.

```yaml
route: [{destination: {host: catalog}}]    # catalog has 80 and 9000
```

Write `port: {number: 80}`.
""",
    same_as=("IST0112",),
)
