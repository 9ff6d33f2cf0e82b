"""Codes MG05xx, gateways and their listeners."""

from __future__ import annotations
