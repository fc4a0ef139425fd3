"""Checks of the arguments of training, which make a job."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, NamedTuple

import numpy as np

from ..lanes.rounding import in_ieee_mode
from ..optimizers import Optimizer, make_optimizer
from ..rules import make_rules
from ..rules.common import Rule
from ..rules.loss_below import LossBelow
from ..rules.sse_below import SSEBelow
from ..rules.validation import Validation
from ..spec.grid import Grid
from ..spec.loss_formulas import SQUARES
from ..spec.losses import Penalized, make_loss
from ..spec.network import Network
from ..spec.sample_weights import check_any_weight, make_weighting
from ..starts import INITIALIZATIONS, make_start
from ..starts.common import Start
from ..starts.explicit import Explicit
from ..starts.uniform import Uniform
from ..support.checks import float_type, integer, per_restart, real_array, shown
from ..support.frames import Names
from ..support.gate import frozen
from ..support.suggestions import hint
from .group_data import Asked, take_groups
from .group_validation import take_validation
from .grouping import Groups, check_group_weights, same_groups, sorted_rows
from .job import MAX_RESTART, MAX_SEED, Job, check_epochs
from .loss_numbers import Columns, hyper_rows
from .parts import setup_of
from .sweeps import check_kind_in_groups, rows_of_all, with_grid

PARALLEL = ("restarts", "samples")
_DEFAULT_INIT = Uniform()


@in_ieee_mode
def make_job(
    net: Network,
    X: Any,
    y: Any,
    *,
    optimizer: Optimizer | type[Optimizer] | str | None = None,
    loss: Any = None,
    epochs: int = 1000,
    target_sse: float | None = None,
    stop: Any = None,
    validation: Any = None,
    batch_size: int | None = None,
    shuffle: bool = False,
    sample_weight: Any = None,
    seed: int = 0,
    init: Any = None,
    dtype: Any = np.float64,
    first: int = 0,
    restarts: int | None = None,
    parallel: str = "restarts",
    grid: Grid | None = None,
    before: Checkpoint | None = None,
    groups: Asked | Groups | None = None,
    is_stored: bool = False,
) -> Job:
    """Check every argument and convert it for the kernels; `restarts` is None for one run.

    `before` is the state from which training continues.  A job `is_stored` if a file has it:
    earlier versions also trained with weights that are all 0.
    """
    if not isinstance(net, Network):
        raise TypeError(f"net: expected a fastnn.Network, got {shown(net)}")
    dtype = float_type(dtype)
    known = (None, None) if before is None else before.names
    if before is not None:  # arguments not given keep their values
        optimizer = before.optimizer if optimizer is None else optimizer
        loss = before.loss if loss is None else loss
    objective = make_loss(loss)
    n_targets = objective.targets_of(net)
    count = 1 if restarts is None else integer("restarts", restarts, 1, 10**12)
    first_name = "restart" if restarts is None else "first"
    first = integer(first_name, first, 0, MAX_RESTART - count)
    taken = take_groups(net, X, y, sample_weight, groups, dtype, n_targets, count, known)
    if first and taken.groups is not None:  # which count restarts from 0, one group after another
        taken, first = taken._replace(groups=replace(taken.groups, first_restart=first)), 0
    data, sample_weight, grouping, order, _ = taken
    X, y, samples = data.X, data.y, len(data.X)
    per_group = count
    if grouping is not None:
        per_group, count, samples = grouping.restarts, grouping.total, grouping.samples
    optimizer = make_optimizer(optimizer)
    columns: Columns = ()
    if grid is not None:
        optimizer, objective, columns = with_grid(
            optimizer,
            objective,
            grid,
            net,
            samples,
            per_group + (first if grouping is None else grouping.begin),
        )
        for values in grid.axes.values():
            per_restart(type(optimizer).__name__, {"": values}, len(values), dtype)
    if not isinstance(parallel, str) or parallel not in PARALLEL:
        raise ValueError(
            f"parallel: expected {' or '.join(map(repr, PARALLEL))}, got {shown(parallel)}"
            f"{hint(parallel, PARALLEL)}"
        )
    objective.check(net, y)
    _check_fit(objective, dtype)
    weighting = make_weighting(sample_weight, len(y), 1 if grouping else count, dtype)
    if grouping is not None:
        X, y, weighting = sorted_rows(order, X, y, weighting)
        check_group_weights(weighting, grouping)
    elif not is_stored:
        check_any_weight(weighting, samples, first, count)
    target, rules = _rules(stop, target_sse, objective, weighting is None, dtype)
    if not isinstance(shuffle, bool | np.bool_):
        raise TypeError(f"shuffle: expected True or False, got {shown(shuffle)}")
    if shuffle and batch_size is None:
        raise ValueError("shuffle: expected a batch_size with it, got None")
    size = samples if batch_size is None else min(samples, integer("batch_size", batch_size, 1))
    setup = setup_of(optimizer, net, samples, objective)
    if isinstance(init, type) and init in INITIALIZATIONS:
        init = init()
    chosen = _DEFAULT_INIT if init is None else init
    start = make_start(chosen, net, None if restarts is None else per_group, dtype)
    start = replace(start, numbers=rows_of_all(start.numbers, grouping))
    if before is not None:
        if init is not None:
            raise ValueError("init: expected None with continue_from, got an initialization")
        start = Start(Explicit, before.parameters, start.table[:, :0])
    hyper = hyper_rows(optimizer, setup, objective, columns, per_group, dtype)
    held, grouping = take_validation(net, validation, rules, taken)
    job = Job(
        net=net,
        X=X,
        y=y,
        dtype=dtype,
        loss=objective,
        weighting=weighting,
        optimizer=optimizer,
        hyper=rows_of_all(hyper, grouping),
        grid=grid,
        grid_columns=columns,
        start=start,
        init=None if start.kind is Explicit else chosen,
        batch_size=size,
        shuffle=bool(shuffle) and size < samples,
        epochs=integer("epochs", epochs, 0),
        target=target,
        rules=rules,
        validation=held,
        seed=integer("seed", seed, 0, MAX_SEED),
        first=first,
        restarts=count,
        parallel=parallel,
        features=data.features,
        targets=data.targets,
        groups=grouping,
    )
    vars(job).update(setup=setup, is_sound=True, launches={})  # all are computed only once
    check_combination(job)
    if grouping is not None:
        check_kind_in_groups(job)
        grouping.check_job(job)
    for array in (X, y, job.hyper, start.numbers, weighting, *(job.validation or ())):
        if isinstance(array, np.ndarray):
            frozen(array)
    job = job if before is None else _continued(job, before)
    _check_counts(job)
    return job


class Checkpoint(NamedTuple):
    """The state from which restarts continue."""

    net: Network
    parameters: np.ndarray
    """(restarts, n_parameters)."""
    state: np.ndarray
    """(restarts, n_state)."""
    epochs: np.ndarray
    """(restarts,) int64."""
    rules: tuple[Rule, ...]
    """Rules whose memory follows the optimizer's in the state."""
    optimizer: Optimizer
    loss: Penalized
    seed: int
    first: int
    """Index of the first restart."""
    data: tuple[np.ndarray, np.ndarray]
    """X and y, to which the rules' memory refers."""
    names: tuple[Names | None, Names | None]
    """The names of their columns."""
    groups: Groups | None = None
    """The groups of their rows, if there are any."""


