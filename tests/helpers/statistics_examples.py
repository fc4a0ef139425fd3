"""Restarts of every kind, and a plain count of their statistics."""

import math
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import numpy as np

import fastnn
from fastnn.job.build import make_job
from fastnn.kernels.statistics import FORMS, N_EPOCH_BINS, N_LOSS_BINS
from fastnn.results.statistics import Statistics
from fastnn.spec.activations import BY_NAME
from fastnn.spec.status import Status

FIRST = 1000
NETS = [
    fastnn.Network([2, 2, 1]),
    fastnn.Network([1, 3, 2], "tanh", bias=False),
    fastnn.Network([2, 3, 2, 1], ["elliott", "gaussian", "identity"]),
    fastnn.Network([2, 1]),
    fastnn.Network([1, 2, 2], ["sine", "softmax"]),
]


def job_of(net=NETS[0], *, restarts=10**6, dtype=np.float64, seed=0, targets=True):
    X, y = np.zeros((1, net.sizes[0])), np.full((1, net.sizes[-1]), 1 / net.sizes[-1])
    loss = "cross_entropy" if "softmax" in net.activation else None
    stop = fastnn.LossBelow(0.1) if targets else None
    return make_job(
        net, X, y, first=FIRST, restarts=restarts, dtype=dtype, seed=seed, loss=loss, stop=stop
    )


def rows_of(job, size, seed):
    """Columns of restarts of every kind, many of them alike."""
    rng = np.random.default_rng(seed)
    some = [0.5, 0.0, 2 / 3, 0.66666, 1e-13, 9.996e-12, 1.125, 1e30, 1e39, 1e-39, 5e-324, -0.25]
    some = [*some, 1.7976931348623157e308, 0.9995, 127.0, np.nan, np.inf, -np.inf, 1e23]
    odd = rng.choice(some, size)
    with np.errstate(over="ignore"):
        loss = np.where(rng.random(size) < 0.5, odd, np.exp(rng.normal(0, 3, size)))
        loss = loss.astype(job.dtype)
    epochs = np.floor(np.exp(rng.uniform(0, np.log(10.0**15), size))).astype(np.int64)
    epochs[rng.random(size) < 0.3] = rng.choice([0, 1, 63, 64, 127, 128, 129, 10**15])
    status = rng.choice([0, 1, 1, 2, 3, 4, 4, 5, 6], size)
    shape = (size, job.net.n_parameters)
    small = rng.integers(-1, 2, shape) + rng.normal(0, 1e-4, shape)
    wide = rng.choice([1e3, -np.inf, np.inf, 1e300, 0.005, -0.015, 2.5], shape)
    with np.errstate(over="ignore"):
        parameters = np.where(rng.random((size, 1)) < 0.8, small, wide).astype(job.dtype)
    return loss, epochs, status, parameters


def statistics_of(job, rows, start=0, stop=None):
    return Statistics.of(job, *(column[start:stop] for column in rows), FIRST + start)


def epoch_bin(number):
    if number < 128:
        return number
    octave = number.bit_length()
    return 128 + 64 * (octave - 8) + (number >> (octave - 7)) - 64


def loss_bin(loss):
    if loss < 2.0**-128:
        return 0
    if loss >= 2.0**128:
        return N_LOSS_BINS - 1
    fraction, exponent = math.frexp(loss)
    return 1 + 64 * (exponent - 1 + 128) + math.floor((2 * fraction - 1) * 64)


def loss_key(loss):
    if loss < 1e-12:
        return 0
    power = Decimal(loss).adjusted()
    digits = math.floor(loss / float(f"1e{power - 2}") + 0.5)
    return 1000 * (power + 13) + digits if digits < 1000 else 1000 * (power + 14) + 100


def mixed(value):
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    value = (value ^ value >> 27) * 0x94D049BB133111EB % 2**64
    return value ^ value >> 31


def rounded(value):
    return round(min(max(float(value) * 100, -(2.0**53)), 2.0**53))


