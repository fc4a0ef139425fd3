"""Train a network on a CSV file: the average of the best restarts, tested and saved as a model.

FILE has a header and a row for each sample.  All columns except the targets and the ignored ones
are inputs.  Columns of text become categories, and empty cells among numbers the median; columns
with nearly as many texts as rows, such as names, are left out.  A target of text, or of a few
distinct whole numbers, means classification, any other regression; --task overrides that.  The seed
splits the rows into training, validation (to choose the best restarts) and test rows.  Categories,
medians and scales are learnt from the training rows and are part of the model, which ``fastnn
predict`` applies and ``fastnn export`` writes in other formats.  Scores stand beside those of a
constant, and warnings say where a model is worth little.  With --group-by, each group of rows, such
as those of a shop, has a network of its own, and the scores stand beside those of a common one.
"""

from __future__ import annotations

import argparse
import math
import re
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..spec.activations import BY_NAME
from ..support.checks import FLOATS, integer, shown
from ..tabular.cells import n_rows
from ..tabular.notation import is_gap
from ..tabular.target import RANDOM, TASKS
from ..tabular.text_file import title
from ..training import MAX_THREADS
from .arguments import hidden_layers, number, number_type, sizes, whole
from .choices import add_choices, check_choices
from .files import check_figure, check_output, save_figure
from .fitting import AVERAGE, OPTIMIZERS, RESTARTS, Fit
from .group_fits import fit_groups, restarts_of_groups
from .group_scores import figure_of_groups, tell_group_scores
from .models import is_model
from .reading import FILE_HELP, add_reading, check_input, default_model, opened
from .report import PRINTED, classes_rows, listed, short
from .scores import cross_validation_rows, figure_of_fit, importance_rows, tell_scores
from .told import Told
from .work import TEST, Work, prepared, share_of_test

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Names of columns that tell rows apart: as their first or last word, or as a whole.
ID_WORDS, ID_NAMES = {"id", "ids", "uuid", "guid"}, {"index", "idx", "row", "rownum", "rowid", "nr"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.usage = "%(prog)s FILE --target COLUMN [OPTION …]"
    add = parser.add_argument
    add("file", type=Path, metavar="FILE", help=FILE_HELP)
    add("--target", action="append", default=[], metavar="COLUMN",
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
    add("--activation", choices=list(BY_NAME), default="tanh", metavar="NAME",
        help=f"of the hidden units: {', '.join(BY_NAME)}; default %(default)s")  # fmt: skip
    add("--average", type=whole, default=AVERAGE, metavar="K",
        help="the model is the average of the K best restarts, default %(default)s; those that are "
             "stuck are left out")  # fmt: skip
    add("--epochs", type=whole, help="maximum epochs, default depends on the optimizer")
    add("--validation", type=number, default=0.2, metavar="SHARE",
        help="share of the rows that chooses the restart, default %(default)s")  # fmt: skip
    add("--test", type=number, metavar="SHARE",
        help=f"share of the rows that tests it, default {TEST}")  # fmt: skip
    add("--dtype", type=number_type, choices=FLOATS, default="float64",
        help="type of the network's numbers, default %(default)s")  # fmt: skip
    add("--seed", type=whole, default=0, help="default %(default)s")
    add("--threads", type=whole, help="default: the CPUs available to this process")
    add("--time-limit", type=number, metavar="SECONDS", help="stop after this time")
    add(
        "--model",
        type=Path,
        metavar="FILE.npz",
        help="where to save the model, by default FILE with the extension .npz",
    )
    add("--figure", type=Path, metavar="FILE", help="save a figure: .png, .pdf or .svg")
    add_choices(parser)


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    path = _checked(options)
    if not options.target:
        raise ValueError(f"--target: {_columns_to_choose(options)}")
    work, told = prepared(options), Told()
    _tell_data(told, options, work)
    train = _train_one if work.groups is None else _train_groups
    draw, shows, interrupted = train(told, options, work, path)
    told.say(f"\nsaved {path}")
    if options.figure is not None or options.report is not None:
        figure = draw()
        if options.figure is not None:
            save_figure(figure, options.figure)
            print(f"saved {options.figure}")
        if options.report is not None:
            name = f"{', '.join(work.target.names)} from {Path(title(options.file)).name}"
            told.save(options.report, name, figure, shows, _settings(options, work))
            print(f"saved {options.report}")
    return 130 if interrupted else 0


def _train_one(
    told: Told, options: argparse.Namespace, work: Work, path: Path
) -> tuple[Callable[[], Figure], str, bool]:
    """Train and save a model of all rows, and tell its scores.

    Returns what draws the figure, what it shows, and whether Ctrl-C ended the work.
    """
    X, target, parts = work.X, work.target, work.main.parts
    begin = time.perf_counter()
    found = work.fit(options, work.main, X)
    seconds = time.perf_counter() - begin
    # Before any output that could fail.
    work.main.inputs.model_of(found.model, work.reading).save(path)
    judged = _tell_fit(told, options, work, found, seconds)
    tried = work.tried(options)
    tell_scores(told, found, X, target, parts, tried)
    if options.importance:
        part, rows = [*parts.named().items()][-1]
        columns = work.main.inputs.encoding.columns
        drops = importance_rows(found.model, X, target, rows, columns, options.seed, tried.weighted)
        told.show(f"importance, on the {part} rows", drops)
    interrupted = found.interrupted
    if work.folds and not interrupted:
        scores, ended = cross_validation_rows(target, work.fit_folds(options))
        told.show(f"cross-validation with {options.cv} folds", scores)
        interrupted = isinstance(ended, KeyboardInterrupt)
        if interrupted:
            print("fastnn: interrupted before all folds had ended", file=sys.stderr)
        elif ended is not None:
            told.warn(f"train: expected all folds to be trained, got one that cannot be: {ended}")

    def draw() -> Figure:
        return figure_of_fit(found, X, target, parts, judged)

    return draw, "The predictions, and the losses of all restarts", interrupted


def _train_groups(
    told: Told, options: argparse.Namespace, work: Work, path: Path
) -> tuple[Callable[[], Figure], str, bool]:
    """Train and save a common network and one for each group, and tell their scores.

    Returns the same as `_train_one`.
    """
    groups, inputs = work.groups, work.main.inputs
    assert groups is not None
    begin = time.perf_counter()
    common = work.fit(options, work.main, work.X)
    if common.interrupted:
        raise KeyboardInterrupt
    between = time.perf_counter()
    found = fit_groups(options, work, work.X, common.model)
    end = time.perf_counter()
    inputs.models_of(found.models, work.reading).save(path)  # before any output that could fail
    if found.interrupted:
        print("fastnn: interrupted before all groups had ended", file=sys.stderr)
    several = len(options.l2) > 1
    members = len(common.model.parameters)
    which = f"average of the {members} best restarts" if members > 1 else "the best restart"
    told.say(f"common network: {between - begin:.1f} s, {which}"
             f"{f', l2 {common.penalty:g}' if several else ''}")  # fmt: skip
    told.say(f"networks of groups: {end - between:.1f} s, the best restart of each"
             f"{f', l2 {found.penalty:g} for all' if several else ''}\n")  # fmt: skip
    scores = tell_group_scores(told, found.models, work.X, work.target, work.main.parts, groups)

    def draw() -> Figure:
        return figure_of_groups(scores, groups.by)

    return draw, "The scores of the groups beside those of the common network", found.interrupted


def _tell_data(told: Told, options: argparse.Namespace, work: Work) -> None:
    """Tell what was read, what it becomes, and what will be trained."""
    inputs, parts, target = work.main.inputs, work.main.parts, work.target
    for note in work.notes:
        told.say(f"note: {note}")
    columns = inputs.encoding.columns
    of = f" of {len(columns)} columns" if inputs.encoding.changes else ""
    X = work.X[: n_rows(inputs.cells[0])]
    told.say(f"{title(options.file)}: {len(X):,} rows, {len(inputs.names)} inputs{of}")
    what = "classification" if target.classes is not None else "regression"
    asked = "" if options.task else "; --task overrides it"
    told.say(f"{what} of {', '.join(target.names)}: {target.why}{asked}")
    counts = ", ".join(f"{len(rows):,} {name}" for name, rows in parts.named().items())
    how = f"split by seed {options.seed}" if options.split == RANDOM else "in their order"
    if work.groups is not None:
        how += f" within each {short(work.groups.by)}"
        for line in work.groups.told():
            told.say(line)
    told.say(f"rows, {how}: {counts}")
    if options.test_file is not None:
        told.say(f"the test rows are those of {title(options.test_file)}")
    for line in inputs.told(parts.train):
        told.say(line)
    for note in inputs.alike(target):
        told.say(f"note: {note}")
    numbers = {column.name for column in columns if not column.categories}
    identifiers = [name for name, column in zip(inputs.names, X.T, strict=True)
                   if name in numbers and is_identifier(name, column)]  # fmt: skip
    if identifiers and len(columns) > 1:
        options_of = " ".join(f"--ignore {shlex.quote(name)}" for name in identifiers[:PRINTED])
        told.say("note: used as inputs, though they seem to number the rows: "
                 f"{listed(identifiers)}; to leave them out: {options_of}")  # fmt: skip
    if target.classes is not None:
        unknown = [str(label) for label in target.classes.tolist() if is_gap(str(label))]
        if unknown:
            told.say(f"note: {shown(unknown[0])} counts as a class; if it stands for an unknown "
                     "one, remove its rows")  # fmt: skip
        part, rows = [*parts.named().items()][-1]
        absent = np.setdiff1d(np.arange(len(target.classes)), target.values[rows])
        if len(absent):
            told.say(f"note: no {part} rows tell how well the rarest classes are predicted: "
                     f"{listed(target.classes[absent].tolist())}")  # fmt: skip
        told.show("", classes_rows(target, parts.named()))
    restarts = f"{work.restarts:,} restarts"
    if work.groups is not None:
        each = restarts_of_groups(options)
        restarts += f" of the common network, {each:,} of each group's"
    elif options.restarts is None and work.restarts < RESTARTS:
        restarts += ", fewer for a large file"
    told.say(f"{work.main.net}, {work.optimizer}, {restarts}")


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
    judged = f"{work.main.loss.name} of the scaled target" if numeric else work.main.loss.name
    judged += f" on the {'validation' if len(work.main.parts.validation) else 'training'} rows"
    finite = found.losses[np.isfinite(found.losses)]
    low, middle, high = np.quantile(finite, [0.25, 0.5, 0.75])
    told.say(f"{seconds:.1f} s; {judged}: best {finite.min():.4g}, "
             f"quartiles {low:.4g}, {middle:.4g}, {high:.4g}")  # fmt: skip
    if len(finite) < len(found.losses):
        told.say(f"{len(found.losses) - len(finite):,} restarts diverged")
    penalty = f", l2 {found.penalty:g}" if any(options.l2) else ""
    members = len(found.model.parameters)
    if found.stuck:
        told.say(f"left out of the average, since stuck: {found.stuck} of the "
                 f"{members + found.stuck} best restarts")  # fmt: skip
    average = f"average of the {members} best restarts; the best: " if members > 1 else ""
    told.say(f"{average}restart {found.restart}, {found.epochs} epochs{penalty}\n")
    return judged


def _settings(options: argparse.Namespace, work: Work) -> dict[str, str]:
    """The options as they were used."""
    used = vars(options) | {
        "optimizer": work.optimizer, "restarts": work.restarts, "epochs": work.epochs,
        "test": None if options.test_file is not None else share_of_test(options),
        "l2": options.l2 if any(options.l2) else None,
        "decimal": work.reading.decimal,
        "header": options.header or None, "no-header": options.header is False,
    }  # fmt: skip
    settings = {}
    for name, value in sorted(used.items()):
        if value is None or value is False or value == [] or name in ("command", "run"):
            continue
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        settings[name.replace("_", "-")] = "yes" if value is True else text
    return settings


def _checked(options: argparse.Namespace) -> Path:
    """Check all options that need no data; return the path for the model."""
    check_input(options.file)
    path: Path = default_model(options.file) if options.model is None else options.model
    check_output("--model", path, ["npz"])
    if options.model is None and path.exists() and not is_model(path):
        raise ValueError(
            f"--model: expected a file name, since the default {path} exists and is not a model"
        )
    if options.figure is not None:
        check_figure(options.figure)
    test = share_of_test(options)
    for name, share in (("validation", options.validation), ("test", test)):
        if not 0 <= share < 1:
            raise ValueError(f"--{name}: expected a share from 0 to less than 1, got {share}")
    if not options.validation + test < 1:
        raise ValueError(
            f"--test: expected a sum with --validation below 1, got {test} and {options.validation}"
        )
    hidden_layers(options.hidden)
    integer("--seed", options.seed, 0, 2**64 - 1)
    if options.restarts is not None:
        integer("--restarts", options.restarts, 1, 10**12)
    integer("--average", options.average, 1, 10**6)
    if options.epochs is not None:
        integer("--epochs", options.epochs, 0)
    if options.threads is not None:
        integer("--threads", options.threads, 1, MAX_THREADS)
    if options.time_limit is not None and not 0 < options.time_limit < math.inf:
        raise ValueError(f"--time-limit: expected a positive number, got {options.time_limit:g}")
    check_choices(options)
    return path


def _columns_to_choose(options: argparse.Namespace) -> str:
    """The columns of the file, for a command that does not say which to predict."""
    with opened(options) as table:
        names = table.names
    name = title(options.file)
    command = f"fastnn train {shlex.quote(str(options.file))} --target {shlex.quote(names[-1])}"
    return (
        f"expected the column to predict, got none; {name} has {listed(names)}; for example: "
        f"{command}"
    )


def is_identifier(name: str, column: np.ndarray) -> bool:
    """Return whether a column seems to tell rows apart: by its name, or by consecutive numbers."""
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]
    if words and ({words[0], words[-1]} & ID_WORDS or "".join(words) in ID_NAMES):
        return True
    if len(column) < 3 or np.ptp(column) != len(column) - 1:
        return False
    return bool((np.diff(np.sort(column)) == 1).all())
