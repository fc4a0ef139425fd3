"""Locks on files: one holder among all threads and processes, and none when the holder has died.

POSIX locks are those of a process, which loses them when anything in it closes the file; these are
``flock``'s, which belong to the open file.  A child that is forked shares open files, so it closes
its copies at once: it neither holds its parent's locks nor keeps them when the parent has died.
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
# Links are not followed, nothing is waited for, and Windows leaves the ends of lines alone.
for _name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"):
    _FLAGS |= getattr(os, _name, 0)

# The open file of every lock that this process holds, by what is unique to the lock.
_held: dict[object, int] = {}
# Held while a process forks, so that no lock is half taken then.
_guard = threading.RLock()


@contextmanager
def sole_holder(path: Path) -> Iterator[int]:
    """While entered nobody else holds the lock on the file at `path`, which is made if missing.

    Yields the open file's descriptor.  Where the system or the file system has no locks, only the
    threads of this process are told apart.

    Raises
    ------
    BlockingIOError
        If another thread or process holds it: `strerror` tells which.
    OSError
        If the file cannot be opened, or something else than a file is there, such as a link.
    """
    lock = object()
    with _guard:
        _held[lock] = _taken(path)
    try:
        yield _held[lock]
    finally:
        with _guard:
            handle = _held.pop(lock, None)
            if handle is not None:  # this is no forked child
                _release(handle)


def _taken(path: Path) -> int:
    """The file at `path`, opened and locked."""
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise OSError(errno.EINVAL, "expected a file, got something else", str(path))
    handle = os.open(path, _FLAGS, 0o666)
    try:
        own = os.fstat(handle)
        if any(os.path.samestat(os.fstat(other), own) for other in _held.values()):
            raise BlockingIOError(errno.EWOULDBLOCK, "another thread of this process")
        # Whoever held it may have removed the file before letting go of it.
        if not (_locked(handle) and os.path.samestat(os.lstat(path), own)):
            raise BlockingIOError(errno.EWOULDBLOCK, "another process")
    except BaseException:
        os.close(handle)
        raise
    return handle


def _locked(handle: int) -> bool:
    """Lock an open file, or tell that another has."""
    try:
        import fcntl
    except ImportError:  # not on every system
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def _release(handle: int) -> None:
    """Unlock and close an open file, of which a process that is being begun may have a copy."""
    with suppress(ImportError, OSError):
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_UN)
    os.close(handle)


def _forget() -> None:
    """Close a forked child's copies, which leaves its parent's locks as they are."""
    for handle in _held.values():
        os.close(handle)
    _held.clear()
    _guard.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_guard.acquire, after_in_parent=_guard.release, after_in_child=_forget
    )
