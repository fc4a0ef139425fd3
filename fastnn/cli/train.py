"""Train a network on a CSV file: the best of many restarts, tested and saved as a model.

FILE has a header and a row for each sample.  All columns except the targets and the ignored ones
are inputs.  Columns of text become categories, and empty cells among numbers the median; columns
with nearly as many texts as rows, such as names, are left out.  A target of text, or of a few
distinct whole numbers, means classification, any other regression; --task overrides that.  The seed
splits the rows into training, validation (to choose the best restart) and test rows.  Categories,
medians and scales are learnt from the training rows and are part of the model, which ``fastnn
predict`` applies and ``fastnn export`` writes in other formats.
"""

from __future__ import annotations

import argparse
import re
import shlex
import sys
import time
from pathlib import Path

import numpy as np

from ..results.model import Model
from ..results.verdict import is_worse_than
from ..spec.activations import BY_NAME
from ..spec.status import Status
from ..storage.npz import load
from ..support.atomic_files import DamagedFile
from ..support.checks import integer, shown
from ..tabular.cells import Cells
from ..tabular.csv_table import TableError
from ..tabular.metrics import confusion
from ..tabular.reading import Reading
from ..tabular.target import TASKS, Target, make_target, split
from ..tabular.text_file import title
from .arguments import about_hidden, hidden_layers, sizes, whole
from .files import check_figure, check_output, save_figure
from .fitting import (
    MOST_OF_LM,
    OPTIMIZERS,
    RESTARTS,
    Fit,
    Split,
    default_optimizer,
    default_restarts,
    fit,
    network_for,
)
from .inputs import Inputs, learn_inputs, read_columns
from .reading import FILE_HELP, add_reading, check_input, default_model, opened
from .report import (
    PRINTED,
    accuracy_text,
    classes_text,
    confusion_text,
    errors_text,
    figure_of,
    listed,
    warn,
)

