"""Whether the sources changed: their sizes, times and numbers, looked at again and again.

A poll of `stat` rather than the kernel's notifications (`watchfiles`): it needs no package, and sees the same on every file
system, in a container's mount or on a network, whatever way an editor saves. It costs 2 ms for a thousand files.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from meshgen.load.project import PROJECT_FILE
from meshgen.load.tree import WorkTree, is_glob, static_prefix
from meshgen.pipeline import Result

Seen: TypeAlias = Mapping[str, tuple[int, int, int]]
"""By path from the project's root: time of change, size and number of the file."""

_SUFFIXES = (".yaml", ".yml", ".json", ".py")
"""Of files in the project's own directory only those count that can be sources: logs may lie there, too."""


def look(root: Path) -> Seen:
    """All files of a directory as they are now."""
    seen: dict[str, tuple[int, int, int]] = {}
    for path in WorkTree(root).files("")[0]:
        try:
            status = os.stat(root / path)  # noqa: PTH116 - as Path.stat, a third of its cost
        except OSError:  # it has gone meanwhile, or leads nowhere
            continue
        seen[path] = (status.st_mtime_ns, status.st_size, status.st_ino)
    return seen


def changed(before: Seen, after: Seen, result: Result) -> list[str]:
    """The files that came, went or changed and that the last compile read, or would have read; sorted."""
    return [
        path for path in sorted(before.keys() | after.keys()) if before.get(path) != after.get(path) and _counts(path, result)
    ]


def _counts(path: str, result: Result) -> bool:
    project = result.project
    if path == PROJECT_FILE or path in result.texts:
        return True
    if project is None or "__pycache__/" in path or path.startswith(tuple(f"{each}/" for each in project.output_directories)):
        return project is None
    if result.failed:  # whatever is missing may be the file that comes now
        return True
    overlays = [source for environment in project.environments.values() for source in environment.overlays]
    places = [static_prefix(source.path) if is_glob(source.path) else source.path for source in (*project.sources, *overlays)]
    return any(path.startswith(f"{place}/") if place else path.endswith(_SUFFIXES) for place in places)
