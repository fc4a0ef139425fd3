"""Spans: consecutive parameters for which an optimizer has the same numbers.

There is one span, all parameters, or one for each layer if any number is a `PerLayer`.
"""

import numpy as np

from ..jit.compiling import inlined
from .views import layer_at


@inlined
def span_at(net, i):
    """The numbers of span i, its first parameter, and the number of its parameters."""
    if net.spans == 1:
        return net.hyper, np.int64(0), net.n_parameters
    layer = layer_at(net, i)
    count = (layer.n_in + layer.has_bias) * layer.n_out
    return net.hyper + i * net.span_numbers, layer.weights, count


@inlined
def common_numbers(net):
    """The numbers after those of the spans, the same for all of them."""
    return net.hyper + net.spans * net.span_numbers
