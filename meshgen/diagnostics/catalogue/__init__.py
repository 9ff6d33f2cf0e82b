"""Every code that meshgen can print, a module a range. `CODES` is the whole catalogue, by number."""

from __future__ import annotations

from meshgen.diagnostics.catalogue import (
    backend,
    delivery,
    gateway,
    link,
    live,
    load,
    project,
    resilience,
    security,
    sources,
    telemetry,
    traffic,
    yaml,
)
from meshgen.diagnostics.model import Code

AREAS = (yaml, sources, load, project, link, traffic, security, gateway, resilience, telemetry, delivery, live, backend)

CODES: dict[str, Code] = {
    code.number: code
    for area in AREAS
    for code in sorted((value for value in vars(area).values() if isinstance(value, Code)), key=lambda c: c.number)
}
"""By number, in the order of the numbers."""
