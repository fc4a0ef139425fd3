"""Choices of `fastnn train`: weights of classes, penalties, and how rows and targets are used."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np

from ..spec.loss_formulas import SQUARES
from ..spec.losses import BY_NAME, Penalized, Poisson
from ..support.checks import integer, shown
from ..support.suggestions import hint
from ..tabular.target import LAST, ORDERS, Target
from ..tabular.text_file import STANDARD_INPUT, title
from .arguments import whole
from .files import check_output
from .grouping import FEWEST_ROWS
from .reading import check_input

AUTO = (0.0, 1e-4, 1e-3, 1e-2, 1e-1)
"""Penalties that ``--l2 auto`` tries."""
LARGEST_PENALTY = 1e6
FEWEST_FOLDS, MOST_FOLDS = 2, 100
NOT_WITH_GROUPS = ("test-file", "balanced", "class-weight", "cv", "importance", "time-limit")


def add_choices(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("--split", choices=ORDERS, default=ORDERS[0],
        help="last: the last rows test, those before validate; default %(default)s")  # fmt: skip
    add("--test-file", type=Path, metavar="FILE.csv",
        help="a file whose rows test, in place of --test")  # fmt: skip
    add("--balanced", action="store_true",
        help="weigh classes so that rare ones count as much as common ones")  # fmt: skip
    add("--class-weight", action="append", default=[], metavar="NAME=W",
        help="weight of a class, by default 1; may be repeated")  # fmt: skip
    add("--l2", type=penalties, metavar="P[,P…]",
        help="penalty on squared weights, default 0, or auto with --group-by; the validation rows "
             "choose one of several, and of 0, 0.0001 … 0.1 with auto")  # fmt: skip
    add("--group-by", metavar="COLUMN",
        help="train a network for each group of rows with the same text in this column, which is "
             "no input")  # fmt: skip
    add("--group-rows", type=whole, metavar="N",
        help=f"rows that a group needs for a network of its own, default {FEWEST_ROWS}; others "
             "have that of all rows")  # fmt: skip
    add("--loss", metavar="NAME",
        help=f"loss of a target of numbers: {', '.join(of_numbers())}; default mse")  # fmt: skip
    add("--loss-number", action="append", default=[], metavar="NAME=N",
        help="number of the loss, such as q=0.9; may be repeated")  # fmt: skip
    add("--log-target", action="store_true",
        help="train on the logarithms of positive targets")  # fmt: skip
    add("--cv", type=whole, metavar="FOLDS", help="also test by cross-validation, such as with 5")
    add("--importance", action="store_true",
        help="tell how much worse the scores are with each input permuted")  # fmt: skip
    add("--report", type=Path, metavar="FILE.html", help="save a report with figures in one file")


def of_numbers() -> dict[str, type[Penalized]]:
    """The losses that predict numbers by one output each, by name."""
    return {
        name: kind for name, kind in BY_NAME.items()
        if kind.formula.activation is None and kind.formula.outputs == 1 and kind is not Poisson
    }  # fmt: skip


def loss_of(options: argparse.Namespace) -> Penalized | None:
    """The loss that the options ask for, or None."""
    if options.loss is None:
        if options.loss_number:
            raise ValueError("--loss-number: expected a --loss that has it, got none")
        return None
    kinds = of_numbers()
    kind = kinds.get(options.loss)
    if kind is None:
        raise ValueError(
            f"--loss: expected one of {', '.join(kinds)}, got {options.loss!r}"
            f"{hint(options.loss, kinds)}"
        )
    numbers: dict[str, float] = {}
    for text in options.loss_number:
        name, equals, number = text.partition("=")
        if name not in kind.bounds or not equals:
            known = ", ".join(f"{one}=…" for one in kind.bounds) or "none"
            raise ValueError(
                f"--loss-number: expected numbers of {options.loss}, {known}, got {text!r}"
                f"{hint(name, kind.bounds)}"
            )
        try:
            numbers[name] = float(number)
        except ValueError:
            raise ValueError(f"--loss-number: expected NAME=N, got {text!r}") from None
    try:
        made: Penalized = kind(**numbers)  # type: ignore[arg-type]
        return made
    except ValueError as error:
        raise ValueError(f"--loss-number: {error}") from None


def penalties(text: str) -> list[float]:
    """Parse penalties separated by commas, or auto."""
    if text == "auto":
        return list(AUTO)
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = [-1.0]
    if not all(0 <= value <= LARGEST_PENALTY for value in values):
        raise argparse.ArgumentTypeError(
            f"expected numbers from 0 to {LARGEST_PENALTY:g} separated by commas, or auto, "
            f"got {text!r}"
        )
    return list(dict.fromkeys(values))


def check_choices(options: argparse.Namespace) -> None:
    """Check all that needs no data, and set defaults that depend on other options."""
    _check_groups(options)
    if options.l2 is None:
        chosen = options.group_by is not None and options.validation and options.optimizer != "lm"
        options.l2 = list(AUTO) if chosen else [0.0]
    if options.test_file is not None:
        if options.test is not None:
            raise ValueError("--test: expected no share with --test-file, got one; leave one out")
        check_input(options.test_file, "--test-file")
        if _same(options.test_file, options.file):
            raise ValueError(
                f"--test-file: expected a file other than the one that trains, got "
                f"{title(options.file)}"
            )
    if options.balanced and options.class_weight:
        raise ValueError(
            "--balanced: expected no --class-weight beside it, got both; leave one out"
        )
    if len(options.l2) > 1 and not options.validation:
        raise ValueError(
            "--l2: expected one number without validation rows, which choose among several, got "
            f"{len(options.l2)}; use --validation above 0"
        )
    if any(options.l2) and options.optimizer == "lm":
        raise ValueError("--l2: expected another --optimizer than lm, which takes no penalties")
    loss = loss_of(options)
    square = loss is None or loss.formula is SQUARES or loss.formula.residual is not None
    if options.optimizer == "lm" and not square:
        raise ValueError(
            "--loss: expected another --optimizer than lm, which takes sums of squares alone, got "
            f"{options.loss}"
        )
    if options.cv is not None:
        integer("--cv", options.cv, FEWEST_FOLDS, MOST_FOLDS)
        if options.split == LAST:
            raise ValueError(
                "--cv: expected --split random, since folds are random rows, got --split last"
            )
    if options.report is not None:
        check_output("--report", options.report, ["html"])
        files = (options.file, options.test_file)
        if any(file is not None and _same(options.report, file) for file in files):
            raise ValueError(
                f"--report: expected a file other than the input, got {options.report}"
            )


def _check_groups(options: argparse.Namespace) -> None:
    """Refuse by name what does not go with groups, or needs them."""
    if options.group_by is None:
        if options.group_rows is not None:
            raise ValueError("--group-rows: expected --group-by beside it, got none")
        return
    for option in NOT_WITH_GROUPS:
        if getattr(options, option.replace("-", "_")):
            raise ValueError(
                f"--{option}: not available with --group-by, a network for each group; leave out "
                "one of the two"
            )
    options.group_rows = FEWEST_ROWS if options.group_rows is None else options.group_rows
    integer("--group-rows", options.group_rows, 1, 10**12)


def penalty_to_try(options: argparse.Namespace) -> str | None:
    """The penalty that a doubt may advise: one that has not been tried, and would be accepted."""
    one_only = not options.validation
    if len(options.l2) > 1 or (one_only and any(options.l2)):
        return None
    way = "--l2 0.01" if one_only else "--l2 auto"
    return f"{way} with --optimizer lbfgs" if options.optimizer == "lm" else way


def check_target(options: argparse.Namespace, target: Target) -> None:
    """Check the choices that depend on the kind of the target."""
    numeric = target.classes is None
    if options.loss is not None and not numeric:
        raise ValueError("--loss: expected a target of numbers, got one of classes")
    for name, chosen in (("balanced", options.balanced), ("class-weight", options.class_weight)):
        if chosen and numeric:
            raise ValueError(f"--{name}: expected a target of classes, got one of numbers")
    if not options.log_target:
        return
    if not numeric:
        raise ValueError("--log-target: expected a target of numbers, got one of classes")
    for name, column in zip(target.names, target.values.T, strict=True):
        if not (column > 0).all():
            raise ValueError(
                f"--log-target: expected positive numbers in column {shown(name)}, got "
                f"{column.min():g}"
            )


def class_weights(
    options: argparse.Namespace, target: Target, train: np.ndarray
) -> np.ndarray | None:
    """The weight of every class (n_classes,), or None if all are 1.

    Balanced ones are inversely proportional to the number of training rows, with mean 1 over them.
    """
    if target.classes is None or not (options.balanced or options.class_weight):
        return None
    if options.balanced:
        counts = np.bincount(target.values[train], minlength=len(target.classes))
        weights: np.ndarray = len(train) / (np.count_nonzero(counts) * np.maximum(counts, 1))
        return weights
    names = {str(label): place for place, label in enumerate(target.classes.tolist())}
    given: dict[int, float] = {}
    for text in options.class_weight:
        name, equals, number = text.rpartition("=")
        try:
            weight = float(number)
        except ValueError:
            weight = math.nan
        if not equals or not 1e-6 <= weight <= 1e6:
            raise ValueError(
                "--class-weight: expected NAME=W with a weight from 1e-06 to 1e+06, got "
                f"{shown(text)}{'; did you mean --balanced?' if text == 'balanced' else ''}"
            )
        if name not in names:
            known = ", ".join([*names][:20])
            raise ValueError(
                f"--class-weight: expected one of the classes {known}, got "
                f"{shown(name)}{hint(name, names, shown)}"
            )
        if names[name] in given:
            raise ValueError(f"--class-weight: expected each class once, got {shown(name)} twice")
        given[names[name]] = weight
    return np.array([given.get(place, 1.0) for place in range(len(names))])


def _same(path: Path, other: Path) -> bool:
    if STANDARD_INPUT in (path, other):
        return path == other
    return path.exists() and other.exists() and path.samefile(other)
