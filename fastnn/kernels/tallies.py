"""Statistics of one chunk of restarts, counted in one pass over its rows.

All of it is counts, sums of integers, and extremes, so what chunks give can be put together in any
order with one result.  Three kinds are not plain:

Bins.  The upper 18 bits of a float64 are its sign, its exponent and 6 bits of its mantissa: read as
an integer they number bins of which each octave has 64.  Epochs are binned so too, from 64 on;
fewer have a bin each, and so have those up to 127, where bins of an octave are 1 wide.

Losses are summed exactly, mantissas by exponent, in two halves that cannot overflow.

Minima.  Restarts that ended in no target, and whose loss is finite, are counted by the loss to
three digits.  Of each such loss those with the `FORMS` smallest fingerprints of the parameters are
counted too: as fingerprints are as good as random, a uniform sample of the distinct minima.  What
once fell out of the sample, or did not come in, never returns, as the bar only sinks, so the counts
are exact.
"""

from dataclasses import dataclass

import numpy as np

from ..activations import BY_NAME
from ..lanes.buffers import buffer
from ..lanes.compiling import entry, kernel, once, source_digest
from ..network import Network
from ..status import Status

PER_OCTAVE = 64
MANTISSA = 52
# Bits below those that number the bins.
BELOW = MANTISSA - 6
EPOCH_OCTAVES = 50 - 6
N_EPOCH_BINS = PER_OCTAVE * (1 + EPOCH_OCTAVES)
LOSS_OCTAVES = 256
# One below all octaves, and one above.
N_LOSS_BINS = PER_OCTAVE * LOSS_OCTAVES + 2
SMALLEST_BINNED = 2.0**-128


def bits_of(value: float) -> int:
    """The bits of a float64 as an integer."""
    return int(np.float64(value).view(np.int64))


FIRST_EPOCH_BIN = (bits_of(PER_OCTAVE) >> BELOW) - PER_OCTAVE
FIRST_LOSS_BIN = (bits_of(SMALLEST_BINNED) >> BELOW) - 1

# Losses as keys: 1000 (power of ten - LOWEST + 1) + three digits; 0 for less than 10**LOWEST.
LOWEST, HIGHEST = -12, 308
DIGITS = 1000
N_KEYS = DIGITS * (HIGHEST - LOWEST + 2)
# The powers of ten from that of the last digit of the least on, and for each exponent of 2 that of
# 10 at the lower end of its octave.
POWERS = np.array([float(f"1e{power}") for power in range(LOWEST - 2, HIGHEST + 1)] + [np.inf])
DECADES = np.searchsorted(POWERS, np.ldexp(1.0, np.arange(-1023, 1024)), side="right") - 1

FORMS = 8
"""How many distinct minima of each loss are counted."""
PER_UNIT = 100.0
"""Parameters are compared when rounded to multiples of one part in so many."""
LARGEST = 2.0**53
ODD = -1

# Columns of the layers' numbers.
N_IN, N_OUT, START, SYMMETRY = range(4)
COLUMNS = 4

EXPONENT = 0x7FF
FRACTION = (1 << MANTISSA) - 1
WORD = (1 << 32) - 1
SHIFT_1, SHIFT_2, SHIFT_3 = np.uint64(30), np.uint64(27), np.uint64(31)
FACTOR_1, FACTOR_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
NOT_RUN, CONVERGED, DIVERGED = int(Status.NOT_RUN), int(Status.CONVERGED), int(Status.DIVERGED)


@dataclass
class Tally:
    """What the kernel counted, of restarts that ended."""

    epoch_bins: np.ndarray
    """(statuses, N_EPOCH_BINS)."""
    epoch_sums: np.ndarray
    """(statuses, 2): of the lower 32 bits, and of the others."""
    epoch_range: np.ndarray
    """(statuses, 2): least and most."""
    loss_bins: np.ndarray
    """(2, N_LOSS_BINS): of those that did not converge, and of those that did."""
    loss_sums: np.ndarray
    """(2048, 2), by the exponent's bits: mantissas' lower 32 bits, and the others."""
    loss_range: np.ndarray
    """(2,): least and most."""
    best: np.ndarray
    """(1,): the first restart of the least loss."""
    keys: np.ndarray
    """(losses,), in the order in which they came, as all that follows."""
    counts: np.ndarray
    firsts: np.ndarray
    """(losses,): the first restart of each."""
    fingerprints: np.ndarray
    """(losses, FORMS) of uint64, ascending; where the count is 0 there is none."""
    form_counts: np.ndarray
    form_firsts: np.ndarray


@kernel
def loss_key(value, bits):
    """The number of a finite loss rounded to three digits, halves upward.

    Division is rounded, so what lies within 1e-16 of halfway may go either way: the same on every
    machine.
    """
    if value < POWERS[2]:
        return 0
    at = DECADES[bits >> MANTISSA]
    if value >= POWERS[at + 1]:
        at += 1
    digits = int(np.floor(value / POWERS[at - 2] + 0.5))
    # 999.5 and more are the 100 of the next power.
    return DIGITS * (at - 1) + digits if digits < DIGITS else DIGITS * at + DIGITS // 10


