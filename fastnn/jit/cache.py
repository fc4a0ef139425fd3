"""The compiled cache on disk: a help that may fail instead of a duty, shared by processes.

Numba keeps an index of each function's files and numbers these.  Two processes that save at once,
one for float32 or for another CPU, can take the same number: then the index names machine code of
the other type or CPU.  So a file is named by what it holds instead, and there is no index.

To load a file is to run what is in it.  So only files are loaded that nobody else could write: see
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
# Kernels for known sizes that are kept in a folder, of which the least used go first: about 25 KiB
# each.
MOST_FILES, MOST_BYTES = 200, 32 * 2**20
SPECIAL = "_special"
"""In the names of their files."""
_IMPORTED = time.time()
PACKAGE = __name__.partition(".")[0]
_FOLDER = Path(__file__).absolute().parent.parent


@cache
def source_digest() -> str | None:
    """A text that changes with every edit of the package; None where nothing can be kept.

    The sources are read as they were imported, from a folder or from an archive.  If they cannot be
    read, or changed after they were imported, no text would tell what code this process runs.
    """
    from importlib.resources import files  # which takes long to import

    try:
        package = files(PACKAGE)
        digest, count = hashlib.sha256(), 0
        for name, content in _sources(package, ""):
            digest.update(name.encode() + b"\0" + content + b"\0")
            count += 1
        changed = _last_change() > _IMPORTED
    except Exception:  # loaders differ in what they can, and in what they raise
        return None
    return digest.hexdigest() if count and not changed else None


def _sources(folder: Any, place: str) -> Iterator[tuple[str, bytes]]:
    """Names and contents of all modules in a folder; compiled ones where there is no source."""
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.is_dir():
            if item.name != "__pycache__":
                yield from _sources(item, f"{place}{item.name}/")
        elif item.name.endswith((".py", ".pyc")):
            yield f"{place}{item.name}", item.read_bytes()


def _last_change() -> float:
    """When the files of the package, or the archive with all of them, changed last."""
    home = _home()
    paths = [path for path in home.rglob("*.py*") if path.parent.name != "__pycache__"]
    return max(path.stat().st_ctime for path in paths or [home])


def _home() -> Path:
    """The folder of the package, or the archive that has it; OSError if there is neither."""
    home = next(path for path in (_FOLDER, *_FOLDER.parents) if path.exists())
    if home.is_dir() and home != _FOLDER:
        raise FileNotFoundError(_FOLDER)
    return home


def source_tag() -> str:
    """What names of files of these sources hold."""
    return f"s{(source_digest() or 'none')[:12]}"


def read_own(path: Path) -> bytes | None:
    """The content of a file that only whom we trust could write; None if it is another.

    Those are this user, root, and the owner of this package, whose code runs here anyway.  A pipe
    or device is not opened for reading: it could block for ever.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None
    with open(handle, "rb") as file:
        return file.read() if _is_own(os.fstat(handle)) else None


def is_kept(path: Path) -> bool:
    """Whether there is a file that `read_own` reads."""
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
    """Remove what other sources left, and of kernels for known sizes the least used.

    Parameters
    ----------
    folder : Path
    keep : Path, optional
        A file that stays.
    """
    special = []
    for path in kept_files(folder):
        with suppress(OSError):  # another process may have removed it
            if path.name.split(".")[-3] != source_tag():
                path.unlink()
            elif SPECIAL in path.name and path != keep:
                special.append((path.stat().st_mtime, path.stat().st_size, path))
    for path in folder.glob("*.lock"):  # of who was ended while it compiled
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

    They come into being whole, by a rename, and whoever writes one writes the same.  Each begins
    with a digest of key and contents: damaged machine code would be loaded, and give other bits or
    crash.
    """

    def flush(self) -> None:
        """Nothing: a damaged file is replaced by the next `save`."""

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
        """What is kept under `key`, or None."""
        whole = None if source_digest() is None else read_own(self.path(key))
        if whole is None:
            return None
        digest, contents = whole[:DIGEST_BYTES], whole[DIGEST_BYTES:]
        if digest != self._digest(key, contents):
            return None
        with suppress(OSError):  # a folder that may be read only
            os.utime(self.path(key))
        return pickle.loads(contents)

    @contextmanager
    def _open_for_write(self, filepath: str) -> Iterator[BinaryIO]:
        """Open a new file, which nobody else may write whatever the umask is, and rename it."""
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
        """The file of that key."""
        return Path(self._data_path(self._name(key)))

    def _digest(self, key: Any, contents: bytes) -> bytes:
        return hashlib.sha256(self._name(key).encode() + b"\n" + contents).digest()

    def _name(self, key: Any) -> str:
        # Equal in all processes: types, which `repr` names, and strings.
        text = repr((self._version, self._source_stamp, source_digest(), key))
        base = self._index_name.removesuffix(".nbi")
        return f"{base}.{source_tag()}.{hashlib.sha256(text.encode()).hexdigest()[:32]}.nbc"


def shared(kept: Any, identity: str = "") -> TolerantCache:
    """Numba's cache of one function, made safe for processes that use it at once.

    Numba's key holds a digest of what the function closes over.  Ours holds one of all sources, so
    that no edit leaves machine code stale, and the `identity` of what it closes over, which a
    process may not have made yet.
    """
    kept._index_key = lambda signature, codegen: (signature, codegen.magic_tuple(), identity)
    stamp = kept._cache_file._source_stamp
    kept._cache_file = _FilesByKey(kept.cache_path, kept._impl.filename_base, stamp)
    return TolerantCache(kept)


class TolerantCache:
    """Numba's cache of one function: what is damaged is compiled again, failed writes are warnings.

    Numba itself lets a truncated file or a full disk end the call.
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
        """The file of a function of this name with that signature and identity, if it is kept."""
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
    """Say that the next process will compile again."""
    warnings.warn(
        f"compiled kernels are not kept for the next process: {error}; "
        "set NUMBA_CACHE_DIR to a folder with room to write",
        RuntimeWarning,
        stacklevel=3,
    )
