"""The work of `fastnn train`: what is read, which rows train, choose and test, and what they train.

All that can be refused is refused here, before any training.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..spec.loss_formulas import SQUARES
from ..spec.losses import Penalized
from ..spec.network import Network
from ..support.checks import shown
from ..tabular.cells import Cells, as_numbers
from ..tabular.csv_table import Table, TableError
from ..tabular.reading import Reading
from ..tabular.target import Target, make_target, split, with_rows
from ..tabular.text_file import title
from .arguments import about_hidden, hidden_layers
from .choices import check_target, class_weights, loss_of, penalty_to_try
from .fitting import (
    MOST_OF_LM,
    OPTIMIZERS,
    Fit,
    Settings,
    Split,
    Training,
    default_optimizer,
    default_restarts,
    network_for,
    rows_of,
)
from .grouping import Grouping, make_grouping
from .inputs import Inputs, learn_inputs, notes_on, read_columns, read_encoded
from .reading import opened
from .scores import fold_splits
from .verdicts import Tried

OF_OPTIONS = {
    "target": "the target", "ignore": "those to leave out", "category": "those of categories",
}  # fmt: skip
RESTARTS_OF_COMMON = 50
"""The most restarts of the common network of groups, unless another number is asked for."""
TEST = 0.2
"""The share of the rows that test, unless another is asked for."""


@dataclass(frozen=True)
class Trial:
    """A split of the rows, the inputs that its training rows teach, and the network for them."""

    parts: Split
    inputs: Inputs
    net: Network
    loss: Penalized


@dataclass(frozen=True)
class Work:
    """All that is to be trained, on what.

    Attributes
    ----------
    main : Trial
        The one whose model is saved.
    folds : list of Trial
        Those of cross-validation, if it is asked for.
    X : (n, n_in) array
        The inputs of the main trial, with the rows of a test file at the end.
    target : Target
        Of the same rows.
    reading : Reading
        How the file was read.
    notes : list of str
        Notes on the files.
    groups : Grouping or None
        If each group of rows gets a network of its own.
    """

    main: Trial
    folds: list[Trial]
    X: np.ndarray
    target: Target
    reading: Reading
    notes: list[str]
    groups: Grouping | None
    optimizer: str
    restarts: int
    epochs: int

    def tried(self, options: argparse.Namespace) -> Tried:
        """The means that doubts about the model need not advise."""
        return Tried(
            self.optimizer, penalty=penalty_to_try(options), hidden=len(self.main.net.sizes) > 2,
            weighted=options.balanced or bool(options.class_weight), log=options.log_target,
        )  # fmt: skip

    def fit(self, options: argparse.Namespace, trial: Trial, X: np.ndarray) -> Fit:
        """Train on the training rows of `trial`, whose inputs are `X`, and choose."""
        rows = rows_of(
            X, self.target, trial.parts, trial.net, trial.loss, log=options.log_target,
            weights=class_weights(options, self.target, trial.parts.train),
        )  # fmt: skip
        settings = Settings(
            OPTIMIZERS[self.optimizer][0], self.restarts, self.epochs, seed=options.seed,
            threads=options.threads, time_limit=options.time_limit, penalties=options.l2,
            average=options.average, dtype=options.dtype,
        )  # fmt: skip
        training = Training(trial.net, trial.loss, rows, settings)
        training.run()
        return training.result(self.target, trial.inputs.names)

    def fit_folds(self, options: argparse.Namespace) -> Iterator[tuple[Split, np.ndarray, Fit]]:
        """Train on one fold after the other; yields its rows, inputs and result."""
        for trial in self.folds:
            X = trial.inputs.encoded()
            yield trial.parts, X, self.fit(options, trial, X)


def prepared(options: argparse.Namespace) -> Work:
    """Read and check everything that training needs."""
    names, cells, target, reading, notes, groups = _read(options)
    check_target(options, target)
    parts, folds = _splits(options, target, groups)
    class_weights(options, target, parts.train)  # refuses wrong ones
    inputs = learn_inputs(options.file, names, cells, parts.train, options.category)
    name = options.optimizer or _optimizer(options, target, parts, inputs)
    main = _trial(options, target, parts, inputs, name)
    others = [
        _trial(options, target, fold, inputs.again(options.file, fold.train), name)
        for fold in folds
    ]
    X = inputs.encoded()
    if options.test_file is not None:
        first = len(X)
        X, target, more = _with_test_file(options, X, target, inputs, reading)
        notes += more
        check_target(options, target)
        main = replace(main, parts=replace(parts, test=np.arange(first, len(X))))
    return Work(
        main, others, X, target, reading, notes, groups, name,
        restarts=options.restarts or _restarts(options, parts, main.net, name),
        epochs=OPTIMIZERS[name][1] if options.epochs is None else options.epochs,
    )  # fmt: skip


def _restarts(options: argparse.Namespace, parts: Split, net: Network, optimizer: str) -> int:
    """The number of restarts on all rows if none is asked for."""
    found = default_restarts(len(parts.train), net, optimizer, len(options.l2))
    return found if options.group_by is None else min(found, RESTARTS_OF_COMMON)


def share_of_test(options: argparse.Namespace) -> float:
    """The share of the rows that test."""
    if options.test_file is not None:
        return 0.0
    return TEST if options.test is None else float(options.test)


def _read(
    options: argparse.Namespace,
) -> tuple[list[str], list[Cells], Target, Reading, list[str], Grouping | None]:
    """The inputs' names and cells, the target, how the file was read, notes on it, and groups."""
    with opened(options) as table:
        features = _features(options, table)
        asked = [name for name in features if name in options.category]
        plain = [name for name in features if name not in asked]
        others = [*options.target, *_group_column(options)]
        found, labels = read_columns(table, plain, asked, others)
        notes = [f"column {place} has no name, and is ignored" for place in table.header.unnamed]
        codes = {name: text for name, text in table.leading_zeros.items() if name in plain}
    targets, by = labels[: len(options.target)], labels[len(options.target) :]
    target = make_target(targets, options.task)
    groups = make_grouping(options.file, by[0], options.group_rows) if by else None
    cells = [found[name] if name in asked else as_numbers(found[name]) for name in features]
    for name, column in zip(features, cells, strict=True):
        if name in codes and isinstance(column, np.ndarray):
            notes.append(
                f"column {shown(name)} has whole numbers with leading zeros, such as "
                f"{shown(codes[name])}, and is read as numbers; if they are codes, --category "
                f"{shlex.quote(name)} takes them as categories, and --ignore {shlex.quote(name)} "
                "leaves them out"
            )
    return features, cells, target, table.reading, notes, groups


