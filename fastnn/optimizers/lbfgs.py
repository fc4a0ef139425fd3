"""L-BFGS: Newton-like directions from the last steps, and a line search along them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..checks import integer
from ..frame import (
    GRADIENT,
    HYPER,
    LOSSES,
    N_PARAMETERS,
    OPTION,
    PARAMETERS,
    SCRATCH,
    STATE,
    STRIPS,
    VERDICTS,
)
from ..lanes.buffers import in_lanes
from ..lanes.compiling import glue
from ..lanes.operations import any_lane, fma, like, select, sqrt
from ..lanes.pieces import piece
from ..status import Status
from .common import BELOW_ONE, TINY, Optimizer, Setup, watch_accepted

if TYPE_CHECKING:
    from ..network import Network

STALLED = float(Status.STALLED)
# Numbers that each restart remembers beside vectors: step, slope, loss, four flags and counts.
STEP, SLOPE, LOSS, TRIED, RENEWS, TRIALS, PAIRS = range(7)
SHRINK, GROW = 0.5, 2.1


@dataclass(frozen=True, eq=False)
class LBFGS(Optimizer):
    """L-BFGS with a backtracking search for the Wolfe conditions.  Full batches only.

    Along a direction d from the accepted parameters w, the step a begins with 1 (with
    ``min(1, 1 / norm(gradient))`` where nothing is remembered).  It is halved while
    ``loss(w + a d) > loss(w) + c1 a slope``, and taken times 2.1 while the slope at its end is
    below ``c2 slope``; otherwise the trial is accepted.  Each trial is an epoch.  After `trials`
    of them in vain the last is accepted if it is lower at all; if not, all is forgotten, and a
    restart that had nothing to forget has ``STALLED``.

    Parameters
    ----------
    memory : int, default 10
        How many steps are remembered, from 1 to 100.
    c1, c2 : float or (restarts,) array of float, default 1e-4 and 0.9
        Of the two conditions: sufficient decrease and curvature, ``0 < c1 < c2 < 1``.
    trials : int, default 20
        The most in one direction, at least 1.

    Raises
    ------
    TypeError, ValueError
        If an argument is not of its kind.

    References
    ----------
    J. Nocedal, "Updating quasi-Newton matrices with limited storage", Mathematics of Computation 35
    (1980) 773–782; J. Nocedal and S. J. Wright, "Numerical optimization", second edition (2006),
    algorithm 7.4 and equations 3.6.
    """

    memory: int = 10
    c1: ArrayLike = 1e-4
    c2: ArrayLike = 0.9
    trials: int = 20

    def __post_init__(self) -> None:
        object.__setattr__(self, "memory", integer("memory", self.memory, 1, 100))
        object.__setattr__(self, "trials", integer("trials", self.trials, 1, 10**6))
        self.check_numbers(c1=(TINY, BELOW_ONE), c2=(TINY, BELOW_ONE))
        self.check_order("c1", "c2", strict=True)

    def setup(self, net: Network, samples: int) -> Setup:
        """What the engine needs to know, for the network `net` and so many samples."""
        p, m = net.n_parameters, self.memory
        return Setup(
            {"c1": self.c1, "c2": self.c2, "trials": float(self.trials)},
            lbfgs_update,
            # Accepted parameters, gradient, direction; steps, changes of gradient; 1 / products.
            slots=(((3 + 2 * m) * p + m, 0.0), (4, 0.0), (1, 1.0), (2, 0.0)),
            observe=lbfgs_observe,
            option=m,
            scratch=p + m,
            full_batch=True,
        )

    def numpy_search(
        self, problem: Any, parameters: np.ndarray, numbers: dict[str, float]
    ) -> Iterator[Any]:
        """The textbook's search in NumPy."""
        pairs: list[tuple[np.ndarray, np.ndarray]] = []
        w = parameters
        loss, gradients = problem.loss_and_gradients(w)
        g = problem.flat(gradients)
        yield w, loss, g, None
        while True:
            d = -_apply_inverse(pairs, g)
            if not g @ d < 0:
                d = -g
            slope = g @ d
            step = 1.0 if pairs else min(1.0, 1 / math.sqrt(max(g @ g, 1e-300)))
            for trial in range(1, self.trials + 1):
                to = w + step * d
                value, gradients = problem.loss_and_gradients(to)
                new = problem.flat(gradients)
                falls = value <= loss + numbers["c1"] * step * slope
                flat = new @ d >= numbers["c2"] * slope
                if (falls and flat) or (trial == self.trials and value < loss):
                    s, y = to - w, new - g
                    if s @ y > 0:
                        pairs = [(s, y), *pairs][: self.memory]
                    w, loss, g = to, value, new
                    yield w, loss, g, None
                    break
                step *= GROW if falls else SHRINK
                stalls = trial == self.trials and not pairs
                if trial == self.trials:
                    pairs = []
                yield w, loss, g, Status.STALLED if stalls else None


