"""Locks on files: one holder among all threads and processes, and none after the holder died.

POSIX locks belong to a process, which loses them when anything in it closes the file.  These are
locks of ``flock``, which belong to the open file.  A forked child shares open files, so it closes
its copies at once: it neither holds its parent's locks nor keeps them after the parent died.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_FLAGS = os.O_RDWR | os.O_CREAT
# Follow no links, do not block, and leave line ends unchanged on Windows.
for _name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"):
    _FLAGS |= getattr(os, _name, 0)

# The open file of every lock that this process holds, by the lock's unique key.
_held: dict[object, int] = {}
# Held during a fork, so that no lock is half taken.
_guard = threading.RLock()


@contextmanager
def sole_holder(path: Path) -> Iterator[int]:
    """Hold the lock on the file at `path`, which is created if missing.

    Yields the open file's descriptor.  If the system or the file system has no locks, the lock
    works only among the threads of this process.

    Raises
    ------
    BlockingIOError
        If another thread or process holds it; `strerror` says which.
    OSError
        If the file cannot be opened, or is not a regular file, such as a link.
    """
    lock = object()
    with _guard:
        _held[lock] = _taken(path)
    try:
        yield _held[lock]
    finally:
        with _guard:
            handle = _held.pop(lock, None)
            if handle is not None:  # not a forked child
                _release(handle)


def _taken(path: Path) -> int:
    """Open and lock the file at `path`."""
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise OSError(errno.EINVAL, "expected a file, got something else", str(path))
    handle = os.open(path, _FLAGS, 0o666)
    try:
        own = os.fstat(handle)
        if any(os.path.samestat(os.fstat(other), own) for other in _held.values()):
            raise BlockingIOError(errno.EWOULDBLOCK, "another thread of this process")
        # The previous holder may have removed the file before releasing the lock.
        if not (_locked(handle) and os.path.samestat(os.lstat(path), own)):
            raise BlockingIOError(errno.EWOULDBLOCK, "another process")
    except BaseException:
        os.close(handle)
        raise
    return handle


def _locked(handle: int) -> bool:
    """Lock an open file; returns False if somebody else holds the lock."""
    try:
        import fcntl
    except ImportError:  # not available on every system
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def _release(handle: int) -> None:
    """Unlock and close an open file; a process that is just starting may have a copy."""
    with suppress(ImportError, OSError):
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_UN)
    os.close(handle)


def _forget() -> None:
    """Close a forked child's copies, which does not affect its parent's locks."""
    for handle in _held.values():
        os.close(handle)
    _held.clear()
    _guard.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_guard.acquire, after_in_parent=_guard.release, after_in_child=_forget
    )
