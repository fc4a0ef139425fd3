"""Levenberg–Marquardt in lanes: each lane accepts or rejects its trial and solves its own system.

Scratch memory, in this order: the accepted parameters, their loss, residuals r and system S; the
same of the trial; the factor of the system and the solution.  S is ``J J'`` where there are fewer
residuals than parameters, else ``J' J``, and then ``J' r`` takes the place of r.  Where S is
``J J'`` the Jacobian is kept too.
"""

from ..frame import (
    BEGIN,
    COLUMNS,
    DELTA,
    DEPTH,
    GRADIENT,
    HYPER,
    LANES,
    LAYERS,
    LOSSES,
    MONITOR,
    N_IN,
    N_OUT,
    N_PARAMETERS,
    OTHER,
    OUTPUTS,
    PARAMETERS,
    PASS_SAMPLES,
    SAMPLES,
    SCRATCH,
    STATE,
    STOP,
    STRIPS,
    TILE,
    TILE_COUNT,
    TILE_FIRST,
    VERDICTS,
    X,
    Y,
)
from ..lanes.buffers import in_lanes, lane_count, load_shared
from ..lanes.compiling import glue, kernel
from ..lanes.operations import fma, like, magnitude, select
from ..lanes.pieces import at_address, call_piece, piece
from ..lanes.tiles import ITSELF, ZERO
from ..status import Status
from .jacobian import jacobian_rows, roots
from .passes import forward
from .products import multiply

STALLED, SMALL_GRADIENT = float(Status.STALLED), float(Status.GRADIENT)
# Rows of a Jacobian that is summed up and need not be kept whole.
ROWS_AT_ONCE = 16


def scratch_numbers(net, samples):
    """How many numbers of scratch memory each network needs."""
    residuals, p = samples * net.sizes[-1], net.n_parameters
    q = min(residuals, p)
    kept = residuals * p if residuals < p else 0
    rows = kept or min(samples, ROWS_AT_ONCE) * net.sizes[-1] * p
    right = residuals if residuals < p else p
    tile = samples + samples * net.sizes[-1]  # factors and the tile's residuals
    return p + 1 + 2 * right + 3 * q * q + kept + rows + 2 * q + tile + 64


@glue
def layout(frame):
    """Offsets of the scratch memory: see above; the last is where rows of the Jacobian go."""
    p = frame[N_PARAMETERS]
    n_out = (frame + (LAYERS + (frame[DEPTH] - 1) * COLUMNS))[N_OUT]
    residuals = frame[SAMPLES] * n_out
    dual = residuals < p
    q = min(residuals, p)
    right = residuals if dual else p
    accepted = frame[SCRATCH]
    best = accepted + p
    right_accepted = best + 1
    right_trial = right_accepted + right
    system = right_trial + right
    system_trial = system + q * q
    factor = system_trial + q * q
    solution = factor + q * q
    inverse = solution + q
    factors = inverse + q
    errors = factors + frame[SAMPLES]
    kept = errors + residuals
    rows = kept + (residuals * p if dual else 0)
    return (p, q, dual, accepted, best, right_accepted, right_trial, system, system_trial, factor,
            solution, inverse, factors, errors, kept, rows)  # fmt: skip


@kernel
def accept(strips, yes, count, trial, accepted):
    """What belongs to accepted trials takes the place of what was accepted before."""
    for m in range(count):
        for s in range(strips):
            at = m * strips + s
            accepted[at] = select(yes[s] > 0.0, trial[at], accepted[at])


@kernel
def factorize(strips, system, q, damping, factor, inverse):
    """``S + damping I = L D L'``: L below the diagonal of `factor`, 1 / D into `inverse`."""
    for j in range(q):
        for i in range(j, q):
            for s in range(strips):
                total = system[(i * q + j) * strips + s]
                if i == j:
                    total = total + damping[s]
                for m in range(j):
                    # Below the diagonal lies L D until its column is divided.
                    total = fma(
                        -factor[(i * q + m) * strips + s], factor[(m * q + j) * strips + s], total
                    )
                factor[(i * q + j) * strips + s] = total
        for s in range(strips):
            pivot = factor[(j * q + j) * strips + s]
            inverse[j * strips + s] = like(pivot, 1.0) / pivot
        # Above the diagonal the transpose of L, for the rows that come.
        for i in range(j + 1, q):
            for s in range(strips):
                factor[(j * q + i) * strips + s] = (
                    factor[(i * q + j) * strips + s] * inverse[j * strips + s]
                )


