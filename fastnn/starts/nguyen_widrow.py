"""The initialization of Nguyen and Widrow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..jit.compiling import inlined
from ..kernels.draws import current_lane
from ..kernels.pieces import piece
from ..kernels.views import layer_at
from ..lanes.matrices import sized
from ..lanes.operations import fma, like, sqrt
from .balanced import Balanced
from .common import by_layer
from .scaled import ScaledUniform, scaled_uniform

if TYPE_CHECKING:
    from ..spec.network import Network


@inlined
def set_lengths(net, w, length, widths):
    """Scale each unit's weights to ``length / 2`` times the layer's width, as Nguyen and Widrow do.

    The last layer keeps its weights.
    """
    for level in range(net.depth - 1):
        layer = layer_at(net, level)
        W = sized(w + layer.weights, layer.n_in, layer.n_out)
        wanted = like(length, 0.5) * (length * widths[layer.weights])
        for j in range(W.columns):
            squares = W.zero
            for i in range(W.rows):
                squares = fma(W[i, j], W[i, j], squares)
            if squares > W.zero:
                scale = wanted / sqrt(squares)
                for i in range(W.rows):
                    W[i, j] = W[i, j] * scale


@piece
def begin_nguyen_widrow(net):
    """``w = a * A + b * B * u``, u uniform in [0, 1), and hidden units' weights of one length."""
    scaled_uniform(net)
    count = net.n_parameters
    w = current_lane(net, net.parameters, count)
    set_lengths(net, w, net.init[1], net.init_table + count)


class NguyenWidrow(Balanced, ScaledUniform):
    """Spread the active regions of hidden units over the inputs, which should lie in [-1, 1].

    All numbers are uniform in [-0.5, 0.5); then the weights of each hidden unit are scaled to the
    length ``beta = 0.7 * units ** (1 / n_in)``, and its bias to [-beta, beta).

    D. Nguyen and B. Widrow, "Improving the learning speed of 2-layer neural networks by choosing
    initial values of the adaptive weights", IJCNN 1990, volume 3, 21–26.

    Parameters
    ----------
    gain : float or (restarts,) array of float, default 1
        A factor of all numbers, non-negative.

    Raises
    ------
    TypeError, ValueError
        If `gain` is not a finite number, or is negative.
    """

    begin = begin_nguyen_widrow

    def table(self, net: Network) -> np.ndarray:
        """The lower bounds, and the differences of the bounds.

        For hidden layers the latter hold beta: the length of weights, the range of biases.
        """
        sizes = zip(net.sizes, net.sizes[1:], strict=False)
        betas = [0.7 * n_out ** (1 / n_in) for n_in, n_out in sizes]
        betas[-1] = 0.5
        limits = by_layer(net, betas)
        return np.array([-limits, 2 * limits])

    @staticmethod
    def numpy_start(
        net: Network, numbers: np.ndarray, table: np.ndarray, stream: np.random.Philox
    ) -> np.ndarray:
        values = ScaledUniform.numpy_start(net, numbers, table, stream)
        lengths, _ = net.unpack(numbers[1] * table[1] / 2)
        for W, length in zip(net.unpack(values)[0][:-1], lengths, strict=False):
            norms = np.linalg.norm(W, axis=0)
            W *= length[0, 0] / np.where(norms > 0, norms, 1)
        return values
