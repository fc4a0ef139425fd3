"""Saved models that commands take: found, told from other files, and loaded."""

from __future__ import annotations

import shlex
from pathlib import Path

from ..results.model import Model, as_model
from ..results.models import Models
from ..results.run import Run
from ..storage.npz import load
from ..support.atomic_files import DamagedFile
from ..support.suggestions import hint


def is_model(path: Path) -> bool:
    """Return whether a file holds a model, models of groups, or a single run."""
    try:
        return isinstance(load(path), Model | Models | Run)
    except (DamagedFile, OSError):
        return False


def check_order(command: str, model: Path, file: Path) -> None:
    """Raise if the file is given before the model."""
    if model.suffix != ".npz" and file.is_file() and is_model(file) and not is_model(model):
        right = " ".join(["fastnn", command, shlex.quote(str(file)), shlex.quote(str(model))])
        raise ValueError(
            f"MODEL: expected the model before the file, got {model} first; try {right}"
        )


def check_exists(path: Path, what: str = "MODEL: expected a saved model") -> None:
    """Raise if there is nothing at `path`."""
    if path.exists():
        return
    others = [str(one) for one in path.parent.glob("*.npz")] if path.parent.is_dir() else []
    near = hint(str(path), others, str)
    raise ValueError(
        f"{what}, got {path}, which does not exist{near or '; fastnn train saves models'}"
    )


def load_exported(path: Path) -> Model | Models:
    """Load a model, models of groups, or a single run as a model.

    Raises
    ------
    ValueError
        If there is no such file, or it holds something else.
    """
    check_exists(path)
    thing = load(path)
    if isinstance(thing, Models):
        return thing
    if not isinstance(thing, Model | Run):
        raise DamagedFile(path, f"expected a model or a single run, got {type(thing).__name__}")
    return as_model(thing)
