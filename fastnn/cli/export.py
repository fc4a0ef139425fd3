"""Write a model as ONNX, as a C header, or as JSON; the file's extension decides.

MODEL is a file that ``fastnn train`` or ``Model.save`` wrote, or ``run.save`` of one trained
network.  FILE ends in .onnx (which needs the extra onnx), .h, or .json.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ..export import to_c, to_json, to_onnx
from ..results.model import Model, as_model
from ..results.run import Run
from ..storage.npz import load
from ..support.atomic_files import DamagedFile
from .files import check_output


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("model", type=Path, metavar="MODEL", help="a saved model")
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="the file to write: .onnx, .h (C) or .json"
    )
    parser.add_argument("--name", help="prefix of the names in C, default model")


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    path: Path = options.file
    check_output("FILE", path, ["onnx", "h", "json"])
    suffix = path.suffix.lower()
    if options.name is not None and suffix != ".h":
        raise ValueError(f"--name: expected only with a C header (.h), got {options.name}")
    thing = load(options.model)
    if not isinstance(thing, Model | Run):
        raise DamagedFile(
            options.model, f"expected a model or a single run, got {type(thing).__name__}"
        )
    model = as_model(thing)
    if suffix == ".h":
        to_c(model, path, name="model" if options.name is None else options.name)
    else:
        (to_onnx if suffix == ".onnx" else to_json)(model, path)
    print(f"{path}: {model!r}")
    return 0
