"""The cache of compiled code on disk, shared by processes; it may fail without harm.

Numba keeps an index of each function's files and numbers them.  Two processes that save at once,
say for float32 and float64, can take the same number: then the index names machine code for the
wrong type or CPU. So files are named by their content instead, and there is no index.

Loading a file runs what is in it.  So only files that nobody else could write are loaded: see
`read_own`.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import secrets
import stat
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

from numba.core.caching import IndexDataCacheFile

DIGEST_BYTES = 32
# Maximum number of kernels for known sizes in a folder, about 25 KiB each; the least recently used
# are removed first.
MOST_FILES, MOST_BYTES = 200, 32 * 2**20
SPECIAL = "_special"
"""Part of the names of their files."""
_IMPORTED = time.time()
PACKAGE = __name__.partition(".")[0]
_FOLDER = Path(__file__).absolute().parent.parent


@cache
def source_digest() -> str | None:
    """A text that changes with every edit of the package; None if nothing can be cached.

    The sources are read where they were imported from, a folder or an archive.  If they cannot be
    read, or changed after the import, no text would identify the code that this process runs.
    """
    from importlib.resources import files  # slow to import

    try:
        package = files(PACKAGE)
        digest, count = hashlib.sha256(), 0
        for name, content in _sources(package, ""):
            digest.update(name.encode() + b"\0" + content + b"\0")
            count += 1
        changed = _last_change() > _IMPORTED
    except Exception:  # loaders differ in abilities and errors
        return None
    return digest.hexdigest() if count and not changed else None


def _sources(folder: Any, place: str) -> Iterator[tuple[str, bytes]]:
    """Names and contents of all modules in a folder; compiled modules if there is no source."""
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.is_dir():
            if item.name != "__pycache__":
                yield from _sources(item, f"{place}{item.name}/")
        elif item.name.endswith((".py", ".pyc")):
            yield f"{place}{item.name}", item.read_bytes()


def _last_change() -> float:
    """Time of the last change of the package's files, or of the archive with them."""
    home = _home()
    paths = [path for path in home.rglob("*.py*") if path.parent.name != "__pycache__"]
    return max(path.stat().st_ctime for path in paths or [home])


def _home() -> Path:
    """The folder of the package, or its archive; OSError if there is neither."""
    home = next(path for path in (_FOLDER, *_FOLDER.parents) if path.exists())
    if home.is_dir() and home != _FOLDER:
        raise FileNotFoundError(_FOLDER)
    return home


def source_tag() -> str:
    """A tag of these sources for file names."""
    return f"s{(source_digest() or 'none')[:12]}"


