"""Levenberg–Marquardt: each network accepts or rejects its trial and solves its own system.

The residuals r and their Jacobian J include the roots of the samples' factors.  With fewer
residuals than parameters, a step solves the dual form, ``(J Jᵀ + damping I) x = r``,
``step = Jᵀ x``; otherwise the primal form, ``(Jᵀ J + damping I) step = Jᵀ r``.  The dual form keeps
J: rows of networks that reject their trial are not overwritten.  The primal form sums over tiles of
samples, and keeps the system of the accepted parameters.
"""

import numpy as np

from ..jit.compiling import inlined, once
from ..lanes.buffers import load_shared
from ..lanes.elementwise import formula_at
from ..lanes.matrices import sized
from ..lanes.operations import fma, like, magnitude, select
from ..spec.loss_formulas import SQUARES
from ..spec.status import Status
from . import levenberg_marquardt_memory as memory
from .errors import watch_accepted
from .forward_backward import forward_pass, samples_of
from .jacobian import SAMPLES_AT_ONCE, always, jacobian_pass, square_roots_of
from .levenberg_marquardt_memory import column
from .linear_solve import damped_solve, normal_products
from .losses import numbers_of_loss
from .matmul_tile import ITSELF, ZERO
from .own_rows import counter_of, without_tail
from .pieces import Piece, piece_for
from .strips import by_strips
from .views import call, outputs

STALLED, SMALL_GRADIENT = float(Status.STALLED), float(Status.GRADIENT)
# The rows of the hyperparameters, and of the state.
INCREASE, DECREASE, MIN_DAMPING, MAX_DAMPING, GRADIENT_TOLERANCE, STEP_TOLERANCE = range(6)
DAMPING, TRIED, SHORT = range(3)
FIRST = np.int64(0)


@inlined
def where_accepted(net, s, new, old):
    """The new number in lanes of strip s that accept the trial, the old one in others."""
    return select(memory.answers(net)[0, s] > net.losses.zero, new, old)


@inlined
def keep_accepted(net, count, trial, accepted):
    """Keep the trial's numbers in accepted lanes; restore the previous ones in rejected lanes."""
    for m in range(count):
        for s in range(net.strips):
            value = where_accepted(net, s, trial[m, s], accepted[m, s])
            trial[m, s] = accepted[m, s] = value


@inlined
def weighted_errors(A, Y, H, roots, r, loss):
    """Compute the residuals ``roots (A - Y)``, and the loss plus their squares."""
    for n in range(A.rows):
        for j in range(A.columns):
            error = roots[n, 0] * (A[n, j] - Y[n, j])
            loss = fma(error, error, loss)
            r[n, j] = error
    return loss


def weighted_residuals(residual):
    """Make the same for residuals that are a formula of outputs, targets and numbers."""

    @inlined
    def residuals(A, Y, H, roots, r, loss):
        for n in range(A.rows):
            for j in range(A.columns):
                error = roots[n, 0] * residual(A, Y, H, n, j)
                loss = fma(error, error, loss)
                r[n, j] = error
        return loss

    return residuals


def outputs_of_samples(kind):
    """The outputs of a tile, for the rules to see: a function of (net, first, count)."""
    forward, tile_of = forward_pass(kind), samples_of(kind)

    @inlined
    def outputs_of(net, first, count):
        X, _ = tile_of(net, first, count)
        net.tile_first, net.tile_count = first, count
        forward(net, X)
        if net.monitor != 0:
            call(net, net.monitor)

    return outputs_of


def residuals_of_tile(kind, formula):
    """Make a function for the residuals r of a tile, which adds their squares to the losses."""
    errors, square_roots = weighted_errors, square_roots_of(kind)
    if formula is not SQUARES:
        errors = weighted_residuals(formula_at(formula.residual[0], 1, formula.numbers))

    @inlined
    def add_residuals(net, first, Y, roots, r):
        A, R = outputs(net, net.depth - 1, Y.rows), sized(r, Y.rows, Y.columns)
        square_roots(net, first, Y.rows, roots)
        roots, H = column(roots, Y.rows), numbers_of_loss(net)
        for s in range(net.strips):
            losses = net.losses
            losses[0, s] = errors(A[s], Y[s], H[s], roots[s], R[s], losses[0, s])

    return add_residuals


@inlined
def begin_losses(net):
    """Set the losses to 0."""
    for s in range(net.strips):
        net.losses[0, s] = net.losses.zero


