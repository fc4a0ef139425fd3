"""The job: everything that a restart's result depends on, checked once and in the kernels' form."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .checks import float_type, integer, per_restart, real_array, shown
from .initialization import Uniform, start_values
from .network import Network
from .optimizers import OPTIMIZERS, GradientDescent, Optimizer, Setup

NUMERICS_VERSION = 2
"""Raised whenever a bit of any result may change."""

PARALLEL = ("restarts", "samples")
MAX_SEED = 2**64 - 1
MAX_RESTART = 2**63 - 1


@dataclass(frozen=True, eq=False)
class Job:
    """A plain, picklable description of restarts ``first … first + restarts - 1``."""

    net: Network
    X: np.ndarray
    """(n, n_in), of `dtype`."""
    y: np.ndarray
    """(n, n_out), of `dtype`."""
    dtype: np.dtype
    optimizer: Optimizer
    hyper: np.ndarray
    """(1 or restarts, n_hyper): the optimizer's hyperparameters, of `dtype`."""
    init_code: int
    init: np.ndarray
    """(1 or restarts, width): what the initialization needs, of `dtype`."""
    epochs: int
    target: float
    """A restart whose loss falls below it has converged; -inf without a target."""
    seed: int
    first: int
    restarts: int
    parallel: str = "restarts"
    """One of `PARALLEL`: what lies in the lanes, which decides the order of sums over samples."""

    @property
    def setup(self) -> Setup:
        """What the engine needs of the optimizer."""
        return self.optimizer.setup(self.net)

    def rows(self, start: int, stop: int) -> Job:
        """The job of the restarts at positions ``start … stop - 1``."""

        def cut(values: np.ndarray) -> np.ndarray:
            return values[start:stop] if len(values) > 1 else values

        return replace(
            self,
            hyper=cut(self.hyper),
            init=cut(self.init),
            first=self.first + start,
            restarts=stop - start,
        )


def make_job(
    net: Network,
    X: Any,
    y: Any,
    *,
    optimizer: Optimizer | None = None,
    epochs: int = 1000,
    target_sse: float | None = None,
    seed: int = 0,
    init: Any = None,
    dtype: Any = np.float64,
    first: int = 0,
    restarts: int | None = None,
    parallel: str = "restarts",
) -> Job:
    """Check every argument and put it into the kernels' form; `restarts` is None for one run."""
    if not isinstance(net, Network):
        raise TypeError(f"net: expected a fastnn.Network, got {shown(net)}")
    number = float_type(dtype)
    inputs, targets = _data(net, X, y, number)
    optimizer = GradientDescent() if optimizer is None else optimizer
    if not isinstance(optimizer, Optimizer):
        known = ", ".join(f"fastnn.{kind.__name__}" for kind in OPTIMIZERS)
        raise TypeError(f"optimizer: expected one of {known}, got {shown(optimizer)}")
    count = 1 if restarts is None else integer("restarts", restarts, 1, 10**12)
    first_name = "restart" if restarts is None else "first"
    first = integer(first_name, first, 0, MAX_RESTART - count)
    if not isinstance(parallel, str) or parallel not in PARALLEL:
        raise ValueError(
            f"parallel: expected {' or '.join(map(repr, PARALLEL))}, got {shown(parallel)}"
        )
    setup = optimizer.setup(net)
    code, values = start_values(Uniform() if init is None else init, net, restarts, number)
    return Job(
        net=net,
        X=inputs,
        y=targets,
        dtype=number,
        optimizer=optimizer,
        hyper=per_restart(type(optimizer).__name__, setup.numbers, count, number),
        init_code=code,
        init=values,
        epochs=integer("epochs", epochs, 0),
        target=_target(target_sse, number),
        seed=integer("seed", seed, 0, MAX_SEED),
        first=first,
        restarts=count,
        parallel=parallel,
    )


def check_inputs(net: Network, X: Any, dtype: np.dtype) -> np.ndarray:
    """`X` as (n, n_in) finite numbers of `dtype`, n at least 1."""
    inputs = real_array("X", X, dtype)
    if inputs.ndim != 2 or inputs.shape[1] != net.sizes[0]:
        raise ValueError(f"X: expected shape (n, {net.sizes[0]}) for {net!r}, got {inputs.shape}")
    if len(inputs) == 0:
        raise ValueError("X: expected at least one sample, got none")
    return inputs


def _data(net: Network, X: Any, y: Any, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    inputs = check_inputs(net, X, dtype)
    targets = real_array("y", y, dtype)
    n_out = net.sizes[-1]
    if targets.ndim == 1 and n_out == 1:
        targets = targets[:, np.newaxis]
    if targets.ndim != 2 or targets.shape[1] != n_out:
        raise ValueError(f"y: expected shape (n, {n_out}) for {net!r}, got {targets.shape}")
    if len(targets) != len(inputs):
        raise ValueError(f"y: expected {len(inputs)} rows, as many as X, got {len(targets)}")
    return inputs, targets


def _target(target_sse: Any, dtype: np.dtype) -> float:
    if target_sse is None:
        return -np.inf
    value = real_array("target_sse", target_sse, dtype)
    if value.ndim != 0 or not value > 0 or isinstance(target_sse, bool | np.bool_):
        raise ValueError(
            f"target_sse: expected a positive {dtype} number or None, got {shown(target_sse)}"
        )
    return float(value)
