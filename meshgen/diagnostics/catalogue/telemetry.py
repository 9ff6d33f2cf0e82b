"""Codes MG07xx, telemetry and extensions."""

from __future__ import annotations
