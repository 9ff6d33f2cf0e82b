"""Codes MG08xx, writing, delivery and rollout order."""

from __future__ import annotations
