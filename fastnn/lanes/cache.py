"""The compiled cache on disk: a help that may fail instead of a duty, shared by processes.

Numba keeps an index of each function's files and numbers these.  Two processes that save at once,
one for float32 or for another CPU, can take the same number: then the index names machine code of
the other type or CPU.  So a file is named by what it holds instead, and there is no index.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import warnings
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from numba.core.caching import IndexDataCacheFile

DIGEST_BYTES = 32
# Kernels for known sizes that are kept in a folder, of which the least used go first: about 25 KiB
# each.
MOST_FILES, MOST_BYTES = 200, 32 * 2**20
SPECIAL = "_special"
"""In the names of their files."""


@cache
def source_digest() -> str:
    """A text that changes with every edit of the package."""
    package = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0")
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def source_tag() -> str:
    """What names of files of these sources hold."""
    return f"s{source_digest()[:12]}"


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
        contents = self._dump(data)
        path = self.path(key)
        with self._open_for_write(str(path)) as file:
            file.write(self._digest(key, contents))
            file.write(contents)
        prune(path.parent, keep=path)

    def load(self, key: Any) -> Any:
        """What is kept under `key`, or None."""
        try:
            with open(self.path(key), "rb") as file:
                digest, contents = file.read(DIGEST_BYTES), file.read()
        except FileNotFoundError:
            return None
        if digest != self._digest(key, contents):
            return None
        with suppress(OSError):  # a folder that may be read only
            os.utime(self.path(key))
        return pickle.loads(contents)

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

    def file_of(self, signature: Any, codegen: Any, identity: str) -> Path:
        """The file of a function of this name with that signature and identity."""
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