def _continued(job: Job, before: Checkpoint) -> Job:
    """The job, continued from `before`; rules start anew if they or the data differ."""
    if before.net != job.net:
        raise ValueError(f"continue_from: expected results of {job.net!r}, got {before.net!r}")
    if before.parameters.dtype != job.dtype:
        raise ValueError(
            f"continue_from: expected results of dtype {job.dtype}, got {before.parameters.dtype}"
        )
    if any(isinstance(rule, Validation) for rule in (*before.rules, *job.rules)):
        raise ValueError(
            "continue_from: not available with fastnn.Validation, whose results are not the last "
            "parameters; use other stopping rules"
        )
    p, own = job.net.n_parameters, job.setup.n_state
    if not same_groups(before.groups, job.groups):
        raise ValueError(
            "groups: expected the groups of the runs to continue, with as many rows and restarts, "
            f"or None if they have none, got {'others' if job.groups else 'None'}"
        )
    if before.loss.pulls_to_start != job.loss.pulls_to_start:
        raise ValueError(
            "loss: expected a penalty towards the start, or none, as before, with continue_from, "
            f"got {job.loss!r} after {before.loss!r}"
        )
    kind = setup_of(before.optimizer, before.net, job.samples, before.loss).kind
    if type(job.optimizer) is not type(before.optimizer) or job.setup.kind != kind:
        raise ValueError(
            f"continue_from: expected the same kind of optimizer as before, {before.optimizer!r}, "
            f"got {job.optimizer!r}"
        )
    state, same = before.state, before.rules == job.rules
    same = same and all(map(np.array_equal, before.data, (job.X, job.y)))
    if not same:
        slots = [slot for rule in job.rules for slot in rule.slots(p)]
        anew = [value for count, value in slots for _ in range(count)]
        rows = np.tile(np.array(anew, dtype=job.dtype), (len(state), 1))
        state = np.concatenate([state[:, :own], rows], axis=1)
    check_epochs(job.epochs, before.epochs)
    return replace(
        job,
        start_state=frozen(np.ascontiguousarray(state)),
        start_epochs=frozen(before.epochs),
        resumes_rules=same,
    )


