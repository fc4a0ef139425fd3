"""The layout of memory: the launch record with its layers, and the workspace of the kernels.

Kernels read shapes and offsets from the record and allocate nothing.  Offsets count elements: one
number when one network is trained, as many as there are lanes when many are.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ..spec.activations import BY_NAME, SOFTMAX, Activation, keeps_slopes
from ..spec.network import Network
from ..support.gate import address_of
from .layout import FIELDS, FLOATS, LAYER_COLUMNS, LAYERS, PLACES, POINTERS

# Element-wise passes run over whole vectors, so every region is a multiple of the longest.
PADDING = 64
# Bytes; also the size of the sums that `one_network` makes side by side.
CACHE_LINE = 64
# Samples come in multiples of this, the number of rows of a tile of results in `matmul_tile`.
ROWS = 4

# Maximum bytes of activations and deltas of a tile of samples, in the first two levels of cache.
# ns per network and epoch with 32, 64, 96, 128 and 192 KiB: 10-5-10 with 16 lanes 159, 139, 137,
# 141, 139; 4-8-3 on 150 samples with 16 lanes 1,175, 1,131, 1,162, 1,232, 1,369; 64-32-10 on 1,797
# samples with 8 lanes 335,000, 290,000, 261,000, 260,000, 284,000.
TILE_BYTES = 96 * 1024
# The same for one network.  4-32-16-4 on 10,000 samples in float32, us per epoch: 322 with 64 KiB,
# 287 with 96 and 128, 291 with 192; 64-32-10 takes the same with all of them.
SINGLE_TILE_BYTES = 128 * 1024
# What `Plan.set` writes.
PLAIN = {name: place for name, place in PLACES.items() if name not in POINTERS}
INTEGER, BYTE = np.dtype(np.int64), np.dtype(np.uint8)


class Plan:
    """A launch record, and the layout of the workspace that its offsets refer to.

    A blueprint makes one, a launch adds what all chunks of its job share to a copy, and every chunk
    what it has to itself to another copy.

    Regions grow in units of `step` elements, since element-wise passes run over whole vectors.
    Arrays whose addresses are in the record live as long as the plan.
    """

    def __init__(self, net: Network, tile: int, step: int, itemsize: int, needs: Needs) -> None:
        self.step = step
        self.dtype = np.dtype(f"f{itemsize}")
        self.held: dict[str, np.ndarray] = {}
        self.own_validation: dict[str, int] = {}
        """Regions of the validation samples of each network's own, by field."""
        self.end = 0
        self.record = np.zeros(LAYERS + net.depth * LAYER_COLUMNS, dtype=np.int64)
        self.layers = self.record[LAYERS:].reshape(net.depth, LAYER_COLUMNS)
        self.activations = [activation_at(net, level, needs) for level in range(net.depth)]
        self.tile = tile
        weights = 0
        for row, (n_in, n_out), (_, keeps) in zip(
            self.layers, pairwise(net.sizes), self.activations, strict=True
        ):
            outputs = slopes = self.take(tile * n_out)
            if keeps:
                slopes = self.take(tile * n_out)
            row[:6] = n_in, n_out, net.bias, weights, outputs, slopes
            weights += (n_in + net.bias) * n_out
        self.set(depth=net.depth, n_parameters=net.n_parameters, tile=tile)

    def copy(self) -> Plan:
        """Copy the plan, with its own record."""
        made = object.__new__(Plan)
        made.__dict__.update(self.__dict__)
        made.record = self.record.copy()
        made.held = self.held.copy()
        return made

    def take(self, count: int) -> int:
        """Reserve a new region of `count` elements; returns its offset."""
        start = self.end
        self.end += -(-count // self.step) * self.step
        return start

    def set(self, **values: int) -> None:
        """Write `values`, by the names of `fastnn.kernels.layout`, into the record; no
        addresses."""
        for name, value in values.items():
            self.record[PLAIN[name]] = value

    def point(self, name: str, array: np.ndarray, *shape: int) -> None:
        """Write the address of an array of that shape into the record, 0 if it is empty.

        Raises
        ------
        TypeError, ValueError
            If its layout is not what kernels read.
        """
        dtype = self.dtype if FIELDS[name] == FLOATS else INTEGER
        address = address_of(name, array, dtype, shape)
        self.record[POINTERS[name]] = address if array.size else 0
        self.held[name] = array

    def get(self, name: str) -> int:
        """The number in the record's field `name`."""
        return int(self.record[PLACES[name]])

    def regions(self, **counts: int) -> None:
        """Reserve a new region for each of `counts`, with its offset in the record."""
        for name, count in counts.items():
            self.set(**{name: self.take(count)})


def activation_at(net: Network, level: int, needs: Needs) -> tuple[Activation, bool]:
    """A layer's activation, "identity" if the loss includes it, and whether it keeps its slopes."""
    name = net.activation[level]
    if name == SOFTMAX or (needs.linear_output and level == net.depth - 1):
        return BY_NAME["identity"], False
    keeps = keeps_slopes(name)  # raises if this process has no such activation
    return BY_NAME[name], needs.keeps_slopes or keeps


class Needs(NamedTuple):
    """Memory that a job needs besides its network and data."""

    n_hyper: int = 0
    n_state: int = 0
    """Size of the optimizer's memory."""
    rule_state: int = 0
    """Size of the stopping rules' memory."""
    scratch: int = 0
    one_tile: bool = False
    """True if the outputs of all samples are needed at once."""
    keeps_slopes: bool = False
    linear_output: bool = False
    """True if the loss includes the last activation."""
    factors: bool = False
    """True if samples have their own factors in the loss."""
    own_weights: int = 0
    """Number of sample weights of each restart."""
    own_rows: int = 0
    """Size of the samples of each network's own, inputs and targets."""
    watches: bool = False
    """True if rules look at more than loss and gradient."""
    validates: bool = False
    validation_rows: int = 0
    """Size of the validation samples of each network's own."""
    gathers: int = 0
    """Number of samples private to each network: those of a shuffled batch."""


def make_plan(net: Network, samples: int, lanes: int, itemsize: int, needs: Needs) -> Plan:
    """The plan for `samples` samples and `lanes` networks, with `itemsize` bytes per number."""
    widest = max(net.sizes[1:])
    per_sample = (sum(net.sizes[1:]) + 2 * widest) * lanes * itemsize
    fewest = ROWS if per_sample < 2**20 else 1
    tile = max(fewest, TILE_BYTES // per_sample // ROWS * ROWS)
    tile = samples if needs.one_tile else min(samples, tile)
    plan = Plan(net, tile, PADDING // math.gcd(PADDING, lanes), itemsize, needs)
    plan.regions(delta=plan.tile * widest, other=plan.tile * widest, gradient=net.n_parameters)
    _common(plan, needs)
    plan.set(lanes=lanes, samples=samples)
    if needs.factors:
        plan.regions(factors=plan.tile)
    if needs.gathers:
        plan.regions(
            gathered_x=needs.gathers * net.sizes[0],
            gathered_y=needs.gathers * net.sizes[-1],
            gathered_weights=needs.gathers,
        )
    if needs.own_weights:
        plan.regions(own_weights=needs.own_weights)
    if needs.own_rows:
        plan.regions(lane_rows=1, pass_rows=1, shortest=1, own_rows=needs.own_rows)
    if needs.validation_rows:
        counts = {"lane_rows": 1, "pass_rows": 1, "shortest": 1}
        counts["own_rows"] = needs.validation_rows
        plan.own_validation = {name: plan.take(count) for name, count in counts.items()}
    return plan


def make_single_plan(
    net: Network, samples: int, itemsize: int, group: int, sums_in_lanes: bool, needs: Needs
) -> Plan:
    """The plan for one network, with samples in groups of `group`, side by side in vectors."""
    widest = max(net.sizes)
    per_sample = (sum(net.sizes[1:]) + 3 * widest) * itemsize
    tile = max(PADDING, SINGLE_TILE_BYTES // per_sample // PADDING * PADDING)
    plan = Plan(net, min(-(-samples // group) * group, tile), PADDING, itemsize, needs)
    columns = plan.tile * widest
    plan.regions(delta=columns, other=columns, spare=columns, gradient=net.n_parameters)
    _common(plan, needs)
    plan.set(lanes=1, strips=1, samples=samples, sums=plan.get("gradient"))
    if sums_in_lanes:
        plan.regions(sums=group * net.n_parameters)
    plan.regions(sum_of_losses=group)
    if needs.factors:
        plan.regions(factors=plan.tile)
    return plan


def _common(plan: Plan, needs: Needs) -> None:
    n_parameters = plan.get("n_parameters")
    n_state = needs.n_state + needs.rule_state
    plan.regions(
        parameters=n_parameters, hyper=needs.n_hyper, state=n_state, losses=1, targets=1,
        verdicts=1, end_verdicts=1, resumed=1, one=1,
    )  # fmt: skip
    plan.set(
        n_hyper=needs.n_hyper,
        n_state=n_state,
        rule_state=plan.get("state") + needs.n_state,
        result=plan.get("parameters"),
        result_losses=plan.get("losses"),
    )
    if needs.scratch:
        plan.regions(scratch=needs.scratch)
    if needs.watches:
        plan.regions(squares=1, worst=1)
    if needs.validates:
        plan.regions(validation_losses=1)


def zeros_aligned(count: int, dtype: np.dtype) -> np.ndarray:
    """Allocate `count` zeros, aligned to a cache line.

    A vector that straddles two cache lines costs two loads: XOR took 13.6 ns per network and epoch
    with NumPy's 16-byte alignment and 11.7 with 64.
    """
    n_bytes = count * dtype.itemsize
    memory = np.zeros(n_bytes + CACHE_LINE, dtype=np.uint8)
    start = -address_of("memory", memory, BYTE, memory.shape) % CACHE_LINE
    return memory[start : start + n_bytes].view(dtype)


def by_tile(array: np.ndarray, run_length: int, tile: int) -> np.ndarray:
    """Copy `array` (n, units) to (runs, tiles, units, tile), with runs and tiles padded by zeros.

    A tile's numbers are contiguous, so the processor prefetches them.
    """
    n, units = array.shape
    if n <= min(tile, run_length):
        only = zeros_aligned(units * tile, array.dtype).reshape(1, 1, units, tile)
        only[0, 0, :, :n] = array.T
        return only
    runs, tiles = -(-n // run_length), -(-min(n, run_length) // tile)
    result = zeros_aligned(runs * tiles * units * tile, array.dtype)
    result = result.reshape(runs, tiles, units, tile)
    for run in range(runs):
        samples = array[run * run_length : (run + 1) * run_length]
        whole = len(samples) // tile
        full = samples[: whole * tile].reshape(whole, tile, units)
        result[run, :whole] = full.transpose(0, 2, 1)
        rest = samples[whole * tile :]
        if len(rest):
            result[run, whole, :, : len(rest)] = rest.T
    return result
