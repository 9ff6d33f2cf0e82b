"""Where files come from: the work tree, or a revision of a git repository."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Protocol

from meshgen.diagnostics import Diagnostic, Origin
from meshgen.diagnostics.catalogue.sources import LINK_LOOP, SOURCE_TOO_LARGE, UNREADABLE_SOURCE

MAX_FILE = 64 * 1024 * 1024
"""Bytes of one source."""


class Tree(Protocol):
    """The files under a project's root. Paths are relative to it, with `/`."""

    def files(self, directory: str) -> tuple[tuple[str, ...], tuple[Diagnostic, ...]]:
        """All files below a directory (`""` for the root) in sorted order, without those under names that begin with a dot."""
        ...

    def read(self, path: str) -> bytes | Diagnostic | None:
        """A file's bytes, why it cannot be read, or None where there is no such file."""
        ...


@dataclass(frozen=True, slots=True)
class WorkTree:
    """The files of a directory as they are now."""

    root: Path

    def files(self, directory: str) -> tuple[tuple[str, ...], tuple[Diagnostic, ...]]:
        """See Tree.files; links to directories are followed unless they lead back up."""
        diagnostics: list[Diagnostic] = []
        top = self.root / directory
        above = frozenset({str(self.root.resolve()), os.path.realpath(top)})
        prefix = f"{directory}/" if directory else ""
        return tuple(self._walk(str(top), prefix, above, diagnostics)), tuple(diagnostics)

    def _walk(self, path: str, prefix: str, above: frozenset[str], diagnostics: list[Diagnostic]) -> Iterator[str]:
        try:
            with os.scandir(path) as entries:
                ordered = sorted(entries, key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            diagnostics.append(_unreadable(prefix.rstrip("/") or ".", error))
            return
        for entry in ordered:
            name = prefix + entry.name
            if entry.name.startswith("."):
                continue
            if not _is_directory(entry):
                yield name
                continue
            real = os.path.realpath(entry.path) if entry.is_symlink() else ""
            if real in above:
                message = f"the link `{name}` leads back to a directory above it and is left out"
                diagnostics.append(LINK_LOOP.at(Origin(name, line=1), message))
                continue
            yield from self._walk(entry.path, name + "/", above | {real or entry.path}, diagnostics)

    def read(self, path: str) -> bytes | Diagnostic | None:
        """See Tree.read."""
        full = os.path.join(self.root, path)  # noqa: PTH118 - half the cost of a Path, ten thousand times
        try:
            descriptor = os.open(full, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # O_NONBLOCK: a pipe would wait for its writer
            try:
                return _read_open(descriptor, path)
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            return _unreadable(path, "it is a broken link") if Path(full).is_symlink() else None
        except OSError as error:
            if Path(full).is_dir():
                return None
            return _unreadable(path, "it is no regular file" if error.errno == errno.ENXIO else error)  # ENXIO: a socket


def _read_open(descriptor: int, path: str) -> bytes | Diagnostic | None:
    """What the file holds, in one call for nearly every file; see Tree.read."""
    status = os.fstat(descriptor)
    if stat.S_ISDIR(status.st_mode):
        return None
    if not stat.S_ISREG(status.st_mode):
        return _unreadable(path, "it is no regular file")
    if status.st_size > MAX_FILE:
        return too_large(path)
    content = os.read(descriptor, status.st_size + 1)
    if len(content) == status.st_size:
        return content
    chunks = [content]  # it grew or shrank meanwhile
    while chunk := os.read(descriptor, 1 << 20):
        chunks.append(chunk)
    return b"".join(chunks)


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def too_large(path: str) -> Diagnostic:
    """The finding for a file beyond MAX_FILE."""
    return SOURCE_TOO_LARGE.at(Origin(path, line=1), f"`{path}` is larger than {MAX_FILE // 1024 // 1024} MiB")


def _unreadable(path: str, error: OSError | str) -> Diagnostic:
    reason = (error.strerror or type(error).__name__).lower() if isinstance(error, OSError) else error
    return UNREADABLE_SOURCE.at(Origin(path, line=1), f"`{path}` cannot be read: {reason}")


@dataclass(frozen=True, slots=True)
class MemoryTree:
    """Files in memory: a revision of a repository, or a test's."""

    contents: dict[str, bytes] = field(repr=False)

    def files(self, directory: str) -> tuple[tuple[str, ...], tuple[Diagnostic, ...]]:
        """See Tree.files."""
        prefix = f"{directory}/" if directory else ""
        found = (path for path in self.contents if path.startswith(prefix))
        return tuple(sorted((path for path in found if not _hidden(path[len(prefix) :])), key=_walk_order)), ()

    def read(self, path: str) -> bytes | Diagnostic | None:
        """See Tree.read."""
        data = self.contents.get(path)
        return too_large(path) if data is not None and len(data) > MAX_FILE else data


def _hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))


def _walk_order(path: str) -> tuple[str, ...]:
    """The order of a walk that sorts each directory by name."""
    return PurePosixPath(path).parts


@lru_cache(maxsize=256)
def compile_glob(pattern: str) -> re.Pattern[str]:
    """A pattern of `sources:` as a regular expression on whole paths: `*` and `?` stay in a directory, `**` crosses them."""
    expression = ""
    position = 0
    while position < len(pattern):
        if pattern.startswith("**/", position):
            expression, position = expression + "(?:[^/]+/)*", position + 3
        elif pattern.startswith("**", position):
            expression, position = expression + ".*", position + 2
        else:
            expression += {"*": "[^/]*", "?": "[^/]"}.get(pattern[position], re.escape(pattern[position]))
            position += 1
    return re.compile(expression, re.DOTALL)


def is_glob(pattern: str) -> bool:
    """Whether a source is a pattern and not the name of a file or directory."""
    return "*" in pattern or "?" in pattern


def static_prefix(pattern: str) -> str:
    """The directory that every match of a pattern lies in."""
    parts = pattern.split("/")
    fixed = next((index for index, part in enumerate(parts) if is_glob(part)), len(parts) - 1)
    return "/".join(parts[:fixed])
