"""Training in textbook NumPy, one network at a time: slow, short, and independent of the kernels.

Training and `predict` here call no kernel; the `predict` method of a returned run does.  Results
agree with the compiled ones to rounding, not to the bit: NumPy sums in its own order and has its
own exponential.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from ..job.build import make_job
from ..job.data import check_inputs
from ..optimizers import Optimizer
from ..results.run import Run
from ..results.runs import Runs
from ..results.trained_start import trained_start
from ..spec.network import Network
from ..support.checks import integer
from ..support.guesses import no_attribute
from ..support.suggestions import suggests
from ..train_options import history_interval
from .plain import forward, layers_of
from .train import train_job

__all__ = ["predict", "train", "train_many"]


def __dir__() -> list[str]:
    return __all__


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Raise AttributeError, with what is meant."""
        text = f"module {__name__!r} has no attribute {name!r}"
        raise no_attribute(__name__, name, __all__, text)


@suggests
def predict(net: Network, parameters: ArrayLike, X: ArrayLike) -> np.ndarray:
    """Outputs (n, n_out) of one network, `parameters` a flat vector, for `X` (n, n_in)."""
    flat = np.asarray(parameters)
    layers = layers_of(net, flat)
    inputs = check_inputs(net, X, flat.dtype if flat.dtype.kind == "f" else np.dtype(float))
    with np.errstate(over="ignore"):
        return forward(layers, inputs)[-1]


@suggests
def train(
    net: Network,
    X: ArrayLike,
    y: ArrayLike,
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
    restart: int = 0,
    init: Any = None,
    dtype: DTypeLike = np.float64,
    history: bool | int = True,
) -> Run:
    """Train one network; arguments, result and errors as for `fastnn.train`."""
    job = make_job(
        net, X, y, optimizer=optimizer, loss=loss, epochs=epochs, target_sse=target_sse, stop=stop,
        validation=validation, batch_size=batch_size, shuffle=shuffle,
        sample_weight=sample_weight, seed=seed, init=trained_start(init, net), dtype=dtype,
        first=restart,
    )  # fmt: skip
    return train_job(job, history_interval(history, job))


@suggests
def train_many(
    net: Network,
    X: ArrayLike,
    y: ArrayLike,
    *,
    restarts: int,
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
    dtype: DTypeLike = np.float64,
    first: int = 0,
) -> Runs:
    """Train many networks one after another, as `fastnn.train_many` without the options for speed.

    The result's ``restart(k)`` trains with the kernels.
    """
    restarts = integer("restarts", restarts, 1, 10**12)
    job = make_job(
        net, X, y, optimizer=optimizer, loss=loss, epochs=epochs, target_sse=target_sse, stop=stop,
        validation=validation, batch_size=batch_size, shuffle=shuffle,
        sample_weight=sample_weight, seed=seed, init=trained_start(init, net), dtype=dtype,
        first=first, restarts=restarts,
    )  # fmt: skip
    runs = [train_job(job.expand_range(i, i + 1), 0) for i in range(restarts)]
    return Runs(
        job,
        indices=np.arange(job.first, job.first + restarts, dtype=np.int64),
        loss=np.array([run.loss for run in runs], dtype=job.dtype),
        epochs=np.array([run.epochs for run in runs], dtype=np.int64),
        status=np.array([run.status for run in runs], dtype=np.int8),
        parameters=np.array([run.parameters for run in runs]),
    )
