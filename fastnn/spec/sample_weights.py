"""Weights of samples: given ones, or functions of the index of the restart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..support.checks import by_name, integer, real_array

# Where a restart's weights come from: run-time codes.
GIVEN, BOOTSTRAP, FOLDS = range(3)
# Random numbers of a restart other than its start: the second word of Philox's counter.
BOOTSTRAP_STREAM, SHUFFLE_STREAM = 1, 2


@by_name
@dataclass(frozen=True)
class Bootstrap:
    """Each restart trains on its own resample: n samples drawn with replacement out of n.

    A sample's weight is how often it was drawn.  Draw i of restart k is the upper half of the
    128-bit product of n and number i of the Philox stream of (seed, k) whose counters have 1 as
    their second word.

    B. Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7 (1979)
    1–26.
    """

    code = BOOTSTRAP

    @property
    def number(self) -> int:
        """What the kernel needs to know."""
        return 0

    def numpy_weights(self, seed: int, k: int, samples: int) -> np.ndarray:
        """The weights (samples,) of restart k."""
        stream = np.random.Philox(key=np.array([seed, k], dtype=np.uint64), counter=1 << 64)
        draws = [int(raw) * samples >> 64 for raw in stream.random_raw(samples)]
        return np.bincount(draws, minlength=samples).astype(np.float64)


@by_name
@dataclass(frozen=True)
class KFold:
    """Restart k leaves out fold ``k % folds``: the samples i with ``i % folds == k % folds``.

    Parameters
    ----------
    folds : int, default 5
        At least 2.

    Raises
    ------
    TypeError, ValueError
        If it is not such a number.
    """

    folds: int = 5

    code = FOLDS

    def __post_init__(self) -> None:
        object.__setattr__(self, "folds", integer("folds", self.folds, 2))

    @property
    def number(self) -> int:
        """What the kernel needs to know."""
        return self.folds

    def left_out(self, k: int, samples: int) -> np.ndarray:
        """Which of `samples` samples restart k leaves out, as a mask (samples,)."""
        return np.arange(samples) % self.folds == k % self.folds

    def numpy_weights(self, seed: int, k: int, samples: int) -> np.ndarray:
        """The weights (samples,) of restart k."""
        return (~self.left_out(k, samples)).astype(np.float64)


Weighting = np.ndarray | Bootstrap | KFold | None


def make_weighting(weights: Any, samples: int, restarts: int, dtype: np.dtype) -> Weighting:
    """`weights` as a function of k, or as finite numbers from 0, ``(1 or restarts, n)``."""
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
