"""Files that the commands write: checked before the work starts, and never left half written."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..job import NUMERICS_VERSION
from ..runs import Runs
from ..version import __version__

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


def write(path: Path, content: Callable[[Any], None]) -> None:
    """Let `content` write to a binary file that takes the place of `path` once it is complete."""
    handle, name = _temporary(path)
    try:
        with os.fdopen(handle, "wb") as file:
            content(file)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        os.replace(name, path.resolve())
    except BaseException as error:
        os.unlink(name)
        if isinstance(error, OSError):
            raise OSError(f"cannot write {path}: {error.strerror or error}") from error
        raise


def save_figure(figure: Figure, path: Path) -> None:
    """Save `figure` at `path`."""
    write(path, lambda file: figure.savefig(file, format=path.suffix[1:].lower(), dpi=150))


def save_runs(runs: Runs, options: argparse.Namespace, path: Path) -> None:
    """Save the columns of `runs`, and as JSON text what they are results of, as .npz."""
    about = {
        "fastnn": __version__,
        "numerics_version": NUMERICS_VERSION,
        "network": repr(runs.network),
        "arguments": {
            name: value if isinstance(value, int | float | str | None) else str(value)
            for name, value in vars(options).items()
            if name not in ("run", "command")
        },
    }
    columns: dict[str, Any] = {
        "restart": runs.indices,
        "loss": runs.loss,
        "epochs": runs.epochs,
        "status": runs.status,
        "about": np.array(json.dumps(about)),
    }
    if runs.parameters is not None:
        columns["parameters"] = runs.parameters
    write(path, lambda file: np.savez(file, **columns))
