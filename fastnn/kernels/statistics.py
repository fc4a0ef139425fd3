"""Statistics of one chunk of restarts, counted in one pass over its rows.

Everything is counts, sums of integers, and extremes, so chunks can be merged in any order with the
same result.  Three kinds need an explanation:

Bins.  The upper 18 bits of a float64 are its sign, its exponent and 6 bits of its mantissa: read as
an integer they number bins, 64 in each octave.  Epochs from 64 on are binned in the same way; fewer
epochs have a bin each, and so have those up to 127, where bins are 1 wide.

Losses are summed exactly, mantissas by exponent, in two halves that cannot overflow.

Minima.  Restarts that met no target, and whose loss is finite, are counted by the loss to three
digits.  For each such loss, restarts with the `FORMS` smallest fingerprints of the parameters are
also counted: since fingerprints are practically random, they are a uniform sample of the distinct
minima.  A fingerprint that dropped out of the sample, or never entered it, does not return, as the
threshold only decreases; so the counts are exact.
"""

from typing import NamedTuple

import numpy as np

from ..jit.compiling import entry, inlined, kernel, once
from ..lanes.buffers import buffers
from ..lanes.rounding import begin_ieee_mode, set_mode
from ..spec.network import Network
from ..spec.status import Status
from .fingerprints import fingerprint, layers_of, round_all

PER_OCTAVE = 64
MANTISSA = 52
# Number of bits below those that number the bins.
BELOW = MANTISSA - 6
EPOCH_OCTAVES = 50 - 6
N_EPOCH_BINS = PER_OCTAVE * (1 + EPOCH_OCTAVES)
LOSS_OCTAVES = 256
# One bin below all octaves, and one above.
N_LOSS_BINS = PER_OCTAVE * LOSS_OCTAVES + 2
SMALLEST_BINNED = 2.0**-128


def bits_of(value: float) -> int:
    """The bits of a float64 as an integer."""
    return int(np.float64(value).view(np.int64))


compiled_bits_of = inlined(bits_of)

FIRST_EPOCH_BIN = (bits_of(PER_OCTAVE) >> BELOW) - PER_OCTAVE
FIRST_LOSS_BIN = (bits_of(SMALLEST_BINNED) >> BELOW) - 1

# Losses as keys: 1000 (power of ten - LOWEST + 1) + three digits; 0 for less than 10**LOWEST.
LOWEST, HIGHEST = -12, 308
DIGITS = 1000
N_KEYS = DIGITS * (HIGHEST - LOWEST + 2)
# The powers of ten from that of the smallest loss's last digit on, and for each exponent of 2 the
# exponent of 10 at the lower end of its octave.
POWERS = np.array([float(f"1e{power}") for power in range(LOWEST - 2, HIGHEST + 1)] + [np.inf])
DECADES = np.searchsorted(POWERS, np.ldexp(1.0, np.arange(-1023, 1024)), side="right") - 1

FORMS = 8
"""Number of distinct minima counted for each loss."""

EXPONENT = 0x7FF
FRACTION = (1 << MANTISSA) - 1
WORD = (1 << 32) - 1
NOT_RUN, CONVERGED, DIVERGED = int(Status.NOT_RUN), int(Status.CONVERGED), int(Status.DIVERGED)
NO_EPOCHS = np.iinfo(np.int64).max


class Rows(NamedTuple):
    """The restarts to count: ``first, first + 1, …``."""

    size: int
    first: int
    status: np.ndarray
    epochs: np.ndarray
    loss: np.ndarray
    parameters: np.ndarray


class Tally(NamedTuple):
    """Counts of restarts that ended."""

    epoch_bins: np.ndarray
    """(statuses, N_EPOCH_BINS)."""
    epoch_sums: np.ndarray
    """(statuses, 2): sums of the lower 32 bits, and of the others."""
    epoch_range: np.ndarray
    """(statuses, 2): minimum and maximum."""
    loss_bins: np.ndarray
    """(2, N_LOSS_BINS): of restarts that did not converge, and of those that did."""
    loss_sums: np.ndarray
    """(2048, 2), by exponent bits: sums of the mantissas' lower 32 bits, and of the others."""
    loss_range: np.ndarray
    """(2,): minimum and maximum."""
    best: np.ndarray
    """(1,): the first restart with the lowest loss."""
    keys: np.ndarray
    """(losses,), in order of first occurrence, like all that follow."""
    counts: np.ndarray
    firsts: np.ndarray
    """(losses,): the first restart of each."""
    fingerprints: np.ndarray
    """(losses, FORMS) of uint64, ascending; where the count is 0 there is none."""
    form_counts: np.ndarray
    form_firsts: np.ndarray


BY_LOSS = Tally._fields[Tally._fields.index("keys") :]
"""Names of the arrays with a row for each loss."""


class Scratch(NamedTuple):
    """The memory for distinguishing minima."""

    rounded: np.ndarray
    """(n_parameters,): parameters of the current restart, as integers."""
    rows: np.ndarray
    """(most units + 1,): the units of a layer in order, and a bias."""
    order: np.ndarray
    """Units of the next layer."""
    slots: np.ndarray
    """(N_KEYS,): the row of each loss in the tally, counted from 1; 0 if it has none."""
    n_losses: np.ndarray
    """(1,): the number of losses that have a row."""


