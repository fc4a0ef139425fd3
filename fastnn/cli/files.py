"""Files that the commands write: checked before the work starts, and never left half written."""

from __future__ import annotations

import os
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from ..files import replace_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure(width: float, height: float) -> Figure:
    """A figure that needs no screen."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def check_output(option: str, path: Path, suffixes: list[str]) -> None:
    """Raise unless a file with one of `suffixes` can be made at `path`."""
    if path.suffix.lower().lstrip(".") not in suffixes:
        raise ValueError(
            f"{option}: expected a file name ending in .{', .'.join(suffixes)}, got {path}"
        )
    if len(os.fsencode(path.name)) > 255:
        raise ValueError(f"{option}: expected a file name of up to 255 bytes, got {path.name}")
    if not path.parent.is_dir():
        raise ValueError(f"{option}: expected an existing folder, got {path.parent}")
    if path.exists() and not path.is_file():
        raise ValueError(f"{option}: expected a regular file, got {path}")
    try:
        handle, name = _temporary(path)
    except OSError as error:
        raise ValueError(f"{option}: cannot write {path}: {error.strerror}") from None
    os.close(handle)
    os.unlink(name)


def _temporary(path: Path) -> tuple[int, str]:
    """An open temporary file, and its name, in the folder of the file that `path` leads to."""
    return tempfile.mkstemp(dir=path.resolve().parent, prefix=".fastnn-")


def check_figure(path: Path) -> None:
    """Raise unless a figure can be saved at `path`."""
    check_output("--figure", path, ["png", "pdf", "svg"])


def save_figure(figure: Figure, path: Path) -> None:
    """Save `figure` at `path`."""
    with warnings.catch_warnings():
        # Labels may be of any script; Matplotlib draws boxes for what its font has not.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        replace_file(
            path.resolve(),
            lambda file: figure.savefig(file, format=path.suffix[1:].lower(), dpi=150),
        )
