"""Writing a tree so that a kill at any moment leaves the old one or the new one.

- Everything in the directory is meshgen's (or it is empty or not there): the new tree is exchanged for the old one in one step
  (`exchange.py`). Whoever looks, whenever, sees one of the two.
- A single file changes: it is renamed into place, which is one step too.
- Files of others stand in the directory, somebody watches it file by file, or the system cannot exchange directories: the files
  are renamed one by one under a journal (`journal.py`). Each file is whole at any moment; after a kill the next run of anything
  that reads or writes the tree (`write`, `recover`) completes what the journal says before it does anything else.

Files of others are not touched in any of the three. The lock is on the directory; a second writer waits, then gives up.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from meshgen.deliver.exchange import clear_sibling, is_exchangeable, replace_tree, sibling_of
from meshgen.deliver.journal import STAGING, Journal, Removal, commit, complete, discard, obstacle, read_journal, stage
from meshgen.deliver.lock import WAIT, LockedError, locked
from meshgen.deliver.manifest import MANIFEST, digest
from meshgen.deliver.paths import ancestors
from meshgen.deliver.plan import Action, Change, WritePlan, look, os_problem
from meshgen.deliver.tree import Special, kind_of, read_file
from meshgen.diagnostics import Diagnostic, Origin
from meshgen.diagnostics.catalogue.delivery import INTERRUPTED_WRITE, OUTPUT_LOCKED


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteResult:
    """What was written. With an error among the diagnostics: nothing, unless its message says that the write was interrupted."""

    created: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    unchanged: int = 0
    diagnostics: tuple[Diagnostic, ...] = ()


def write(plan: WritePlan, *, wait: float = WAIT) -> WriteResult:
    """Does what the plan says, if nothing forbids it; completes an interrupted run first.

    What stands in the directory is looked at again under the lock, so a plan that is out of date does no harm. Files whose bytes
    stay are not written, and keep their time.
    """
    root = plan.directory
    if plan.blocked or (plan.is_current and not is_interrupted(root)):
        return _result(plan, ())
    try:
        root.mkdir(parents=True, exist_ok=True)
        with locked(str(root), wait):
            return write_held(plan)
    except LockedError:
        return WriteResult(diagnostics=(output_locked(root),))
    except OSError as error:
        return WriteResult(diagnostics=(os_problem(root, error),))


def recover(directory: Path, *, force: bool = False, wait: float = WAIT) -> tuple[Diagnostic, ...]:
    """Completes what an interrupted run left, before something else reads the tree. Usually there is nothing to do."""
    if kind_of(directory) is Special.OTHER or not is_interrupted(directory):
        return ()
    try:
        directory.mkdir(exist_ok=True)
        with locked(str(directory), wait):
            return recover_held(str(directory), force=force)
    except LockedError:
        return (output_locked(directory),)
    except OSError as error:
        return (os_problem(directory, error),)


def is_interrupted(directory: Path) -> bool:
    """Whether a run was killed while it wrote, or is writing."""
    return any(kind_of(path) is not Special.ABSENT for path in (directory / STAGING, sibling_of(str(directory))))


def output_locked(directory: Path) -> Diagnostic:
    """MG0805."""
    return OUTPUT_LOCKED.at(
        Origin(str(directory)), f"another meshgen is writing to `{directory}`", help="run again when it is done"
    )


def recover_held(root: str, *, force: bool) -> tuple[Diagnostic, ...]:
    """As `recover`, for whoever holds the directory's lock."""
    if leftover := clear_sibling(root):
        message = f"`{leftover}` was left by an interrupted run and has files in it that are not meshgen's"
        return (INTERRUPTED_WRITE.at(Origin(leftover), message, help="look into it and delete it"),)
    journal = read_journal(root)
    problem = obstacle(root, journal, force=force) if journal else ""
    if problem and not force:
        message = f"an interrupted write to `{root}` cannot be completed: {problem}"
        return (INTERRUPTED_WRITE.at(Origin(root), message, help="keep the edit elsewhere, then run again with `--force`"),)
    if journal and not problem:
        complete(root, journal)
    else:
        discard(root)
    return ()


