"""Codes MG0950 to MG0959, what Envoys answer to `meshgen serve`."""

from __future__ import annotations

from meshgen.diagnostics.model import Code, Severity

REFUSED = Code(
    number="MG0950",
    slug="refused-by-envoy",
    severity=Severity.ERROR,
    title="an Envoy does not take what it was sent",
    page="""
`meshgen serve` sends each connected Envoy its configuration, and Envoy answers whether it takes it. What meshgen makes of
intent and Istio objects it takes; what an EnvoyFilter puts there may break a rule that only Envoy knows.

```yaml
kind: EnvoyFilter
spec:
  configPatches:
  - applyTo: CLUSTER
    patch:
      operation: MERGE
      value: {lb_policy: MAGLEV, maglev_lb_config: {table_size: 4}}   # Envoy: the table's size must be prime
```

The line that is named is the patch, or where no patch touched the resource the object that decides it. Envoy keeps what it had
of that type. Where clusters are refused nothing that follows from the same change is sent, so that no route names a cluster
that is not there. Mend the source: the next save is sent at once.
""",
)

NOT_ENCODED = Code(
    number="MG0951",
    slug="not-a-message-of-envoy",
    severity=Severity.ERROR,
    title="something that Envoy's messages have no place for",
    page="""
Over gRPC configuration travels as Envoy's own messages. A field that a message does not have, a value of another type, or an
extension that `xds-protos` does not know cannot be sent. Only patches of EnvoyFilters and custom bootstraps bring such things.

```yaml
kind: EnvoyFilter
spec:
  configPatches:
  - applyTo: CLUSTER
    patch:
      operation: MERGE
      value: {conn_timeout: 1s}        # the field is connect_timeout
```

The proxy keeps the configuration that it had. Correct the field, or remove the patch.
""",
)
