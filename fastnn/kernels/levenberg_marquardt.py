"""Levenberg–Marquardt: each network accepts or rejects its trial and solves its own system.

With residuals r and their Jacobian J, times the roots of the samples' factors, a step solves
``(J Jᵀ + damping I) x = r``, ``step = Jᵀ x`` where there are fewer residuals than parameters, the
dual form, and else ``(Jᵀ J + damping I) step = Jᵀ r``.  The dual form keeps J: rows of networks
that reject their trial are not overwritten.  The other sums over tiles of samples, and keeps the
system of the accepted parameters.
"""

import numpy as np

from ..lanes.buffers import load_shared
from ..lanes.compiling import inlined
from ..lanes.matrices import sized
from ..lanes.operations import fma, like, magnitude, select
from ..network import Network
from ..status import Status
from .forward_backward import forward_pass, shared_samples
from .jacobian import SAMPLES_AT_ONCE, always, jacobian_pass, n_outputs, square_roots
from .linear_solve import damped_solve, normal_products
from .matmul_tile import ITSELF, ZERO
from .pieces import piece_for
from .stopping import watch_accepted
from .strips import by_strips
from .views import call, outputs

STALLED, SMALL_GRADIENT = float(Status.STALLED), float(Status.GRADIENT)
# The rows of the hyperparameters, and of the state.
INCREASE, DECREASE, MIN_DAMPING, MAX_DAMPING, GRADIENT_TOLERANCE, STEP_TOLERANCE = range(6)
DAMPING, TRIED, SHORT = range(3)
FIRST = np.int64(0)


def is_dual(net: Network, samples: int) -> bool:
    """Whether there are fewer residuals than parameters."""
    return samples * net.sizes[-1] < net.n_parameters


def scratch_numbers(net: Network, samples: int) -> int:
    """How many numbers of scratch memory each network needs."""
    residuals, p = samples * net.sizes[-1], net.n_parameters
    if is_dual(net, samples):
        return 2 + p + 5 * residuals + residuals * residuals + residuals * p
    rows = min(samples, SAMPLES_AT_ONCE) * net.sizes[-1]
    return 2 + 4 * p + 3 * p * p + rows * (p + 2)


@inlined
def column(region, rows):
    """So many elements of a region as a column."""
    return sized(region, rows, 1)


# The scratch memory of both forms: the accepted parameters, their loss, and whether the trial at
# hand is accepted.


@inlined
def accepted_parameters(net):
    """The parameters from which trials go."""
    return net.scratch


@inlined
def accepted_losses(net):
    """Their loss."""
    return net.scratch + net.n_parameters


@inlined
def answers(net):
    """1 where the trial is accepted, else 0."""
    return net.scratch + (net.n_parameters + 1)


@inlined
def memory_of_form(net):
    """Where the memory of either form begins."""
    return net.scratch + (net.n_parameters + 2)


@inlined
def where_accepted(net, s, new, old):
    """The new number in lanes of strip s that accept the trial, the old one in others."""
    return select(answers(net)[0, s] > net.losses.zero, new, old)


@inlined
def keep_accepted(net, count, trial, accepted):
    """What is of accepted trials is kept; of rejected ones it gives way to what was."""
    for m in range(count):
        for s in range(net.strips):
            value = where_accepted(net, s, trial[m, s], accepted[m, s])
            trial[m, s] = accepted[m, s] = value


@inlined
def weighted_errors(A, Y, roots, r, loss):
    """The residuals ``roots (A - Y)``, and the loss, to which their squares are added."""
    for n in range(A.rows):
        for j in range(A.columns):
            error = roots[n, 0] * (A[n, j] - Y[n, j])
            loss = fma(error, error, loss)
            r[n, j] = error
    return loss


def outputs_of_samples(kind):
    """The outputs of a tile, at which rules may look: a function of (net, first, count)."""
    forward = forward_pass(kind)

    @inlined
    def outputs_of(net, first, count):
        X, Y = shared_samples(net, first, count)
        forward(net, X)
        if net.monitor != 0:
            net.tile_first, net.tile_count = first, count
            call(net, net.monitor)
        return X, Y

    return outputs_of


@inlined
def add_residuals(net, first, Y, roots, r):
    """The residuals r of a tile from its outputs; their squares are added to the losses."""
    A, R = outputs(net, net.depth - 1, Y.rows), sized(r, Y.rows, Y.columns)
    square_roots(net, first, Y.rows, roots)
    roots = column(roots, Y.rows)
    for s in range(net.strips):
        net.losses[0, s] = weighted_errors(A[s], Y[s], roots[s], R[s], net.losses[0, s])


@inlined
def begin_losses(net):
    """The losses begin from 0."""
    for s in range(net.strips):
        net.losses[0, s] = net.losses.zero


