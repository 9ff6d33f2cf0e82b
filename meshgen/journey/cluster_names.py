"""Envoy's clusters as people call them."""

from __future__ import annotations

from meshgen.emit.envoy.names import PASSTHROUGH, parse_outbound


def short_cluster(name: str) -> str:
    """The version of a cluster if it is one, else its host; the name itself where it has neither."""
    parsed = parse_outbound(name)
    return (parsed.subset or parsed.host) if parsed is not None else name


def cluster_words(name: str) -> str:
    """`catalog.shop.svc.cluster.local:80 v1` for `outbound|80|v1|catalog.shop.svc.cluster.local`."""
    parsed = parse_outbound(name)
    if parsed is not None:
        return f"{parsed.host}:{parsed.port}" + (f" {parsed.subset}" if parsed.subset else "")
    if name == PASSTHROUGH:
        return "wherever it was going"
    port = name.removeprefix("inbound|").partition("|")[0]
    return f"the application on port {port}" if name.startswith("inbound|") else name
