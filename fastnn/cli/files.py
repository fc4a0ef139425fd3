"""Output files of the commands: checked before the work starts, and never left half-written."""

from __future__ import annotations

import os
import tempfile
import warnings
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ..support.atomic_files import destination, write_file

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
    place = destination(path, option)
    try:
        handle, name = tempfile.mkstemp(dir=place.parent, prefix=".fastnn-")
    except OSError as error:
        raise ValueError(f"{option}: cannot write {path}: {error.strerror}") from None
    os.close(handle)
    os.unlink(name)


def check_figure(path: Path) -> None:
    """Raise unless a figure can be saved at `path`."""
    check_output("--figure", path, ["png", "pdf", "svg"])


def save_figure(figure: Figure, path: Path) -> None:
    """Save `figure` at `path`."""
    write_file(path, lambda file: draw(figure, file, path.suffix[1:].lower()))


def draw(figure: Figure, file: IO[bytes], format: str) -> None:
    """Write `figure` to an open file."""
    with warnings.catch_warnings():
        # Labels may be in any script; Matplotlib draws boxes for glyphs that its font lacks.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        figure.savefig(file, format=format, dpi=150)
