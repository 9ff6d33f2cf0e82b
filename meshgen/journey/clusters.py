"""Journeys from one cluster of a mesh to the others."""

from __future__ import annotations

from collections.abc import Sequence

from meshgen.journey.follow import Journeys
from meshgen.journey.scene import MeshScene
from meshgen.pipeline import Result


def journeys_of(result: Result, others: Sequence[Result] = ()) -> Journeys:
    """Journeys that start in the cluster of a result; the results of the mesh's other clusters are where they may end."""
    scene = MeshScene(result.mesh, result.proxies)
    elsewhere = {
        other.cluster: MeshScene(other.mesh, other.proxies)
        for other in others
        if other.cluster != result.cluster and not other.failed
    }
    scene.reached = frozenset(
        service.host for other in elsewhere.values() for proxy in other.proxies for service in other.backed_by(proxy)
    )
    return Journeys.over(scene, result.cluster, dict(elsewhere))