def check_combination(job: Job) -> None:
    """Raise unless the parts of the job can be combined; the error says what to use instead."""
    optimizer = type(job.optimizer).__name__
    if job.setup.full_batch and job.batch_size < job.samples:
        raise ValueError(
            f"batch_size: expected None with {optimizer}, which needs all samples in every step, "
            f"got {job.batch_size}; for batches use GradientDescent, Adam or AdamW"
        )
    formula = job.loss.formula
    is_square = formula is SQUARES or (formula.residual and job.setup.compute_of)
    if job.setup.squares_only and (not is_square or job.loss.has_penalties):
        raise ValueError(
            f"loss: expected SSE or MSE without penalties with {optimizer}, got {job.loss!r}; for "
            "this loss use LBFGS, RPROP or Adam; if it is a sum of squares, give their roots "
            "(fastnn.extend.loss(residual=…))"
        )
    if job.setup.arctanh_error and formula is not SQUARES:
        raise ValueError(
            f"loss: expected SSE or MSE with {optimizer} and arctanh_error, got {job.loss.name}"
        )
    if job.parallel == "samples" and (
        job.requires_lanes or job.watches or job.validation is not None
    ):
        raise ValueError(
            "parallel: 'samples' is not available with groups, validation, SSEBelow for a loss "
            "other than the plain SSE, ErrorsWithin, sample weights that differ between restarts, "
            "or LevenbergMarquardt; use 'restarts' with these"
        )


def _check_counts(job: Job) -> None:
    """Raise unless rules and schedules can count to the last epoch in the job's dtype."""
    most = 2 ** (np.finfo(job.dtype).nmant + 1)
    if job.most_epochs <= most:
        return
    counts: list[tuple[str, Any, float]] = [("stop", rule, rule.count) for rule in job.rules]
    schedule = getattr(job.optimizer, "schedule", None)
    if schedule is not None:
        counts.append(("schedule", schedule, schedule.count))
    for name, part, count in counts:
        if count > most:
            raise ValueError(
                f"{name}: expected {type(part).__name__} of up to {most} epochs, the most that "
                f"{job.dtype} can count, got {count:.0f}; use dtype float64, or at most {most} "
                "epochs in total"
            )


def _rules(
    stop: Any, target_sse: Any, loss: Penalized, unweighted: bool, dtype: np.dtype
) -> tuple[float, tuple[Rule, ...]]:
    """The target of the loss, -inf if there is none, and the other rules."""
    if stop is None and target_sse is None:
        return -np.inf, ()
    rules = make_rules(stop)
    for rule in rules:
        _check_fit(rule, dtype)
    if target_sse is not None:
        rules += (SSEBelow(_target(target_sse, dtype)),)
    is_sse = loss.name == "SSE" and not loss.has_penalties and unweighted
    targets, others = [-np.inf], []
    for rule in rules:
        if isinstance(rule, LossBelow):
            targets.append(rule.loss)
        elif isinstance(rule, SSEBelow) and is_sse:
            targets.append(rule.sse)
        else:
            others.append(rule)
    return max(targets), tuple(others)


def _check_fit(part: Penalized | Rule, dtype: np.dtype) -> None:
    """Raise if a number of a loss or a rule becomes infinite or 0 in `dtype`."""
    if dtype == np.float64:  # already checked
        return
    for field in fields(part):
        value = getattr(part, field.name)
        if isinstance(value, float | tuple):
            array = np.asarray(value)
            with np.errstate(over="ignore", under="ignore"):
                rounded = array.astype(dtype)
            if not np.isfinite(rounded).all() or np.any((rounded == 0) != (array == 0)):
                raise ValueError(
                    f"{type(part).__name__}({field.name}=): expected numbers that fit {dtype}, "
                    f"got {shown(value)}"
                )


def _target(target_sse: Any, dtype: np.dtype) -> float:
    value = real_array("target_sse", target_sse, dtype)
    if value.ndim != 0 or not value > 0 or isinstance(target_sse, bool | np.bool_):
        raise ValueError(
            f"target_sse: expected a positive {dtype} number or None, got {shown(target_sse)}"
        )
    return float(value)
