"""What istiod's webhook refuses or warns of beyond the CRDs, a module for each family of kinds; pure functions on typed specs."""

from __future__ import annotations

from typing import Final

from meshgen.istio.admission import (
    destination_rule,
    extensions,
    gateway,
    http_route,
    security,
    service_entry,
    sidecar,
    virtual_service,
)
from meshgen.istio.rules import Rules

TABLES: Final[tuple[Rules, ...]] = (
    virtual_service.RULES,
    http_route.RULES,
    destination_rule.RULES,
    gateway.RULES,
    service_entry.RULES,
    sidecar.RULES,
    security.RULES,
    extensions.RULES,
)
