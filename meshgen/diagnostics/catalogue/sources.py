"""Codes MG0020 to MG0039, finding sources and running Python ones."""

from __future__ import annotations