def first_form(net, numbers):
    """The weights and biases, layer by layer, of the equivalent network that sorts first."""
    layers, place = [], 0
    for n_in, n_out in zip(net.sizes[:-1], net.sizes[1:], strict=True):
        fan = n_in + net.bias
        layers.append([numbers[place + i * n_out : place + (i + 1) * n_out] for i in range(fan)])
        place += fan * n_out
    for at, (layer, after) in enumerate(pairwise(layers)):
        kind = BY_NAME[net.activation[at]].symmetry
        units = []
        for j in range(net.sizes[at + 1]):
            incoming, outgoing = [row[j] for row in layer], after[j]
            leading = incoming + outgoing if kind == -1 else incoming
            if kind and next((number for number in leading if number), 0) < 0:
                incoming = [-number for number in incoming]
                outgoing = [-number for number in outgoing] if kind == -1 else outgoing
            units.append((incoming, outgoing))
        units.sort()
        layers[at] = [list(row) for row in zip(*(unit[0] for unit in units), strict=True)]
        after[: len(units)] = [unit[1] for unit in units]
    return [number for layer in layers for row in layer for number in row]


def fingerprint(net, parameters):
    numbers = first_form(net, [rounded(value) for value in parameters])
    value = len(numbers)
    for number in numbers:
        value = mixed(value ^ number % 2**64)
    return value


def counted(job, loss, epochs, status, parameters):
    """The expected result of `to_arrays`, as lists."""
    rows = [
        (FIRST + i, float(loss[i]), int(epochs[i]), Status(status[i]), parameters[i])
        for i in range(len(status))
        if status[i] != Status.NOT_RUN
    ]
    epochs_of = {member: [row[2] for row in rows if row[3] == member] for member in Status}
    finite = [row for row in rows if math.isfinite(row[1])]
    losses, keys, forms = Counter(), {}, {}
    for k, value, _, ended, numbers in finite:
        losses[N_LOSS_BINS * (ended == Status.CONVERGED) + loss_bin(value)] += 1
        if ended not in (Status.CONVERGED, Status.DIVERGED):
            key = loss_key(value)
            keys.setdefault(key, []).append(k)
            forms.setdefault(key, {}).setdefault(fingerprint(job.net, numbers), []).append(k)
    bins = Counter(
        member * N_EPOCH_BINS + epoch_bin(number)
        for member, numbers in epochs_of.items()
        for number in numbers
    )
    kept = {key: sorted(forms[key].items())[:FORMS] for key in keys}
    padding = {key: [0] * (FORMS - len(kept[key])) for key in keys}
    order = sorted(keys)
    values = [row[1] for row in finite]
    return {
        "epochs_places": sorted(bins),
        "epochs_counts": [bins[place] for place in sorted(bins)],
        "epochs_sums": [str(sum(numbers)) for numbers in epochs_of.values()],
        "epochs_least": [min(numbers, default=2**63 - 1) for numbers in epochs_of.values()],
        "epochs_most": [max(numbers, default=-1) for numbers in epochs_of.values()],
        "loss_places": sorted(losses),
        "loss_counts": [losses[place] for place in sorted(losses)],
        "loss_sum": f"{int(sum(map(Fraction, values)) * 2**1074):x}",
        "loss_range": [min(values, default=math.inf), max(values, default=-math.inf)],
        "best": min(finite, key=lambda row: (row[1], row[0]))[0] if finite else -1,
        "minima_keys": order,
        "minima_counts": [len(keys[key]) for key in order],
        "minima_firsts": [min(keys[key]) for key in order],
        "forms_fingerprints": [[form[0] for form in kept[key]] + padding[key] for key in order],
        "forms_counts": [[len(form[1]) for form in kept[key]] + padding[key] for key in order],
        "forms_firsts": [[min(form[1]) for form in kept[key]] + padding[key] for key in order],
    }


def listed(statistics):
    return {name: array.tolist() for name, array in statistics.to_arrays().items()}
