"""Where everything lies: the layer table that kernels walk along, and their workspace.

Kernels read shapes and offsets from the table and allocate nothing.  Offsets count elements: one
number when one network is trained, as many as there are lanes when many are.
"""

from dataclasses import dataclass

import numpy as np

from ..activations import CODES
from ..network import Network

# Columns of the layer table, one row per layer after the input.
COLUMNS = 6
N_IN, N_OUT, ACTIVATION, HAS_BIAS, WEIGHTS, OUTPUTS = range(COLUMNS)

# Element-wise passes run over whole vectors, so every region is a multiple of the longest.
PADDING = 64
# Bytes; also of the sums that `single` makes side by side.
CACHE_LINE = 64
# Samples come in multiples of this many, the rows of a tile of results in `lanes.tiles`.
ROWS = 4

# Bytes of activations and deltas that one tile of samples may fill, in the first two levels of
# cache.  ns per network and epoch with 32, 64, 96, 128 and 192 KiB: 10-5-10 with 16 lanes 159, 139,
# 137, 141, 139; 4-8-3 on 150 samples with 16 lanes 1,175, 1,131, 1,162, 1,232, 1,369; 64-32-10 on
# 1,797 samples with 8 lanes 335,000, 290,000, 261,000, 260,000, 284,000.
TILE_BYTES = 96 * 1024
# The same for one network.  4-32-16-4 on 10,000 samples in float32, us per epoch: 322 with 64 KiB,
# 287 with 96 and 128, 291 with 192; 64-32-10 takes the same with all of them.
SINGLE_TILE_BYTES = 128 * 1024


@dataclass(frozen=True)
class Plan:
    """The layer table of a network and the layout of the workspace for one tile of samples."""

    layers: np.ndarray
    """(depth, COLUMNS) int64."""
    n_parameters: int
    tile: int
    """Samples per tile."""
    deltas: tuple[int, int]
    """Offsets of the two buffers between which deltas go back and forth."""
    gradient: int
    parameters: int
    hyperparameters: int
    per_lane: int
    """Two elements: the loss and the target of each lane."""
    one: int
    """The number 1."""
    size: int
    """Elements of the whole workspace."""


class _Regions:
    """Consecutive regions of the workspace, each a multiple of `step` elements."""

    def __init__(self, step: int) -> None:
        self.step = step
        self.end = 0

    def take(self, count: int) -> int:
        """The offset of a new region for `count` elements."""
        start = self.end
        self.end += -(-count // self.step) * self.step
        return start


def _layer_table(net: Network, tile: int, regions: _Regions) -> np.ndarray:
    """The table, with a region for the outputs of each layer."""
    layers = np.zeros((net.depth, COLUMNS), dtype=np.int64)
    weights = 0
    for row, n_in, n_out, name in zip(
        layers, net.sizes[:-1], net.sizes[1:], net.activation, strict=True
    ):
        row[:] = n_in, n_out, CODES[name], net.bias, weights, regions.take(tile * n_out)
        weights += (n_in + net.bias) * n_out
    return layers


def make_plan(net: Network, samples: int, lanes: int, itemsize: int, n_hyper: int = 0) -> Plan:
    """The plan for `samples` samples and `lanes` networks at once, `itemsize` bytes a number."""
    widest = max(net.sizes[1:])
    per_sample = (sum(net.sizes[1:]) + 2 * widest) * lanes * itemsize
    fewest = ROWS if per_sample < 2**20 else 1
    tile = max(fewest, TILE_BYTES // per_sample // ROWS * ROWS)
    tile = min(samples, tile)
    regions = _Regions(max(1, PADDING // lanes))
    take = regions.take
    layers = _layer_table(net, tile, regions)
    return Plan(
        layers=layers,
        n_parameters=net.n_parameters,
        tile=tile,
        deltas=(take(tile * widest), take(tile * widest)),
        gradient=take(net.n_parameters),
        parameters=take(net.n_parameters),
        hyperparameters=take(n_hyper),
        per_lane=take(2),
        one=take(1),
        size=regions.end,
    )


@dataclass(frozen=True)
class SinglePlan(Plan):
    """The same for one network with samples side by side; offsets count numbers."""

    spare: int
    """As large as one of the deltas: their transposition."""
    sums: int
    """Where gradients are summed: `gradient` itself, or a group of sums for each parameter."""
    losses: int
    """The sum of the losses, or a group of sums."""


def make_single_plan(
    net: Network, samples: int, itemsize: int, n_hyper: int, group: int, sums_in_lanes: bool
) -> SinglePlan:
    """The plan for `samples` samples in groups of `group`, which vectors hold side by side."""
    widest = max(net.sizes)
    per_sample = (sum(net.sizes[1:]) + 3 * widest) * itemsize
    tile = max(PADDING, SINGLE_TILE_BYTES // per_sample // PADDING * PADDING)
    tile = min(-(-samples // group) * group, tile)
    regions = _Regions(PADDING)
    take = regions.take
    layers = _layer_table(net, tile, regions)
    gradient = take(net.n_parameters)
    return SinglePlan(
        layers=layers,
        n_parameters=net.n_parameters,
        tile=tile,
        deltas=(take(tile * widest), take(tile * widest)),
        gradient=gradient,
        parameters=take(net.n_parameters),
        hyperparameters=take(n_hyper),
        per_lane=0,
        one=take(1),
        spare=take(tile * widest),
        sums=take(group * net.n_parameters) if sums_in_lanes else gradient,
        losses=take(group),
        size=regions.end,
    )


def zeros_aligned(count: int, dtype: np.dtype) -> np.ndarray:
    """`count` zeros that begin at a cache line.

    A vector that straddles two cache lines costs two loads: XOR took 13.6 ns per network and epoch
    with NumPy's 16-byte alignment and 11.7 with 64.
    """
    n_bytes = count * dtype.itemsize
    memory = np.zeros(n_bytes + CACHE_LINE, dtype=np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    return memory[start : start + n_bytes].view(dtype)


def by_tile(array: np.ndarray, run_length: int, tile: int) -> np.ndarray:
    """`array` (n, units) as (runs, tiles, units, tile), runs and tiles filled up with zeros.

    A tile's numbers lie together: they are brought near ahead of their use.
    """
    n, units = array.shape
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
