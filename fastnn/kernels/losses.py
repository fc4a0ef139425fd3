"""The losses other than the plain sum of squares: terms and deltas of a tile of samples.

A term is computed from the last layer's output, or from its input where the loss fixes the last
activation; then the output is put in its place.  Every term is multiplied by its sample's factor
and fused into the sum, outputs within samples.
"""

from functools import cache

from ..activations import ACTIVATIONS, added_among
from ..frame import (
    ACTIVATION,
    COLUMNS,
    COMMON,
    DELTA,
    DEPTH,
    FACTORS,
    GATHERED_WEIGHTS,
    GATHERED_Y,
    GRADIENT,
    LANES,
    LAYERS,
    LEVEL,
    LOSS_CODE,
    LOSS_NUMBERS,
    LOSS_SCALE,
    LOSSES,
    N_OUT,
    N_PARAMETERS,
    OTHER,
    OUTPUTS,
    OWN,
    PARAMETERS,
    PASS_SAMPLES,
    PENALTIES,
    SAMPLE_WEIGHTS,
    SLOPES,
    STRIPS,
    TILE,
    TILE_COUNT,
    TILE_FIRST,
    TILE_PLACE,
    UNWEIGHTED,
    WEIGHTING,
    Y,
)
from ..lanes.buffers import across, in_lanes, lane_count, packed
from ..lanes.compiling import glue, kernel
from ..lanes.elementary import exp
from ..lanes.logarithms import log
from ..lanes.operations import fma, like, magnitude, select
from ..lanes.pieces import Piece, at_address, piece
from ..losses import MEAN, MEAN_OF_SAMPLES, TERMS, BinaryCrossEntropy, CrossEntropy, Huber
from .passes import choice, vectors_of

CROSS_ENTROPY = CrossEntropy.code
SIGMOID = next(a.function for a in ACTIVATIONS if a.name == BinaryCrossEntropy.output)

# Sample n, output j, strip s.  Terms of one network lie as its samples do, side by side.
_TERMS = """
for n in range(count):
    for s in range(strips):
        factor = factors[n * strips + s]
        for j in range(n_out):
            m = n * n_step + j * j_step + s
            x, t = z[m], targets[n * target_n_step + j * target_j_step + s * target_step]
            y = OUTPUT(x)
            z[m] = y
            terms[m] = TERM(x, t)
            delta[m] = factor * SLOPE(y, t)
"""
_SOFTMAX_TERMS = """
for n in range(count):
    for s in range(strips):
        factor = factors[n * strips + s]
        begin, target = n * n_step + s, n * target_n_step + s * target_step
        top = z[begin]
        for j in range(1, n_out):
            x = z[begin + j * j_step]
            top = select(x > top, x, top)
        total, wanted = like(top, 0.0), like(top, 0.0)
        for j in range(n_out):
            m = begin + j * j_step
            x = z[m] - top
            power = exp(x)
            total = total + power
            wanted = wanted + targets[target + j * target_j_step]
            terms[m], z[m] = x, power
        whole = log(total)
        for j in range(n_out):
            m = begin + j * j_step
            t = targets[target + j * target_j_step]
            y = z[m] / total
            z[m] = y
            terms[m] = t * (whole - terms[m])
            delta[m] = factor * fma(y, wanted, -t)
"""


def _bodies():
    for code, (term, slope) in TERMS.items():
        names = {"TERM": term, "SLOPE": slope}
        body = _TERMS
        if code == Huber.code:
            body = body.replace("(x, t)", "(x, t, number)").replace("(y, t)", "(y, t, number)")
        if code == BinaryCrossEntropy.code:
            names["OUTPUT"] = SIGMOID
        else:
            body = body.replace("y = OUTPUT(x)\n            z[m] = y", "y = x")
        yield code, body, names
    yield CROSS_ENTROPY, _SOFTMAX_TERMS, {"exp": exp, "log": log, "select": select}


terms_and_deltas = choice(
    "terms_and_deltas",
    "strips, z, n_step, j_step, targets, target_n_step, target_j_step, target_step, factors, "
    "terms, delta, count, n_out, number",
    [(body, names) for _, body, names in _bodies()],
    [code for code, _, _ in _bodies()],
)
"""The terms of `count` samples and their derivatives, times the samples' factors, into `delta`."""


