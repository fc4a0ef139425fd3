"""Forward passes outside training: outputs of given networks on given inputs."""

from functools import cache

import numpy as np

from ..lanes.buffers import buffer
from ..lanes.compiling import entry, source_digest
from ..network import Network
from .passes import forward
from .plan import N_OUT, OUTPUTS, make_plan, zeros_aligned


@cache
def _predictor():
    return _make_predictor(source_digest())


def _make_predictor(digest):
    def predict_samples(layers, tile, x, parameters, workspace, outputs):
        digest  # noqa: B018  closed over, so that the cache's key changes with the sources
        depth = layers.shape[0]
        samples, n_in = x.shape
        n_out = layers[depth - 1, N_OUT]
        space = buffer(workspace)
        result = space + layers[depth - 1, OUTPUTS]
        out = buffer(outputs)
        for network in range(parameters.shape[0]):
            weights = buffer(parameters) + network * parameters.shape[1]
            for first in range(0, samples, tile):
                count = min(tile, samples - first)
                inputs = buffer(x) + first * n_in
                forward(1, 1, buffer(layers), depth, inputs, weights, space, count)
                start = (network * samples + first) * n_out
                for m in range(count * n_out):
                    out[start + m] = result[m]

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
    plan = make_plan(net, len(X), 1, X.itemsize)
    outputs = np.empty((len(parameters), len(X), net.sizes[-1]), dtype=X.dtype)
    space = zeros_aligned(plan.size, X.dtype)
    _predictor()(plan.layers, plan.tile, X, parameters, space, outputs)
    return outputs
