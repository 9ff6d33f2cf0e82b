"""Codes MG00xx, reading sources."""

from __future__ import annotations