@kernel
def mixed(value):
    """Every bit of the result depends on every bit of `value`: the end of SplitMix64."""
    value = (value ^ (value >> SHIFT_1)) * FACTOR_1
    value = (value ^ (value >> SHIFT_2)) * FACTOR_2
    return value ^ (value >> SHIFT_3)


@kernel
def round_all(parameters, count, rounded):
    """Parameters as integers, multiples of 1 / PER_UNIT; the largest stand for what is larger."""
    for i in range(count):
        value = np.float64(parameters[i]) * PER_UNIT
        value = value if value < LARGEST else LARGEST
        value = value if value > -LARGEST else -LARGEST
        rounded[i] = np.int64(np.rint(value))


@kernel
def turn(layer, incoming, outgoing, rows, fan):
    """Give an odd or even unit the one of its two signs that makes its first number positive.

    Of its incoming weights and its bias, in the order `rows`, then, if it is odd, the outgoing
    weights.
    """
    step = layer[N_OUT]
    n_after = layer[COLUMNS + N_OUT] if layer[SYMMETRY] == ODD else 0
    sign = i = j = 0
    while sign == 0 and i < fan:
        sign = incoming[rows[i] * step]
        i += 1
    while sign == 0 and j < n_after:
        sign = outgoing[j]
        j += 1
    if sign < 0:
        for i in range(fan):
            incoming[i * step] = -incoming[i * step]
        for j in range(n_after):
            outgoing[j] = -outgoing[j]


@kernel
def precedes(layer, rounded, rows, fan, a, b):
    """Whether unit a comes before unit b: by incoming weights, bias, and outgoing weights."""
    incoming, step = rounded + layer[START], layer[N_OUT]
    for i in range(fan):
        x, y = incoming[rows[i] * step + a], incoming[rows[i] * step + b]
        if x != y:
            return x < y
    outgoing, n_after = rounded + layer[COLUMNS + START], layer[COLUMNS + N_OUT]
    for j in range(n_after):
        x, y = outgoing[a * n_after + j], outgoing[b * n_after + j]
        if x != y:
            return x < y
    return False


