"""Forward passes outside training: outputs of given networks on given inputs."""

import numpy as np

from ..activations import CODES, SOFTMAX, keeps_slopes
from ..frame import ACTIVATION, COLUMNS, DEPTH, LAYERS, N_OUT, OUTPUTS
from ..lanes.buffers import across, buffer, lane_count
from ..lanes.compiling import entry, once, source_digest
from ..lanes.types import register_bytes
from ..network import Network
from .losses import keep_slopes_of, softmax
from .plan import CACHE_LINE, Needs, by_tile, make_single_plan, zeros_aligned
from .single import forward

SOFTMAX_OUTPUT = CODES[SOFTMAX]


@once
def _predictor():
    return _make_predictor(source_digest())


def _make_predictor(digest):
    def predict_samples(frame_array, tile, strips, samples, XT, parameters, workspace, outputs):
        digest  # noqa: B018  closed over, so that the cache's key changes with the sources
        frame = buffer(frame_array)
        last = frame + (LAYERS + (frame[DEPTH] - 1) * COLUMNS)
        n_parameters = parameters.shape[1]
        n_in, n_out = XT.shape[2], last[N_OUT]
        space = buffer(workspace)
        result = space + last[OUTPUTS]
        width = strips * lane_count(across(space))
        x, out = buffer(XT), buffer(outputs)
        for network in range(parameters.shape[0]):
            weights = buffer(parameters) + network * n_parameters
            for first in range(0, samples, tile):
                count = min(tile, samples - first)
                blocks = (count + width - 1) // width * strips
                forward(frame, x + first * n_in, weights, space, tile, blocks)
                if last[ACTIVATION] == SOFTMAX_OUTPUT:
                    lanes = lane_count(across(result))
                    softmax(across(result), tile // lanes, blocks, n_out)
                start = out + (network * samples + first) * n_out
                for n in range(count):
                    for j in range(n_out):
                        start[n * n_out + j] = result[j * tile + n]

    return entry(predict_samples)


def predict(net: Network, parameters: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Outputs (networks, n, n_out) for `parameters` (networks, n_parameters) and `X` (n, n_in).

    Raises
    ------
    ValueError
        If `parameters` do not fit the network and the dtype of `X`.
    """
    if parameters.shape != (len(parameters), net.n_parameters) or parameters.dtype != X.dtype:
        raise ValueError(
            f"parameters: expected shape (networks, {net.n_parameters}) and dtype {X.dtype} for "
            f"{net!r}, got shape {parameters.shape} and dtype {parameters.dtype}"
        )
    if X.ndim != 2 or X.shape[1] != net.sizes[0] or not X.flags.c_contiguous:
        raise ValueError(f"X: expected a contiguous (n, {net.sizes[0]}) array, got {X.shape}")
    parameters = np.ascontiguousarray(parameters)
    group = CACHE_LINE // X.itemsize
    plan = make_single_plan(net, len(X), X.itemsize, group, False, Needs())
    if any(map(keeps_slopes, net.activation)):
        numbers = np.zeros(2, dtype=X.dtype)
        plan.set(
            KEEP_SLOPES=keep_slopes_of(net.activation).address(X.dtype, 1),
            LOSS_NUMBERS=int(numbers.ctypes.data),
        )
    outputs = np.empty((len(parameters), len(X), net.sizes[-1]), dtype=X.dtype)
    _predictor()(
        plan.frame,
        plan.tile,
        CACHE_LINE // register_bytes(),
        len(X),
        by_tile(X, len(X), plan.tile),
        parameters,
        zeros_aligned(plan.end, X.dtype),
        outputs,
    )
    return outputs
