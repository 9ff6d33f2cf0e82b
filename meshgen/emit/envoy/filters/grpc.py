"""`envoy.filters.http.grpc_stats`, everywhere, and `envoy.filters.http.grpc_web`, where a port's protocol is GRPC-Web."""

from __future__ import annotations

from typing import Final

from meshgen.emit.envoy.extension import extension
from meshgen.json import JsonObject

GRPC_STATS: Final[JsonObject] = extension(
    "envoy.filters.http.grpc_stats",
    "envoy.extensions.filters.http.grpc_stats.v3.FilterConfig",
    {"emit_filter_state": True, "stats_for_all_methods": False},
)
GRPC_WEB: Final[JsonObject] = extension("envoy.filters.http.grpc_web", "envoy.extensions.filters.http.grpc_web.v3.GrpcWeb")