def _apply_inverse(pairs: list[tuple[np.ndarray, np.ndarray]], g: np.ndarray) -> np.ndarray:
    """The approximate inverse Hessian times g, by the two loops; the newest pair comes first."""
    q, shares = g, []
    for s, y in pairs:
        shares.append((s @ q) / (s @ y))
        q = q - shares[-1] * y
    if pairs:
        s, y = pairs[0]
        q = q * ((s @ y) / (y @ y))
    for (s, y), share in zip(reversed(pairs), reversed(shares), strict=True):
        q = q + (share - (y @ q) / (s @ y)) * s
    return q


@glue
def _memory(frame, work):
    """The parts of a restart's memory, and the scalars' place."""
    strips, p, m = frame[STRIPS], frame[N_PARAMETERS], frame[OPTION]
    w = work + frame[STATE] * strips
    g, d = w + p * strips, w + 2 * p * strips
    steps, changes = w + 3 * p * strips, w + (3 + m) * p * strips
    inverses = w + (3 + 2 * m) * p * strips
    return strips, p, m, w, g, d, steps, changes, inverses, inverses + m * strips


@glue
def _dot(strips, s, count, a, b):
    """The inner product of two vectors in strip s."""
    total = like(a[s], 0.0)
    for i in range(s, s + count * strips, strips):
        total = fma(a[i], b[i], total)
    return total


@piece
def lbfgs_observe(digest, width):
    """Whether the trial is accepted; if so it is remembered."""

    def observe(frame, space):
        digest  # noqa: B018  closed over, so that the cache's key changes with the sources
        work = in_lanes(space, width)
        strips, p, m, w, g, d, steps, changes, inverses, scalars = _memory(frame, work)
        parameters, gradient = work + frame[PARAMETERS] * strips, work + frame[GRADIENT] * strips
        losses, verdicts = work + frame[LOSSES] * strips, work + frame[VERDICTS] * strips
        hyper = work + frame[HYPER] * strips
        for s in range(strips):
            value = losses[s]
            zero, one = like(value, 0.0), like(value, 1.0)
            step, slope = scalars[STEP * strips + s], scalars[SLOPE * strips + s]
            loss, pairs = scalars[LOSS * strips + s], scalars[PAIRS * strips + s]
            trials = scalars[TRIALS * strips + s] + one
            fresh = scalars[TRIED * strips + s] == zero
            end = _dot(strips, s, p, gradient, d)
            falls = value <= fma(hyper[s] * step, slope, loss)
            flat = end >= hyper[strips + s] * slope
            last = trials >= hyper[2 * strips + s]
            tried = scalars[TRIED * strips + s] > zero
            accepted = ((falls & flat) | (last & (value < loss))) & tried
            failed = last & tried & (accepted ^ (one == one))
            product = zero
            for i in range(s, s + p * strips, strips):
                product = fma(parameters[i] - w[i], gradient[i] - g[i], product)
            push = accepted & (product > zero)
            filled = 0  # how many pairs some lane remembers
            while filled < m and any_lane(inverses[filled * strips + s] > zero):
                filled += 1
            for k in range(min(filled, m - 1), 0, -1):
                older = inverses[k * strips + s]
                newer = select(push, inverses[(k - 1) * strips + s], older)
                inverses[k * strips + s] = select(failed, zero, newer)
                for i in range(s, s + p * strips, strips):
                    to, of = k * p * strips + i, (k - 1) * p * strips + i
                    steps[to] = select(push, steps[of], steps[to])
                    changes[to] = select(push, changes[of], changes[to])
            newest = select(push, one / product, inverses[s])
            inverses[s] = select(failed, zero, newest)
            moves = accepted | fresh
            watch_accepted(frame, work, s, moves)
            for i in range(s, s + p * strips, strips):
                steps[i] = select(push, parameters[i] - w[i], steps[i])
                changes[i] = select(push, gradient[i] - g[i], changes[i])
                w[i], g[i] = select(moves, parameters[i], w[i]), select(moves, gradient[i], g[i])
                parameters[i], gradient[i] = w[i], g[i]
            losses[s] = select(moves, value, loss)
            scalars[LOSS * strips + s] = losses[s]
            stalls = failed & (pairs == zero)
            verdicts[s] = select(stalls, like(zero, STALLED), zero)
            grown = step * select(falls, like(zero, GROW), like(zero, SHRINK))
            scalars[STEP * strips + s] = select(fresh, step, grown)
            renews = accepted | failed
            was = scalars[RENEWS * strips + s]
            scalars[RENEWS * strips + s] = select(renews, one, select(fresh, was, zero))
            was = scalars[TRIALS * strips + s]
            scalars[TRIALS * strips + s] = select(renews, zero, select(fresh, was, trials))
            pairs = select(push, pairs + one, pairs)
            scalars[PAIRS * strips + s] = select(failed, zero, pairs)
            scalars[TRIED * strips + s] = zero
        return 0

    return observe


