"""The files of a git revision, read from the object store: the work tree and the index are not touched."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from meshgen.diagnostics import Diagnostic, Origin, did_you_mean
from meshgen.diagnostics.catalogue.sources import GIT_ENTRY_IGNORED, NOT_A_REPOSITORY, UNKNOWN_REVISION
from meshgen.load.tree import MAX_FILE, MemoryTree

if TYPE_CHECKING:
    import git

_LINK_MODE = 0o120000


def read_revision(root: Path, revision: str) -> tuple[MemoryTree | None, tuple[Diagnostic, ...]]:
    """The files below `root` (a directory of a repository, or of a part of one; it need not be there now) as `revision` has them.

    `revision` is whatever `git rev-parse` takes for a commit. Links and submodules are left out with a note; a root that the
    revision does not have is an empty tree. None where the repository or the revision cannot be read.
    """
    import git  # noqa: PLC0415 - 60 ms that only those pay who read a revision

    place = Origin(f"<{revision}>", line=1)
    try:
        existing = next((each for each in (root, *root.absolute().parents) if each.is_dir()), root)
        repository = git.Repo(existing, search_parent_directories=True)
    except (git.InvalidGitRepositoryError, git.NoSuchPathError, OSError):
        return None, (NOT_A_REPOSITORY.at(place, f"`{root.name or root}` is in no git repository"),)
    with repository:
        try:
            prefix = _prefix(repository, root)
            return _read(repository, prefix, revision, place)
        except (git.GitError, git.BadName, ValueError, IndexError, OSError, AttributeError, TypeError):
            message = f"git knows no revision `{revision}`"
            return None, (UNKNOWN_REVISION.at(place, message, help=_what_there_is(repository, revision)),)


def _what_there_is(repository: git.Repo, revision: str) -> str:
    """Help for a revision that is not there: a branch of a remote, a name alike, a clone without history."""
    names = [reference.name for reference in repository.refs]
    if not names and not repository.head.is_valid():
        return "the repository has no commit yet"
    remote = next((name for name in names if name.endswith(f"/{revision}")), None)
    if remote is not None:
        return f"write `{remote}`, or `git fetch origin {revision}:{revision}` first"
    alike = did_you_mean(revision, names)
    if not alike and (Path(repository.common_dir) / "shallow").exists():
        return "this clone is shallow: fetch the history that is compared with, `git fetch --unshallow`"
    return alike


def _prefix(repository: git.Repo, root: Path) -> str:
    top = repository.working_tree_dir or repository.git_dir
    relative = root.resolve().relative_to(Path(top).resolve()).as_posix()
    return "" if relative == "." else relative


def _read(repository: git.Repo, prefix: str, revision: str, place: Origin) -> tuple[MemoryTree | None, tuple[Diagnostic, ...]]:
    if revision.startswith("-") or not revision.strip():  # git would take it for an option
        return None, (UNKNOWN_REVISION.at(place, f"git knows no revision `{revision}`"),)
    tree: git.Tree = repository.commit(revision).tree
    for part in prefix.split("/") if prefix else ():
        below = next((each for each in tree.trees if each.name == part), None)  # `in` takes whole paths below the first level
        if below is None:
            return MemoryTree({}), ()
        tree = below
    contents: dict[str, bytes] = {}
    notes: list[Diagnostic] = []
    start = len(prefix) + 1 if prefix else 0
    for item in tree.traverse():
        path = str(item.path)[start:]  # type: ignore[union-attr]  # the stubs allow tuples, which only `as_edge` gives
        if item.type == "blob" and item.mode != _LINK_MODE:  # type: ignore[union-attr]  # as above
            contents[path] = item.data_stream.read(MAX_FILE + 1)  # type: ignore[union-attr]  # as above
        elif item.type != "tree":  # type: ignore[union-attr]  # as above
            what = "symbolic link" if item.type == "blob" else "submodule"  # type: ignore[union-attr]  # as above
            message = f"the {what} `{path}` of `{revision}` is left out"
            notes.append(GIT_ENTRY_IGNORED.at(Origin(path, line=1), message))
    return MemoryTree(contents), tuple(notes)
