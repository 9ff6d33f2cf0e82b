"""Custom bootstraps (a Telemetry's `bootstrap`): merged into the bootstrap that meshgen writes, as Istio's agent merges them.

The agent hands them to Envoy as `--config-yaml`, which is merged into the file: messages field by field, lists appended.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from meshgen.diagnostics import Diagnostic
from meshgen.diagnostics.catalogue.backend import FIELD_NOT_CARRIED
from meshgen.emit.envoy.patch_values import snake_case
from meshgen.json import JsonObject, JsonValue
from meshgen.kubernetes import CustomBootstrap
from meshgen.mesh import Mesh, Proxy
from meshgen.mesh.selection import selects

_NAMES_CLUSTER: Final = frozenset({"cluster", "cluster_name", "collector_cluster", "local_cluster_name", "tcp_cluster_name"})
_OWN: Final = frozenset({"node", "static_resources"})  # a node's `cluster` is no cluster; static resources bring theirs


def custom_bootstrap(mesh: Mesh, proxy: Proxy) -> tuple[JsonObject, tuple[Diagnostic, ...]]:
    """What is merged into a proxy's bootstrap, and what cannot be: each Pod has one, so that of several the first counts."""
    for found in mesh.facts.bootstraps:
        if found.metadata.namespace == proxy.namespace and selects(found.pods, proxy.labels):
            return _carried(found)
    return {}, ()


def _carried(found: CustomBootstrap) -> tuple[JsonObject, tuple[Diagnostic, ...]]:
    value = snake_case(dict(found.value))
    given = value if isinstance(value, dict) else {}
    reasons = {name: reason for name in given if (reason := _obstacle(name, given))}
    kept: JsonObject = {name: item for name, item in given.items() if name not in reasons}
    hint = "leave it to proxies that istiod configures, or let the bootstrap bring what it names"
    said = (
        FIELD_NOT_CARRIED.at(found.origin, f"`{name}` of this bootstrap is not carried over to Envoy: {reason}", help=hint)
        for name, reason in reasons.items()
    )
    return kept, tuple(said)


def _obstacle(name: str, given: JsonObject) -> str:
    """Why a field has no place in our bootstrap; empty where it has one."""
    if name == "dynamic_resources":
        return "meshgen says where Envoy reads listeners and clusters"
    if name in _OWN:
        return ""
    own = set(_static_clusters(given))
    missing = next((cluster for cluster in _clusters(given[name]) if cluster not in own), None)
    return "" if missing is None else f"its cluster `{missing}` is none of this bootstrap, but of istiod's own"


def _static_clusters(given: Mapping[str, JsonValue]) -> Iterator[str]:
    resources = given.get("static_resources")
    clusters = resources.get("clusters") if isinstance(resources, dict) else None
    for cluster in clusters if isinstance(clusters, list) else ():
        if isinstance(cluster, dict):
            yield str(cluster.get("name"))


def _clusters(value: JsonValue) -> Iterator[str]:
    """The clusters that a field names, in the order of the text."""
    if isinstance(value, list):
        for item in value:
            yield from _clusters(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in _NAMES_CLUSTER and isinstance(item, str):
                yield item
            else:
                yield from _clusters(item)