def read_own(path: Path) -> bytes | None:
    """The content of a file that only trusted users could write; otherwise None.

    Trusted are this user, root, and the owner of this package, whose code runs here anyway.  A pipe
    or device is not opened for reading: it could block forever.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None
    with open(handle, "rb") as file:
        return file.read() if _is_own(os.fstat(handle)) else None


def is_kept(path: Path) -> bool:
    """Return whether there is a file that `read_own` reads."""
    try:
        return _is_own(os.stat(path))
    except OSError:
        return False


def _is_own(file: os.stat_result) -> bool:
    writable = file.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISREG(file.st_mode) and not writable and file.st_uid in _trusted()


@cache
def _trusted() -> set[int]:
    return {0, getattr(os, "geteuid", int)(), _home().stat().st_uid}


def kept_files(folder: Path) -> list[Path]:
    """The files of compiled code in a folder."""
    return [path for path in folder.glob("*.nbc") if path.name.count(".") >= 3]


def prune(folder: Path, keep: Path | None = None) -> None:
    """Remove the files of other sources, and the least recently used kernels for known sizes.

    Parameters
    ----------
    folder : Path
    keep : Path, optional
        A file not to remove.
    """
    special = []
    for path in kept_files(folder):
        with suppress(OSError):  # another process may have removed it
            if path.name.split(".")[-3] != source_tag():
                path.unlink()
            elif SPECIAL in path.name and path != keep:
                special.append((path.stat().st_mtime, path.stat().st_size, path))
    for path in folder.glob("*.lock"):  # left by a process that died while compiling
        with suppress(OSError):
            if path.with_suffix(".nbc").exists():
                path.unlink()
    special.sort(reverse=True)
    room = MOST_BYTES
    for place, (_, size, path) in enumerate(special, start=2):
        room -= size
        if place > MOST_FILES or room < 0:
            with suppress(OSError):
                path.unlink()


class _FilesByKey(IndexDataCacheFile):
    """The files of one function, each named by its key: signature, CPU, source and Numba.

    Files appear complete, by a rename, and all writers write the same content.  Each begins with a
    digest of key and content: otherwise damaged machine code would be loaded, and give other bits
    or crash.
    """

    def flush(self) -> None:
        """Do nothing: a damaged file is replaced by the next `save`."""

    def save(self, key: Any, data: Any) -> None:
        """Keep `data` under `key`."""
        if source_digest() is None:
            return
        contents = self._dump(data)
        path = self.path(key)
        with self._open_for_write(str(path)) as file:
            file.write(self._digest(key, contents))
            file.write(contents)
        prune(path.parent, keep=path)

    def load(self, key: Any) -> Any:
        """Return what is kept under `key`, or None."""
        whole = None if source_digest() is None else read_own(self.path(key))
        if whole is None:
            return None
        digest, contents = whole[:DIGEST_BYTES], whole[DIGEST_BYTES:]
        if digest != self._digest(key, contents):
            return None
        with suppress(OSError):  # the folder may be read-only
            os.utime(self.path(key))
        return pickle.loads(contents)

    @contextmanager
    def _open_for_write(self, filepath: str) -> Iterator[BinaryIO]:
        """Open a new file, which nobody else may write whatever the umask; rename it at the end."""
        new = f"{filepath}.tmp.{secrets.token_hex(8)}"
        try:
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "wb") as file:
                yield file
            os.replace(new, filepath)
        except BaseException:
            with suppress(OSError):
                os.unlink(new)
            raise

    def path(self, key: Any) -> Path:
        """The file for a key."""
        return Path(self._data_path(self._name(key)))

    def _digest(self, key: Any, contents: bytes) -> bytes:
        return hashlib.sha256(self._name(key).encode() + b"\n" + contents).digest()

    def _name(self, key: Any) -> str:
        # Equal in all processes: types, named by their `repr`, and strings.
        text = repr((self._version, self._source_stamp, source_digest(), key))
        base = self._index_name.removesuffix(".nbi")
        return f"{base}.{source_tag()}.{hashlib.sha256(text.encode()).hexdigest()[:32]}.nbc"


def shared(kept: Any, identity: str = "") -> TolerantCache:
    """Numba's cache of one function, made safe for concurrent processes.

    Numba's key has a digest of the function's closure.  Ours has a digest of all sources, so that
    no edit leaves machine code stale, and an `identity` of the closure, which a process may not
    have created yet.
    """
    kept._index_key = lambda signature, codegen: (signature, codegen.magic_tuple(), identity)
    stamp = kept._cache_file._source_stamp
    kept._cache_file = _FilesByKey(kept.cache_path, kept._impl.filename_base, stamp)
    return TolerantCache(kept)


class TolerantCache:
    """Numba's cache of one function: damaged code is compiled again, failed writes are warnings.

    With Numba's own cache, a truncated file or a full disk makes the call fail.
    """

    def __init__(self, cache: Any) -> None:
        self._cache = cache

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cache, name)

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """The compiled code, or None."""
        try:
            return self._cache.load_overload(signature, target_context)
        except Exception:  # unpickling damaged bytes may raise anything
            return None

    def file_of(self, signature: Any, codegen: Any, identity: str) -> Path | None:
        """The cache file of a function of this name with that signature and identity, if any."""
        if source_digest() is None:
            return None
        path: Path = self._cache._cache_file.path((signature, codegen.magic_tuple(), identity))
        return path

    def save_overload(self, signature: Any, data: Any) -> None:
        """Keep compiled code for the next process."""
        try:
            self._cache.save_overload(signature, data)
        except Exception as error:
            warn_not_kept(error)


def warn_not_kept(error: Exception) -> None:
    """Warn that the next process will compile again."""
    warnings.warn(
        f"compiled kernels cannot be kept for the next process: {error}; set NUMBA_CACHE_DIR to a "
        "folder with room to write",
        RuntimeWarning,
        stacklevel=3,
    )
