"""What networks and results share: that they can be saved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

_writer: Callable[[Savable, Any], None] | None = None


def writes(function: Callable[[Savable, Any], None]) -> Callable[[Savable, Any], None]:
    """Make `function` the one that `Savable.save` calls: storage stands above what it stores."""
    global _writer
    _writer = function
    return function


class Savable:
    """The base of what `fastnn.load` reads again.

    Copies of it, and what was pickled, pass the checks of its class again.
    """

    def __getstate__(self) -> dict[str, Any]:
        """The arguments that it is made with."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def save(self, path: Any) -> None:
        """Save it, results with their job, in an ``.npz`` file without pickle.

        `fastnn.load` reads it again.

        Parameters
        ----------
        path : str or PathLike
            A file there, or the one that a symbolic link leads to, is replaced once the new one is
            whole, and keeps its rights.

        Raises
        ------
        TypeError
            If `path` is no path.
        ValueError
            If something else than a file is there, such as a folder, a device or a pipe.
        OSError
            If the file cannot be written.
        """
        assert _writer is not None  # `fastnn.storage.npz`, which the package imports
        _writer(self, path)
