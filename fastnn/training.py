"""The two public calls: train one network, or many."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any, Literal, Unpack, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .job.build import make_job
from .job.group_data import Asked
from .job.keep import make_keep
from .job.reach import warn_of_targets
from .optimizers import Optimizer
from .results.run import Run, train_one, warned
from .results.runs import Runs
from .results.statistics import Statistics
from .results.trained_start import trained_start
from .rules.common import Rule
from .scheduling.collectors import Collector, Columns, StatisticsAndBest
from .scheduling.executors import workers_of
from .scheduling.scheduler import run_job
from .spec.grid import Grid
from .spec.losses import Penalized
from .spec.network import Network
from .spec.sample_weights import Bootstrap, KFold
from .storage.stored_runs import StoredRuns
from .storage.writer import Shards, check_out, is_begun, sole_writer
from .support.checks import integer, shown
from .support.machine import available_threads
from .support.suggestions import suggests
from .support.threads import are_native
from .train_options import Folder, Options, Rows, checked_seconds, history_interval

MAX_THREADS = 4096
# Weights times samples of an epoch, about ten microseconds of work: threads meet once in each
# epoch.
WORK_OF_A_THREAD = 50_000


@suggests
def train(
    net: Network,
    X: ArrayLike,
    y: ArrayLike,
    *,
    optimizer: Optimizer | type[Optimizer] | str | None = None,
    loss: Penalized | type[Penalized] | str | None = None,
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
    """Train one network by back-propagation on the sum of squared errors (SSE) or another loss.

    An epoch computes the loss and its gradient over all samples, then makes one update; with
    batches it makes one update for each batch.

    Parameters
    ----------
    net : Network
    X : (n, n_in) array or data frame of float
        Inputs, finite, at least one sample.
    y : (n, n_out) array or data frame of float, or (n,) for one output
        Targets, finite.
    optimizer : an optimizer such as GradientDescent, RPROP or Adam, its class or name, optional
        By default ``GradientDescent(0.1)``, for a handful of samples.  The SSE and its steps grow
        with their number: for more use ``loss="mse"`` or "rprop", or it diverges.  Names stand for
        defaults: "gradient_descent", "gd" and "sgd", "rprop", "quickprop", "adam", "adamw",
        "amsgrad", "nadam", "rmsprop", "adagrad", "lion", "levenberg_marquardt", "lm" and "lbfgs".
    loss : a loss such as `Quantile(0.9)`, its class, or a name such as "mse", default SSE
        The objective to minimize, including penalties.
    epochs : int, default 1000
        Maximum number of epochs; 0 returns the initial parameters.
    target_sse : float, optional
        Training ends with status ``CONVERGED`` at the first epoch whose SSE is below this value;
        short for ``stop=SSEBelow(target_sse)``.
    stop : rule or sequence of rules, optional
        Training ends at the first epoch at whose start a rule holds.  The status says which kind of
        rule: if several hold, the first in the list, but targets of the loss come first.  The rules
        are LossBelow, SSEBelow, ErrorsWithin, GradientBelow, NoProgress, MeanLossBelow, Validation,
        and SumOfLosses, which never ends training.
    validation : (X, y), optional
        The data for the rule Validation; frames have the columns of those to train on, by name.
    batch_size : int, optional
        Samples per update, by default all.  Losses, rules and history always use all samples, at
        the start of an epoch.
    shuffle : bool, default False
        If True, batches are drawn in random order, a new one in every epoch, instead of the given
        order.
    sample_weight : (n,) array of float, Bootstrap or KFold, optional
        Factors of the samples' terms in the loss, non-negative and not all 0.
    seed : int from 0 to 2**64 - 1, default 0
    restart : int, default 0
        Index of the restart.  Seed and index are the key of the random initial parameters.
    init : an initialization or explicit weights, default ``Uniform(-1, 1)``
        Initializations are Uniform, Normal, GlorotUniform, GlorotNormal, HeUniform, HeNormal and
        NguyenWidrow.  Explicit weights are a flat vector, ``[W1, W2, …]``, or, with biases,
        ``[W1, b1, W2, b2, …]`` or ``(weights, biases)``.  A `Run` or a `Model` of the same network
        stands for its parameters; a model has to be without scalings and encoding.
    dtype : float64 or float32, default float64
        The type of all numbers; other data are converted.
    history : bool or int, default True
        Record the loss of every epoch, of none, or of every `history`-th epoch.
    parallel : "restarts" or "samples", default "restarts"
        The order of sums over samples.  "restarts" adds sample after sample, as in `train_many`.
        "samples" keeps as many partial sums as vectors have lanes, which is faster for hundreds of
        samples, uses several threads, and gives different last digits: of each group of 8 samples
        (16 in float32), member l goes into sum l; then halves of the sums are added.  This is done
        for up to 8 equal runs of at least 16 groups each, and the runs are added.
    threads : int, optional
        Number of threads with ``parallel="samples"``, at most the number of runs of samples; by
        default as many as are useful, up to the CPUs available to this process.  No bit of the
        result depends on it.  It is 1 if a library such as gevent has replaced Python's threads.
    continue_from : Run, optional
        Continue where that run ended, with its seed and restart, and with its optimizer and loss
        unless others are given.  With the same other arguments, n epochs and then m more give the
        same bits as n + m.  The optimizer must be of the same kind.  Rules start anew if the rules
        or the data differ.

    Returns
    -------
    Run

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value, before any training.
    KeyboardInterrupt
        On Ctrl-C, within an epoch.

    Warns
    -----
    TrainingWarning
        If targets are outside the output's range, or default numbers of an optimizer diverge.

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
        sample_weight=sample_weight, seed=seed, init=trained_start(init, net), dtype=dtype,
        first=restart, parallel=parallel, before=before,
    )  # fmt: skip
    if threads is not None:
        integer("threads", threads, 1, MAX_THREADS)
        if threads > 1 and parallel == "samples" and not are_native():
            raise ValueError(
                "threads: expected 1 with parallel='samples' when a library such as gevent has "
                f"replaced Python's threads, got {threads}, which would wait for each other "
                "forever; use patch_all(thread=False, queue=False) to keep Python's threads"
            )
    elif parallel == "samples":
        work = len(job.X) * net.n_parameters
        threads = max(1, min(available_threads(), work // WORK_OF_A_THREAD))
        threads = threads if threads == 1 or are_native() else 1
    every = history_interval(history, job)
    warn_of_targets(job)
    return warned(train_one(job, every, threads or 1), optimizer or continue_from)


@overload
def train_many(
    net: Network, X: ArrayLike, y: ArrayLike, *,
    keep: Rows | None = None, out: None = None, **others: Unpack[Options],
) -> Runs: ...  # fmt: skip
@overload
def train_many(
    net: Network, X: ArrayLike, y: ArrayLike, *,
    keep: Literal["statistics"], out: None = None, **others: Unpack[Options],
) -> Statistics: ...  # fmt: skip
@overload
def train_many(
    net: Network, X: ArrayLike, y: ArrayLike, *,
    keep: Rows | str | None = None, out: Folder, **others: Unpack[Options],
) -> StoredRuns: ...  # fmt: skip
@overload
def train_many(
    net: Network, X: ArrayLike, y: ArrayLike, *,
    keep: Rows | str | None = None, out: Folder | None = None, **others: Unpack[Options],
) -> Runs | Statistics | StoredRuns: ...  # fmt: skip
@suggests
def train_many(
    net: Network,
    X: ArrayLike,
    y: ArrayLike,
    *,
    restarts: int | None = None,
    optimizer: Optimizer | type[Optimizer] | str | None = None,
    loss: Penalized | type[Penalized] | str | None = None,
    epochs: int = 1000,
    target_sse: float | None = None,
    stop: Rule | Sequence[Rule] | None = None,
    validation: tuple[Any, ...] | None = None,
    batch_size: int | None = None,
    shuffle: bool = False,
    sample_weight: ArrayLike | Bootstrap | KFold | None = None,
    seed: int = 0,
    init: Any = None,
    dtype: DTypeLike = np.float64,
    first: int = 0,
    keep: Rows | str | None = None,
    out: Folder | None = None,
    resume: bool = False,
    threads: int | None = None,
    executor: Executor | None = None,
    chunk: int | None = None,
    time_limit: float | None = None,
    progress: bool | None = None,
    parallel: str = "restarts",
    grid: Grid | None = None,
    groups: Any = None,
    continue_from: Runs | None = None,
) -> Any:
    """Train many networks from different random starts, each independently of the others.

    Restart k has the same bits as ``train(…, restart=k)``, however the work is divided.

    Parameters
    ----------
    net, X, y, loss, epochs, target_sse, stop, batch_size, shuffle, seed, dtype
        As for `train`.
    validation : (X, y) or, with `groups`, (X, y, labels), optional
        As for `train`; the labels tell the group of each row, and each group has at least one.
    restarts : int
        Number of restarts; by default that of the grid, or of the runs to continue.
    optimizer : as for `train`
        Its numbers may be arrays ``(restarts,)``, the same for each group.
    sample_weight : (n,) or (restarts, n) array of float, Bootstrap or KFold, optional
        As for `train`; (n,) with groups.
    groups : (n,) labels, optional
        The label of each row's group, of any hashable kind.  Each group has `restarts` networks of
        its own, trained on its rows alone, with the bits of ``train`` on these rows; index
        ``first + k % restarts`` is the restart there.  Groups are numbered by size, largest first.
        X and y may also be sequences of arrays, one for each group, or only y may have a first
        axis for the groups, ``(groups, n, n_out)`` or, for one output, ``(groups, n)``; then
        `groups` may name them, and `sample_weight` and `validation` have the same form.
    init : as for `train`
        Its numbers may be arrays ``(restarts,)``, and explicit weights an array
        ``(restarts, n_parameters)``.
    first : int, default 0
        Index of the first restart, of each group if there are any.
    keep : "all", "parameters", "outcomes", "statistics", list of names, Best or None, default None
        Results to keep of every restart.  "outcomes" are loss, epochs and status; "parameters" adds
        the parameters, and "all" also the state for `continue_from`.  A list names columns from
        "loss", "epochs", "status", "parameters" and "state".  ``Best(n)`` keeps the n restarts of
        lowest loss, of each group if there are any, "statistics" none: both take constant memory.
        None keeps everything up to 1 GiB, otherwise the parameters up to 1 GiB, and raises beyond
        that.
    out : str or PathLike, optional
        A folder to write results to as they arrive, new or empty except for hidden files, which are
        left alone.  Written chunks survive a crash of the process or the machine; only chunks in
        progress at that time must be trained again.
    resume : bool, default False
        Continue the run in `out`, if there is one, which must be of the same job.  Damaged chunks
        are trained again; more restarts than before extend the run.
    threads : int, optional
        Number of worker threads, by default the CPUs available to this process.  With `executor`,
        its number of workers, by default as it reports; twice as many chunks are in flight.
    executor : concurrent.futures.Executor, optional
        Executor for the chunks instead of fastnn's own threads: other threads, processes, or Dask's
        ``Client.get_executor()``.  It is not shut down.  A chunk whose worker died is submitted
        again, five times in total; a process pool breaks when its first worker dies.
    chunk : int, optional
        Restarts per chunk.  The default aims at a quarter of a second per chunk; with `out` or
        other processes at a second; with more than 200 workers at one 200th of a second for each;
        and in runs of days at up to a minute.
    time_limit : float, optional
        Seconds after which to return the restarts that have ended.  Restarts in progress are
        counted as cut off (see `Summary`).  Chunks in progress in other processes are awaited for
        about the time of two chunks, then abandoned.
    progress : bool, optional
        Show a progress bar; by default only on a terminal or in a notebook.
    parallel : "restarts" or "samples", default "restarts"
        With "samples" each thread trains one network after another, and restart k has the same bits
        as ``train(…, restart=k, parallel="samples")``.
    grid : Grid, optional
        Values of the optimizer's numbers; the restarts, of each group if there are any, go through
        their combinations.
    continue_from : Runs, optional
        Continue where those restarts ended, with their seed and indices: as for `train`.  Runs of
        groups are continued with the same groups, of as many rows.

    Returns
    -------
    Runs
        `Statistics` with ``keep="statistics"``; `StoredRuns` with `out`.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value, before any training.
    DamagedFile
        If the folder to resume is damaged or of another version: a ValueError that names the file.
    OSError
        If `out` cannot be written; chunks already written stay.
    Interrupted
        On Ctrl-C, within a second; its `runs` are the restarts that had ended.
    Incomplete
        If an executor's workers fail; its `runs` are the restarts that had ended.

    Warns
    -----
    TrainingWarning
        As for `train`.
    """
    before = None
    if continue_from is not None:
        if not isinstance(continue_from, Runs):
            raise TypeError(
                f"continue_from: expected fastnn.Runs, got {shown(continue_from)}; for a run in a "
                "folder, use its load()"
            )
        before = continue_from.before(restarts)
        seed, first = _same("seed", seed, before.seed), _same("first", first, before.first)
        restarts = len(continue_from) if before.groups is None else before.groups.restarts
    if restarts is None and isinstance(grid, Grid):
        restarts = grid.restarts - integer("first", first, 0, grid.restarts - 1)
    if restarts is None and grid is None:
        raise TypeError(
            "restarts: expected the number of networks to train, such as restarts=1000, got None; "
            "fastnn.train trains a single one"
        )
    restarts = integer("restarts", restarts, 1, 10**12)
    job = make_job(
        net, X, y, optimizer=optimizer, loss=loss, epochs=epochs, target_sse=target_sse, stop=stop,
        validation=validation, batch_size=batch_size, shuffle=shuffle,
        sample_weight=sample_weight, seed=seed, init=trained_start(init, net), dtype=dtype,
        first=first, restarts=restarts, parallel=parallel, grid=grid,
        before=before, groups=Asked(groups),
    )  # fmt: skip
    if threads is not None:
        integer("threads", threads, 1, MAX_THREADS)
    if chunk is not None:
        integer("chunk", chunk, 1)
    if executor is not None and not isinstance(executor, Executor):
        raise TypeError(f"executor: expected a concurrent.futures.Executor, got {shown(executor)}")
    if progress is not None and not isinstance(progress, bool | np.bool_):
        raise TypeError(f"progress: expected True, False or None, got {shown(progress)}")
    limit = checked_seconds(time_limit)
    folder = check_out(out, resume)
    warn_of_targets(job)

    def collect(collector: Collector) -> Any:
        return run_job(
            job,
            collector,
            workers=int(threads or workers_of(executor)),
            executor=executor,
            chunk=chunk,
            progress=progress,
            time_limit=limit,
        )

    if folder is None:
        kept = make_keep(keep, job)
        return collect(Columns(job, kept) if kept.rows else StatisticsAndBest(job, kept))
    as_before = keep is None and is_begun(folder)  # what the run there has kept so far
    kept_there = None if as_before else make_keep(keep, job, on_disk=True)
    with sole_writer(folder):
        check_out(out, resume)  # again, now that nobody else can start a run there
        return collect(Shards(folder, job, kept_there))


def _same(name: str, value: int, before: int) -> int:
    """Return the previous value; raise if another one is given."""
    if value not in (0, before):
        raise ValueError(
            f"{name}: expected {before}, or leave it out, with continue_from, got {shown(value)}"
        )
    return before
