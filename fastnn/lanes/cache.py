"""The compiled cache on disk, made a help that may fail instead of a duty."""

from __future__ import annotations

import contextlib
import warnings
from typing import Any


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
            with contextlib.suppress(OSError):
                self._cache.flush()
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
