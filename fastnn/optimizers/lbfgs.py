"""L-BFGS: quasi-Newton directions from the last steps, and a line search along them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..jit.compiling import inlined
from ..kernels.errors import watch_accepted
from ..kernels.pieces import piece
from ..lanes.operations import any_lane, fma, like, select, sqrt
from ..spec.status import Status
from ..support.checks import by_name, integer
from .common import BELOW_ONE, TINY, Optimizer, Setup

if TYPE_CHECKING:
    from ..spec.network import Network

STALLED = float(Status.STALLED)
# The memory of a restart: the accepted parameters w, their gradient g, and the direction d; pairs
# of a step s and the change y of the gradient in it, the newest first; the inverses of their
# products ``s @ y``, 0 if there is no pair; and these numbers.
STEP, SLOPE, LOSS, TRIED, RENEWS, TRIALS, PAIRS = range(7)
SHRINK, GROW = 0.5, 2.1
# A literal 0 would make Numba compile functions again.
NEWEST = np.int64(0)


@by_name
@dataclass(frozen=True, eq=False)
class LBFGS(Optimizer):
    """L-BFGS with a backtracking line search for the Wolfe conditions.  Full batches only.

    Along a direction d from the accepted parameters w, the step a starts at 1 (at
    ``min(1, 1 / norm(gradient))`` if the memory is empty).  It is halved while
    ``loss(w + a d) > loss(w) + c1 a slope``, and multiplied by 2.1 while the slope at its end is
    below ``c2 slope``; otherwise the trial is accepted.  Each trial is an epoch.  After `trials`
    failed trials the last one is accepted if it lowers the loss at all; if not, the memory is
    cleared, and a restart whose memory was already empty has ``STALLED``.

    Parameters
    ----------
    memory : int, default 10
        Number of steps to remember, from 1 to 100.
    c1, c2 : float or (restarts,) array of float, default 1e-4 and 0.9
        Constants of the two conditions, sufficient decrease and curvature: ``0 < c1 < c2 < 1``.
    trials : int, default 20
        Maximum number of trials in one direction, at least 1.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value.

    References
    ----------
    J. Nocedal, "Updating quasi-Newton matrices with limited storage", Mathematics of Computation 35
    (1980) 773–782; J. Nocedal and S. J. Wright, "Numerical optimization", second edition (2006),
    algorithm 7.4 and equations 3.6.
    """

    memory: int = 10
    _: KW_ONLY
    c1: ArrayLike = 1e-4
    c2: ArrayLike = 0.9
    trials: int = 20

    def __post_init__(self) -> None:
        object.__setattr__(self, "memory", integer("memory", self.memory, 1, 100))
        object.__setattr__(self, "trials", integer("trials", self.trials, 1, 10**6))
        self.check_numbers(c1=(TINY, BELOW_ONE), c2=(TINY, BELOW_ONE))
        self.check_order("c1", "c2", strict=True)

    def setup(self, net: Network, samples: int) -> Setup:
        """Describe the optimizer to the engine, for the network `net` and a number of samples."""
        p, m = net.n_parameters, self.memory
        return Setup(
            {"c1": self.c1, "c2": self.c2, "trials": float(self.trials)},
            lbfgs_update,
            slots=(((3 + 2 * m) * p + m, 0.0), (4, 0.0), (1, 1.0), (2, 0.0)),
            observe=lbfgs_observe,
            option=m,
            scratch=p + m,
            full_batch=True,
        )

    def numpy_search(
        self, problem: Any, parameters: np.ndarray, numbers: dict[str, float]
    ) -> Iterator[Any]:
        """Make the textbook's search in NumPy."""
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
    """Multiply the approximate inverse Hessian by g in two loops; the newest pair is first."""
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


@inlined
def _accepted(net):
    """The accepted parameters, and their gradient."""
    return net.state, net.state + net.n_parameters


@inlined
def _direction(net):
    return net.state + 2 * net.n_parameters


@inlined
def _pair(net, k):
    """Pair k, counted from the newest: the step and the change of the gradient."""
    p = net.n_parameters
    return net.state + (3 + k) * p, net.state + (3 + net.option + k) * p


