"""Codes MG04xx, mTLS, tokens, access."""

from __future__ import annotations
