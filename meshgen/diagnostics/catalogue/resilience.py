"""Codes MG06xx, timeouts, retries, outliers."""

from __future__ import annotations