@inlined
def decide(net):
    """Which trials are accepted; the damping, and whether it is too large."""
    zero, one = net.losses.zero, like(net.losses.zero, 1.0)
    hyper, state, best = net.hyper, net.state, accepted_losses(net)
    for s in range(net.strips):
        damping, loss = state[DAMPING, s], net.losses[0, s]
        fresh = state[TRIED, s] == zero
        better = fresh | (loss < best[0, s])
        lower = damping * hyper[DECREASE, s]
        lower = select(lower < hyper[MIN_DAMPING, s], hyper[MIN_DAMPING, s], lower)
        changed = select(better, lower, damping * hyper[INCREASE, s])
        damping = select(fresh, damping, changed)
        stalled = (damping > hyper[MAX_DAMPING, s]) | (state[SHORT, s] > zero)
        net.verdicts[0, s] = select(stalled, like(zero, STALLED), zero)
        state[DAMPING, s], state[TRIED, s], state[SHORT, s] = damping, zero, zero
        answers(net)[0, s] = select(better, one, zero)
        net.losses[0, s] = best[0, s] = select(better, loss, best[0, s])
        watch_accepted(net, s, better)


@inlined
def judge_gradient(net):
    """The gradient, twice ``Jᵀ r``, and in which lanes it is small enough to end."""
    zero, g = net.losses.zero, net.gradient
    for s in range(net.strips):
        largest, tolerance = zero, net.hyper[GRADIENT_TOLERANCE, s]
        for m in range(net.n_parameters):
            g[m, s] = g[m, s] + g[m, s]
            size = magnitude(g[m, s])
            largest = select(size < largest, largest, size)
        flat = (largest <= tolerance) & (tolerance > zero)
        net.verdicts[0, s] = select(flat, like(zero, SMALL_GRADIENT), net.verdicts[0, s])


@inlined
def take_step(net):
    """``parameters -= step``, which lies where the gradient does, and whether it was too short."""
    zero, one = net.losses.zero, like(net.losses.zero, 1.0)
    for s in range(net.strips):
        squares, length, tolerance = zero, zero, net.hyper[STEP_TOLERANCE, s]
        for m in range(net.n_parameters):
            change, w = net.gradient[m, s], net.parameters[m, s]
            squares, length = fma(change, change, squares), fma(w, w, length)
            net.parameters[m, s] = w - change
        short = (tolerance > zero) & (squares <= tolerance * tolerance * length)
        net.state[TRIED, s], net.state[SHORT, s] = one, select(short, one, zero)


# The scratch memory of the dual form, for q residuals.


@inlined
def n_residuals(net):
    """How many residuals there are."""
    return net.samples * n_outputs(net)


@inlined
def trial_residuals(net):
    """The residuals r (q) of the trial."""
    return memory_of_form(net)


@inlined
def residuals_of(net):
    """Those of the accepted parameters."""
    return memory_of_form(net) + n_residuals(net)


@inlined
def roots_of(net):
    """The roots of the samples' factors, at most q."""
    return memory_of_form(net) + 2 * n_residuals(net)


@inlined
def solution_of(net):
    """The solution x (q)."""
    return memory_of_form(net) + 3 * n_residuals(net)


@inlined
def pivots_of(net):
    """The inverse pivots (q) of the system."""
    return memory_of_form(net) + 4 * n_residuals(net)


@inlined
def system_of(net):
    """``J Jᵀ`` (q, q), and its factors."""
    q = n_residuals(net)
    return sized(memory_of_form(net) + 5 * q, q, q)


@inlined
def jacobian_of(net):
    """The rows of J (q, p) at the accepted parameters, one after the other."""
    q = n_residuals(net)
    return memory_of_form(net) + (5 * q + q * q)


@piece_for
def dual_compute(kind):
    """The pass at the trial parameters, and where they are accepted ``J Jᵀ`` of them."""
    outputs_of, jacobian = outputs_of_samples(kind), jacobian_pass(kind, where_accepted)
    gram, projection = normal_products(kind)

    @inlined
    def build(net, X, Y):
        p, q = net.n_parameters, n_residuals(net)
        J, r = sized(jacobian_of(net), q, p), residuals_of(net)
        begin_losses(net)
        add_residuals(net, FIRST, Y, roots_of(net), trial_residuals(net))
        decide(net)
        keep_accepted(net, q, trial_residuals(net), r)
        jacobian(net, X, roots_of(net), jacobian_of(net))
        keep_accepted(net, p, net.parameters, accepted_parameters(net))
        gram(net, J, system_of(net), ZERO)
        if net.judge != 0 or net.option != 0:
            projection(net, J.T, column(r, q), column(net.gradient, p), ZERO)
            judge_gradient(net)

    build_by_strips = by_strips(kind, build)

    @inlined
    def compute(net):
        net.pass_samples = net.samples
        X, Y = outputs_of(net, FIRST, net.samples)
        build_by_strips(net, X, Y)

    return compute


