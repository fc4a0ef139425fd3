"""Write a model as ONNX, as a C header, or as JSON; the file's extension decides.

MODEL is a file that ``fastnn train``, ``Model.save`` or ``Models.save`` wrote, or ``run.save`` of
one trained network.  FILE ends in .onnx (which needs the extra onnx), .h, or .json.

A C header or a graph of ONNX computes in the model's dtype, or in that of --dtype, float32 or
float64, and for C also int8.  For int8, --calibration names a
CSV file of typical samples, such as the training data, with the model's columns, which is read as
the file of ``fastnn train`` was; how far the header is from the model on them is printed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from ..export import to_c, to_json, to_onnx
from ..export.c.header import DTYPES
from ..results.model import Model
from ..results.models import Models
from ..support.atomic_files import DamagedFile
from ..support.checks import FLOATS
from ..tabular.cells import numbers_of
from ..tabular.csv_table import Table
from .arguments import number_type
from .files import check_output
from .gaps import read_with_gaps
from .models import check_order, load_exported
from .reading import check_input
from .report import warn

FEW_SAMPLES = 30
UNSEEN = "\0"
"""A text that no file has, in the place of those that are none of the categories."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("model", type=Path, metavar="MODEL", help="a saved model")
    add("file", type=Path, metavar="FILE", help="the file to write: .onnx, .h (C) or .json")
    add("--name", help="prefix of the names in C, default FILE without its extension")
    add("--dtype", type=number_type, choices=DTYPES,
        help="type of the numbers in C or ONNX, default the model's")  # fmt: skip
    add("--calibration", type=Path, metavar="FILE.csv",
        help="typical samples: measures what C loses, sets the ranges of int8")  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    path: Path = options.file
    check_order("export", options.model, path)
    check_output("FILE", path, ["onnx", "h", "json"])
    suffix = path.suffix.lower()
    for option in ("name", "calibration"):
        value = getattr(options, option)
        if value is not None and suffix != ".h":
            raise ValueError(f"--{option}: expected only with a C header (.h), got {value}")
    known = {".h": DTYPES, ".onnx": FLOATS, ".json": ()}[suffix]
    if options.dtype is not None and options.dtype not in known:
        expected = " or ".join(known) if known else "only with a C header (.h) or ONNX (.onnx)"
        raise ValueError(f"--dtype: expected {expected}, got {options.dtype}")
    if options.dtype == "int8" and options.calibration is None:
        raise ValueError(
            "--calibration: expected a CSV file of typical samples, which set the ranges of int8, "
            "got none; pass the training data"
        )
    if options.calibration is not None:
        check_input(options.calibration, "--calibration")
    model = load_exported(options.model)
    members = len(model.parameters)
    what = f"{path}: {model!r}"
    if isinstance(model, Model) and members > 1:
        what += (
            f"\nthe average of {members} networks, and as many times as large as one; fastnn train "
            "--average 1 makes a model of one"
        )
    if suffix != ".h":
        if suffix == ".onnx":
            to_onnx(model, path, dtype=options.dtype)
        else:
            to_json(model, path)
        print(what)
        return 0
    if isinstance(model, Models) and (options.calibration or options.dtype == "int8"):
        option = "--calibration" if options.calibration else "--dtype"
        raise ValueError(
            f"{option}: expected float64 or float32, without calibration, for models of groups"
        )
    samples = None
    if isinstance(model, Model) and options.calibration is not None:
        samples = _samples(model, options)
    header = to_c(model, path, options.name, dtype=options.dtype, calibration=samples)
    print(what)
    if samples is not None and len(samples) < FEW_SAMPLES:
        warn(
            f"--calibration: expected at least {FEW_SAMPLES} samples, got {len(samples)}, which "
            "need not have the ranges of others, nor tell what is lost; pass the training data"
        )
    if header.loss is not None:
        print(f"{options.dtype or model.dtype}: {header.loss}")
    return 0


def _samples(model: Model, options: argparse.Namespace) -> np.ndarray:
    """The columns of the calibration's file, as `to_c` takes them, without rows that have gaps."""
    if model.features is None:
        raise DamagedFile(
            options.model,
            "expected a model with names of its inputs for --calibration, got one without; use one "
            "that fastnn train saved",
        )
    asked = {} if model.reading is None else model.reading.to_record()
    with Table(options.calibration, **asked) as table:
        rows = read_with_gaps(table, model, [])
    if model.encoding is None:
        return rows.X
    found = np.empty((len(rows.X), len(rows.cells)), dtype=object)
    for place, (column, cells) in enumerate(zip(model.encoding.columns, rows.cells, strict=True)):
        if column.categories:
            codes, known = column.codes(cells), np.array([*column.categories, UNSEEN], dtype=object)
            found[:, place] = known[codes]  # the last one for -1
        else:
            found[:, place] = numbers_of(cells)
    return found
