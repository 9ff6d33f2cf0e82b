"""Renames that do not overwrite, and the exchange of two directories: renameat2(2), where the system has it."""

from __future__ import annotations

import ctypes
import errno
import os
from functools import cache
from pathlib import Path

_AT_FDCWD = -100
_NOREPLACE = 1
_EXCHANGE = 2
_UNSUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)  # the kernel or the file system has not got it


def exchange(one: str, other: str) -> None:
    """Swaps two paths in one step, so that no moment shows a part of either.

    Raises:
        OSError: with EINVAL or ENOSYS where this is not supported, EBUSY for a mount point; nothing has changed then.
    """
    _renameat2(one, other, _EXCHANGE)


def move(source: str, target: str, *, replace: bool) -> None:
    """Renames; without `replace` only if nothing stands at the target (as far as the system can promise that).

    Raises:
        OSError: FileExistsError where something stands there.
    """
    if replace:
        Path(source).replace(target)
        return
    try:
        _renameat2(source, target, _NOREPLACE)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target) from None
        Path(source).rename(target)


def _renameat2(source: str, target: str, flags: int) -> None:
    call = _function()
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), source)
    if call(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), flags) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), source, None, target)


@cache
def _function() -> ctypes._NamedFuncPointer | None:
    """The C library's renameat2 (glibc 2.28, musl 1.2.6), or None."""
    function: ctypes._NamedFuncPointer | None = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if function is not None:
        function.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
        function.restype = ctypes.c_int
    return function
