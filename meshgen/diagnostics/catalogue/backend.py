"""Codes MG09xx, what a backend cannot do."""

from __future__ import annotations
