"""Codes MG01xx, lowering and linking: names, references, two intents over one thing."""

from __future__ import annotations