@glue
def mean_factor(frame, example, n_out):
    """What all terms of the pass at hand are multiplied by."""
    count = like(example, frame[PASS_SAMPLES])
    if frame[LOSS_SCALE] == MEAN:
        return like(example, 1.0) / (count * like(example, n_out))
    if frame[LOSS_SCALE] == MEAN_OF_SAMPLES:
        return like(example, 1.0) / count
    return like(example, 1.0)


@glue
def weigh(frame, space, work, first, count, scale, factors):
    """`scale` times the weights of samples that lie in given order, for every lane."""
    strips = frame[STRIPS]
    for n in range(count):
        for s in range(strips):
            factor = scale
            if frame[WEIGHTING] == OWN:
                own = work + frame[SAMPLE_WEIGHTS] * strips
                factor = scale * own[(first + n) * strips + s]
            elif frame[WEIGHTING] == COMMON:
                factor = scale * at_address(frame[SAMPLE_WEIGHTS], space)[first + n]
            factors[n * strips + s] = factor


def _losses_of_tile(gathered):
    """The piece for targets and weights that all lanes share, or for each lane's own."""

    def add_losses(digest, width):
        def add(frame, space):
            digest  # noqa: B018  closed over, so that the cache's key changes with the sources
            work = in_lanes(space, width)
            strips, count, first = frame[STRIPS], frame[TILE_COUNT], frame[TILE_FIRST]
            layer = frame + (LAYERS + (frame[DEPTH] - 1) * COLUMNS)
            n_out = layer[N_OUT]
            z = work + layer[OUTPUTS] * strips
            terms, delta = work + frame[OTHER] * strips, work + frame[DELTA] * strips
            losses, factors = work + frame[LOSSES] * strips, work + frame[FACTORS] * strips
            number = like(losses[0], at_address(frame[LOSS_NUMBERS], space)[0])
            scale = mean_factor(frame, losses[0], n_out)
            if gathered and frame[WEIGHTING] != UNWEIGHTED:
                own = work + (frame[GATHERED_WEIGHTS] + first) * strips
                for m in range(count * strips):
                    factors[m] = scale * own[m]
            else:
                weigh(frame, space, work, first, count, scale, factors)
            if gathered:
                terms_and_deltas(
                    frame[LOSS_CODE], strips, z, n_out * strips, strips,
                    work + (frame[GATHERED_Y] + first * n_out) * strips, n_out * strips, strips, 1,
                    factors, terms, delta, count, n_out, number,
                )  # fmt: skip
            else:
                terms_and_deltas(
                    frame[LOSS_CODE], strips, z, n_out * strips, strips,
                    at_address(frame[Y], space) + first * n_out, n_out, 1, 0,
                    factors, terms, delta, count, n_out, number,
                )  # fmt: skip
            for n in range(count):
                for s in range(strips):
                    loss = losses[s]
                    for m in range(n * n_out * strips + s, (n + 1) * n_out * strips + s, strips):
                        loss = fma(factors[n * strips + s], terms[m], loss)
                    losses[s] = loss
            return 0

        return add

    add_losses.__name__ += "_gathered" if gathered else ""
    return piece(add_losses)


add_losses = _losses_of_tile(False)
"""Add the tile's losses; their derivatives by the outputs, or inputs, go into the deltas."""
gathered_losses = _losses_of_tile(True)
"""The same for samples that were gathered for each lane."""


@piece
def single_losses(digest, width):
    """The terms of a tile of one network's samples, which lie side by side, and their deltas."""

    def add(frame, space):
        digest  # noqa: B018
        count, tile = frame[TILE_COUNT], frame[TILE]
        layer = frame + (LAYERS + (frame[DEPTH] - 1) * COLUMNS)
        n_out = layer[N_OUT]
        z = space + layer[OUTPUTS]
        targets = at_address(frame[Y], space) + frame[TILE_PLACE] * n_out
        terms, delta, factors = space + frame[OTHER], space + frame[DELTA], space + frame[FACTORS]
        number = at_address(frame[LOSS_NUMBERS], space)[0]
        scale = mean_factor(frame, number, n_out)
        for n in range(count):
            factor = scale
            if frame[WEIGHTING] == COMMON:
                factor = scale * at_address(frame[SAMPLE_WEIGHTS], space)[frame[TILE_FIRST] + n]
            factors[n] = factor
        lanes = lane_count(across(z))
        blocks = (count + lanes - 1) // lanes
        for n in range(count, blocks * lanes):  # of no sample
            factors[n] = 0.0
        row = tile // lanes
        terms_and_deltas(
            frame[LOSS_CODE], 1, across(z), 1, row, across(targets), 1, row, 0, across(factors),
            across(terms), across(delta), blocks, n_out, like(across(z)[0], number),
        )  # fmt: skip
        return 0

    return add


