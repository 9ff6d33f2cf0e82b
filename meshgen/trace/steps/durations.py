"""Durations of protobuf JSON (`1.5s`)."""

from __future__ import annotations

from meshgen.values import parse_duration


def nanoseconds(text: str) -> int | None:
    """Nanoseconds, or None for text that is absent or no duration."""
    try:
        return parse_duration(text) if text else None
    except ValueError:
        return None
