"""What stands in an output directory: reading that follows no symbolic link."""

from __future__ import annotations

import errno
import os
import stat
from enum import Enum
from pathlib import Path


class Special(Enum):
    """What is no regular file."""

    ABSENT = "absent"
    DIRECTORY = "a directory"
    OTHER = "no regular file"  # a symbolic link, a pipe, a device


_ABSENT = (errno.ENOENT, errno.ENOTDIR)  # ENOTDIR: a file stands where the path has a directory


def read_file(root: str, path: str) -> bytes | Special:
    """A file's bytes, or what stands there instead.

    Raises:
        OSError: where it may not be read.
    """
    try:
        # O_NONBLOCK, so that a pipe does not wait for a writer.
        descriptor = os.open(f"{root}/{path}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in _ABSENT:
            return Special.ABSENT
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a symbolic link; a socket
            return Special.OTHER
        raise
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return Special.DIRECTORY if stat.S_ISDIR(status.st_mode) else Special.OTHER
        return _read_all(descriptor, status.st_size)
    finally:
        os.close(descriptor)


def _read_all(descriptor: int, size: int) -> bytes:
    content = os.read(descriptor, size + 1)
    if len(content) == size:
        return content
    chunks = [content]  # it grew or shrank while being read
    while chunk := os.read(descriptor, 1 << 20):
        chunks.append(chunk)
    return b"".join(chunks)


def kind_of(path: str | Path) -> Special | None:
    """What stands at a path; None for a regular file."""
    try:
        mode = os.lstat(path).st_mode
    except OSError as error:
        if error.errno in _ABSENT:
            return Special.ABSENT
        raise
    if stat.S_ISREG(mode):
        return None
    return Special.DIRECTORY if stat.S_ISDIR(mode) else Special.OTHER


def write_file(path: str, content: bytes, mode: int | None = None) -> None:
    """A new file with these bytes; `mode` are its permissions where it replaces one.

    Raises:
        OSError: also where something stands there already.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        if mode is not None:
            os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)


def mode_of(path: str) -> int | None:
    """A file's permissions; None where there is none."""
    try:
        return stat.S_IMODE(os.lstat(path).st_mode)
    except FileNotFoundError:
        return None


def files_below(root: str, directory: str = "") -> list[tuple[str, os.DirEntry[str]]]:
    """Everything below a directory that is no directory itself, and directories that are empty, by relative path.

    Raises:
        OSError: where a directory may not be read.
    """
    found: list[tuple[str, os.DirEntry[str]]] = []
    pending = [directory]
    while pending:
        current = pending.pop()
        with os.scandir(f"{root}/{current}" if current else root) as entries:
            for entry in entries:
                path = f"{current}/{entry.name}" if current else entry.name
                if entry.is_dir(follow_symlinks=False) and any(Path(entry.path).iterdir()):
                    pending.append(path)
                else:
                    found.append((path, entry))
    return sorted(found, key=lambda item: item[0])


def prune(root: str, directories: tuple[str, ...]) -> None:
    """Removes those of these directories (parents first) that are empty."""
    for directory in reversed(directories):
        try:
            Path(root, directory).rmdir()
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, *_ABSENT):
                raise
