"""Train a network on a CSV file: the best of many restarts, tested and saved as a model.

FILE has a header and a row for each sample.  All columns except the targets and the ignored ones
are inputs and must be numeric.  A target of text, or of a few distinct whole numbers, means
classification, any other regression; --task overrides that.  The seed splits the rows into
training, validation (to choose the best restart) and test rows.  The scaling is computed from the
training rows and is part of the model, which ``fastnn predict`` applies and ``fastnn export``
writes in other formats.  Scores stand beside those of a constant, and warnings say where a model is
worth little.
"""

from __future__ import annotations

import argparse
import re
import shlex
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..results.model import Model
from ..spec.activations import BY_NAME
from ..spec.losses import Penalized
from ..spec.network import Network
from ..storage.npz import load
from ..support.atomic_files import DamagedFile
from ..support.checks import integer, shown
from ..tabular.csv_table import Rows, Table, TableError
from ..tabular.target import RANDOM, TASKS, Target, make_target, split, with_rows
from .arguments import sizes, whole
from .choices import add_choices, check_choices, check_target, class_weights
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
from .report import PRINTED, classes_rows, listed
from .scores import (
    cross_validation_rows,
    figure_of_fit,
    fold_splits,
    importance_rows,
    tell_scores,
)
from .told import Told