@inlined
def _inverses(net):
    return net.state + (3 + 2 * net.option) * net.n_parameters


@inlined
def _scalars(net):
    return _inverses(net) + net.option


@inlined
def _dot(net, s, a, b):
    """``a @ b``."""
    total = a.zero
    for i in range(net.n_parameters):
        total = fma(a[i, s], b[i, s], total)
    return total


@inlined
def _filled(net, s):
    """Largest number of pairs that any lane remembers."""
    inverses, filled = _inverses(net), 0
    while filled < net.option and any_lane(inverses[filled, s] > inverses.zero):
        filled += 1
    return filled


@piece
def lbfgs_observe(net):
    """Decide whether the trial is accepted; if so, remember it."""
    for s in range(net.strips):
        falls, accepted, failed = _judge_trial(net, s)
        # The first pass is at the start, which is accepted unconditionally.
        fresh = _scalars(net)[TRIED, s] == net.state.zero
        moves = accepted | fresh
        push = _remember(net, s, accepted, failed)
        watch_accepted(net, s, moves)
        _move(net, s, moves)
        _prepare(net, s, fresh, falls, accepted | failed)
        _count_pairs(net, s, push, failed)


@inlined
def _judge_trial(net, s):
    """Decide whether the loss fell enough, the trial is accepted, and the direction is given up."""
    value, hyper, scalars = net.losses[0, s], net.hyper, _scalars(net)
    step, slope, loss = scalars[STEP, s], scalars[SLOPE, s], scalars[LOSS, s]
    one = like(value, 1.0)
    end = _dot(net, s, net.gradient, _direction(net))
    falls = value <= fma(hyper[0, s] * step, slope, loss)
    flat = end >= hyper[1, s] * slope
    last = scalars[TRIALS, s] + one >= hyper[2, s]
    tried = scalars[TRIED, s] > hyper.zero
    accepted = ((falls & flat) | (last & (value < loss))) & tried
    failed = last & tried & (accepted ^ (one == one))
    return falls, accepted, failed


@inlined
def _remember(net, s, accepted, failed):
    """Put the accepted pair first if ``s @ y > 0``; clear the memory where `failed`."""
    parameters, gradient, inverses = net.parameters, net.gradient, _inverses(net)
    w, g = _accepted(net)
    zero, product = inverses.zero, inverses.zero
    for i in range(net.n_parameters):
        product = fma(parameters[i, s] - w[i, s], gradient[i, s] - g[i, s], product)
    push = accepted & (product > zero)
    for k in range(min(_filled(net, s), net.option - 1), 0, -1):
        newer = select(push, inverses[k - 1, s], inverses[k, s])
        inverses[k, s] = select(failed, zero, newer)
        _shift_pair(net, s, k, push)
    newest = select(push, like(product, 1.0) / product, inverses[0, s])
    inverses[0, s] = select(failed, zero, newest)
    steps, changes = _pair(net, NEWEST)
    for i in range(net.n_parameters):
        steps[i, s] = select(push, parameters[i, s] - w[i, s], steps[i, s])
        changes[i, s] = select(push, gradient[i, s] - g[i, s], changes[i, s])
    return push


@inlined
def _shift_pair(net, s, k, push):
    """Replace pair k by its newer neighbour."""
    steps, changes = _pair(net, k)
    newer_steps, newer_changes = _pair(net, k - 1)
    for i in range(net.n_parameters):
        steps[i, s] = select(push, newer_steps[i, s], steps[i, s])
        changes[i, s] = select(push, newer_changes[i, s], changes[i, s])


@inlined
def _move(net, s, moves):
    """Accept parameters, gradient and loss, or restore the previous ones."""
    parameters, gradient, losses, scalars = net.parameters, net.gradient, net.losses, _scalars(net)
    w, g = _accepted(net)
    for i in range(net.n_parameters):
        w[i, s] = select(moves, parameters[i, s], w[i, s])
        g[i, s] = select(moves, gradient[i, s], g[i, s])
        parameters[i, s], gradient[i, s] = w[i, s], g[i, s]
    losses[0, s] = select(moves, losses[0, s], scalars[LOSS, s])
    scalars[LOSS, s] = losses[0, s]


