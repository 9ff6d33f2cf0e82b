"""Envoy configuration for one proxy: `emit_envoy(mesh, proxy) -> Snapshot`, and its deliveries."""
