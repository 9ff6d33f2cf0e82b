"""What writing a tree would change, and why it may not be written: reads only.

What the plan goes by is the manifest of the last run (`manifest.py`): a file in it with the digest that it has there is ours to
change; with another digest somebody edited it; a file that is not in it is somebody else's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from meshgen.deliver.journal import read_journal
from meshgen.deliver.lock import WAIT, LockedError, locked
from meshgen.deliver.manifest import MANIFEST, Manifest, digest, parse_manifest, render_manifest
from meshgen.deliver.paths import ancestors, directories, path_problem
from meshgen.deliver.tree import Special, files_below, kind_of, read_file
from meshgen.diagnostics import Diagnostic, Origin, Severity
from meshgen.diagnostics.catalogue.delivery import (
    EDITED_OUTPUT,
    FOREIGN_FILE,
    MANIFEST_UNREADABLE,
    OUTPUT_DIRECTORY_UNUSABLE,
    OUTPUT_NOT_WRITABLE,
    OUTPUT_PATH_UNSAFE,
)


class Action(StrEnum):
    """What becomes of a file."""

    CREATE = "create"
    REPLACE = "replace"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Change:
    """One file that is not as it is to be. `before` is the digest of what stands there; None where nothing does."""

    path: str
    action: Action
    before: str | None


Rank = Callable[[str], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class WritePlan:
    """What `write` would do. Changes stand in path order; `rank` is the order in which files must appear, where there is one."""

    directory: Path
    files: Mapping[str, bytes]
    changes: tuple[Change, ...] = ()
    unchanged: int = 0
    diagnostics: tuple[Diagnostic, ...] = ()
    force: bool = False
    rank: Rank | None = None
    manifest_before: bytes | None = None
    manifest_after: bytes | None = None  # None: nothing was written and nothing is to be
    owned: frozenset[str] = field(default=frozenset(), repr=False)  # paths in the manifest before

    @property
    def blocked(self) -> bool:
        """Whether some error forbids to write anything."""
        return any(d.severity is Severity.ERROR for d in self.diagnostics)

    @property
    def is_current(self) -> bool:
        """Whether the tree is as it is to be, its manifest included."""
        return not self.changes and self.manifest_before == self.manifest_after


def plan_writes(files: Mapping[str, bytes], directory: Path, *, force: bool = False, rank: Rank | None = None) -> WritePlan:
    """How to make the directory hold these files (POSIX path → bytes) and none other of meshgen's own.

    `force` overwrites and removes files of meshgen's own that were edited; files of others are never touched. `rank` gives the
    order in which files must appear to somebody who watches them (Envoy: SDS, EDS, CDS, RDS, LDS): the lowest first, removals
    last and in the reverse order. The directory itself must not be a symbolic link, those above it may be.
    """
    request = WritePlan(directory=directory, files=files, force=force, rank=rank)
    plan = look(request)
    if not plan.blocked:
        return plan
    # What forbids it may be another run's half-written tree: look again when nobody writes.
    try:
        with locked(str(directory), WAIT):
            return look(request)
    except (LockedError, OSError):
        return plan


def look(request: WritePlan) -> WritePlan:
    """The plan for what stands in the directory at this moment; whoever holds its lock sees nobody else's half-written tree."""
    try:
        return _Planner(request).plan()
    except OSError as error:
        return _with(request, [os_problem(request.directory, error)])


def check(files: Mapping[str, bytes], directory: Path) -> tuple[tuple[Change, ...], tuple[Diagnostic, ...]]:
    """How the directory differs from these files, for `compile --check`: nothing if the tree is up to date.

    The manifest is a file as any other here. Edited files are differences, not errors; what an interrupted run has not yet
    completed is a difference too, since the tree that others see is not the one that was compiled.
    """
    plan = plan_writes(files, directory, force=True)
    changes = plan.changes
    if plan.manifest_before != plan.manifest_after and not plan.blocked:
        action = Action.CREATE if plan.manifest_before is None else Action.REPLACE
        before = None if plan.manifest_before is None else digest(plan.manifest_before)
        changes = (Change(MANIFEST, action, before), *changes)
    return changes, plan.diagnostics


def os_problem(directory: Path, error: OSError) -> Diagnostic:
    """MG0806 for what the operating system refused."""
    place = os.fsdecode(error.filename) if error.filename else str(directory)
    return OUTPUT_NOT_WRITABLE.at(Origin(place), f"`{place}`: {(error.strerror or str(error)).lower()}")


def _with(plan: WritePlan, diagnostics: list[Diagnostic]) -> WritePlan:
    return WritePlan(directory=plan.directory, files=plan.files, force=plan.force, rank=plan.rank, diagnostics=tuple(diagnostics))


