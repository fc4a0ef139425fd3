"""The compiled cache on disk: a help that may fail instead of a duty, shared by processes.

Numba keeps an index of each function's files and numbers these.  Two processes that save at once,
one for float32 or for another CPU, can take the same number: then the index names machine code of
the other type or CPU.  So a file is named by what it holds instead, and there is no index.
"""

from __future__ import annotations

import hashlib
import pickle
import warnings
from typing import Any

from numba.core.caching import IndexDataCacheFile

DIGEST_BYTES = 32


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
        with self._open_for_write(self._data_path(self._name(key))) as file:
            file.write(self._digest(key, contents))
            file.write(contents)

    def load(self, key: Any) -> Any:
        """What is kept under `key`, or None."""
        try:
            with open(self._data_path(self._name(key)), "rb") as file:
                digest, contents = file.read(DIGEST_BYTES), file.read()
        except FileNotFoundError:
            return None
        return pickle.loads(contents) if digest == self._digest(key, contents) else None

    def _digest(self, key: Any, contents: bytes) -> bytes:
        return hashlib.sha256(self._name(key).encode() + b"\n" + contents).digest()

    def _name(self, key: Any) -> str:
        # Equal in all processes: types, which `repr` names, and strings.
        text = repr((self._version, self._source_stamp, key))
        base = self._index_name.removesuffix(".nbi")
        return f"{base}.{hashlib.sha256(text.encode()).hexdigest()[:32]}.nbc"


def shared(cache: Any) -> TolerantCache:
    """Numba's `cache` of one function, made safe for processes that use it at once."""
    stamp = cache._cache_file._source_stamp
    cache._cache_file = _FilesByKey(cache.cache_path, cache._impl.filename_base, stamp)
    return TolerantCache(cache)


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
