"""docs/envoy-versions.md: the releases of Envoy that meshgen writes for, and the one table of what differs between them."""

from __future__ import annotations

from meshgen.emit.envoy.versions import DIFFERENCES
from meshgen.envoy_version import NEWEST_ENVOY, OLDEST_ENVOY, envoy_of_istio
from meshgen.istio.versions import NEWEST, OLDEST, IstioVersion

_HEAD = f"""# Releases of Envoy

`targets.envoy` in `meshgen.yaml` says which Envoy reads the Envoy output: a release from {OLDEST_ENVOY.release} to
{NEWEST_ENVOY.release}, with or without its patch.

```yaml
apiVersion: meshgen/v1
kind: Project
spec:
  targets: {{envoy: "1.39"}}
```

Where nothing is said, it is the Envoy that the release of Istio carries (`targets.istio`), or the nearest that meshgen knows.
The tests run every golden case and every example on a real Envoy of each of these releases; its warnings are failures there.
"""


def versions_page() -> str:
    """The page."""
    istios = [IstioVersion(NEWEST.major, minor) for minor in range(OLDEST.minor, NEWEST.minor + 1)]
    carried = [f"| {istio.release} | {envoy_of_istio(istio).release} |" for istio in istios]
    rows = [
        f"| {each.since.release} | {each.subject} | {each.before} | {each.after} | {each.written or 'the same'} |"
        for each in DIFFERENCES
    ]
    lines = [
        _HEAD,
        "| `targets.istio` | Envoy |",
        "| --- | --- |",
        *carried,
        "",
        "## What differs",
        "",
        "Of all that meshgen writes. Where older releases are given *the same*, the release decides, as under istiod.",
        "",
        "| since | of what | before | since then | older releases are given |",
        "| --- | --- | --- | --- | --- |",
        *rows,
    ]
    return "\n".join(lines) + "\n"
