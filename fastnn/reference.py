"""The same training in textbook NumPy, one network at a time: slow, short, and independent.

Training and `predict` here call no kernel; the `predict` of the run that they return does.  Results
agree with the compiled ones to rounding, not to the bit: NumPy sums in its own order and has its
own exponential.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .activations import BY_NAME
from .checks import integer
from .initialization import EXPLICIT
from .job import Job, check_inputs, make_job
from .network import Network
from .optimizers import Optimizer
from .run import Run
from .runs import Runs
from .status import Status
from .training import history_interval


def predict(net: Network, parameters: ArrayLike, X: ArrayLike) -> np.ndarray:
    """Outputs (n, n_out) of one network, `parameters` a flat vector, for `X` (n, n_in)."""
    flat = np.asarray(parameters)
    layers = _layers(net, flat)
    inputs = check_inputs(net, X, flat.dtype if flat.dtype.kind == "f" else np.dtype(float))
    with np.errstate(over="ignore"):
        return _forward(layers, inputs)[-1]


def train(
    net: Network,
    X: ArrayLike,
    y: ArrayLike,
    *,
    optimizer: Optimizer | None = None,
    epochs: int = 1000,
    target_sse: float | None = None,
    seed: int = 0,
    restart: int = 0,
    init: Any = None,
    dtype: DTypeLike = np.float64,
    history: bool | int = True,
) -> Run:
    """Train one network; arguments, result and errors as for `fastnn.train`."""
    job = make_job(
        net, X, y, optimizer=optimizer, epochs=epochs, target_sse=target_sse,
        seed=seed, init=init, dtype=dtype, first=restart,
    )  # fmt: skip
    return _train_job(job, history_interval(history, job))


def train_many(
    net: Network,
    X: ArrayLike,
    y: ArrayLike,
    *,
    restarts: int,
    optimizer: Optimizer | None = None,
    epochs: int = 1000,
    target_sse: float | None = None,
    seed: int = 0,
    init: Any = None,
    dtype: DTypeLike = np.float64,
    first: int = 0,
) -> Runs:
    """Train many networks one after another; as `fastnn.train_many`, less what concerns speed.

    ``restart(k)`` of the result trains with the kernels.
    """
    restarts = integer("restarts", restarts, 1, 10**12)
    job = make_job(
        net, X, y, optimizer=optimizer, epochs=epochs, target_sse=target_sse,
        seed=seed, init=init, dtype=dtype, first=first, restarts=restarts,
    )  # fmt: skip
    runs = [_train_job(job.rows(i, i + 1), 0) for i in range(restarts)]
    return Runs(
        job,
        indices=np.arange(job.first, job.first + restarts, dtype=np.int64),
        loss=np.array([run.loss for run in runs], dtype=job.dtype),
        epochs=np.array([run.epochs for run in runs], dtype=np.int64),
        status=np.array([run.status for run in runs], dtype=np.int8),
        parameters=np.array([run.parameters for run in runs]),
    )


def _initial_parameters(job: Job) -> np.ndarray:
    """The start of the job's only restart, as a flat vector."""
    if job.init_code == EXPLICIT:
        return job.init[0].copy()
    low, high = job.init[0]
    stream = np.random.Philox(key=np.array([job.seed, job.first], dtype=np.uint64))
    if job.dtype == np.float64:
        return np.random.Generator(stream).uniform(low, high, job.net.n_parameters)
    raw = stream.random_raw(job.net.n_parameters)
    return low + (high - low) * ((raw >> np.uint64(40)).astype(np.float32) * np.float32(2**-24))


def _layers(net: Network, parameters: np.ndarray) -> list[tuple[Any, Any, Any]]:
    """Weights, biases (None without) and activation of every layer; views of `parameters`."""
    weights, biases = net.unpack(parameters)
    no_biases: list[Any] = [None] * net.depth
    functions = [BY_NAME[name].numpy for name in net.activation]
    return list(zip(weights, biases or no_biases, functions, strict=True))


def _forward(layers: list[tuple[Any, Any, Any]], X: np.ndarray) -> list[np.ndarray]:
    """The outputs of every layer, the input first."""
    outputs = [X]
    for W, b, function in layers:
        z = outputs[-1] @ W
        if b is not None:
            z += b
        outputs.append(function(z))
    return outputs


def _train_job(job: Job, every: int) -> Run:
    X, y = job.X, job.y
    parameters = _initial_parameters(job)
    weights, biases = job.net.unpack(parameters)  # views: updating them updates `parameters`
    slopes = [BY_NAME[name].numpy_slope for name in job.net.activation]
    layers = _layers(job.net, parameters)
    arrays = weights + biases
    numbers = dict(zip(job.setup.numbers, job.hyper[0].tolist(), strict=True))
    step = job.optimizer.numpy_step(arrays, numbers)
    target, limit = job.target, job.epochs
    last = job.net.depth - 1
    history = []
    epoch = 0
    with np.errstate(over="ignore", invalid="ignore"):
        while True:
            outputs = _forward(layers, X)
            error = outputs[-1] - y
            sse = np.vdot(error, error)
            if every and epoch % every == 0:
                history.append(sse)
            if sse < target or epoch == limit or not math.isfinite(sse):
                break
            delta = 2 * error * slopes[last](outputs[-1])
            deltas = [delta]
            for layer in range(last, 0, -1):
                delta = delta @ weights[layer].T * slopes[layer - 1](outputs[layer])
                deltas.insert(0, delta)
            gradients = [a.T @ delta for a, delta in zip(outputs, deltas)]  # noqa: B905
            if biases:
                gradients += [delta.sum(axis=0) for delta in deltas]
            step(gradients, sse, epoch)
            epoch += 1
    if not math.isfinite(sse):
        status = Status.DIVERGED
    else:
        status = Status.CONVERGED if sse < target else Status.EPOCH_LIMIT
    return Run(
        network=job.net,
        parameters=parameters,
        loss=float(sse),
        epochs=epoch,
        status=status,
        history=np.array(history, dtype=job.dtype) if every else None,
        history_every=every,
        seed=job.seed,
        restart=job.first,
    )
