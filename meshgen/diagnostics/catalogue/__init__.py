"""Every code that meshgen can print, a module a range. `CODES` is the whole catalogue, by number."""

from __future__ import annotations

from meshgen.diagnostics.catalogue import (
    admission,
    adopt,
    backend,
    clusters,
    delivery,
    edge,
    envoy_delivery,
    envoy_versions,
    extension,
    gateway,
    link,
    live,
    load,
    lower,
    mesh,
    project,
    proxies,
    resilience,
    rollout,
    security,
    serve,
    sources,
    telemetry,
    traffic,
    traffic_tests,
    yaml,
)
from meshgen.diagnostics.model import Code

AREAS = (
    admission,
    yaml,
    sources,
    load,
    project,
    lower,
    edge,
    mesh,
    link,
    clusters,
    traffic,
    security,
    gateway,
    resilience,
    rollout,
    telemetry,
    extension,
    delivery,
    live,
    adopt,
    backend,
    proxies,
    envoy_versions,
    serve,
    traffic_tests,
    envoy_delivery,
)

_ALL = [value for area in AREAS for value in vars(area).values() if isinstance(value, Code)]

CODES: dict[str, Code] = {code.number: code for code in sorted(_ALL, key=lambda code: code.number)}
"""By number, in the order of the numbers."""

assert len(CODES) == len(_ALL), "two codes have one number"  # noqa: S101 (a bug of ours, found at once)