@piece
def lbfgs_update(digest, width):
    """The next trial, in a new direction where the last one was accepted or given up."""

    def update(frame, space):
        digest  # noqa: B018
        work = in_lanes(space, width)
        strips, p, m, w, g, d, steps, changes, inverses, scalars = _memory(frame, work)
        parameters, q = work + frame[PARAMETERS] * strips, work + frame[SCRATCH] * strips
        shares = q + p * strips
        for s in range(strips):
            zero, one = like(w[s], 0.0), like(w[s], 1.0)
            for i in range(s, s + p * strips, strips):
                q[i] = g[i]
            filled = 0
            while filled < m and any_lane(inverses[filled * strips + s] > zero):
                filled += 1
            for k in range(filled):
                first = k * p * strips
                share = inverses[k * strips + s] * _dot(strips, s, p, steps + first, q)
                shares[k * strips + s] = share
                for i in range(s, s + p * strips, strips):
                    q[i] = fma(-share, changes[first + i], q[i])
            remembers = inverses[s] > zero
            size = _dot(strips, s, p, changes, changes)
            scale = select(remembers, one / (inverses[s] * size), one)
            for i in range(s, s + p * strips, strips):
                q[i] = q[i] * scale
            for k in range(filled - 1, -1, -1):
                first = k * p * strips
                rest = inverses[k * strips + s] * _dot(strips, s, p, changes + first, q)
                rest = shares[k * strips + s] - rest
                for i in range(s, s + p * strips, strips):
                    q[i] = fma(rest, steps[first + i], q[i])
            down = -_dot(strips, s, p, g, q)
            squares = _dot(strips, s, p, g, g)
            descends = down < zero
            slope = select(descends, down, -squares)
            norm = sqrt(squares)
            begin = select(remembers | (norm < one), one, one / norm)
            renews = scalars[RENEWS * strips + s] > zero
            step = select(renews, begin, scalars[STEP * strips + s])
            scalars[STEP * strips + s] = step
            scalars[SLOPE * strips + s] = select(renews, slope, scalars[SLOPE * strips + s])
            for i in range(s, s + p * strips, strips):
                d[i] = select(renews, select(descends, -q[i], -g[i]), d[i])
                parameters[i] = fma(step, d[i], w[i])
            scalars[RENEWS * strips + s], scalars[TRIED * strips + s] = zero, one
        return 0

    return update