@kernel
def solve(strips, q, factor, inverse, right, solution):
    """The solution of ``L D L' x = right``."""
    for i in range(q):
        for s in range(strips):
            total = right[i * strips + s]
            for m in range(i):
                total = fma(-factor[(m * q + i) * strips + s], solution[m * strips + s], total)
            solution[i * strips + s] = total
    for i in range(q - 1, -1, -1):
        for s in range(strips):
            total = solution[i * strips + s] * inverse[i * strips + s]
            for m in range(i + 1, q):
                total = fma(-factor[(i * q + m) * strips + s], solution[m * strips + s], total)
            solution[i * strips + s] = total


@piece
def lm_compute(digest, width):
    """The pass at the trial parameters, and in each lane whether they are accepted."""

    def compute(frame, space):
        digest  # noqa: B018  closed over, so that the cache's key changes with the sources
        work = in_lanes(space, width)
        strips, unit, depth = frame[STRIPS], frame[LANES], frame[DEPTH]
        tile = min(frame[TILE], ROWS_AT_ONCE)
        layers = frame + LAYERS
        samples, n_in = frame[SAMPLES], layers[N_IN]
        last = layers + (depth - 1) * COLUMNS
        n_out = last[N_OUT]
        (p, q, dual, accepted_at, best_at, right_at, right_trial_at, system_at, system_trial_at,
         _, _, _, factors_at, errors_at, kept_at, rows_at) = layout(frame)  # fmt: skip
        x, y = at_address(frame[X], space), at_address(frame[Y], space)
        stop = at_address(frame[STOP], frame)
        parameters, gradient = work + frame[PARAMETERS] * strips, work + frame[GRADIENT] * strips
        losses, verdicts = work + frame[LOSSES] * strips, work + frame[VERDICTS] * strips
        delta, other = work + frame[DELTA] * strips, work + frame[OTHER] * strips
        state, hyper = work + frame[STATE] * strips, work + frame[HYPER] * strips
        accepted, best = work + accepted_at * strips, work + best_at * strips
        right, right_trial = work + right_at * strips, work + right_trial_at * strips
        system, system_trial = work + system_at * strips, work + system_trial_at * strips
        factors, errors = work + factors_at * strips, work + errors_at * strips
        kept, rows = work + kept_at * strips, work + rows_at * strips
        frame[PASS_SAMPLES] = samples
        zero = like(losses[0], 0.0)
        for s in range(strips):
            losses[s] = zero
        row, alone = p * unit, lane_count(space)
        first = frame[BEGIN]
        while first < samples and load_shared(stop) == 0:
            count = min(tile, samples - first)
            inputs, targets = x + first * n_in, y + first * n_out
            forward(frame, space, strips, unit, inputs, parameters, work, count)
            roots(frame, space, work, first, count, factors)
            outputs = work + last[OUTPUTS] * strips
            if dual:
                errors = right_trial + first * n_out * strips
            for n in range(count):
                for s in range(strips):
                    loss, root = losses[s], factors[n * strips + s]
                    for m in range(n * n_out, (n + 1) * n_out):
                        error = root * (outputs[m * strips + s] - targets[m])
                        loss = fma(error, error, loss)
                        errors[m * strips + s] = error
                    losses[s] = loss
            if frame[MONITOR] != 0:
                frame[TILE_FIRST], frame[TILE_COUNT] = first, count
                call_piece(frame[MONITOR], frame, space)
            here = rows + first * n_out * p * strips if dual else rows
            jacobian_rows(
                frame, strips, unit, inputs, parameters, work, delta, other, count, p, factors, here
            )
            if not dual:
                begin = alone * (ZERO if first == 0 else ITSELF)
                multiply(
                    strips, rows, unit, row, rows, row, unit, begin, system_trial,
                    system_trial, p * unit, unit, p, p, count * n_out,
                )  # fmt: skip
                multiply(
                    strips, rows, unit, row, errors, unit, unit, begin, right_trial,
                    right_trial, unit, unit, p, alone, count * n_out,
                )  # fmt: skip
            first += tile
        if dual:
            multiply(
                strips, rows, row, unit, rows, unit, row, alone * ZERO, system_trial,
                system_trial, q * unit, unit, q, q, p,
            )  # fmt: skip

        # Which trials are accepted; `delta` is free by now and holds the answers.
        for s in range(strips):
            damping, tried, short = state[s], state[strips + s], state[2 * strips + s]
            fresh = tried == zero
            better = fresh | (losses[s] < best[s])
            lower = damping * hyper[strips + s]
            lower = select(lower < hyper[2 * strips + s], hyper[2 * strips + s], lower)
            changed = select(better, lower, damping * hyper[s])
            damping = select(fresh, damping, changed)
            state[s], state[strips + s] = damping, zero
            stalled = (damping > hyper[3 * strips + s]) | (short > zero)
            verdicts[s] = select(stalled, like(zero, STALLED), zero)
            state[2 * strips + s] = zero
            delta[s] = select(better, like(zero, 1.0), zero)
        accept(strips, delta, p, parameters, accepted)
        accept(strips, delta, alone, losses, best)
        accept(strips, delta, q, right_trial, right)
        accept(strips, delta, q * q, system_trial, system)
        if dual:
            accept(strips, delta, q * p, rows, kept)
        for s in range(strips):
            losses[s] = best[s]
        for m in range(p * strips):
            parameters[m] = accepted[m]
        # The gradient, for rules that look at it.
        if dual:
            multiply(
                strips, kept, unit, row, right, unit, unit, alone * ZERO, gradient,
                gradient, unit, unit, p, alone, q,
            )  # fmt: skip
        else:
            for m in range(p * strips):
                gradient[m] = right[m]
        for s in range(strips):
            largest = zero
            for m in range(s, s + p * strips, strips):
                gradient[m] = gradient[m] + gradient[m]
                size = magnitude(gradient[m])
                largest = select(size < largest, largest, size)
            flat = (largest < hyper[4 * strips + s]) | (largest == hyper[4 * strips + s])
            flat = flat & (hyper[4 * strips + s] > zero)
            verdicts[s] = select(flat, like(zero, SMALL_GRADIENT), verdicts[s])
        return 0

    return compute


