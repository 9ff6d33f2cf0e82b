"""The kinds of the intent language, by name."""

from __future__ import annotations

from meshgen.intent.access import Access
from meshgen.intent.authentication import Authentication
from meshgen.intent.canary import Canary
from meshgen.intent.extension import Extension
from meshgen.intent.external_service import ExternalService
from meshgen.intent.gateway import Gateway
from meshgen.intent.kind import Intent
from meshgen.intent.mesh import Mesh
from meshgen.intent.mirror import Mirror
from meshgen.intent.proxy import Proxy
from meshgen.intent.route import Route
from meshgen.intent.service import Service
from meshgen.intent.sidecar import Sidecar
from meshgen.intent.telemetry import Telemetry
from meshgen.intent.traffic_policy import TrafficPolicy
from meshgen.intent.virtual_machines import VirtualMachines

KINDS: dict[str, type[Intent]] = {
    kind.KIND: kind
    for kind in (
        Access,
        Authentication,
        Canary,
        ExternalService,
        Extension,
        Gateway,
        Mesh,
        Mirror,
        Proxy,
        Route,
        Service,
        Sidecar,
        Telemetry,
        TrafficPolicy,
        VirtualMachines,
    )
}
"""In order of their names."""
