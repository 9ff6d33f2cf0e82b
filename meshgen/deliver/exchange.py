"""Replacing a whole output directory in one step: no moment and no kill shows anything but the old tree or the new one.

The new tree is built beside the directory, with hard links for what stays, and the two are exchanged. That is right only where
everything in the directory is meshgen's: the directory is another one afterwards (a bind mount or a watcher would stay with the
old one), and files of others would have to be carried along. All other trees go the way of `journal.py`.
"""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path

from meshgen.deliver.lock import hold
from meshgen.deliver.manifest import MANIFEST, parse_manifest
from meshgen.deliver.paths import directories
from meshgen.deliver.plan import Action, WritePlan
from meshgen.deliver.renames import exchange, move
from meshgen.deliver.tree import Special, files_below, kind_of, mode_of, read_file, write_file

_MANIFEST_NEW = f"{MANIFEST}.new"


def sibling_of(root: str) -> str:
    """Where the new tree of a directory is built: a hidden directory beside it."""
    path = Path(root).resolve()  # the directory itself is no link, those above it may be
    return str(path.parent / f".{path.name}.meshgen-new")


def is_exchangeable(plan: WritePlan) -> bool:
    """Whether the directory may become another one: nobody watches its files, and all that is in it is meshgen's.

    Raises:
        OSError: where it may not be read.
    """
    root = str(plan.directory)
    if plan.rank is not None or len(plan.changes) < 2:  # one rename is one step as well
        return False
    if Path(root).is_mount() or _has_attributes(root) or kind_of(sibling_of(root)) is not Special.ABSENT:
        return False
    if Path.cwd().is_relative_to(plan.directory.resolve()):  # the user's shell would be left in the old one
        return False
    if plan.manifest_before is None and any(Path(root).iterdir()):
        return False
    ours = {MANIFEST, *plan.owned, *plan.files}
    return all(path in ours and entry.is_file(follow_symlinks=False) for path, entry in files_below(root))


def _has_attributes(root: str) -> bool:
    """Whether the directory has access lists or other attributes, which a new one would not have."""
    if not hasattr(os, "listxattr"):
        return False
    return any(name != "security.selinux" for name in os.listxattr(root))


def replace_tree(plan: WritePlan) -> None:
    """Makes the directory hold the plan's files, in one step. The caller holds its lock.

    Raises:
        OSError: where the system refuses or cannot do it; the old tree stands then.
    """
    root = str(plan.directory)
    sibling = sibling_of(root)
    Path(sibling).mkdir(mode=0o700)
    try:
        _build(plan, root, sibling)
        descriptor = hold(sibling)  # whoever waits for the directory's lock must not get the new one's before we are done
    except BaseException:
        shutil.rmtree(sibling, ignore_errors=True)
        raise
    try:
        _exchange_or_discard(root, sibling)
        with suppress(OSError):  # the new tree stands; the next run clears up
            clear_sibling(root)
    finally:
        os.close(descriptor)


def _exchange_or_discard(root: str, sibling: str) -> None:
    try:
        exchange(root, sibling)
    except OSError:
        shutil.rmtree(sibling, ignore_errors=True)
        raise


def _build(plan: WritePlan, root: str, sibling: str) -> None:
    """The new tree, in an empty directory beside the old one."""
    # The manifest first, and whole: it says what may be removed from here if we are killed.
    write_file(f"{sibling}/{_MANIFEST_NEW}", plan.manifest_after or b"")
    Path(f"{sibling}/{_MANIFEST_NEW}").rename(f"{sibling}/{MANIFEST}")
    for directory in directories(plan.files):
        Path(sibling, directory).mkdir()
        _copy_mode(f"{root}/{directory}", f"{sibling}/{directory}")
    changed = {change.path: change for change in plan.changes}
    for path, content in plan.files.items():
        change = changed.get(path)
        if change is None:
            os.link(f"{root}/{path}", f"{sibling}/{path}", follow_symlinks=False)
        else:
            mode = mode_of(f"{root}/{path}") if change.action is Action.REPLACE else None
            write_file(f"{sibling}/{path}", content, mode)
    _copy_mode(root, sibling)


def _copy_mode(source: str, target: str) -> None:
    """Gives a new directory the owner and permissions of the one whose place it takes."""
    try:
        old = os.lstat(source)
    except (FileNotFoundError, NotADirectoryError):
        return
    new = os.lstat(target)
    if stat.S_ISDIR(old.st_mode):
        if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
            os.chown(target, old.st_uid, old.st_gid)
        os.chmod(target, stat.S_IMODE(old.st_mode))  # noqa: PTH101 - beside chown, which Path has not


def clear_sibling(root: str) -> str:
    """Removes what an exchange leaves beside the directory: the old tree, or a new one that was not finished.

    What is not in its manifest was put there by somebody while we worked, so it is carried over to the directory. Where that
    cannot be done the rest is left, and its path is returned; else the empty text.

    Raises:
        OSError: where the system refuses.
    """
    sibling = sibling_of(root)
    kind = kind_of(sibling)
    if kind is not Special.DIRECTORY:
        return "" if kind is Special.ABSENT else sibling
    ours = _listed(sibling)
    if ours is None:
        return sibling
    our_directories = set(directories(ours))
    for path, entry in files_below(sibling):
        is_directory = entry.is_dir(follow_symlinks=False)
        if path == MANIFEST:
            continue  # goes last: it says what the rest is
        if path in ours and not is_directory:
            Path(entry.path).unlink()
        elif not (is_directory and path in our_directories) and not _carry_over(entry.path, f"{root}/{path}"):
            return sibling
    _remove_tree(sibling)
    return ""


def _listed(sibling: str) -> set[str] | None:
    """What may be removed from there; None where that cannot be told."""
    content = read_file(sibling, MANIFEST)
    if isinstance(content, bytes):
        try:
            return {_MANIFEST_NEW, *parse_manifest(content).files}
        except ValueError:
            return None
    return {_MANIFEST_NEW} if all(path.name == _MANIFEST_NEW for path in Path(sibling).iterdir()) else None


def _carry_over(source: str, target: str) -> bool:
    """Whether something of somebody else's is where it belongs now."""
    if kind_of(target) is Special.ABSENT:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        move(source, target, replace=False)
        return True
    if Path(target).samefile(source):
        Path(source).unlink()
        return True
    return kind_of(source) is Special.DIRECTORY and kind_of(target) is Special.DIRECTORY


def _remove_tree(sibling: str) -> None:
    """Removes the empty directories, the manifest and the directory itself."""
    for directory, _directories, _files in os.walk(sibling, topdown=False):
        if directory != sibling:
            Path(directory).rmdir()
    Path(sibling, MANIFEST).unlink(missing_ok=True)
    Path(sibling).rmdir()
