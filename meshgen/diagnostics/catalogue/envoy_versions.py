"""Codes MG0930 to MG0939, releases of Envoy."""

from __future__ import annotations

from meshgen.diagnostics.model import Code, Severity

UNKNOWN_ENVOY = Code(
    number="MG0930",
    slug="unknown-envoy",
    severity=Severity.ERROR,
    title="a release of Envoy that meshgen does not know",
    page="""
The same configuration is read differently by different releases of Envoy: fields come, are deprecated and then refused, and
defaults change. meshgen knows what differs between the releases from 1.36 to 1.40 ([the table](envoy-versions.md)) and would
only guess at another.

```yaml
spec:
  targets: {envoy: "1.31"}
```

Write the release that runs, `envoy --version` says it; with or without a patch (`"1.39"`, `"1.39.3"`). For one after 1.40 write
`"1.40"`: Envoy reads a release's configuration without change for a year. Without `targets.envoy` it is the release that
`targets.istio` carries.
""",
)
