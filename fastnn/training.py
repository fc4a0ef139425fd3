"""The two public calls: train one network, or many."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .arguments import make_job
from .checks import integer, shown
from .execution import available_threads, run_job
from .job import Job
from .losses import Penalized
from .network import Network
from .optimizers import Optimizer
from .run import Run, train_one
from .runs import HISTORY_LIMIT, Runs
from .stopping import Rule
from .sweeps import Grid
from .weighting import Bootstrap, KFold

KEEP_LIMIT = 2**30
"""Bytes of results that are kept without being asked for."""
MAX_THREADS = 4096
# Weights times samples of an epoch, about ten microseconds' work: threads meet once in each epoch.
WORK_OF_A_THREAD = 50_000


def train(
    net: Network,
    X: ArrayLike,
    y: ArrayLike,
    *,
    optimizer: Optimizer | None = None,
    loss: Penalized | str | None = None,
    epochs: int = 1000,
    target_sse: float | None = None,
    stop: Rule | Sequence[Rule] | None = None,
    validation: tuple[ArrayLike, ArrayLike] | None = None,
    batch_size: int | None = None,
    shuffle: bool = False,
    sample_weight: ArrayLike | Bootstrap | KFold | None = None,
    seed: int = 0,
    restart: int = 0,
    init: Any = None,
    dtype: DTypeLike = np.float64,
    history: bool | int = True,
    parallel: str = "restarts",
    threads: int | None = None,
    continue_from: Run | None = None,
) -> Run:
    """Train one network by back-propagation, on the sum of squared errors (SSE) or another loss.

    An epoch computes the loss and its gradient over all samples, then makes one update; with
    batches it makes one for each.

    Parameters
    ----------
    net : Network
    X : (n, n_in) array of float
        Inputs, finite, at least one sample.
    y : (n, n_out) array of float, or (n,) for one output
        Targets, finite.
    optimizer : GradientDescent, Adam, AdamW, RPROP, Quickprop, LevenbergMarquardt or LBFGS
        By default ``GradientDescent(learning_rate=0.1)``.
    loss : SSE, MSE, Huber, BinaryCrossEntropy, CrossEntropy, or a name such as "mse", default SSE
        What is minimised, penalties included.
    epochs : int, default 1000
        The most updates to make; 0 gives the start itself.
    target_sse : float, optional
        Training ends, with status ``CONVERGED``, at the first epoch whose SSE is below it: short
        for ``stop=SSEBelow(target_sse)``.
    stop : rule or sequence of rules, optional
        Training ends at the first epoch at whose start one of them holds; `Status` tells which
        kind, of several the first in the list, targets of the loss before all.  They are
        LossBelow, SSEBelow, ErrorsWithin, GradientBelow, NoProgress, MeanLossBelow and Validation.
    validation : (X, y), optional
        The data for the rule Validation.
    batch_size : int, optional
        Samples of each update; by default all.  Losses, rules and history are of all samples, at
        the start of an epoch.
    shuffle : bool, default False
        Whether batches are drawn in a random order, another in every epoch, or in the given one.
    sample_weight : (n,) array of float, Bootstrap or KFold, optional
        Factors of the samples' terms in the loss, not negative.
    seed : int from 0 to 2**64 - 1, default 0
    restart : int, default 0
        Index of the restart: with the seed it is the key of the random initial parameters.
    init : an initialization or explicit weights, default ``Uniform(-1, 1)``
        Initializations are Uniform, Normal, GlorotUniform, GlorotNormal, HeUniform, HeNormal and
        NguyenWidrow.  Explicit are a flat vector, ``[W1, W2, …]``, with biases
        ``[W1, b1, W2, b2, …]`` or ``(weights, biases)``.
    dtype : float64 or float32, default float64
        The type of all numbers; data of other types are converted.
    history : bool or int, default True
        Whether to record the loss of every epoch, or of every `history`-th.
    parallel : "restarts" or "samples", default "restarts"
        The order of sums over samples: as in `train_many`, sample after sample, or as many sums
        side by side as vectors have lanes, which is faster on hundreds of samples, uses several
        threads, and gives other last digits.  The latter sums, in groups of 8 samples (16 in
        float32), member l of each group into sum l, then adds halves of the sums; it does so for up
        to 8 equal runs of at least 16 groups each, and adds the runs.
    threads : int, optional
        Threads with ``parallel="samples"``, no more than runs of samples; by default as many as
        this process may use CPUs and are worth it.  No bit depends on it.
    continue_from : Run, optional
        Go on where that run ended, with its seed and restart, and with its optimizer and loss
        unless others are given: n epochs, then m more have the bits of n + m, if the other
        arguments are the same.  The optimizer must be one of the same kind; other rules begin anew.

    Returns
    -------
    Run

    Raises
    ------
    TypeError, ValueError
        If an argument is not of its kind, before any training.
    KeyboardInterrupt
        On Ctrl-C, within an epoch.

    Examples
    --------
    >>> import fastnn
    >>> X, y = fastnn.datasets.xor()
    >>> run = fastnn.train(fastnn.Network([2, 2, 1], bias=False), X, y, epochs=10_000,
    ...                    optimizer=fastnn.GradientDescent(0.5), init=fastnn.Uniform(0, 1))
    >>> run.predict(X).round(1).ravel()
    array([0.1, 0.9, 0.9, 0.1])
    """
    before = None
    if continue_from is not None:
        if not isinstance(continue_from, Run):
            raise TypeError(f"continue_from: expected a fastnn.Run, got {shown(continue_from)}")
        before = continue_from.before()
        seed, restart = _same("seed", seed, before.seed), _same("restart", restart, before.first)
    job = make_job(
        net, X, y, optimizer=optimizer, loss=loss, epochs=epochs, target_sse=target_sse, stop=stop,
        validation=validation, batch_size=batch_size, shuffle=shuffle,
        sample_weight=sample_weight, seed=seed, init=init, dtype=dtype, first=restart,
        parallel=parallel, before=before,
    )  # fmt: skip
    if threads is not None:
        integer("threads", threads, 1, MAX_THREADS)
    elif parallel == "samples":
        work = len(job.X) * net.n_parameters
        threads = max(1, min(available_threads(), work // WORK_OF_A_THREAD))
    return train_one(job, history_interval(history, job), threads or 1)


def train_many(
    net: Network,
    X: ArrayLike,
    y: ArrayLike,
    *,
    restarts: int | None = None,
    optimizer: Optimizer | None = None,
    loss: Penalized | str | None = None,
    epochs: int = 1000,
    target_sse: float | None = None,
    stop: Rule | Sequence[Rule] | None = None,
    validation: tuple[ArrayLike, ArrayLike] | None = None,
    batch_size: int | None = None,
    shuffle: bool = False,
    sample_weight: ArrayLike | Bootstrap | KFold | None = None,
    seed: int = 0,
    init: Any = None,
    dtype: DTypeLike = np.float64,
    first: int = 0,
    keep: str | None = None,
    threads: int | None = None,
    executor: Executor | None = None,
    chunk: int | None = None,
    progress: bool | None = None,
    parallel: str = "restarts",
    grid: Grid | None = None,
    continue_from: Runs | None = None,
) -> Runs:
    """Train many networks that differ in their random start, each independently of the others.

    Restart k has the bits that ``train(…, restart=k)`` gives, however the work is cut up.

    Parameters
    ----------
    net, X, y, loss, epochs, target_sse, stop, validation, batch_size, shuffle, seed, dtype
        As for `train`.
    restarts : int
        How many; by default as many as a grid has, or as what is continued.
    optimizer : as for `train`
        Its numbers may be arrays ``(restarts,)``.
    sample_weight : (n,) or (restarts, n) array of float, Bootstrap or KFold, optional
        As for `train`.
    init : as for `train`
        Its numbers may be arrays ``(restarts,)``, and explicit weights an array
        ``(restarts, n_parameters)``.
    first : int, default 0
        Index of the first restart.
    keep : "all", "parameters", "outcomes" or None, default None
        Whether to keep the parameters of every restart and what `continue_from` needs besides, the
        parameters, or only loss, epochs and status.  None keeps all up to 1 GiB, else the
        parameters up to 1 GiB, and refuses more.
    threads : int, optional
        Worker threads; by default as many as this process may use CPUs.  With `executor`, how many
        workers it has, twice as many chunks being in flight; by default what it says itself.
    executor : concurrent.futures.Executor, optional
        Who runs the chunks instead of own threads; it is not shut down.
    chunk : int, optional
        Restarts per call of a kernel; by default what takes a quarter of a second.
    progress : bool, optional
        Whether to show a progress bar; by default if there is a terminal.
    parallel : "restarts" or "samples", default "restarts"
        With "samples" each thread trains one network after another, and restart k has the bits that
        ``train(…, restart=k, parallel="samples")`` gives.
    grid : Grid, optional
        Values for the optimizer's numbers, whose combinations the restarts go through.
    continue_from : Runs, optional
        Go on where those restarts ended, with their seed and indices: as for `train`.

    Returns
    -------
    Runs

    Raises
    ------
    TypeError, ValueError
        If an argument is not of its kind, before any training.
    Interrupted
        On Ctrl-C, within a second; its `runs` are the restarts that had ended.
    """
    before = None
    if continue_from is not None:
        if not isinstance(continue_from, Runs):
            raise TypeError(f"continue_from: expected fastnn.Runs, got {shown(continue_from)}")
        before = continue_from.before(restarts)
        seed, first = _same("seed", seed, before.seed), _same("first", first, before.first)
        restarts = len(continue_from)
    if restarts is None and isinstance(grid, Grid):
        restarts = grid.restarts - integer("first", first, 0, grid.restarts - 1)
    restarts = integer("restarts", restarts, 1, 10**12)
    job = make_job(
        net, X, y, optimizer=optimizer, loss=loss, epochs=epochs, target_sse=target_sse, stop=stop,
        validation=validation, batch_size=batch_size, shuffle=shuffle,
        sample_weight=sample_weight, seed=seed, init=init, dtype=dtype, first=first,
        restarts=restarts, parallel=parallel, grid=grid, before=before,
    )  # fmt: skip
    if threads is not None:
        integer("threads", threads, 1, MAX_THREADS)
    if chunk is not None:
        integer("chunk", chunk, 1)
    if executor is not None and not isinstance(executor, Executor):
        raise TypeError(f"executor: expected a concurrent.futures.Executor, got {shown(executor)}")
    if progress is not None and not isinstance(progress, bool | np.bool_):
        raise TypeError(f"progress: expected True, False or None, got {shown(progress)}")
    workers = threads or getattr(executor, "_max_workers", None) or available_threads()
    keep_parameters, keep_state = _kept(keep, job)
    return run_job(
        job,
        threads=int(workers),
        executor=executor,
        chunk=chunk,
        progress=progress,
        keep_parameters=keep_parameters,
        keep_state=keep_state,
    )


def _same(name: str, value: int, before: int) -> int:
    """The value of before; another may not be asked for."""
    if value not in (0, before):
        raise ValueError(
            f"{name}: expected none or {before} with continue_from, got {shown(value)}"
        )
    return before


def history_interval(history: Any, job: Job) -> int:
    """Epochs between recorded losses; 0 for none."""
    every = int(history) if isinstance(history, bool | np.bool_) else integer("history", history, 1)
    size = (job.epochs // every + 1) * job.dtype.itemsize if every else 0
    if size > HISTORY_LIMIT:
        raise ValueError(
            f"history: {job.epochs} epochs would take {size / 2**30:.1f} GiB; expected False or "
            f"an interval of at least {-(-job.epochs * job.dtype.itemsize // HISTORY_LIMIT)}"
        )
    return every


def _kept(keep: Any, job: Job) -> tuple[bool, bool]:
    """Whether to keep parameters, and what optimizer and rules remember."""
    known = ("all", "parameters", "outcomes")
    if keep is not None and (not isinstance(keep, str) or keep not in known):
        raise ValueError(f"keep: expected {', '.join(map(repr, known))} or None, got {shown(keep)}")
    outcome = job.dtype.itemsize + 8 + 1 + 8
    parameters = outcome + job.net.n_parameters * job.dtype.itemsize
    whole = parameters + job.n_state * job.dtype.itemsize
    sizes = {"all": whole, "parameters": parameters, "outcomes": outcome}
    memory = _physical_memory()
    if keep is not None and job.restarts * sizes[keep] > memory:
        raise ValueError(
            f"keep: {job.restarts:,} restarts would take "
            f"{job.restarts * sizes[keep] / 2**30:.1f} GiB, "
            f"more than the {memory / 2**30:.1f} GiB of this machine"
        )
    if keep is None and job.restarts * parameters > KEEP_LIMIT:
        gib = job.restarts * parameters / 2**30
        raise ValueError(
            f"keep: {job.restarts:,} restarts would take {gib:.1f} GiB; "
            f"expected keep='outcomes' ({job.restarts * outcome / 2**30:.1f} GiB without their "
            "parameters, any of which runs.restart(k) gives) or keep='all'"
        )
    fits = job.restarts * whole <= KEEP_LIMIT
    return keep != "outcomes", keep == "all" or (keep is None and fits)


def _physical_memory() -> float:
    """Bytes of memory of this machine; infinite where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return math.inf