def write_held(plan: WritePlan) -> WriteResult:
    """As `write`, for whoever holds the directory's lock (`lock.locked`).

    Raises:
        OSError: where the system refuses something before anything is written.
    """
    root = str(plan.directory)
    was_interrupted = is_interrupted(plan.directory)
    if problems := recover_held(root, force=plan.force):
        return WriteResult(diagnostics=problems)
    if was_interrupted or not _is_fresh(plan):
        plan = look(plan)
    if plan.blocked or plan.is_current:
        return _result(plan, ())
    return _result(plan, plan.changes, _execute(plan))


def _is_fresh(plan: WritePlan) -> bool:
    """Whether the files that the plan changes, and the manifest, are still as the plan saw them."""
    root = str(plan.directory)
    manifest = read_file(root, MANIFEST)
    if (manifest if isinstance(manifest, bytes) else None) != plan.manifest_before:
        return False
    return all(_digest_at(root, change.path) == change.before for change in plan.changes)


def _digest_at(root: str, path: str) -> str | None:
    content = read_file(root, path)
    return digest(content) if isinstance(content, bytes) else None


def _result(plan: WritePlan, changes: tuple[Change, ...], problems: tuple[Diagnostic, ...] = ()) -> WriteResult:
    if problems:
        return WriteResult(diagnostics=(*plan.diagnostics, *problems))
    paths = {action: tuple(change.path for change in changes if change.action is action) for action in Action}
    return WriteResult(
        created=paths[Action.CREATE],
        replaced=paths[Action.REPLACE],
        removed=paths[Action.REMOVE],
        unchanged=plan.unchanged,
        diagnostics=plan.diagnostics,
    )


def _execute(plan: WritePlan) -> tuple[Diagnostic, ...]:
    if is_exchangeable(plan):
        try:
            replace_tree(plan)
        except OSError:
            pass  # no exchange, no hard links, or no room beside the directory: the old tree stands, and the other way is open
        else:
            return ()
    return _rename_one_by_one(plan)


def _rename_one_by_one(plan: WritePlan) -> tuple[Diagnostic, ...]:
    root = str(plan.directory)
    writes, clear, removals = _in_order(plan)
    try:
        moves = stage(
            root, ((change.path, plan.files[change.path], change.before) for change in writes), plan.manifest_after or b""
        )
        journal = Journal(clear, moves, removals)
        commit(root, journal)
    except OSError as error:
        discard(root)
        return (os_problem(plan.directory, error),)
    try:
        complete(root, journal)
    except OSError as error:
        problem = os_problem(plan.directory, error)
        message = f"{problem.message}; the write was interrupted, and the next run completes it"
        return (problem.code.at(problem.origin, message),)
    return ()


def _in_order(plan: WritePlan) -> tuple[list[Change], tuple[Removal, ...], tuple[Removal, ...]]:
    """Writes by rank; removals that make way for a write; the other removals, by rank in reverse."""
    rank = plan.rank or (lambda _path: 0)
    writes = [change for change in plan.changes if change.action is not Action.REMOVE]
    removals = [change for change in plan.changes if change.action is Action.REMOVE]
    paths = {change.path for change in writes}
    above = {directory for path in paths for directory in ancestors(path)}
    clear = [change for change in removals if change.path in above or any(path in paths for path in ancestors(change.path))]
    cleared = {change.path for change in clear}
    rest = [change for change in removals if change.path not in cleared]
    return (
        sorted(writes, key=lambda change: (rank(change.path), change.path)),
        _steps(clear),
        _steps(sorted(rest, key=lambda change: (-rank(change.path), change.path))),
    )


def _steps(changes: list[Change]) -> tuple[Removal, ...]:
    return tuple(Removal(change.path, change.before) for change in changes if change.before is not None)
