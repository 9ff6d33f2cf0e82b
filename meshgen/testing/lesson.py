"""A README that is true: the commands of its console blocks are run, and what they print stands below them.

A console block holds commands behind `$ ` (one that ends in a backslash goes on in the next line), each followed by what it
prints on either stream; a status that is not 0 is said in a last line, `exit status 1`. All blocks of a README run in order in
one copy of its folder, so that one command sees what another wrote, and nothing of the folder itself changes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

README = "README.md"

_BLOCK = re.compile(r"(?m)^(?P<fence>`{3,})console\n(?P<text>.*?)^(?P=fence)$", re.DOTALL)
_SECONDS = 120


def render_lesson(folder: Path) -> bytes:
    """The README of a folder with what its commands print now.

    Raises:
        ValueError: where a console block does not begin with a command, or prints its own end.
        subprocess.TimeoutExpired: where a command does not end in two minutes.
    """
    text = (folder / README).read_text()
    with tempfile.TemporaryDirectory(prefix="meshgen-lesson-") as parent:
        place = Path(parent) / folder.name
        shutil.copytree(folder, place, ignore=shutil.ignore_patterns("__pycache__", "out"))
        return _BLOCK.sub(lambda block: _block(block["text"], block["fence"], place), text).encode()


def _block(text: str, fence: str, place: Path) -> str:
    lines = "".join(f"$ {command}\n{_run(command, place)}" for command in _commands(text))
    if f"\n{fence}" in lines:
        message = f"a command prints `{fence}`: open its console block with one more of them"
        raise ValueError(message)
    return f"{fence}console\n{lines}{fence}"


def _commands(text: str) -> Iterator[str]:
    """The commands of a block, those of several lines as they are written."""
    if not text.startswith("$ "):
        message = f"a console block begins with `$ ` and a command, not with `{text.splitlines()[0] if text else ''}`"
        raise ValueError(message)
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("$ "):
            command = line[2:]
            while command.endswith("\\"):
                command += f"\n{next(lines, '')}"
            yield command


def _run(command: str, place: Path) -> str:
    """What a command prints, with its status where that is not 0."""
    path = os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()])
    environment = {"PATH": path, "HOME": str(place), "NO_COLOR": "1", "COLUMNS": "130", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(  # noqa: S602 (a README of the repository's own, which its author runs, too)
        command,
        shell=True,
        cwd=place,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=_SECONDS,
        check=False,
    )
    printed = done.stdout.decode(errors="replace").replace(str(place), ".")
    printed = "".join(f"{line.rstrip()}\n" for line in printed.rstrip().splitlines())
    return printed + (f"exit status {done.returncode}\n" if done.returncode else "")
