"""Codes MG03xx, routes, splits, mirrors."""

from __future__ import annotations
