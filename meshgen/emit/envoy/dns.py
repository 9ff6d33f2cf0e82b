"""Clusters whose hosts are names: the one cluster type that Envoy has for them now (envoy.extensions.clusters.dns.v3.DnsCluster).

istiod still writes `type: STRICT_DNS` with settings beside it, which Envoy calls deprecated; patches of EnvoyFilters are written
against that form, so a cluster takes its last form after them.
"""

from __future__ import annotations

from typing import Final

from meshgen.emit.envoy.extension import extension
from meshgen.json import JsonObject

_SETTINGS: Final = (
    "dns_refresh_rate",
    "dns_failure_refresh_rate",
    "respect_dns_ttl",
    "dns_jitter",
    "dns_lookup_family",
    "typed_dns_resolver_config",
)
_LOGICAL: Final = "LOGICAL_DNS"


def with_dns_cluster_type(cluster: JsonObject) -> JsonObject:
    """A cluster of type STRICT_DNS or LOGICAL_DNS as one of the type `envoy.cluster.dns`; any other as it is."""
    kind = cluster.get("type")
    if kind not in {"STRICT_DNS", _LOGICAL}:
        return cluster
    settings: JsonObject = {name: cluster[name] for name in _SETTINGS if name in cluster}
    if kind == _LOGICAL:
        settings["all_addresses_in_single_endpoint"] = True
    typed = extension("envoy.cluster.dns", "envoy.extensions.clusters.dns.v3.DnsCluster", settings)
    kept = {name: value for name, value in cluster.items() if name not in _SETTINGS and name != "type"}
    return {"name": kept.pop("name", ""), "cluster_type": typed, **kept}