@piece
def lm_update(digest, width):
    """The next trial: a damped step from the accepted parameters."""

    def update(frame, space):
        digest  # noqa: B018
        work = in_lanes(space, width)
        strips, unit, alone = frame[STRIPS], frame[LANES], lane_count(space)
        (p, q, dual, accepted_at, _, right_at, _, system_at, _, factor_at, solution_at,
         inverse_at, _, _, kept_at, _) = layout(frame)  # fmt: skip
        parameters, step = work + frame[PARAMETERS] * strips, work + frame[GRADIENT] * strips
        state, hyper = work + frame[STATE] * strips, work + frame[HYPER] * strips
        accepted, right = work + accepted_at * strips, work + right_at * strips
        factor, solution = work + factor_at * strips, work + solution_at * strips
        inverse, kept = work + inverse_at * strips, work + kept_at * strips
        factorize(strips, work + system_at * strips, q, state, factor, inverse)
        if dual:
            solve(strips, q, factor, inverse, right, solution)
            multiply(
                strips, kept, unit, p * unit, solution, unit, unit, alone * ZERO, step,
                step, unit, unit, p, alone, q,
            )  # fmt: skip
        else:
            solve(strips, q, factor, inverse, right, step)
        zero = like(state[0], 0.0)
        for s in range(strips):
            squares, length = zero, zero
            for m in range(s, s + p * strips, strips):
                change, w = step[m], accepted[m]
                squares, length = fma(change, change, squares), fma(w, w, length)
                parameters[m] = w - change
            tolerance = hyper[5 * strips + s]
            short = (tolerance > zero) & (squares < tolerance * tolerance * length)
            state[strips + s] = like(zero, 1.0)
            state[2 * strips + s] = select(short, like(zero, 1.0), zero)
        return 0

    return update
