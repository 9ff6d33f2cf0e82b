"""Connections that are not HTTP: network filters and the TCP proxy."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from meshgen.trace.decision import Decision, Outcome
from meshgen.trace.fields import message, string
from meshgen.trace.steps import ext_authz, rbac
from meshgen.trace.steps.action import chosen_of, weights_of
from meshgen.trace.steps.cluster import find_upstream
from meshgen.trace.steps.hashing import balancing_of
from meshgen.trace.steps.upstream_tls import upstream_tls
from meshgen.trace.walk import Answer

if TYPE_CHECKING:
    from meshgen.json import JsonObject
    from meshgen.trace.walk import Walk

_SNI_CLUSTER = "envoy.tcp_proxy.cluster"


def _set_sni_cluster(walk: Walk, config: JsonObject) -> None:  # noqa: ARG001 - every filter takes its configuration
    """`sni_cluster`: the server name is the cluster that the TCP proxy takes."""
    if walk.request.server_name:
        walk.set_metadata(_SNI_CLUSTER, {"cluster": walk.request.server_name})


_NETWORK = "envoy.extensions.filters.network."
NETWORK_FILTERS: dict[str, Callable[[Walk, JsonObject], Answer | None]] = {
    f"{_NETWORK}ext_authz.v3.ExtAuthz": ext_authz.apply_network,
    f"{_NETWORK}rbac.v3.RBAC": rbac.apply_network,
    f"{_NETWORK}sni_cluster.v3.SniCluster": _set_sni_cluster,
}


def forward_connection(walk: Walk, proxy: JsonObject) -> Decision:
    """The TCP proxy: one cluster or a split; a cluster without endpoints closes the connection."""
    weights = weights_of(proxy)
    override = walk.metadata.get(_SNI_CLUSTER)
    name = string(override, "cluster") if isinstance(override, dict) else string(proxy, "cluster")
    chosen = chosen_of(weights, walk.request.taken)
    if chosen is not None and not name:
        name = weights[chosen].cluster
    if weights:
        shares = ", ".join(f"{each.cluster} {each.share:.0%}" for each in weights)
        walk.note("action", "split", f"{shares}; `{name}` is followed" if walk.request.taken == name else shares)
    upstream = find_upstream(walk, name, message(proxy, "metadata_match")) if name else None
    failed = upstream is not None and upstream.failure
    cluster = upstream.cluster if upstream else {}
    return Decision(
        outcome=Outcome.NEEDS_ANSWER if walk.is_pending else Outcome.UNAVAILABLE if failed else Outcome.ROUTED,
        cluster=name,
        cluster_type=upstream.kind if upstream else "",
        weights=weights,
        endpoints=upstream.endpoints if upstream else (),
        balancing=balancing_of(cluster) if cluster else "",
        upstream_tls=upstream_tls(cluster, upstream.first if upstream else None, ""),
        upstream_protocol="tcp",
        **walk.common(),
    )
