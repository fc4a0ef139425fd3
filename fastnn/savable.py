"""What networks and results share: that they can be saved."""

from __future__ import annotations

from typing import Any


class Savable:
    """The base of what `fastnn.load` reads again."""

    def save(self, path: Any) -> None:
        """Save it, results with their job, in an ``.npz`` file without pickle.

        `fastnn.load` reads it again.

        Parameters
        ----------
        path : str or PathLike
            A file there is replaced once the new one is whole.

        Raises
        ------
        TypeError
            If `path` is no path.
        OSError
            If the file cannot be written.
        """
        from .saving import save

        save(self, path)
