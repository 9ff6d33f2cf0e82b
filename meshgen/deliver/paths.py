"""Which paths may be written inside of an output directory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

RESERVED = (".meshgen-manifest", ".meshgen-staging")  # the writer's own, in the root


def path_problem(path: str) -> str:
    """Why this is no relative POSIX path that stays inside of its directory on every system; empty if it is one."""
    parts = path.split("/")
    if "" in parts:
        return "is absolute, empty or has an empty part"
    if "." in parts or ".." in parts:
        return "has a `.` or `..` in it"
    if "\\" in path or "\0" in path or ":" in parts[0][1:2]:
        return "has a character that leads elsewhere on some systems"
    if parts[0] in RESERVED:
        return "is a name that meshgen keeps for itself"
    try:
        too_long = any(len(part.encode()) > 255 for part in parts)
    except UnicodeEncodeError:
        return "is no Unicode text"
    return "has a part of more than 255 bytes" if too_long else ""


def ancestors(path: str) -> Iterator[str]:
    """The directories above a path, from the nearest to the topmost, without the root."""
    end = path.rfind("/")
    while end > 0:
        path = path[:end]
        yield path
        end = path.rfind("/")


def directories(paths: Iterable[str]) -> tuple[str, ...]:
    """Every directory that these paths stand in, parents first."""
    found: set[str] = set()
    for path in paths:
        for directory in ancestors(path):
            if directory in found:
                break
            found.add(directory)
    return tuple(sorted(found))
