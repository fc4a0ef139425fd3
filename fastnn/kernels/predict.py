"""Forward passes outside training: outputs of given networks on given inputs."""

from functools import cache

import numpy as np

from ..lanes.buffers import buffer
from ..lanes.compiling import entry, source_digest
from ..network import Network
from .passes import forward
from .plan import N_OUT, OUTPUTS, make_plan, workspace


@cache
def _predictor():
    return _make_predictor(source_digest())


def _make_predictor(digest):
    def predict_samples(layers, tile, x, parameters, workspace, outputs):
        digest  # noqa: B018  closed over, so that the cache's key changes with the sources
        depth = layers.shape[0]
        samples, n_in = x.shape
        n_out = layers[depth - 1, N_OUT]
        result = buffer(workspace) + layers[depth - 1, OUTPUTS]
        out = buffer(outputs)
        for network in range(parameters.shape[0]):
            weights = buffer(parameters) + network * parameters.shape[1]
            for first in range(0, samples, tile):
                count = min(tile, samples - first)
                inputs = buffer(x) + first * n_in
                forward(buffer(layers), depth, inputs, weights, buffer(workspace), count)
                start = (network * samples + first) * n_out
                for m in range(count * n_out):
                    out[start + m] = result[m]

    return entry(predict_samples)


def predict(net: Network, parameters: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Outputs (networks, n, n_out) for `parameters` (networks, n_parameters) and `X` (n, n_in).

    The arrays must be checked, C-contiguous and of one dtype: kernels trust them.
    """
    plan = make_plan(net, len(X), 1, X.itemsize)
    outputs = np.empty((len(parameters), len(X), net.sizes[-1]), dtype=X.dtype)
    space = workspace(plan, 1, X.dtype)
    _predictor()(plan.layers, plan.tile, X, parameters, space, outputs)
    return outputs