# Names of columns that tell rows apart: as their first or last word, or as a whole.
ID_WORDS, ID_NAMES = {"id", "ids", "uuid", "guid"}, {"index", "idx", "row", "rownum", "rowid", "nr"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("file", type=Path, metavar="FILE", help=FILE_HELP)
    add("--target", action="append", required=True, metavar="COLUMN",
        help="column to predict; repeat for several numeric columns")  # fmt: skip
    add(
        "--ignore",
        action="append",
        default=[],
        metavar="COLUMN",
        help="column to leave out; may be repeated",
    )
    add(
        "--category",
        action="append",
        default=[],
        metavar="COLUMN",
        help="column to read as categories, even if it holds numbers; may be repeated",
    )
    add("--task", choices=TASKS, help="kind of target, by default detected from its column")
    add_reading(parser)
    add("--restarts", type=whole, help="default 1000; fewer for large files, at least 10")
    add("--optimizer", choices=list(OPTIMIZERS),
        help="by default lm for regression where it is fast, otherwise lbfgs")  # fmt: skip
    add(
        "--hidden",
        type=sizes,
        default=[10],
        metavar="N[,N…]",
        help="hidden units, 0 for none; default 10",
    )
    add("--activation", default="tanh", help=f"{', '.join(BY_NAME)}; default %(default)s")
    add("--epochs", type=whole, help="maximum epochs, default depends on the optimizer")
    add("--validation", type=float, default=0.2, metavar="SHARE",
        help="share of the rows that chooses the restart, default %(default)s")  # fmt: skip
    add("--test", type=float, default=0.2, metavar="SHARE",
        help="share of the rows that tests it, default %(default)s")  # fmt: skip
    add("--seed", type=int, default=0, help="default %(default)s")
    add("--threads", type=int, help="default: the CPUs available to this process")
    add("--time-limit", type=float, metavar="SECONDS", help="stop after this time")
    add(
        "--model",
        type=Path,
        metavar="FILE.npz",
        help="where to save the model, by default FILE with the extension .npz",
    )
    add("--figure", type=Path, metavar="FILE", help="save a figure: .png, .pdf or .svg")


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    path = _checked(options)
    hidden = hidden_layers(options.hidden)
    names, cells, target, reading = _read(options)
    try:
        parts = Split(*split(target, options.validation, options.test, options.seed))
    except ValueError as error:
        raise TableError(options.file, str(error)) from None
    inputs = learn_inputs(options.file, names, cells, parts.train, options.category)
    X, features = inputs.X, inputs.names
    with about_hidden():
        net, loss = network_for(target, len(features), hidden, options.activation, False)
    name = options.optimizer or default_optimizer(target, len(parts.train), net.n_parameters)
    net, loss = network_for(target, len(features), hidden, options.activation, name == "lm")
    if name == "lm" and net.n_parameters > MOST_OF_LM:
        raise ValueError(
            f"--optimizer: lm takes at most {MOST_OF_LM} parameters, got {net.n_parameters}; use "
            "lbfgs or fewer hidden units"
        )
    optimizer, epochs = OPTIMIZERS[name]
    _print_data(options, inputs, target, parts)
    restarts = options.restarts or default_restarts(len(parts.train), net, name)
    fewer = ", fewer for a large file" if options.restarts is None and restarts < RESTARTS else ""
    print(f"{net}, {name}, {restarts:,} restarts{fewer}", flush=True)
    begin = time.perf_counter()
    found = fit(
        X, target, parts, net, loss, optimizer, restarts=restarts,
        epochs=epochs if options.epochs is None else options.epochs, seed=options.seed,
        threads=options.threads, time_limit=options.time_limit, features=features,
        reading=reading,
    )  # fmt: skip
    seconds = time.perf_counter() - begin
    inputs.model_of(found.model).save(path)  # before any output that could fail
    if found.interrupted:
        print(f"fastnn: interrupted after {len(found.losses):,} restarts", file=sys.stderr)
    elif len(found.losses) < restarts:
        print(f"{len(found.losses):,} of {restarts:,} restarts finished within the time limit")
    judged = loss.name if target.classes is not None else f"{loss.name} of the scaled target"
    judged += f" on the {'validation' if len(parts.validation) else 'training'} rows"
    finite = found.losses[np.isfinite(found.losses)]
    low, middle, high = np.quantile(finite, [0.25, 0.5, 0.75])
    print(f"{seconds:.1f} s; {judged}: best {finite.min():.4g}, "
          f"quartiles {low:.4g}, {middle:.4g}, {high:.4g}")  # fmt: skip
    if len(finite) < len(found.losses):
        print(f"{len(found.losses) - len(finite):,} restarts diverged")
    print(f"restart {found.restart}, {found.epochs} epochs\n")
    _warn(found, bool(len(parts.validation)))
    _print_scores(found, X, target, parts)
    print(f"\nsaved {path}")
    if options.figure is not None:
        part = [*parts.named()][-1]
        rows = parts.named()[part]
        losses = (found.losses, judged, finite.min(), "chosen")
        figure = figure_of(target, part, target.values[rows], _predicted(found, X, target, rows),
                           losses)  # fmt: skip
        save_figure(figure, options.figure)
        print(f"saved {options.figure}")
    return 130 if found.interrupted else 0


def _warn(found: Fit, validated: bool) -> None:
    """Warn of a chosen restart that is not worth much."""
    what = None
    if found.status == Status.DIVERGED:
        what = "a loss that stays finite, got a chosen restart that diverged"
    elif is_worse_than(np.nanmin(found.losses), found.constant):
        rows = "validation" if validated else "training"
        what = f"better predictions of the {rows} rows than their mean, got worse ones"
    if what is not None:
        warn(
            f"train: expected {what}; try another --optimizer, such as lbfgs, fewer "
            "--hidden units, or other columns"
        )


def _checked(options: argparse.Namespace) -> Path:
    """Check all options that need no data; return the path for the model."""
    check_input(options.file)
    path: Path = default_model(options.file) if options.model is None else options.model
    check_output("--model", path, ["npz"])
    if options.model is None and path.exists() and not _is_model(path):
        raise ValueError(
            f"--model: expected a file name, since the default {path} exists and is not a model"
        )
    if options.figure is not None:
        check_figure(options.figure)
    for name in ("validation", "test"):
        share = getattr(options, name)
        if not 0 <= share < 1:
            raise ValueError(f"--{name}: expected a share from 0 to less than 1, got {share}")
    if not options.validation + options.test < 1:
        raise ValueError(
            f"--test: expected a sum with --validation below 1, got {options.test} and "
            f"{options.validation}"
        )
    integer("--seed", options.seed, 0, 2**64 - 1)
    if options.restarts is not None:
        integer("--restarts", options.restarts, 1, 10**12)
    return path


def _is_model(path: Path) -> bool:
    try:
        return isinstance(load(path), Model)
    except DamagedFile:
        return False


def _read(options: argparse.Namespace) -> tuple[list[str], list[Cells], Target, Reading]:
    """The inputs' names and cells, the target, and how the file was read."""
    with opened(options) as table:
        for option in ("target", "ignore", "category"):
            table.check_names(getattr(options, option), f"--{option}: ")
        if len(set(options.target)) < len(options.target):
            raise ValueError(f"--target: expected different columns, got {options.target}")
        for option, other in (("ignore", "target"), ("category", "target"), ("category", "ignore")):
            both = [name for name in getattr(options, option) if name in getattr(options, other)]
            if both:
                whose = "the target" if other == "target" else "those to leave out"
                raise ValueError(
                    f"--{option}: expected columns other than {whose}, got {shown(both[0])}, which "
                    f"--{other} names; leave out one of the two"
                )
        left = {*options.target, *options.ignore}
        features = [name for name in table.names if name not in left]
        if not features:
            raise TableError(
                options.file, "expected at least one input column besides the target, got none"
            )
        cells, targets = read_columns(table, features, options.category, options.target)
        for place in table.header.unnamed:
            print(f"note: column {place} has no name, and is ignored")
    return features, cells, make_target(targets, options.task), table.reading


def _print_data(options: argparse.Namespace, inputs: Inputs, target: Target, parts: Split) -> None:
    what = "classification" if target.classes is not None else "regression"
    X, columns = inputs.X, inputs.encoding.columns
    of = f" of {len(columns)} columns" if inputs.encoding.changes else ""
    print(f"{title(options.file)}: {len(X):,} rows, {len(inputs.names)} inputs{of}")
    asked = "" if options.task else "; --task overrides it"
    print(f"{what} of {', '.join(target.names)}: {target.why}{asked}")
    counts = ", ".join(f"{len(rows):,} {name}" for name, rows in parts.named().items())
    print(f"rows, split by seed {options.seed}: {counts}")
    for line in inputs.told(parts.train):
        print(line)
    constant = [n for n, column in zip(inputs.names, X[parts.train].T, strict=True)
                if (column == column[0]).all()]  # fmt: skip
    if constant:
        print(f"constant in all training rows: {listed(constant)}")
    numbers = {column.name for column in columns if not column.categories}
    identifiers = [name for name, column in zip(inputs.names, X.T, strict=True)
                   if name in numbers and is_identifier(name, column)]  # fmt: skip
    if identifiers and len(columns) > 1:
        options_of = " ".join(f"--ignore {shlex.quote(name)}" for name in identifiers[:PRINTED])
        print(f"note: used as inputs, though they seem to number the rows: {listed(identifiers)}; "
              f"to leave them out: {options_of}")  # fmt: skip
    if target.classes is not None:
        print(classes_text(target, parts.named()))


def is_identifier(name: str, column: np.ndarray) -> bool:
    """Return whether a column seems to tell rows apart: by its name, or by consecutive numbers."""
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]
    if words and ({words[0], words[-1]} & ID_WORDS or "".join(words) in ID_NAMES):
        return True
    if len(column) < 3 or np.ptp(column) != len(column) - 1:
        return False
    return bool((np.diff(np.sort(column)) == 1).all())


def _predicted(found: Fit, X: np.ndarray, target: Target, rows: np.ndarray) -> np.ndarray:
    """Predictions for some rows: positions of classes, or numbers."""
    if target.classes is None:
        return found.model.evaluate(X[rows])
    places: np.ndarray = found.model.scores(X[rows]).argmax(axis=1)
    return places


def _print_scores(found: Fit, X: np.ndarray, target: Target, parts: Split) -> None:
    named = parts.named()
    predicted = {name: _predicted(found, X, target, rows) for name, rows in named.items()}
    if target.classes is None:
        mean = target.values[parts.train].mean(axis=0)
        told = [(name, target.values[rows], predicted[name]) for name, rows in named.items()]
        print(errors_text(target.names, told, mean))
        return
    print("right: " + ", ".join(
        accuracy_text(name, target.values[rows], predicted[name]) for name, rows in named.items()
    ))  # fmt: skip
    last, rows = [*named.items()][-1]
    counts = confusion(target.values[rows], predicted[last], len(target.classes))
    print(f"\n{last} rows\n{confusion_text(counts, target.classes)}")
