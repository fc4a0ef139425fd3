"""Training in NumPy: initial parameters, epochs, and stopping rules."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..job.job import Job
from ..results.run import Run, sse_of
from ..rules.validation import Best
from ..spec.activations import BY_NAME
from ..spec.sample_weights import SHUFFLE_STREAM
from ..spec.status import Status
from .plain import train_plainly
from .problem import Problem


def initial_parameters(job: Job) -> np.ndarray:
    """The start of the job's only restart, as a flat vector."""
    stream = np.random.Philox(key=np.array([job.seed, job.first], dtype=np.uint64))
    start = job.start
    return start.kind.numpy_start(job.net, start.numbers[0], start.table, stream)


def permutation(seed: int, k: int, epoch: int, samples: int) -> np.ndarray:
    """The order of the samples in an epoch: Fisher and Yates's shuffle, from the end.

    Draw i is 32 bits of the stream of (seed, k) whose counters are (block, 2, epoch, 0), the lower
    half of a number first; the upper half of its product with i + 1 is the partner of place i.
    """
    counter = SHUFFLE_STREAM << 64 | epoch << 128
    stream = np.random.Philox(key=np.array([seed, k], dtype=np.uint64), counter=counter)
    raw = [int(value) for value in stream.random_raw((samples + 1) // 2)]
    halves = [half for value in raw for half in (value & 0xFFFFFFFF, value >> 32)]
    order = np.arange(samples)
    for draw, place in enumerate(range(samples - 1, 0, -1)):
        partner = halves[draw] * (place + 1) >> 32
        order[[place, partner]] = order[[partner, place]]
    return order


class _DivergedError(Exception):
    """Error: a batch's loss is not finite."""


def epochs_of(job: Job, problem: Problem, parameters: np.ndarray) -> Iterator[Any]:
    """Yield, before every epoch, the parameters, their loss and its gradient as a flat vector.

    The last item is the status if a search that decides about its steps itself ends there, or None.
    """
    numbers = dict(zip(job.setup.numbers, job.hyper[0].tolist(), strict=False))
    if job.setup.observe is not None or job.setup.compute is not None:
        yield from job.optimizer.numpy_search(problem, parameters, numbers)
    weights, biases = job.net.unpack(parameters)
    step = job.optimizer.numpy_step(weights + biases, numbers)
    samples, size, epoch = len(job.X), job.batch_size, 0
    while True:
        loss, gradients = problem.loss_and_gradients(parameters)
        yield parameters, loss, problem.flat(gradients), None
        if size == samples:
            step(gradients, loss, epoch)
        else:
            order = np.arange(samples)
            if job.shuffle:
                order = permutation(job.seed, job.first, epoch, samples)
            for first in range(0, samples, size):
                loss, gradients = problem.loss_and_gradients(
                    parameters, order[first : first + size]
                )
                if not math.isfinite(loss):
                    raise _DivergedError
                step(gradients, loss, epoch)
        epoch += 1


def _train(job: Job, parameters: np.ndarray, every: int) -> tuple[Any, ...]:
    problem = Problem(job, parameters)
    judges = [rule.numpy_judge(problem) for rule in job.rules]
    history: list[float] = []
    status, epoch, loss = Status.NOT_RUN, 0, math.nan
    try:
        for epoch, seen in enumerate(epochs_of(job, problem, parameters)):
            parameters, loss, gradient, stuck = seen
            if every and epoch % every == 0:
                history.append(loss)
            if not math.isfinite(loss) and (job.judged or job.batch_size == len(job.X)):
                status = Status.DIVERGED
                break
            held = [judge(parameters, loss, gradient) for judge in judges]
            ending = [
                rule.status
                for rule, holds in zip(job.rules, held, strict=True)
                if holds and rule.count >= 0
            ]
            if stuck is not None:
                ending.insert(0, stuck)
            if loss < job.target or ending:
                status = Status.CONVERGED if loss < job.target else ending[0]
                break
            if epoch == job.epochs:
                at_end = [rule.status for rule, h in zip(job.rules, held, strict=True) if h]
                status = at_end[0] if at_end else Status.EPOCH_LIMIT
                if not math.isfinite(loss):
                    status = Status.DIVERGED
                break
    except _DivergedError:
        status, loss = Status.DIVERGED, math.nan
    for judge in judges:
        if isinstance(judge, Best) and judge.parameters is not None:
            parameters, loss = judge.parameters, judge.loss
    return parameters, loss, epoch, history, status


def train_job(job: Job, every: int) -> Run:
    """Train the job's only restart, keeping the loss of every `every`-th epoch (0: none)."""
    parameters = initial_parameters(job)
    simple = job.has_plain_loss and not job.loss.has_penalties and not job.rules
    first_order = job.setup.observe is None and job.setup.compute is None
    whole = job.batch_size == len(job.X) and not job.shuffle
    kept = any(BY_NAME[name].of_input for name in job.net.activation if name in BY_NAME)
    with np.errstate(over="ignore", invalid="ignore"):
        if simple and first_order and whole and not kept:
            parameters, loss, epoch, history = train_plainly(job, parameters, every)
            converged = Status.CONVERGED if loss < job.target else Status.EPOCH_LIMIT
            status = converged if math.isfinite(loss) else Status.DIVERGED
        else:
            parameters, loss, epoch, history, status = _train(job, parameters, every)
        sse = sse_of(job, parameters, loss)
    return Run(
        network=job.net,
        parameters=parameters,
        loss=float(loss),
        sse=sse,
        epochs=epoch,
        status=status,
        history=np.array(history, dtype=job.dtype) if every else None,
        history_every=every,
        seed=job.seed,
        restart=job.first,
        loss_name=job.loss_name,
    )