@piece_for
def dual_update(kind):
    """The next trial, a damped step from the accepted parameters: ``Jᵀ (J Jᵀ + damping I)⁻¹ r``."""
    solve, (_, projection) = damped_solve(kind), normal_products(kind)

    @inlined
    def update(net):
        p, q = net.n_parameters, n_residuals(net)
        J, S = sized(jacobian_of(net), q, p), system_of(net)
        r, x = column(residuals_of(net), q), column(solution_of(net), q)
        solve(net, S, net.state + DAMPING, S, column(pivots_of(net), q), r, x)
        projection(net, J.T, x, column(net.gradient, p), ZERO)
        take_step(net)

    return by_strips(kind, update)


# The scratch memory of the primal form, for p parameters.


@inlined
def trial_side(net):
    """``Jᵀ r`` (p) at the trial."""
    return memory_of_form(net)


@inlined
def accepted_side(net):
    """The same at the accepted parameters."""
    return memory_of_form(net) + net.n_parameters


@inlined
def pivots_of_primal(net):
    """The inverse pivots (p) of the system."""
    return memory_of_form(net) + 2 * net.n_parameters


@inlined
def trial_system(net):
    """``Jᵀ J`` (p, p) at the trial, row by row."""
    return memory_of_form(net) + 3 * net.n_parameters


@inlined
def accepted_system(net):
    """The same at the accepted parameters."""
    return trial_system(net) + net.n_parameters * net.n_parameters


@inlined
def factors_of_primal(net):
    """The factors (p, p) of the system."""
    p = net.n_parameters
    return sized(accepted_system(net) + p * p, p, p)


@inlined
def tile_roots(net):
    """The roots of the factors of a tile's samples, at most as many as residuals."""
    return accepted_system(net) + 2 * net.n_parameters * net.n_parameters


@inlined
def tile_residuals(net):
    """The residuals of a tile."""
    return tile_roots(net) + min(net.samples, SAMPLES_AT_ONCE) * n_outputs(net)


@inlined
def tile_jacobian(net):
    """The rows of J for a tile, one after the other."""
    return tile_residuals(net) + min(net.samples, SAMPLES_AT_ONCE) * n_outputs(net)


def tile_sums(kind):
    """A tile's share of ``Jᵀ J`` and ``Jᵀ r`` at the trial: a function of (net, first, X, Y)."""
    jacobian, (gram, projection) = jacobian_pass(kind, always), normal_products(kind)

    @inlined
    def add_tile(net, first, X, Y):
        add_residuals(net, first, Y, tile_roots(net), tile_residuals(net))
        jacobian(net, X, tile_roots(net), tile_jacobian(net))
        p, rows = net.n_parameters, Y.rows * Y.columns
        J, r = sized(tile_jacobian(net), rows, p), column(tile_residuals(net), rows)
        begin = ZERO if first == 0 else ITSELF
        gram(net, J.T, sized(trial_system(net), p, p), begin)
        projection(net, J.T, r, column(trial_side(net), p), begin)

    return by_strips(kind, add_tile)


@piece_for
def primal_compute(kind):
    """The pass at the trial parameters, ``Jᵀ J`` and ``Jᵀ r``, of which accepted ones are kept."""
    outputs_of, add_tile = outputs_of_samples(kind), tile_sums(kind)

    @inlined
    def settle(net):
        p = net.n_parameters
        decide(net)
        keep_accepted(net, p, net.parameters, accepted_parameters(net))
        keep_accepted(net, p, trial_side(net), accepted_side(net))
        keep_accepted(net, p * p, trial_system(net), accepted_system(net))
        for m in range(p):
            for s in range(net.strips):
                net.gradient[m, s] = trial_side(net)[m, s]
        judge_gradient(net)

    settle_by_strips = by_strips(kind, settle)

    @inlined
    def compute(net):
        tile = min(min(net.tile, SAMPLES_AT_ONCE), net.samples)
        net.pass_samples = net.samples
        begin_losses(net)
        first = 0
        while first < net.samples and load_shared(net.stop) == 0:
            X, Y = outputs_of(net, first, min(tile, net.samples - first))
            add_tile(net, first, X, Y)
            first += tile
        settle_by_strips(net)

    return compute


@piece_for
def primal_update(kind):
    """The next trial, a damped step from the accepted parameters: ``(Jᵀ J + damping I)⁻¹ Jᵀ r``."""
    solve = damped_solve(kind)

    @inlined
    def update(net):
        p = net.n_parameters
        S, F = sized(trial_system(net), p, p), factors_of_primal(net)
        inverse, step = column(pivots_of_primal(net), p), column(net.gradient, p)
        solve(net, S, net.state + DAMPING, F, inverse, column(trial_side(net), p), step)
        take_step(net)

    return by_strips(kind, update)
