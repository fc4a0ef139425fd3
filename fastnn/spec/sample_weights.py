"""Sample weights: given, or functions of the index of the restart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..support.checks import by_name, integer, real_array

# Run-time codes of the sources of weights.
GIVEN, BOOTSTRAP, FOLDS = range(3)
# Streams of random numbers of a restart besides the start: the second word of Philox's counter.
BOOTSTRAP_STREAM, SHUFFLE_STREAM = 1, 2


@by_name
@dataclass(frozen=True)
class Bootstrap:
    """Train each restart on its own resample: n samples drawn from n with replacement.

    The weight of a sample is the number of times that it was drawn.  Draw i of restart k is the
    upper half of the 128-bit product of n and number i of the Philox stream of (seed, k) whose
    counters have 1 as their second word.

    B. Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7 (1979)
    1–26.
    """

    code = BOOTSTRAP

    @property
    def number(self) -> int:
        """The number that the kernel needs."""
        return 0

    def numpy_weights(self, seed: int, k: int, samples: int) -> np.ndarray:
        """The weights (samples,) of restart k."""
        stream = np.random.Philox(key=np.array([seed, k], dtype=np.uint64), counter=1 << 64)
        draws = [int(raw) * samples >> 64 for raw in stream.random_raw(samples)]
        return np.bincount(draws, minlength=samples).astype(np.float64)


@by_name
@dataclass(frozen=True)
class KFold:
    """Leave out fold ``k % folds`` in restart k: the samples i with ``i % folds == k % folds``.

    Parameters
    ----------
    folds : int, default 5
        At least 2.

    Raises
    ------
    TypeError, ValueError
        If `folds` is not an integer of at least 2.
    """

    folds: int = 5

    code = FOLDS

    def __post_init__(self) -> None:
        object.__setattr__(self, "folds", integer("folds", self.folds, 2))

    @property
    def number(self) -> int:
        """The number that the kernel needs."""
        return self.folds

    def left_out(self, k: int, samples: int) -> np.ndarray:
        """Mask (samples,) of the samples that restart k leaves out."""
        return np.arange(samples) % self.folds == k % self.folds

    def numpy_weights(self, seed: int, k: int, samples: int) -> np.ndarray:
        """The weights (samples,) of restart k."""
        return (~self.left_out(k, samples)).astype(np.float64)


Weighting = np.ndarray | Bootstrap | KFold | None


def make_weighting(weights: Any, samples: int, restarts: int, dtype: np.dtype) -> Weighting:
    """Convert `weights` to a function of k, or to finite numbers from 0, ``(1 or restarts, n)``."""
    if weights is None or isinstance(weights, Bootstrap | KFold):
        return weights
    array = real_array("sample_weight", weights, dtype)
    if array.shape not in ((samples,), (restarts, samples)):
        raise ValueError(
            f"sample_weight: expected shape ({samples},) or ({restarts}, {samples}), Bootstrap() "
            f"or KFold(…), got shape {array.shape}"
        )
    if (array < 0).any():
        raise ValueError(f"sample_weight: expected numbers >= 0, got {float(array.min())}")
    return array.reshape(-1, samples)


def check_any_weight(weighting: Weighting, samples: int, first: int, restarts: int) -> None:
    """Raise ValueError if a restart has nothing to train on, since all its weights are 0."""
    if isinstance(weighting, KFold):
        next_empty = -(-first // weighting.folds) * weighting.folds
        if samples == 1 and next_empty < first + restarts:
            raise ValueError(
                f"sample_weight: expected at least 2 samples with {weighting!r}, which leaves out "
                "the only one in some restarts, got 1"
            )
    elif isinstance(weighting, np.ndarray):
        empty_rows = np.flatnonzero(~(weighting > 0).any(axis=1))
        if len(empty_rows):
            where = f" in row {empty_rows[0]}" if len(weighting) > 1 else ""
            raise ValueError(
                f"sample_weight: expected a number > 0{where}, got only zeros, with which there is "
                "nothing to train on"
            )