@piece
def add_penalties(digest, width):
    """Add the penalties on the weights to the losses, and their slopes to the gradient."""

    def add(frame, space):
        digest  # noqa: B018
        work = in_lanes(space, width)
        strips, count = frame[STRIPS], frame[N_PARAMETERS]
        parameters, gradient = work + frame[PARAMETERS] * strips, work + frame[GRADIENT] * strips
        losses = work + frame[LOSSES] * strips
        squares = at_address(frame[PENALTIES], space)
        magnitudes = squares + count
        for s in range(strips):
            loss = losses[s]
            zero = like(loss, 0.0)
            for m in range(count):
                at = m * strips + s
                w, square, size = parameters[at], squares[m], magnitudes[m]
                loss = fma(square * w, w, loss)
                loss = fma(like(loss, size), magnitude(w), loss)
                sign = select(w > zero, like(zero, size), select(w < zero, -like(zero, size), zero))
                gradient[at] = fma(like(loss, square + square), w, gradient[at]) + sign
            losses[s] = loss
        return 0

    return add


_KEEP = """
for m in range(count):
    x = z[m]
    y = FUNCTION(x)
    slopes[m] = SLOPE({of}) + offset
    z[m] = y
"""


def _keeping(a):
    body = _KEEP.format(of="x" if a.of_input else "y")
    return body, {"FUNCTION": a.function, "SLOPE": a.slope}


activate_and_keep = choice(
    "activate_and_keep", "z, slopes, count, offset", [_keeping(a) for a in ACTIVATIONS]
)
"""``z = f(z)``, and the slopes there plus an offset."""


@glue
def layer_at_hand(frame, space):
    """Its activation, inputs, place for slopes, how many vectors these fill, and the offset."""
    layer = frame + (LAYERS + frame[LEVEL] * COLUMNS)
    lanes = frame[LANES]
    z, slopes = space + layer[OUTPUTS] * lanes, space + layer[SLOPES] * lanes
    offset = at_address(frame[LOSS_NUMBERS], space)[1]
    vectors = vectors_of(z, frame[TILE_COUNT] * layer[N_OUT] * lanes)
    return layer[ACTIVATION], packed(z), packed(slopes), vectors, offset


@piece
def keep_slopes(digest, width):
    """The activations of a layer, and their slopes into a place of their own."""

    def keep(frame, space):
        digest  # noqa: B018
        code, z, slopes, vectors, offset = layer_at_hand(frame, space)
        activate_and_keep(code, z, slopes, vectors, offset)
        return 0

    return keep


@cache
def _keep_slopes_with(added):
    """The same for a network that has activations which were added: (code, definition) pairs."""
    name = "_".join(["activate_and_keep", *(str(code) for code, _ in added)])
    activations = (*enumerate(ACTIVATIONS), *added)
    activate = choice(
        name, "z, slopes, count, offset",
        [_keeping(a) for _, a in activations], [code for code, _ in activations],
    )  # fmt: skip

    def keep_slopes(digest, width):
        def keep(frame, space):
            code, z, slopes, vectors, offset = layer_at_hand(frame, space)
            activate(code, z, slopes, vectors, offset)
            return 0

        return keep

    return Piece(keep_slopes, kept=False)


def keep_slopes_of(names: tuple[str, ...]) -> Piece:
    """The piece for a network of these activations."""
    added = added_among(names)
    return _keep_slopes_with(added) if added else keep_slopes


@kernel
def softmax(z, row, count, n_out):
    """Softmax over the outputs of each sample, of vectors of samples side by side."""
    for n in range(count):
        top = z[n]
        for j in range(1, n_out):
            top = select(z[n + j * row] > top, z[n + j * row], top)
        total = like(top, 0.0)
        for j in range(n_out):
            power = exp(z[n + j * row] - top)
            total = total + power
            z[n + j * row] = power
        for j in range(n_out):
            z[n + j * row] = z[n + j * row] / total
