"""Colour, where it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_CODES: Final = {"red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36", "bold": "1", "dim": "2"}


@dataclass(frozen=True, slots=True)
class Paint:
    """Wraps text in ANSI sequences, or leaves it alone. Whoever calls decides, and honours NO_COLOR."""

    color: bool = False

    def __call__(self, text: str, *styles: str) -> str:
        """The text in these styles, such as `"bold", "red"`; printable text only, since nothing is escaped here."""
        if not self.color or not text or not styles:
            return text
        return f"\x1b[{';'.join(_CODES[style] for style in styles)}m{text}\x1b[0m"