class _Planner:
    """Collects the changes and the problems of one plan."""

    def __init__(self, plan: WritePlan) -> None:
        self.request = plan
        self.root = str(plan.directory)
        self.changes: dict[str, Change] = {}
        self.problems: list[Diagnostic] = []
        self.unchanged = 0
        self.digests: dict[str, str] = {}  # of what is wanted
        self.in_the_way: list[str] = []  # wanted files where a directory stands

    def plan(self) -> WritePlan:
        self._look_at_paths()
        before = None if self.problems else self._look_at_root()
        manifest = self._manifest(before)
        if self.problems:
            return _with(self.request, self.problems)
        self._look_at_files(manifest)
        self._look_at_directories(manifest)
        after = render_manifest(Manifest(self.digests))
        if before is not None and dict(manifest.files) == self.digests:
            after = before  # another version of meshgen is no reason to touch it
        return WritePlan(
            directory=self.request.directory,
            files=self.request.files,
            changes=tuple(self.changes[path] for path in sorted(self.changes)),
            unchanged=self.unchanged,
            diagnostics=tuple(self.problems),
            force=self.request.force,
            rank=self.request.rank,
            manifest_before=before,
            manifest_after=after if self.digests or before is not None else None,
            owned=frozenset(manifest.files),
        )

    # --- what is asked for

    def _look_at_paths(self) -> None:
        wanted = self.request.files
        for path in sorted(wanted):
            problem = path_problem(path)
            if not problem and any(above in wanted for above in ancestors(path)):
                problem = "has a file for a directory"
            if problem:
                self.problems.append(OUTPUT_PATH_UNSAFE.at(self._at(path), f"the output path `{path}` {problem}"))

    def _look_at_root(self) -> bytes | None:
        kind = kind_of(self.root)
        if kind not in (Special.ABSENT, Special.DIRECTORY):
            what = "a symbolic link" if self.request.directory.is_symlink() else "no directory"
            message = f"the output directory `{self.root}` is {what}"
            self.problems.append(OUTPUT_DIRECTORY_UNUSABLE.at(Origin(self.root), message))
            return None
        content = read_file(self.root, MANIFEST)
        if isinstance(content, Special) and content is not Special.ABSENT:
            self._unreadable("it is no regular file")
        return content if isinstance(content, bytes) else None

    def _manifest(self, content: bytes | None) -> Manifest:
        if content is None:
            return Manifest()
        try:
            return parse_manifest(content)
        except ValueError as error:
            self._unreadable(str(error))
            return Manifest()

    def _unreadable(self, reason: str) -> None:
        message = f"`{MANIFEST}` in `{self.root}` cannot be read: {reason}"
        advice = "take either side if a merge left its marks in it, then run again with `--force`"
        self.problems.append(MANIFEST_UNREADABLE.at(self._at(MANIFEST), message, help=advice))

    # --- what is there

    def _look_at_files(self, manifest: Manifest) -> None:
        journal = read_journal(self.root)
        interrupted = journal.digests if journal else {}
        for path, content in self.request.files.items():
            self.digests[path] = digest(content)
            current = read_file(self.root, path)
            if current == content:
                self.unchanged += 1
            elif isinstance(current, bytes):
                self._replace(path, digest(current), (manifest.files.get(path), interrupted.get(path)))
            elif current is Special.OTHER:
                self._foreign(path, current.value)
            else:
                self.changes[path] = Change(path, Action.CREATE, None)
                if current is Special.DIRECTORY:  # looked at when it is known what will be left in it
                    self.in_the_way.append(path)
        for path in manifest.files:
            if path not in self.request.files:
                self._remove(path, manifest.files[path])

    def _replace(self, path: str, before: str, ours: tuple[str | None, str | None]) -> None:
        if before in ours or (self.request.force and any(ours)):
            self.changes[path] = Change(path, Action.REPLACE, before)
        elif any(ours):
            self._edited(path, "overwrite")
        else:
            self._foreign(path, "a file that meshgen did not write")

    def _remove(self, path: str, ours: str) -> None:
        current = read_file(self.root, path)
        if not isinstance(current, bytes):
            return  # gone, or replaced by something that is not ours
        before = digest(current)
        if before == ours or self.request.force:
            self.changes[path] = Change(path, Action.REMOVE, before)
        else:
            self._edited(path, "remove")

    def _look_at_directories(self, manifest: Manifest) -> None:
        device = self._device()
        for directory in directories([*self.request.files, *manifest.files]):
            kind = kind_of(f"{self.root}/{directory}")
            if kind is Special.OTHER:
                message = f"`{directory}` in `{self.root}` is a symbolic link or no directory"
                self.problems.append(OUTPUT_PATH_UNSAFE.at(self._at(directory), message))
            elif kind is None and not self._is_removed(directory) and self._is_wanted(directory):
                self._foreign(directory, "a file that meshgen did not write")
            elif kind is Special.DIRECTORY and os.lstat(f"{self.root}/{directory}").st_dev != device:
                message = f"`{directory}` in `{self.root}` is another file system"
                self.problems.append(OUTPUT_NOT_WRITABLE.at(self._at(directory), message))
        for path in self.in_the_way:
            if below := next(self._others_below(path), None):
                self._foreign(path, f"a directory with `{below}` in it, which meshgen did not write")

    def _device(self) -> int:
        try:
            return os.lstat(self.root).st_dev
        except FileNotFoundError:
            return -1

    def _others_below(self, directory: str) -> Iterator[str]:
        return (path for path, _entry in files_below(self.root, directory) if not self._is_removed(path))

    def _is_removed(self, path: str) -> bool:
        change = self.changes.get(path)
        return change is not None and change.action is Action.REMOVE

    def _is_wanted(self, directory: str) -> bool:
        return any(path.startswith(f"{directory}/") for path in self.request.files)

    # --- problems

    def _at(self, path: str) -> Origin:
        return Origin(f"{self.root}/{path}")

    def _foreign(self, path: str, what: str) -> None:
        message = f"`{path}` is to be written to `{self.root}`, but {what} stands there"
        advice = "move or delete it, or choose another output directory"
        self.problems.append(FOREIGN_FILE.at(self._at(path), message, help=advice))

    def _edited(self, path: str, verb: str) -> None:
        message = f"`{path}` in `{self.root}` was edited after meshgen wrote it"
        advice = f"bring the edit into the sources, then {verb} it with `--force`"
        self.problems.append(EDITED_OUTPUT.at(self._at(path), message, help=advice))
