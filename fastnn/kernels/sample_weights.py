"""Sample weights of each restart's own: given, or functions of its index."""

import numpy as np

from ..jit.compiling import inlined
from ..lanes.operations import high_product, like
from ..spec.sample_weights import BOOTSTRAP, BOOTSTRAP_STREAM, FOLDS, GIVEN
from .draws import current_lane, for_each_draw
from .pieces import piece
from .views import call


@inlined
def _count_sample(m, bits, weights, samples):
    n = np.int64(high_product(bits, np.uint64(samples)))
    weights[n, 0] = weights[n, 0] + like(weights.zero, 1.0)


_draw_samples = for_each_draw(np.uint64(BOOTSTRAP_STREAM), _count_sample)


@inlined
def bootstrap(net, weights):
    """Count how often each sample is drawn, in as many draws as there are samples."""
    for n in range(net.samples):
        weights[n, 0] = weights.zero
    _draw_samples(net, net.samples, weights, net.samples)


@inlined
def fold(net, weights):
    """Weights: 1 for samples outside the restart's fold, 0 for samples in it."""
    folds = net.weight_number
    for n in range(net.samples):
        weights[n, 0] = 1.0 if n % folds != net.k % folds else 0.0


@inlined
def given_weights(net, weights):
    """The restart's row of weights."""
    row = net.weight_rows + net.row * net.weight_step
    for n in range(net.samples):
        weights[n, 0] = row[n]


@piece
def begin_weighted(net):
    """Write the initial parameters, as `begin_plainly` does, and the restart's sample weights."""
    call(net, net.begin_plainly)
    weights = current_lane(net, net.own_weights, net.samples)
    if net.weight_source == GIVEN:
        given_weights(net, weights)
    elif net.weight_source == FOLDS:
        fold(net, weights)
    elif net.weight_source == BOOTSTRAP:
        bootstrap(net, weights)