@inlined
def _prepare(net, s, fresh, falls, renews):
    """Set the length of the next trial, whether its direction is new, and its number."""
    scalars = _scalars(net)
    step, was, trials = scalars[STEP, s], scalars[RENEWS, s], scalars[TRIALS, s]
    zero, one = scalars.zero, like(step, 1.0)
    grown = step * select(falls, like(step, GROW), like(step, SHRINK))
    scalars[STEP, s] = select(fresh, step, grown)
    scalars[RENEWS, s] = select(renews, one, select(fresh, was, zero))
    scalars[TRIALS, s] = select(renews, zero, select(fresh, trials, trials + one))
    scalars[TRIED, s] = zero


@inlined
def _count_pairs(net, s, push, failed):
    """Count the pairs; a restart that gave up without any has stalled."""
    scalars = _scalars(net)
    pairs, zero = scalars[PAIRS, s], scalars.zero
    stalls = failed & (pairs == zero)
    net.verdicts[0, s] = select(stalls, like(pairs, STALLED), zero)
    pairs = select(push, pairs + like(pairs, 1.0), pairs)
    scalars[PAIRS, s] = select(failed, zero, pairs)


@piece
def lbfgs_update(net):
    """Take the next trial, in a new direction where the last one was accepted or given up."""
    for s in range(net.strips):
        _apply_inverse_to_gradient(net, s)
        _turn(net, s)
        _try(net, s)


@inlined
def _apply_inverse_to_gradient(net, s):
    """``q = H @ g`` with the approximate inverse Hessian H of the pairs, by the two loops."""
    _, g = _accepted(net)
    q, shares, inverses = net.scratch, net.scratch + net.n_parameters, _inverses(net)
    for i in range(net.n_parameters):
        q[i, s] = g[i, s]
    filled = _filled(net, s)
    for k in range(filled):
        steps, changes = _pair(net, k)
        share = inverses[k, s] * _dot(net, s, steps, q)
        shares[k, s] = share
        for i in range(net.n_parameters):
            q[i, s] = fma(-share, changes[i, s], q[i, s])
    scale = _first_inverse(net, s)
    for i in range(net.n_parameters):
        q[i, s] = q[i, s] * scale
    for k in range(filled - 1, -1, -1):
        steps, changes = _pair(net, k)
        rest = shares[k, s] - inverses[k, s] * _dot(net, s, changes, q)
        for i in range(net.n_parameters):
            q[i, s] = fma(rest, steps[i, s], q[i, s])


@inlined
def _first_inverse(net, s):
    """The factor between the loops: ``(s @ y) / (y @ y)`` of the newest pair, or 1."""
    _, changes = _pair(net, NEWEST)
    inverse = _inverses(net)[0, s]
    one, squares = like(inverse, 1.0), _dot(net, s, changes, changes)
    return select(inverse > changes.zero, one / (inverse * squares), one)


@inlined
def _turn(net, s):
    """Renew the direction, ``d = -q``, or ``-g`` if q points upwards, with step and slope."""
    (_, g), d, q, scalars = _accepted(net), _direction(net), net.scratch, _scalars(net)
    down, squares = -_dot(net, s, g, q), _dot(net, s, g, g)
    zero, one, norm = g.zero, like(squares, 1.0), sqrt(squares)
    descends = down < zero
    slope = select(descends, down, -squares)
    remembers = _inverses(net)[0, s] > zero
    begin = select(remembers | (norm < one), one, one / norm)
    renews = scalars[RENEWS, s] > zero
    scalars[STEP, s] = select(renews, begin, scalars[STEP, s])
    scalars[SLOPE, s] = select(renews, slope, scalars[SLOPE, s])
    for i in range(net.n_parameters):
        d[i, s] = select(renews, select(descends, -q[i, s], -g[i, s]), d[i, s])
    scalars[RENEWS, s] = zero


@inlined
def _try(net, s):
    """``w + step * d``."""
    (w, _), d, trial, scalars = _accepted(net), _direction(net), net.parameters, _scalars(net)
    step = scalars[STEP, s]
    for i in range(net.n_parameters):
        trial[i, s] = fma(step, d[i, s], w[i, s])
    scalars[TRIED, s] = like(step, 1.0)
