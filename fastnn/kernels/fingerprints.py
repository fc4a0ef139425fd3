"""Fingerprints of trained networks: equal for networks that differ only in names.

Names are the order of the units of a hidden layer, and the signs of units with an odd or even
activation.  Parameters are rounded, and units get the first of all possible names.
"""

from typing import NamedTuple

import numpy as np

from ..jit.compiling import kernel
from ..spec.activations import BY_NAME
from ..spec.network import Network

PER_UNIT = 100.0
"""Steps per unit to which parameters are rounded before comparison."""
LARGEST = 2.0**53
ODD = -1

SHIFT_1, SHIFT_2, SHIFT_3 = np.uint64(30), np.uint64(27), np.uint64(31)
FACTOR_1, FACTOR_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


class Layers(NamedTuple):
    """Description of a network for fingerprints: its size, and columns with a number per layer."""

    depth: int
    n_parameters: int
    n_in: np.ndarray
    fan: np.ndarray
    """Number of inputs of a unit, plus its bias if it has one."""
    n_out: np.ndarray
    start: np.ndarray
    """The place of the first weight."""
    symmetry: np.ndarray
    """Symmetry of the activation: -1 if it is odd, 1 if it is even, else 0."""


def layers_of(net: Network) -> Layers:
    """The layers after the input."""
    n_in, n_out = np.array(net.sizes[:-1]), np.array(net.sizes[1:])
    fan = n_in + int(net.bias)
    ends = np.cumsum(fan * n_out)
    symmetry = [BY_NAME[name].symmetry if name in BY_NAME else 0 for name in net.activation]
    return Layers(
        net.depth, net.n_parameters, n_in, fan, n_out, ends - fan * n_out, np.array(symmetry)
    )


@kernel
def round_all(parameters, count, rounded):
    """Round parameters to integers, multiples of 1 / PER_UNIT, clipped to the largest."""
    for i in range(count):
        value = np.float64(parameters[i]) * PER_UNIT
        value = value if value < LARGEST else LARGEST
        value = value if value > -LARGEST else -LARGEST
        rounded[i] = np.int64(np.rint(value))


@kernel
def turn(layers, at, incoming, outgoing, rows):
    """Give an odd or even unit the sign that makes its first number positive.

    Flip its incoming weights and its bias, in the order `rows`, and, if it is odd, the outgoing
    weights.
    """
    fan, step = layers.fan[at], layers.n_out[at]
    n_after = layers.n_out[at + 1] if layers.symmetry[at] == ODD else 0
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
def precedes(layers, at, rounded, rows, a, b):
    """Return whether unit a precedes unit b, by incoming weights, bias, and outgoing weights."""
    incoming, step = rounded + layers.start[at], layers.n_out[at]
    for i in range(layers.fan[at]):
        x, y = incoming[rows[i] * step + a], incoming[rows[i] * step + b]
        if x != y:
            return x < y
    outgoing, n_after = rounded + layers.start[at + 1], layers.n_out[at + 1]
    for j in range(n_after):
        x, y = outgoing[a * n_after + j], outgoing[b * n_after + j]
        if x != y:
            return x < y
    return False


@kernel
def sort_units(layers, at, rounded, rows, order):
    """Sort the units of a hidden layer with Shell's sort."""
    gap = count = layers.n_out[at]
    while gap > 1:
        gap = max(1, gap * 5 // 11)
        for i in range(gap, count):
            unit, place = order[i], i
            while place >= gap and precedes(layers, at, rounded, rows, unit, order[place - gap]):
                order[place] = order[place - gap]
                place -= gap
            order[place] = unit


@kernel
def rename(layers, at, rounded, rows, order):
    """Give the units of a hidden layer the first of their names."""
    if layers.symmetry[at] != 0:
        incoming, outgoing = rounded + layers.start[at], rounded + layers.start[at + 1]
        for j in range(layers.n_out[at]):
            turn(layers, at, incoming + j, outgoing + j * layers.n_out[at + 1], rows)
    sort_units(layers, at, rounded, rows, order)


@kernel
def mixed(value):
    """Mix bits as in SplitMix64: every bit of the result depends on every bit of `value`."""
    value = (value ^ (value >> SHIFT_1)) * FACTOR_1
    value = (value ^ (value >> SHIFT_2)) * FACTOR_2
    return value ^ (value >> SHIFT_3)


@kernel
def fingerprint(layers, rounded, rows, order):
    """Compute a 64-bit hash of rounded parameters, which it changes.

    The numbers under the first of all names are mixed in one by one, layer by layer in memory
    order, starting from their count.  `rows` and `order` are memory for the units of two layers and
    a bias.
    """
    for i in range(layers.n_in[0]):
        rows[i] = i
    value = np.uint64(layers.n_parameters)
    for at in range(layers.depth):
        n_in, n_out = layers.n_in[at], layers.n_out[at]
        rows[n_in] = n_in  # the biases are one more row
        for j in range(n_out):
            order[j] = j
        if at + 1 < layers.depth:
            rename(layers, at, rounded, rows, order)
        for i in range(layers.fan[at]):
            row = rounded + (layers.start[at] + rows[i] * n_out)
            for j in range(n_out):
                value = mixed(value ^ np.uint64(row[order[j]]))
        rows, order = order, rows
    return value
