"""Replacing files one by one so that a run that was killed can be completed by the next one.

All new content is first written to a staging directory in the output directory. Then the journal is renamed into place there:
before that moment the tree is the old one, after it the tree is the new one, and what was not renamed yet is renamed by the next
run. A plain reader that comes in between sees each file whole, old or new. `exchange.py` shows no such mixture; this way is for
trees that hold files of others or that somebody watches file by file.

Nothing is flushed to the disk on the way: a killed process loses nothing, a power failure may. Then staged content that is not
what the journal says is found by its digest, and the run says so (MG0808).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from meshgen.deliver.manifest import MANIFEST, digest
from meshgen.deliver.paths import ancestors, directories, path_problem
from meshgen.deliver.renames import move
from meshgen.deliver.tree import Special, kind_of, mode_of, prune, read_file, write_file

STAGING = ".meshgen-staging"

_JOURNAL = "journal"
_STAGED_MANIFEST = "manifest"


@dataclass(frozen=True, slots=True)
class Move:
    """One staged file on its way to its path; the digests are of what stands there before and after."""

    staged: str
    path: str
    before: str | None
    after: str


@dataclass(frozen=True, slots=True)
class Removal:
    """One file to remove, if it still has this digest."""

    path: str
    before: str


@dataclass(frozen=True, slots=True)
class Journal:
    """The steps, in order: first removals that make way, then moves, then the other removals, then the manifest."""

    clear: tuple[Removal, ...]
    moves: tuple[Move, ...]
    removals: tuple[Removal, ...]

    @property
    def digests(self) -> dict[str, str]:
        """What each moved file is on arrival."""
        return {step.path: step.after for step in self.moves}


def read_journal(root: str) -> Journal | None:
    """The journal of an interrupted run; None if there is none.

    Raises:
        OSError: where it may not be read.
    """
    content = read_file(root, f"{STAGING}/{_JOURNAL}")
    if not isinstance(content, bytes) or kind_of(f"{root}/{STAGING}") is not Special.DIRECTORY:
        return None
    try:
        value = json.loads(content)
        journal = Journal(
            clear=tuple(Removal(*step) for step in value["clear"]),
            moves=tuple(Move(*step) for step in value["moves"]),
            removals=tuple(Removal(*step) for step in value["removals"]),
        )
        steps: tuple[Move | Removal, ...] = (*journal.clear, *journal.moves, *journal.removals)
        unsafe = any(path_problem(step.path) for step in steps) or any(not step.staged.isdigit() for step in journal.moves)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return None if unsafe else journal


def stage(root: str, contents: Iterable[tuple[str, bytes, str | None]], manifest: bytes) -> tuple[Move, ...]:
    """Writes the new content beside the tree, (path, bytes, digest before) each; nothing of the tree changes.

    Raises:
        OSError: for instance when the disk is full; `discard` then removes what was staged.
    """
    staging = f"{root}/{STAGING}"
    discard(root)
    Path(staging).mkdir(mode=0o700)
    write_file(f"{staging}/.gitignore", b"*\n")  # what a killed run leaves behind is never committed
    moves: list[Move] = []
    for number, (path, content, before) in enumerate(contents):
        mode = mode_of(f"{root}/{path}") if before is not None else None
        write_file(f"{staging}/{number}", content, mode)
        moves.append(Move(str(number), path, before, digest(content)))
    write_file(f"{staging}/{_STAGED_MANIFEST}", manifest)
    return tuple(moves)


def commit(root: str, journal: Journal) -> None:
    """The moment from which on the tree is the new one."""
    value = {
        "clear": [(step.path, step.before) for step in journal.clear],
        "moves": [(step.staged, step.path, step.before, step.after) for step in journal.moves],
        "removals": [(step.path, step.before) for step in journal.removals],
    }
    staging = f"{root}/{STAGING}"
    write_file(f"{staging}/{_JOURNAL}.new", json.dumps(value).encode())
    Path(f"{staging}/{_JOURNAL}.new").rename(f"{staging}/{_JOURNAL}")


def discard(root: str) -> None:
    """Removes the staging directory; the journal first, so that no half of it is ever completed."""
    staging = Path(root, STAGING)
    if kind_of(staging) is Special.DIRECTORY:
        (staging / _JOURNAL).unlink(missing_ok=True)
        shutil.rmtree(staging)


def complete(root: str, journal: Journal) -> None:
    """Takes every step that was not taken yet, then removes the staging directory. May be called again after any interruption.

    Raises:
        OSError: when the system refuses a step; the journal stays, and the next run goes on.
    """
    _remove(root, journal.clear)
    prune(root, directories(step.path for step in journal.clear))
    for step in journal.moves:
        _move(root, step)
    _remove(root, journal.removals)
    prune(root, directories(step.path for step in journal.removals))
    staged = Path(root, STAGING, _STAGED_MANIFEST)
    if staged.exists():
        staged.rename(f"{root}/{MANIFEST}")
    discard(root)


def _move(root: str, step: Move) -> None:
    staged, target = f"{root}/{STAGING}/{step.staged}", f"{root}/{step.path}"
    replace = step.before is not None
    try:
        move(staged, target, replace=replace)
    except FileNotFoundError:
        if kind_of(staged) is Special.ABSENT:
            return  # an earlier run got as far as this
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        move(staged, target, replace=replace)


def _remove(root: str, steps: Iterable[Removal]) -> None:
    for step in steps:
        current = read_file(root, step.path)
        if isinstance(current, bytes) and digest(current) == step.before:
            Path(root, step.path).unlink()


def obstacle(root: str, journal: Journal, *, force: bool = False) -> str:
    """Why an interrupted run cannot be completed without losing something of somebody else's; empty if it can.

    Time has passed since it was interrupted, so files may have been edited. `force` lets edits of our own files go.
    """
    steps: tuple[Move | Removal, ...] = (*journal.clear, *journal.moves, *journal.removals)
    for directory in directories(step.path for step in steps):
        if kind_of(f"{root}/{directory}") is Special.OTHER:
            return f"`{directory}` is a symbolic link or no directory"
    cleared = {above for step in journal.clear for above in ancestors(step.path)}
    for step in journal.moves:
        if problem := _obstacle_of(root, step, cleared, force=force):
            return problem
    return ""


def _obstacle_of(root: str, step: Move, cleared: set[str], *, force: bool) -> str:
    staged = read_file(root, f"{STAGING}/{step.staged}")
    if staged is Special.ABSENT:
        return ""  # it has arrived
    if not isinstance(staged, bytes) or digest(staged) != step.after:
        return f"what was to become `{step.path}` is damaged"
    current = read_file(root, step.path)
    if isinstance(current, bytes):
        is_as_it_was = digest(current) == step.before
        return "" if is_as_it_was or (force and step.before is not None) else f"`{step.path}` was written by somebody else since"
    if current is Special.OTHER or (current is Special.DIRECTORY and step.path not in cleared):
        return f"`{step.path}` is no regular file any more"
    return ""
