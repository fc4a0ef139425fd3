"""The common base of networks and results that can be saved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

_writer: Callable[[Savable, Any], None] | None = None


def writes(function: Callable[[Savable, Any], None]) -> Callable[[Savable, Any], None]:
    """Register the `function` that `Savable.save` calls, since storage is a higher layer."""
    global _writer
    _writer = function
    return function


class Savable:
    """The base of objects that `fastnn.load` can read.

    Copies and unpickled objects pass the checks of their class again.
    """

    def __getstate__(self) -> dict[str, Any]:
        """The arguments of its constructor."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def save(self, path: Any) -> None:
        """Save to an ``.npz`` file without pickle; results include their job.

        `fastnn.load` reads the file.

        Parameters
        ----------
        path : str or PathLike
            An existing file, or the target of a symbolic link, is replaced once the new one is
            complete, and keeps its permissions.

        Raises
        ------
        TypeError
            If `path` is not a path.
        ValueError
            If something other than a file is there, such as a folder, a device or a pipe.
        OSError
            If the file cannot be written.
        """
        assert _writer is not None  # `fastnn.storage.npz`, which the package imports
        _writer(self, path)
