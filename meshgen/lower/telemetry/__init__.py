"""Telemetry and the tools that watch a mesh."""