@kernel
def sort_units(layer, rounded, rows, fan, order):
    """Put the units of a hidden layer into their order: Shell's sort."""
    gap = count = layer[N_OUT]
    while gap > 1:
        gap = max(1, gap * 5 // 11)
        for i in range(gap, count):
            unit, place = order[i], i
            while place >= gap and precedes(layer, rounded, rows, fan, unit, order[place - gap]):
                order[place] = order[place - gap]
                place -= gap
            order[place] = unit


@kernel
def fingerprint(layers, depth, bias, rounded, count, rows, order):
    """A hash of 64 bits of rounded parameters, alike for networks that differ in names only.

    The names are the order of the units of a hidden layer, and the signs of those whose activation
    is odd or even.  Numbers of the form with the first of all names are mixed in one by one, layer
    by layer as they lie, starting from how many they are.
    """
    for i in range(layers[N_IN]):
        rows[i] = i
    value = np.uint64(count)
    for at in range(depth):
        layer = layers + at * COLUMNS
        n_in, n_out = layer[N_IN], layer[N_OUT]
        incoming = rounded + layer[START]
        rows[n_in] = n_in  # the biases are one more row
        fan = n_in + bias
        for j in range(n_out):
            order[j] = j
        if at + 1 < depth:
            if layer[SYMMETRY] != 0:
                outgoing, n_after = rounded + layer[COLUMNS + START], layer[COLUMNS + N_OUT]
                for j in range(n_out):
                    turn(layer, incoming + j, outgoing + j * n_after, rows, fan)
            sort_units(layer, rounded, rows, fan, order)
        for i in range(fan):
            row = incoming + rows[i] * n_out
            for j in range(n_out):
                value = mixed(value ^ np.uint64(row[order[j]]))
        rows, order = order, rows
    return value


@kernel
def count_form(found, restart, fingerprints, counts, firsts):
    """Count a fingerprint among the smallest of its loss, if it is or becomes one of them."""
    place = 0
    while place < FORMS and counts[place] > 0 and fingerprints[place] < found:
        place += 1
    if place == FORMS:
        return
    if counts[place] > 0 and fingerprints[place] == found:
        counts[place] += 1
        return
    for i in range(FORMS - 1, place, -1):
        fingerprints[i] = fingerprints[i - 1]
        counts[i] = counts[i - 1]
        firsts[i] = firsts[i - 1]
    fingerprints[place] = found
    counts[place] = 1
    firsts[place] = restart


@once
def _counter():
    return _make_counter(source_digest())


def _make_counter(digest):
    def count_rows(
        loss, loss_bits, epochs, epoch_bits, status, parameters, first, layers, bias, rounded,
        orders, slots, epoch_bins, epoch_sums, epoch_range, loss_bins, loss_sums, loss_range, best,
        keys, counts, firsts, fingerprints, form_counts, form_firsts,
    ):  # fmt: skip
        digest  # noqa: B018  closed over, so that the cache's key changes with the sources
        depth, n_parameters, used = len(layers), len(rounded), 0
        rows, order = buffer(orders), buffer(orders) + orders.shape[1]
        for row in range(len(status)):
            ended, restart = status[row], first + row
            if ended == NOT_RUN:
                continue
            number = epochs[row]
            place = number
            if number >= PER_OCTAVE:
                place = (epoch_bits[row] >> BELOW) - FIRST_EPOCH_BIN
            epoch_bins[ended, place] += 1
            epoch_sums[ended, 0] += number & WORD
            epoch_sums[ended, 1] += number >> 32
            epoch_range[ended, 0] = min(epoch_range[ended, 0], number)
            epoch_range[ended, 1] = max(epoch_range[ended, 1], number)
            value, bits = loss[row], loss_bits[row]
            exponent = (bits >> MANTISSA) & EXPONENT
            if exponent == EXPONENT:  # not finite
                continue
            place = (bits >> BELOW) - FIRST_LOSS_BIN
            place = min(max(place, 0), N_LOSS_BINS - 1)
            loss_bins[1 if ended == CONVERGED else 0, place] += 1
            mantissa = bits & FRACTION
            if exponent > 0:
                mantissa += 1 << MANTISSA
            sign = -1 if bits < 0 else 1
            loss_sums[exponent, 0] += sign * (mantissa & WORD)
            loss_sums[exponent, 1] += sign * (mantissa >> 32)
            loss_range[1] = max(loss_range[1], value)
            if value < loss_range[0]:
                loss_range[0], best[0] = value, restart
            if ended in (CONVERGED, DIVERGED):
                continue
            key = loss_key(value, bits)
            slot = slots[key] - 1
            if slot < 0:
                slot = used
                used += 1
                slots[key] = used
                keys[slot], firsts[slot] = key, restart
            counts[slot] += 1
            round_all(buffer(parameters) + row * n_parameters, n_parameters, buffer(rounded))
            count_form(
                fingerprint(
                    buffer(layers), depth, bias, buffer(rounded), n_parameters, rows, order
                ),
                restart,
                buffer(fingerprints) + slot * FORMS,
                buffer(form_counts) + slot * FORMS,
                buffer(form_firsts) + slot * FORMS,
            )
        return used

    return entry(count_rows)


def layer_numbers(net: Network) -> np.ndarray:
    """What the kernel knows of each layer after the input: (depth, 4)."""
    layers, start = [], 0
    for n_in, n_out, name in zip(net.sizes[:-1], net.sizes[1:], net.activation, strict=True):
        symmetry = BY_NAME[name].symmetry if name in BY_NAME else 0
        layers.append((n_in, n_out, start, symmetry))
        start += (n_in + net.bias) * n_out
    return np.array(layers, dtype=np.int64)


def tally(
    net: Network,
    loss: np.ndarray,
    epochs: np.ndarray,
    status: np.ndarray,
    parameters: np.ndarray,
    first: int,
) -> Tally:
    """Count restarts ``first, first + 1, …``, of which those not run to their end do not count.

    `epochs` (int64) and `status` (int8) must be in their ranges: nothing checks them here.
    """
    loss = np.ascontiguousarray(loss, dtype=np.float64) + 0.0  # no zero is negative
    most = min(len(loss), N_KEYS)
    most_int = np.iinfo(np.int64).max
    result = Tally(
        epoch_bins=np.zeros((len(Status), N_EPOCH_BINS), dtype=np.int64),
        epoch_sums=np.zeros((len(Status), 2), dtype=np.int64),
        epoch_range=np.tile(np.array([most_int, -1]), (len(Status), 1)),
        loss_bins=np.zeros((2, N_LOSS_BINS), dtype=np.int64),
        loss_sums=np.zeros((EXPONENT + 1, 2), dtype=np.int64),
        loss_range=np.array([np.inf, -np.inf]),
        best=np.array([-1]),
        # Zeros take no memory before they are touched.
        keys=np.zeros(most, dtype=np.int64),
        counts=np.zeros(most, dtype=np.int64),
        firsts=np.zeros(most, dtype=np.int64),
        fingerprints=np.zeros((most, FORMS), dtype=np.uint64),
        form_counts=np.zeros((most, FORMS), dtype=np.int64),
        form_firsts=np.zeros((most, FORMS), dtype=np.int64),
    )
    epochs = np.ascontiguousarray(epochs)
    used = _counter()(
        loss,
        loss.view(np.int64),
        epochs,
        epochs.astype(np.float64).view(np.int64),
        np.ascontiguousarray(status),
        np.ascontiguousarray(parameters),
        first,
        layer_numbers(net),
        int(net.bias),
        np.empty(net.n_parameters, dtype=np.int64),
        np.empty((2, max(net.sizes) + 1), dtype=np.int64),
        np.zeros(N_KEYS, dtype=np.int32),
        *vars(result).values(),
    )
    for name in ("keys", "counts", "firsts", "fingerprints", "form_counts", "form_firsts"):
        setattr(result, name, getattr(result, name)[:used])
    return result