@kernel
def loss_key(value):
    """The number of a finite loss rounded to three digits, halves upward.

    Division is rounded, so a loss within 1e-16 of halfway may go either way, but equally on every
    machine.
    """
    if value < POWERS[2]:
        return 0
    at = DECADES[compiled_bits_of(value) >> MANTISSA]
    if value >= POWERS[at + 1]:
        at += 1
    digits = int(np.floor(value / POWERS[at - 2] + 0.5))
    # 999.5 and more become 100 of the next power.
    return DIGITS * (at - 1) + digits if digits < DIGITS else DIGITS * at + DIGITS // 10


@kernel
def count_form(found, restart, fingerprints, counts, firsts):
    """Count a fingerprint if it is, or becomes, one of the smallest of its loss."""
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


@inlined
def count_epochs(tally, ended, number):
    """Count the epochs of a restart that ended with the status `ended`."""
    place = number
    if number >= PER_OCTAVE:
        place = (compiled_bits_of(number) >> BELOW) - FIRST_EPOCH_BIN
    tally.epoch_bins[ended * N_EPOCH_BINS + place] += 1
    sums, extremes = tally.epoch_sums + 2 * ended, tally.epoch_range + 2 * ended
    sums[0] += number & WORD
    sums[1] += number >> 32
    extremes[0], extremes[1] = min(extremes[0], number), max(extremes[1], number)


@inlined
def count_loss(tally, ended, loss, restart):
    """Count a finite loss."""
    bits = compiled_bits_of(loss)
    place = (bits >> BELOW) - FIRST_LOSS_BIN
    place = min(max(place, 0), N_LOSS_BINS - 1)
    tally.loss_bins[place + (N_LOSS_BINS if ended == CONVERGED else 0)] += 1
    exponent, mantissa = (bits >> MANTISSA) & EXPONENT, bits & FRACTION
    if exponent > 0:
        mantissa += 1 << MANTISSA
    sign, sums = -1 if bits < 0 else 1, tally.loss_sums + 2 * exponent
    sums[0] += sign * (mantissa & WORD)
    sums[1] += sign * (mantissa >> 32)
    tally.loss_range[1] = max(tally.loss_range[1], loss)
    if loss < tally.loss_range[0]:
        tally.loss_range[0], tally.best[0] = loss, restart


@inlined
def slot_of(tally, scratch, key, restart):
    """The row of a loss; a new loss gets the next one."""
    slot = scratch.slots[key] - 1
    if slot < 0:
        slot = scratch.n_losses[0]
        scratch.n_losses[0] = scratch.slots[key] = slot + 1
        tally.keys[slot], tally.firsts[slot] = key, restart
    return slot


@inlined
def count_minimum(tally, slot, found, restart):
    """Count a minimum by its loss, and by its fingerprint among those of the loss."""
    tally.counts[slot] += 1
    place = slot * FORMS
    fingerprints, counts = tally.fingerprints + place, tally.form_counts + place
    count_form(found, restart, fingerprints, counts, tally.form_firsts + place)


def count_rows(tally, rows, layers, scratch):
    """Add all rows to the tally."""
    # Numba counts references to arrays, also to each in a record: 440 ns more per minimum.
    tally, rows, layers, scratch = buffers(tally), buffers(rows), buffers(layers), buffers(scratch)
    mode = begin_ieee_mode()
    for row in range(rows.size):
        ended, restart, loss = rows.status[row], rows.first + row, rows.loss[row]
        if ended == NOT_RUN:
            continue
        count_epochs(tally, ended, rows.epochs[row])
        if not np.isfinite(loss):
            continue
        count_loss(tally, ended, loss, restart)
        if ended in (CONVERGED, DIVERGED):
            continue
        slot = slot_of(tally, scratch, loss_key(loss), restart)
        parameters = rows.parameters + row * layers.n_parameters
        round_all(parameters, layers.n_parameters, scratch.rounded)
        found = fingerprint(layers, scratch.rounded, scratch.rows, scratch.order)
        count_minimum(tally, slot, found, restart)
    set_mode(mode)


@once
def _counter():
    return entry(count_rows)


def empty_tally(most: int) -> Tally:
    """The tally of no restarts, with room for `most` losses."""
    return Tally(
        epoch_bins=np.zeros((len(Status), N_EPOCH_BINS), dtype=np.int64),
        epoch_sums=np.zeros((len(Status), 2), dtype=np.int64),
        epoch_range=np.tile(np.array([NO_EPOCHS, -1]), (len(Status), 1)),
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


def tally(
    net: Network,
    loss: np.ndarray,
    epochs: np.ndarray,
    status: np.ndarray,
    parameters: np.ndarray,
    first: int,
) -> Tally:
    """Count restarts ``first, first + 1, …``, except those that have not ended.

    `epochs` (int64) and `status` (int8) must be in their ranges: nothing checks them here.
    """
    loss = np.ascontiguousarray(loss, dtype=np.float64) + 0.0  # no zero is negative
    status, epochs, parameters = map(np.ascontiguousarray, (status, epochs, parameters))
    result, layers = empty_tally(min(len(loss), N_KEYS)), layers_of(net)
    scratch = Scratch(
        rounded=np.empty(net.n_parameters, dtype=np.int64),
        rows=np.empty(max(net.sizes) + 1, dtype=np.int64),
        order=np.empty(max(net.sizes) + 1, dtype=np.int64),
        slots=np.zeros(N_KEYS, dtype=np.int32),
        n_losses=np.zeros(1, dtype=np.int64),
    )
    rows = Rows(len(loss), first, status, epochs, loss, parameters)
    _counter()(result, rows, layers, scratch)
    used = scratch.n_losses[0]
    return result._replace(**{name: getattr(result, name)[:used] for name in BY_LOSS})
