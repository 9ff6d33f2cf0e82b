"""What the Envoy backend gives for one proxy."""

from __future__ import annotations

from dataclasses import dataclass, field

from meshgen.json import JsonObject
from meshgen.mesh import Proxy


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All xDS resources of one proxy as plain JSON in proto field names, each tuple sorted by name as istiod's dumps are.

    Routes and filters that a mesh object decided carry `metadata.filter_metadata.meshgen = {kind, namespace, name, path}`, which
    is where the simulator finds the object and the user's line. Resources name each other as over ADS; a delivery rewrites the
    sources (`delivery.py`).
    """

    proxy: Proxy
    listeners: tuple[JsonObject, ...]
    routes: tuple[JsonObject, ...]  # RouteConfigurations
    clusters: tuple[JsonObject, ...]
    endpoints: tuple[JsonObject, ...]  # ClusterLoadAssignments of EDS clusters
    bootstrap: JsonObject = field(default_factory=dict)  # what is merged into the bootstrap, as a Telemetry has it
    secrets: tuple[JsonObject, ...] = ()  # SDS secrets by file names; never key material
