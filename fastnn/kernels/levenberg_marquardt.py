"""Levenberg–Marquardt in lanes: each lane accepts or rejects its trial and solves its own system.

With fewer residuals than parameters the system is ``J Jᵀ``, whose Jacobian J is kept: rows of lanes
that reject their trial are not overwritten.  Otherwise it is ``Jᵀ J``, the sum over tiles of
samples, and that of the accepted parameters is kept.
"""

from ..frame import (
    COLUMNS,
    DELTA,
    DEPTH,
    GRADIENT,
    HYPER,
    JUDGE,
    LANES,
    LAYERS,
    LOSSES,
    MONITOR,
    N_IN,
    N_OUT,
    N_PARAMETERS,
    OPTION,
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
from ..network import Network
from ..optimizers.common import watch_accepted
from ..status import Status
from .jacobian import SAMPLES_AT_ONCE, blended_rows, jacobian_rows, roots
from .passes import forward
from .products import multiply
from .systems import factorize, solve

STALLED, SMALL_GRADIENT = float(Status.STALLED), float(Status.GRADIENT)


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


@glue
def layout(frame):
    """Offsets of the accepted parameters, their loss, the answers, and what follows."""
    accepted = frame[SCRATCH]
    best = accepted + frame[N_PARAMETERS]
    return accepted, best, best + 1, best + 2


@glue
def dual_layout(frame, q):
    """Offsets: residuals of trial and of accepted, factors, solution, pivots, system, Jacobian."""
    _, _, _, trial = layout(frame)
    system = trial + 5 * q
    return trial, trial + q, trial + 2 * q, trial + 3 * q, trial + 4 * q, system, system + q * q


@glue
def primal_layout(frame, p, rows):
    """Offsets: right sides of trial and accepted, pivots, systems of both, factor, rows of J."""
    _, _, _, trial = layout(frame)
    system = trial + 3 * p
    factors = system + 3 * p * p
    errors = factors + rows
    return (trial, trial + p, trial + 2 * p, system, system + p * p, system + 2 * p * p,
            factors, errors, errors + rows)  # fmt: skip


@glue
def squared_errors(strips, outputs, targets, factors, count, n_out, losses, errors):
    """The residuals of a tile, and their squares added to the losses."""
    for n in range(count):
        for s in range(strips):
            loss, root = losses[s], factors[n * strips + s]
            for m in range(n * n_out, (n + 1) * n_out):
                error = root * (outputs[m * strips + s] - targets[m])
                loss = fma(error, error, loss)
                errors[m * strips + s] = error
            losses[s] = loss


@kernel
def decide(strips, losses, best, state, hyper, verdicts, answers):
    """Into `answers` which trials are accepted; the damping, and whether it is too large."""
    zero = like(losses[0], 0.0)
    one = like(zero, 1.0)
    for s in range(strips):
        damping, tried, short = state[s], state[strips + s], state[2 * strips + s]
        fresh = tried == zero
        better = fresh | (losses[s] < best[s])
        lower = damping * hyper[strips + s]
        lower = select(lower < hyper[2 * strips + s], hyper[2 * strips + s], lower)
        changed = select(better, lower, damping * hyper[s])
        damping = select(fresh, damping, changed)
        stalled = (damping > hyper[3 * strips + s]) | (short > zero)
        verdicts[s] = select(stalled, like(zero, STALLED), zero)
        state[s], state[strips + s], state[2 * strips + s] = damping, zero, zero
        answers[s] = select(better, one, zero)
        losses[s] = select(better, losses[s], best[s])
        best[s] = losses[s]


@kernel
def settle(strips, answers, count, parameters, accepted):
    """Accepted trials become what is accepted; rejected ones give way to it."""
    for m in range(count):
        for s in range(strips):
            at = m * strips + s
            value = select(answers[s] > 0.0, parameters[at], accepted[at])
            accepted[at], parameters[at] = value, value


@kernel
def judge_gradient(strips, count, gradient, hyper, verdicts):
    """Twice ``Jᵀ r``, the gradient, and which lanes' is small enough to end."""
    zero = like(gradient[0], 0.0)
    for s in range(strips):
        largest = zero
        for m in range(s, s + count * strips, strips):
            slope = gradient[m] + gradient[m]
            gradient[m] = slope
            largest = select(magnitude(slope) < largest, largest, magnitude(slope))
        flat = (largest <= hyper[4 * strips + s]) & (hyper[4 * strips + s] > zero)
        verdicts[s] = select(flat, like(zero, SMALL_GRADIENT), verdicts[s])


@glue
def finish_step(strips, count, parameters, step, state, hyper):
    """``parameters -= step``, and whether that was a step at all."""
    zero = like(state[0], 0.0)
    one = like(zero, 1.0)
    for s in range(strips):
        squares, length = zero, zero
        tolerance = hyper[5 * strips + s]
        for m in range(s, s + count * strips, strips):
            change, w = step[m], parameters[m]
            squares, length = fma(change, change, squares), fma(w, w, length)
            parameters[m] = w - change
        short = (tolerance > zero) & (squares <= tolerance * tolerance * length)
        state[strips + s], state[2 * strips + s] = one, select(short, one, zero)


@piece
def dual_compute(digest, width):
    """The pass at the trial parameters, and in each lane whether they are accepted."""

    def compute(frame, space):
        digest  # noqa: B018  closed over, so that the cache's key changes with the sources
        work = in_lanes(space, width)
        strips, unit, depth, samples = frame[STRIPS], frame[LANES], frame[DEPTH], frame[SAMPLES]
        last = frame + (LAYERS + (depth - 1) * COLUMNS)
        n_out, p = last[N_OUT], frame[N_PARAMETERS]
        q, row, alone = samples * n_out, p * unit, lane_count(space)
        accepted, best, answers, _ = layout(frame)
        trial, right, factors, _, _, system, rows = dual_layout(frame, q)
        x, y = at_address(frame[X], space), at_address(frame[Y], space)
        parameters, gradient = work + frame[PARAMETERS] * strips, work + frame[GRADIENT] * strips
        losses, verdicts = work + frame[LOSSES] * strips, work + frame[VERDICTS] * strips
        delta, other = work + frame[DELTA] * strips, work + frame[OTHER] * strips
        state, hyper = work + frame[STATE] * strips, work + frame[HYPER] * strips
        answer, trials = work + answers * strips, work + trial * strips
        rights, root = work + right * strips, work + factors * strips
        jacobian, into = work + rows * strips, work + system * strips
        frame[PASS_SAMPLES] = samples
        for s in range(strips):
            losses[s] = like(losses[s], 0.0)
        forward(frame, space, strips, unit, x, alone, parameters, work, samples)
        roots(frame, space, work, 0, samples, root)
        outputs = work + last[OUTPUTS] * strips
        squared_errors(strips, outputs, y, root, samples, n_out, losses, trials)
        if frame[MONITOR] != 0:
            frame[TILE_FIRST], frame[TILE_COUNT] = 0, samples
            call_piece(frame[MONITOR], frame, space)
        decide(strips, losses, work + best * strips, state, hyper, verdicts, answer)
        for s in range(strips):
            watch_accepted(frame, work, s, answer[s] > 0.0)
        for m in range(q):
            for s in range(strips):
                at = m * strips + s
                rights[at] = select(answer[s] > 0.0, trials[at], rights[at])
        blended_rows(
            frame, strips, unit, x, parameters, work, delta, other, samples, p, root, answer,
            jacobian,
        )  # fmt: skip
        settle(strips, answer, p, parameters, work + accepted * strips)
        top = 0
        while top < q:  # the lower triangle alone, in blocks of rows
            height = min(8, q - top)
            place = into + top * q * strips
            multiply(
                strips, jacobian + top * p * strips, row, unit, jacobian, unit, row, alone * ZERO,
                place, place, q * unit, unit, height, top + height, p,
            )  # fmt: skip
            top += height
        if frame[JUDGE] != 0 or frame[OPTION] != 0:
            multiply(
                strips, jacobian, unit, row, rights, unit, unit, alone * ZERO, gradient,
                gradient, unit, unit, p, alone, q,
            )  # fmt: skip
            judge_gradient(strips, p, gradient, hyper, verdicts)
        return 0

    return compute


@piece
def dual_update(digest, width):
    """The next trial: a damped step from the accepted parameters."""

    def update(frame, space):
        digest  # noqa: B018
        work = in_lanes(space, width)
        strips, unit, alone = frame[STRIPS], frame[LANES], lane_count(space)
        p = frame[N_PARAMETERS]
        q = frame[SAMPLES] * (frame + (LAYERS + (frame[DEPTH] - 1) * COLUMNS))[N_OUT]
        _, right, _, solution, pivots, system, rows = dual_layout(frame, q)
        parameters, step = work + frame[PARAMETERS] * strips, work + frame[GRADIENT] * strips
        state, hyper = work + frame[STATE] * strips, work + frame[HYPER] * strips
        matrix, inverse = work + system * strips, work + pivots * strips
        x, jacobian = work + solution * strips, work + rows * strips
        factorize(strips, unit, matrix, q, state, matrix, inverse)
        solve(strips, q, matrix, inverse, work + right * strips, x)
        multiply(
            strips, jacobian, unit, p * unit, x, unit, unit, alone * ZERO, step,
            step, unit, unit, p, alone, q,
        )  # fmt: skip
        finish_step(strips, p, parameters, step, state, hyper)
        return 0

    return update


@piece
def primal_compute(digest, width):
    """The same where there are at least as many residuals as parameters."""

    def compute(frame, space):
        digest  # noqa: B018
        work = in_lanes(space, width)
        strips, unit, depth, samples = frame[STRIPS], frame[LANES], frame[DEPTH], frame[SAMPLES]
        tile = min(min(frame[TILE], SAMPLES_AT_ONCE), samples)
        layers = frame + LAYERS
        last = layers + (depth - 1) * COLUMNS
        n_out, p = last[N_OUT], frame[N_PARAMETERS]
        row, alone = p * unit, lane_count(space)
        accepted, best, answers, _ = layout(frame)
        most = min(samples, SAMPLES_AT_ONCE) * n_out
        trial, right, _, system, kept, _, factors, errors, rows = primal_layout(frame, p, most)
        x, y = at_address(frame[X], space), at_address(frame[Y], space)
        stop = at_address(frame[STOP], frame)
        parameters, gradient = work + frame[PARAMETERS] * strips, work + frame[GRADIENT] * strips
        losses, verdicts = work + frame[LOSSES] * strips, work + frame[VERDICTS] * strips
        delta, other = work + frame[DELTA] * strips, work + frame[OTHER] * strips
        state, hyper = work + frame[STATE] * strips, work + frame[HYPER] * strips
        answer, sides = work + answers * strips, work + trial * strips
        matrix, root = work + system * strips, work + factors * strips
        error, jacobian = work + errors * strips, work + rows * strips
        frame[PASS_SAMPLES] = samples
        for s in range(strips):
            losses[s] = like(losses[s], 0.0)
        first = 0
        while first < samples and load_shared(stop) == 0:
            count = min(tile, samples - first)
            inputs, targets = x + first * layers[N_IN], y + first * n_out
            forward(frame, space, strips, unit, inputs, alone, parameters, work, count)
            roots(frame, space, work, first, count, root)
            outputs = work + last[OUTPUTS] * strips
            squared_errors(strips, outputs, targets, root, count, n_out, losses, error)
            if frame[MONITOR] != 0:
                frame[TILE_FIRST], frame[TILE_COUNT] = first, count
                call_piece(frame[MONITOR], frame, space)
            jacobian_rows(
                frame, strips, unit, inputs, parameters, work, delta, other, count, p, root, answer,
                jacobian,
            )  # fmt: skip
            begin = alone * (ZERO if first == 0 else ITSELF)
            top = 0
            while top < p:  # the lower triangle alone, in blocks of rows
                height = min(8, p - top)
                into = matrix + top * p * strips
                multiply(
                    strips, jacobian + top * strips, unit, row, jacobian, row, unit, begin,
                    into, into, p * unit, unit, height, top + height, count * n_out,
                )  # fmt: skip
                top += height
            multiply(
                strips, jacobian, unit, row, error, unit, unit, begin, sides,
                sides, unit, unit, p, alone, count * n_out,
            )  # fmt: skip
            first += tile
        decide(strips, losses, work + best * strips, state, hyper, verdicts, answer)
        for s in range(strips):
            watch_accepted(frame, work, s, answer[s] > 0.0)
        settle(strips, answer, p, parameters, work + accepted * strips)
        settle(strips, answer, p, sides, work + right * strips)
        settle(strips, answer, p * p, matrix, work + kept * strips)
        for m in range(p * strips):
            gradient[m] = sides[m]
        judge_gradient(strips, p, gradient, hyper, verdicts)
        return 0

    return compute


@piece
def primal_update(digest, width):
    """The same where there are at least as many residuals as parameters."""

    def update(frame, space):
        digest  # noqa: B018
        work = in_lanes(space, width)
        strips, p, samples = frame[STRIPS], frame[N_PARAMETERS], frame[SAMPLES]
        n_out = (frame + (LAYERS + (frame[DEPTH] - 1) * COLUMNS))[N_OUT]
        most = min(samples, SAMPLES_AT_ONCE) * n_out
        trial, _, pivots, system, _, factor, _, _, _ = primal_layout(frame, p, most)
        parameters, step = work + frame[PARAMETERS] * strips, work + frame[GRADIENT] * strips
        state, hyper = work + frame[STATE] * strips, work + frame[HYPER] * strips
        matrix, inverse = work + factor * strips, work + pivots * strips
        unit = frame[LANES]
        factorize(strips, unit, work + system * strips, p, state, matrix, inverse)
        solve(strips, p, matrix, inverse, work + trial * strips, step)
        finish_step(strips, p, parameters, step, state, hyper)
        return 0

    return update
