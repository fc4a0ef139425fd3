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
def bootstrap(net, weights, samples):
    """Count how often each sample is drawn, in as many draws as there are samples."""
    for n in range(samples):
        weights[n, 0] = weights.zero
    _draw_samples(net, samples, weights, samples)


@inlined
def fold(net, weights, samples):
    """Weights: 1 for samples outside the restart's fold, 0 for samples in it."""
    folds = net.weight_number
    for n in range(samples):
        weights[n, 0] = 1.0 if n % folds != net.k % folds else 0.0


@inlined
def weigh_restart(net, samples, given):
    """Write the weights of a restart with this number of samples; `given` are numbers for them."""
    weights = current_lane(net, net.own_weights, samples)
    if net.weight_source == GIVEN:
        for n in range(samples):
            weights[n, 0] = given[n]
    elif net.weight_source == FOLDS:
        fold(net, weights, samples)
    elif net.weight_source == BOOTSTRAP:
        bootstrap(net, weights, samples)


@piece
def begin_weighted(net):
    """Write the initial parameters, as `begin_plainly` does, and the restart's sample weights."""
    call(net, net.begin_plainly)
    weigh_restart(net, net.samples, net.weight_rows + net.row * net.weight_step)