def _features(options: argparse.Namespace, table: Table) -> list[str]:
    """Check the columns that the options name; returns the names of the inputs."""
    # As pandas calls columns without a name, which are ignored anyway.
    unnamed = [f"Unnamed: {place - 1}" for place in table.header.unnamed]
    options.ignore = [name for name in options.ignore if name not in unnamed]
    for option in ("target", "ignore", "category"):
        table.check_names(getattr(options, option), f"--{option}: ")
    by = _group_column(options)
    table.check_names(by, "--group-by: ")
    table.check_names(table.asked.units or {}, "--unit: ")
    if len(set(options.target)) < len(options.target):
        raise ValueError(f"--target: expected different columns, got {options.target}")
    named = {"group-by": by} | {
        option: getattr(options, option) for option in ("target", "ignore", "category")
    }
    for option, other in (("ignore", "target"), ("category", "target"), ("category", "ignore"),
                          ("group-by", "target"), ("group-by", "ignore"),
                          ("group-by", "category")):  # fmt: skip
        both = [name for name in named[option] if name in named[other]]
        if both:
            whose = OF_OPTIONS[other]
            raise ValueError(
                f"--{option}: expected columns other than {whose}, got {shown(both[0])}, which "
                f"--{other} names; leave out one of the two"
            )
    outside = (*options.target, *options.ignore, *by)
    features = [name for name in table.names if name not in outside]
    if not features:
        raise TableError(
            options.file, "expected at least one input column besides the target, got none"
        )
    return features


def _group_column(options: argparse.Namespace) -> list[str]:
    """The column that names the groups, if there are any."""
    return [] if options.group_by is None else [options.group_by]


def _splits(
    options: argparse.Namespace, target: Target, groups: Grouping | None
) -> tuple[Split, list[Split]]:
    """The rows of every part, and those of the folds."""
    share = share_of_test(options)
    try:
        within = None if groups is None else groups.codes
        parts = Split(
            *split(target, options.validation, share, options.seed, options.split, within)
        )
        if options.cv is None:
            return parts, []
        return parts, [*fold_splits(target, options.cv, options.validation, options.seed)]
    except ValueError as error:
        raise TableError(options.file, str(error)) from None


def _network(
    options: argparse.Namespace, target: Target, inputs: Inputs, squares: bool
) -> tuple[Network, Penalized]:
    hidden = hidden_layers(options.hidden)
    with about_hidden():
        net, loss = network_for(target, len(inputs.names), hidden, options.activation, squares)
    return net, loss_of(options) or loss


def _optimizer(options: argparse.Namespace, target: Target, parts: Split, inputs: Inputs) -> str:
    """The optimizer if none is asked for."""
    net, loss = _network(options, target, inputs, False)
    is_square = loss.formula is SQUARES or loss.formula.residual is not None
    by_gradient = any(options.l2) or not is_square
    return default_optimizer(target, len(parts.train), net.n_parameters, by_gradient)


def _trial(
    options: argparse.Namespace, target: Target, parts: Split, inputs: Inputs, optimizer: str
) -> Trial:
    net, loss = _network(options, target, inputs, optimizer == "lm")
    if optimizer == "lm" and net.n_parameters > MOST_OF_LM:
        raise ValueError(
            f"--optimizer: lm takes at most {MOST_OF_LM} parameters, got {net.n_parameters}; use "
            "lbfgs or fewer hidden units"
        )
    return Trial(parts, inputs, net, loss)


def _with_test_file(
    options: argparse.Namespace, X: np.ndarray, target: Target, inputs: Inputs, reading: Reading
) -> tuple[np.ndarray, Target, list[str]]:
    """Inputs and target with the rows of the file that tests, and notes on it."""
    with opened(options, reading, options.test_file) as table:
        cells, labels = read_encoded(table, inputs.encoding, target.names)
    X = np.concatenate([X, inputs.encoding.encode(cells)])
    place = title(options.test_file)
    notes = [f"{place}: {note}" for note in notes_on(inputs.encoding, cells)]
    return X, with_rows(target, labels), notes
