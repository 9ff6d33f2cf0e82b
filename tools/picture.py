"""Draws what a command prints on a terminal as an SVG, for the README.

Usage: python tools/picture.py TITLE OUTPUT.svg < ansi-text
"""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text


def main() -> int:
    """Reads ANSI text, writes the picture."""
    title, target = sys.argv[1:3]
    lines = sys.stdin.read().rstrip("\n")
    width = min(118, max(len(Text.from_ansi(line).plain) for line in lines.splitlines()) + 2)
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(lines))
    svg = console.export_svg(title=title, theme=DIMMED_MONOKAI, unique_id="meshgen")
    # The reader's own monospace font: a picture in a repository fetches nothing.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    Path(target).write_text(svg.replace("Fira Code", "ui-monospace, Menlo, Consolas"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