TEST = 0.2
"""The share of the rows that test, unless another is asked for."""
# Names of columns that tell rows apart: as their first or last word, or as a whole.
ID_WORDS, ID_NAMES = {"id", "ids", "uuid", "guid"}, {"index", "idx", "row", "rownum", "rowid", "nr"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("file", type=Path, metavar="FILE", help="a CSV file with a header")
    add("--target", action="append", required=True, metavar="COLUMN",
        help="column to predict; repeat for several numeric columns")  # fmt: skip
    add(
        "--ignore",
        action="append",
        default=[],
        metavar="COLUMN",
        help="column to leave out; may be repeated",
    )
    add("--task", choices=TASKS, help="kind of target, by default detected from its column")
    add("--delimiter", help="by default comma, semicolon or tab, as in the header")
    add("--restarts", type=whole, help="default 1000; fewer for large files, at least 10")
    add("--optimizer", choices=list(OPTIMIZERS),
        help="by default lm for regression where it is fast, otherwise lbfgs")  # fmt: skip
    add("--hidden", type=sizes, default=[10], metavar="N[,N…]", help="hidden units, default 10")
    add("--activation", default="tanh", help=f"{', '.join(BY_NAME)}; default %(default)s")
    add("--epochs", type=whole, help="maximum epochs, default depends on the optimizer")
    add("--validation", type=float, default=0.2, metavar="SHARE",
        help="share of the rows that chooses the restart, default %(default)s")  # fmt: skip
    add("--test", type=float, metavar="SHARE",
        help=f"share of the rows that tests it, default {TEST}")  # fmt: skip
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
    add_choices(parser)


@dataclass(frozen=True)
class Work:
    """The data, the rows of every part, and the training of networks on them."""

    features: list[str]
    X: np.ndarray
    target: Target
    parts: Split
    folds: list[Split]
    net: Network
    loss: Penalized
    optimizer: str
    restarts: int
    epochs: int

    def fit(self, options: argparse.Namespace, parts: Split) -> Fit:
        """Train on the training rows of `parts`, and choose."""
        return fit(
            self.X, self.target, parts, self.net, self.loss, OPTIMIZERS[self.optimizer][0],
            restarts=self.restarts, epochs=self.epochs, seed=options.seed,
            threads=options.threads, time_limit=options.time_limit, features=self.features,
            weights=class_weights(options, self.target, parts.train), penalties=options.l2,
            log=options.log_target,
        )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    path = _checked(options)
    work = _prepared(options)
    told = Told()
    _tell_data(told, options, work.features, work.X, work.target, work.parts)
    asked = options.restarts is not None
    fewer = "" if asked or work.restarts >= RESTARTS else ", fewer for a large file"
    told.say(f"{work.net}, {work.optimizer}, {work.restarts:,} restarts{fewer}")
    begin = time.perf_counter()
    found = work.fit(options, work.parts)
    seconds = time.perf_counter() - begin
    found.model.save(path)  # before any output that could fail
    judged = _tell_fit(told, options, work, found, seconds)
    weighted = options.balanced or bool(options.class_weight)
    tell_scores(told, found, work.X, work.target, work.parts, weighted)
    if options.importance:
        part, rows = [*work.parts.named().items()][-1]
        drops = importance_rows(found.model, work.X, work.target, rows, options.seed, weighted)
        told.show(f"importance, on the {part} rows", drops)
    interrupted = found.interrupted
    if work.folds and not interrupted:
        scores, interrupted = cross_validation_rows(
            work.X, work.target, work.folds, lambda parts: work.fit(options, parts)
        )
        told.show(f"cross-validation with {options.cv} folds", scores)
        if interrupted:
            print("fastnn: interrupted before all folds had ended", file=sys.stderr)
    told.say(f"\nsaved {path}")
    if options.figure is not None or options.report is not None:
        figure = figure_of_fit(found, work.X, work.target, work.parts, judged)
        if options.figure is not None:
            save_figure(figure, options.figure)
            print(f"saved {options.figure}")
        if options.report is not None:
            title = f"{', '.join(work.target.names)} from {options.file.name}"
            told.save(options.report, title, figure, _settings(options, work))
            print(f"saved {options.report}")
    return 130 if interrupted else 0


def _prepared(options: argparse.Namespace) -> Work:
    """Read and check everything that training needs."""
    features, X, target = _read(options)
    check_target(options, target)
    tested = _read_test(options, features, target)
    try:
        parts = Split(
            *split(target, options.validation, _test(options), options.seed, options.split)
        )
        folds = [] if options.cv is None else [
            *fold_splits(target, options.cv, options.validation, options.seed)
        ]  # fmt: skip
    except ValueError as error:
        raise TableError(options.file, str(error)) from None
    class_weights(options, target, parts.train)  # refuses wrong ones
    net, loss = network_for(target, len(features), options.hidden, options.activation, False)
    name = options.optimizer or default_optimizer(
        target, len(parts.train), net.n_parameters, any(options.l2)
    )
    net, loss = network_for(target, len(features), options.hidden, options.activation, name == "lm")
    if name == "lm" and net.n_parameters > MOST_OF_LM:
        raise ValueError(
            f"--optimizer: lm takes at most {MOST_OF_LM} parameters, got {net.n_parameters}; use "
            "lbfgs or fewer hidden units"
        )
    if tested is not None:
        parts = replace(parts, test=np.arange(len(X), len(X) + len(tested.numbers)))
        X = np.concatenate([X, tested.numbers])
        target = with_rows(target, tested.labels)
        check_target(options, target)
    restarts = options.restarts or default_restarts(len(parts.train), net, name)
    epochs = OPTIMIZERS[name][1] if options.epochs is None else options.epochs
    return Work(features, X, target, parts, folds, net, loss, name, restarts, epochs)


def _tell_fit(
    told: Told, options: argparse.Namespace, work: Work, found: Fit, seconds: float
) -> str:
    """Tell how the restarts ended; returns the name of the loss that chose."""
    if found.interrupted:
        print(f"fastnn: interrupted after {len(found.losses):,} restarts", file=sys.stderr)
    elif len(found.losses) < work.restarts:
        told.say(f"{len(found.losses):,} of {work.restarts:,} restarts finished within the time "
                 "limit")  # fmt: skip
    numeric = work.target.classes is None
    judged = f"{work.loss.name} of the scaled target" if numeric else work.loss.name
    judged += f" on the {'validation' if len(work.parts.validation) else 'training'} rows"
    finite = found.losses[np.isfinite(found.losses)]
    low, middle, high = np.quantile(finite, [0.25, 0.5, 0.75])
    told.say(f"{seconds:.1f} s; {judged}: best {finite.min():.4g}, "
             f"quartiles {low:.4g}, {middle:.4g}, {high:.4g}")  # fmt: skip
    if len(finite) < len(found.losses):
        told.say(f"{len(found.losses) - len(finite):,} restarts diverged")
    penalty = f", l2 {found.penalty:g}" if any(options.l2) else ""
    told.say(f"restart {found.restart}, {found.epochs} epochs{penalty}\n")
    return judged


def _settings(options: argparse.Namespace, work: Work) -> dict[str, str]:
    """The options as they were used."""
    used = vars(options) | {
        "optimizer": work.optimizer, "restarts": work.restarts, "epochs": work.epochs,
        "test": None if options.test_file is not None else _test(options),
    }  # fmt: skip
    settings = {}
    for name, value in sorted(used.items()):
        unused = value is None or value is False or value in ([], [0.0])
        if unused or name in ("command", "run"):
            continue
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        settings[name.replace("_", "-")] = "yes" if value is True else text
    return settings


def _test(options: argparse.Namespace) -> float:
    """The share of the rows that test."""
    if options.test_file is not None:
        return 0.0
    return TEST if options.test is None else float(options.test)


def _checked(options: argparse.Namespace) -> Path:
    """Check all options that need no data; return the path for the model."""
    if options.file.is_dir():
        raise TableError(options.file, "expected a file, got a folder")
    path: Path = options.file.with_suffix(".npz") if options.model is None else options.model
    check_output("--model", path, ["npz"])
    if options.model is None and path.exists() and not _is_model(path):
        raise ValueError(
            f"--model: expected a file name, since the default {path} exists and is not a model"
        )
    if options.figure is not None:
        check_figure(options.figure)
    test = _test(options)
    for name, share in (("validation", options.validation), ("test", test)):
        if not 0 <= share < 1:
            raise ValueError(f"--{name}: expected a share from 0 to less than 1, got {share}")
    if not options.validation + test < 1:
        raise ValueError(
            f"--test: expected a sum with --validation below 1, got {test} and {options.validation}"
        )
    integer("--seed", options.seed, 0, 2**64 - 1)
    if options.restarts is not None:
        integer("--restarts", options.restarts, 1, 10**12)
    check_choices(options)
    return path


def _is_model(path: Path) -> bool:
    try:
        return isinstance(load(path), Model)
    except DamagedFile:
        return False


def _read(options: argparse.Namespace) -> tuple[list[str], np.ndarray, Target]:
    """The inputs' names and numbers, and the target."""
    with Table(options.file, options.delimiter) as table:
        for option in ("target", "ignore"):
            table.check_names(getattr(options, option), f"--{option}: ")
        if len(set(options.target)) < len(options.target):
            raise ValueError(f"--target: expected different columns, got {options.target}")
        both = [name for name in options.ignore if name in options.target]
        if both:
            raise ValueError(
                f"--ignore: expected columns other than the target, got {shown(both[0])}, which "
                "--target names; leave out one of the two"
            )
        left = {*options.target, *options.ignore}
        features = [name for name in table.names if name not in left]
        if not features:
            raise TableError(
                options.file, "expected at least one input column besides the target, got none"
            )
        try:
            rows = table.read(features, options.target)
        except TableError as error:
            if error.text:
                hint = " ".join(f"--ignore {shlex.quote(name)}" for name in error.text)
                raise ValueError(f"{error}; to leave text columns out: {hint}") from None
            raise
    return features, rows.numbers, make_target(rows.labels, options.task)


def _read_test(options: argparse.Namespace, features: list[str], target: Target) -> Rows | None:
    """The rows of the file that tests."""
    if options.test_file is None:
        return None
    with Table(options.test_file, options.delimiter) as table:
        rows = table.read(features, list(target.names))
    with_rows(target, rows.labels)  # refuses unknown labels
    return rows


def _tell_data(
    told: Told,
    options: argparse.Namespace,
    features: list[str],
    X: np.ndarray,
    target: Target,
    parts: Split,
) -> None:
    what = "classification" if target.classes is not None else "regression"
    rows = len(X) - (len(parts.test) if options.test_file is not None else 0)
    told.say(f"{options.file}: {rows:,} rows, {len(features)} inputs")
    asked = "" if options.task else "; --task overrides it"
    told.say(f"{what} of {', '.join(target.names)}: {target.why}{asked}")
    counts = ", ".join(f"{len(rows):,} {name}" for name, rows in parts.named().items())
    how = f"split by seed {options.seed}" if options.split == RANDOM else "in their order"
    told.say(f"rows, {how}: {counts}")
    if options.test_file is not None:
        told.say(f"the test rows are those of {options.test_file}")
    constant = [n for n, column in zip(features, X[parts.train].T, strict=True)
                if (column == column[0]).all()]  # fmt: skip
    if constant:
        told.say(f"constant in all training rows: {listed(constant)}")
    identifiers = [name for name, column in zip(features, X.T, strict=True)
                   if is_identifier(name, column)]  # fmt: skip
    if identifiers and len(features) > 1:
        options_of = " ".join(f"--ignore {shlex.quote(name)}" for name in identifiers[:PRINTED])
        told.say("note: used as inputs, though they seem to number the rows: "
                 f"{listed(identifiers)}; to leave them out: {options_of}")  # fmt: skip
    if target.classes is not None:
        told.show("", classes_rows(target, parts.named()))


def is_identifier(name: str, column: np.ndarray) -> bool:
    """Return whether a column seems to tell rows apart: by its name, or by consecutive numbers."""
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]
    if words and ({words[0], words[-1]} & ID_WORDS or "".join(words) in ID_NAMES):
        return True
    if len(column) < 3 or np.ptp(column) != len(column) - 1:
        return False
    return bool((np.diff(np.sort(column)) == 1).all())