@inlined
def decide(net):
    """Decide which trials are accepted, update the damping, and check whether it is too large."""
    zero, one = net.losses.zero, like(net.losses.zero, 1.0)
    hyper, state, best = net.hyper, net.state, memory.accepted_losses(net)
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
        memory.answers(net)[0, s] = select(better, one, zero)
        net.losses[0, s] = best[0, s] = select(better, loss, best[0, s])
        watch_accepted(net, s, better)


@inlined
def judge_gradient(net):
    """Check in which lanes the gradient, twice ``Jᵀ r``, is small enough to end."""
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
    """``parameters -= step``, stored as the gradient, and a check whether it was too short."""
    zero, one = net.losses.zero, like(net.losses.zero, 1.0)
    for s in range(net.strips):
        squares, length, tolerance = zero, zero, net.hyper[STEP_TOLERANCE, s]
        for m in range(net.n_parameters):
            change, w = net.gradient[m, s], net.parameters[m, s]
            squares, length = fma(change, change, squares), fma(w, w, length)
            net.parameters[m, s] = w - change
        short = (tolerance > zero) & (squares <= tolerance * tolerance * length)
        net.state[TRIED, s], net.state[SHORT, s] = one, select(short, one, zero)


def dual_pass(kind, formula):
    """The pass at the trial parameters, and ``J Jᵀ`` at accepted ones."""
    outputs_of, add_residuals = outputs_of_samples(kind), residuals_of_tile(kind, formula)
    jacobian = jacobian_pass(kind, where_accepted, formula)
    gram, projection = normal_products(kind)
    tile_of, count_samples = samples_of(kind), counter_of(kind)

    @inlined
    def build(net):
        X, Y = tile_of(net, FIRST, net.samples)
        p, q = net.n_parameters, memory.n_residuals(net)
        J, r = sized(memory.jacobian_of(net), q, p), memory.residuals_of(net)
        begin_losses(net)
        add_residuals(net, FIRST, Y, memory.roots_of(net), memory.trial_residuals(net))
        decide(net)
        keep_accepted(net, q, memory.trial_residuals(net), r)
        jacobian(net, X, Y, memory.roots_of(net), memory.jacobian_of(net))
        keep_accepted(net, p, net.parameters, memory.accepted_parameters(net))
        gram(net, J, memory.system_of(net), ZERO)
        if net.judge != 0 or net.option != 0:
            projection(net, J.T, column(r, q), column(net.gradient, p), ZERO)
            judge_gradient(net)

    build_by_strips = by_strips(kind, build)

    @inlined
    def compute(net):
        net.pass_samples = net.samples
        count_samples(net, FIRST, net.samples)
        outputs_of(net, FIRST, net.samples)
        build_by_strips(net)

    return compute


@piece_for
def dual_compute(kind):
    """The pass for squared errors."""
    return dual_pass(kind, SQUARES)


@once
def dual_compute_of(formula):
    """Make the pass for the squares of other residuals."""
    name = f"dual_compute_of_{formula.name}"
    return Piece(name, lambda kind: dual_pass(kind, formula), kept=False)


@piece_for
def dual_update(kind):
    """The next trial, a damped step from the accepted parameters: ``Jᵀ (J Jᵀ + damping I)⁻¹ r``."""
    solve, (_, projection) = damped_solve(kind), normal_products(kind)

    @inlined
    def update(net):
        p, q = net.n_parameters, memory.n_residuals(net)
        J, S = sized(memory.jacobian_of(net), q, p), memory.system_of(net)
        r, x = column(memory.residuals_of(net), q), column(memory.solution_of(net), q)
        solve(net, S, net.state + DAMPING, S, column(memory.pivots_of(net), q), r, x)
        projection(net, J.T, x, column(net.gradient, p), ZERO)
        take_step(net)

    return by_strips(kind, update)


def length_before_tail_of(kind):
    """The number of a tile's samples that all networks have: a function of (net, count)."""

    @inlined
    def all_samples(net, count):
        return count

    @inlined
    def common_samples(net, count):
        shortest = count
        for s in range(net.strips):
            shortest = min(shortest, without_tail(net, s) - net.tile_first)
        return max(shortest, FIRST)

    return common_samples if kind.own_data else all_samples


@inlined
def add_row(net, s, inside, J, r, S, g):
    """``S += J.T @ J`` and ``g += J.T @ r`` for one row, in the lanes that are `inside`."""
    for i in range(J.columns):
        for j in range(i + 1):
            S[i, j] = select(inside, fma(J[0, i], J[0, j], S[i, j]), S[i, j])
        g[i, 0] = select(inside, fma(J[0, i], r[0, 0], g[i, 0]), g[i, 0])


