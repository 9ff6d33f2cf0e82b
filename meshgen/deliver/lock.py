"""One writer an output directory at a time.

The lock is flock(2) on the directory itself: no lock file is left in anybody's tree, and it ends with the process that holds it.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

WAIT = 10.0
"""Seconds to wait for another writer."""

_POLL = 0.02  # seconds; flock has no timeout of its own


class LockedError(Exception):
    """Another process held the lock for as long as we were willing to wait."""


@contextmanager
def locked(directory: str, wait: float) -> Iterator[None]:
    """Holds the directory's lock; waits for it at most so many seconds.

    Raises:
        LockedError: when another process keeps it.
        OSError: where the directory cannot be opened.
    """
    deadline = time.monotonic() + wait
    while True:
        descriptor = hold(directory, deadline)
        # A writer that exchanged the directory meanwhile leaves us with the lock of the old one: try the new one.
        if _is_still(descriptor, directory):
            break
        os.close(descriptor)
    try:
        yield
    finally:
        os.close(descriptor)


def hold(directory: str, deadline: float = 0.0) -> int:
    """A descriptor that holds the directory's lock until it is closed; tries until a moment of the monotonic clock.

    Raises:
        LockedError: when another process keeps it.
        OSError: where the directory cannot be opened.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(descriptor)
                raise LockedError(directory) from None
            time.sleep(_POLL)
        except OSError:
            os.close(descriptor)
            raise
        else:
            return descriptor


def _is_still(descriptor: int, directory: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(directory))  # noqa: PTH116 - beside a descriptor's stat
    except FileNotFoundError:
        return False