def tail_sums_of(kind):
    """The rest of the sums, over samples that not all networks have: (net, Y, S, g)."""
    before_tail = length_before_tail_of(kind)

    @inlined
    def nothing(net, Y, S, g):
        pass

    @inlined
    def add_tail(net, Y, S, g):
        J = sized(memory.tile_jacobian(net), Y.rows * Y.columns, net.n_parameters)
        r = column(memory.tile_residuals(net), Y.rows * Y.columns)
        for n in range(before_tail(net, Y.rows), Y.rows):
            for s in range(net.strips):
                rows = net.lane_rows[0, s]
                inside = like(rows, net.tile_first + n) < rows
                for m in range(n * Y.columns, (n + 1) * Y.columns):
                    add_row(net, s, inside, (J + m)[s], (r + m)[s], S[s], g[s])

    return add_tail if kind.own_data else nothing


def tile_sums(kind, formula):
    """A tile's share of ``Jᵀ J`` and ``Jᵀ r`` at the trial: a function of (net, first, count)."""
    jacobian, (gram, projection) = jacobian_pass(kind, always, formula), normal_products(kind)
    tile_of, before_tail = samples_of(kind), length_before_tail_of(kind)
    add_residuals, add_tail = residuals_of_tile(kind, formula), tail_sums_of(kind)

    @inlined
    def add_tile(net, first, count):
        X, Y = tile_of(net, first, count)
        add_residuals(net, first, Y, memory.tile_roots(net), memory.tile_residuals(net))
        jacobian(net, X, Y, memory.tile_roots(net), memory.tile_jacobian(net))
        p, rows = net.n_parameters, before_tail(net, Y.rows) * Y.columns
        J, r = (
            sized(memory.tile_jacobian(net), rows, p),
            column(memory.tile_residuals(net), rows),
        )
        S, g = sized(memory.trial_system(net), p, p), column(memory.trial_side(net), p)
        begin = ZERO if first == 0 else ITSELF
        if rows > 0:
            gram(net, J.T, S, begin)
            projection(net, J.T, r, g, begin)
        add_tail(net, Y, S, g)

    return by_strips(kind, add_tile)


def primal_pass(kind, formula):
    """The pass at the trial parameters, ``Jᵀ J`` and ``Jᵀ r``, kept where accepted."""
    outputs_of, add_tile = outputs_of_samples(kind), tile_sums(kind, formula)
    count_samples = counter_of(kind)

    @inlined
    def settle(net):
        p = net.n_parameters
        decide(net)
        keep_accepted(net, p, net.parameters, memory.accepted_parameters(net))
        keep_accepted(net, p, memory.trial_side(net), memory.accepted_side(net))
        keep_accepted(net, p * p, memory.trial_system(net), memory.accepted_system(net))
        for m in range(p):
            for s in range(net.strips):
                net.gradient[m, s] = memory.trial_side(net)[m, s]
        judge_gradient(net)

    settle_by_strips = by_strips(kind, settle)

    @inlined
    def compute(net):
        tile = min(min(net.tile, SAMPLES_AT_ONCE), net.samples)
        net.pass_samples = net.samples
        count_samples(net, FIRST, net.samples)
        begin_losses(net)
        first = 0
        while first < net.samples and load_shared(net.stop) == 0:
            count = min(tile, net.samples - first)
            outputs_of(net, first, count)
            add_tile(net, first, count)
            first += tile
        settle_by_strips(net)

    return compute


@piece_for
def primal_compute(kind):
    """The pass for squared errors."""
    return primal_pass(kind, SQUARES)


@once
def primal_compute_of(formula):
    """Make the pass for the squares of other residuals."""
    name = f"primal_compute_of_{formula.name}"
    return Piece(name, lambda kind: primal_pass(kind, formula), kept=False)


@piece_for
def primal_update(kind):
    """The next trial, a damped step from the accepted parameters: ``(Jᵀ J + damping I)⁻¹ Jᵀ r``."""
    solve = damped_solve(kind)

    @inlined
    def update(net):
        p = net.n_parameters
        S, F = sized(memory.trial_system(net), p, p), memory.factors_of_primal(net)
        inverse, step = (
            column(memory.pivots_of_primal(net), p),
            column(net.gradient, p),
        )
        solve(net, S, net.state + DAMPING, F, inverse, column(memory.trial_side(net), p), step)
        take_step(net)

    return by_strips(kind, update)
