"""Forward passes for samples in groups, of which each has a network of its own."""

import numpy as np

from ..jit.compiling import inlined
from ..spec.network import Network
from ..support.gate import check_array
from .one_network_views import unit_rows, whole_groups
from .pieces import Kind, piece_for, run_piece
from .predict import make_predict_plan, outputs_of_tile, take_network
from .views import layer_at
from .workspace import INTEGER, zeros_aligned


@piece_for
def predict_in_groups(kind):
    """The outputs ``out_loss[order[i]]`` of network g, for `i` from ``bounds[g]`` on."""
    compute = outputs_of_tile(kind)

    @inlined
    def predict_tile(net, first, count):
        n_in, n_out = layer_at(net, 0).n_in, layer_at(net, net.depth - 1).n_out
        X = unit_rows(net, net.spare.data, n_in, whole_groups(net, count))
        for n in range(count):
            sample = net.x + net.order[first + n] * n_in
            for i in range(n_in):
                X[i, n] = sample[i]
        A = compute(net, X)
        for n in range(count):
            into = net.out_loss + net.order[first + n] * n_out
            for j in range(n_out):
                into[j] = A[j, n]

    @inlined
    def predict(net):
        for network in range(net.count):
            take_network(net, network)
            first, end = net.bounds[network], net.bounds[network + 1]
            while first < end:
                predict_tile(net, first, min(net.tile, end - first))
                first += net.tile

    return predict


def predict_groups(
    net: Network, parameters: np.ndarray, X: np.ndarray, groups: np.ndarray
) -> np.ndarray:
    """Outputs (n, n_out) for `X` (n, n_in), each row by the network of its group.

    Parameters
    ----------
    net : Network
    parameters : (groups, n_parameters) array of the dtype of `X`
    X : (n, n_in) array, in C order
    groups : (n,) array of int
        The row of `parameters` for each row of `X`.

    Raises
    ------
    ValueError
        If shapes or dtypes do not match, or a group is not a row of `parameters`.
    """
    check_array("X", X, X.dtype, (len(X), net.sizes[0]))
    check_array("parameters", parameters, X.dtype, (len(parameters), net.n_parameters))
    check_array("groups", groups, groups.dtype, (len(X),))
    found = np.empty((len(X), net.sizes[-1]), dtype=X.dtype)
    if not len(X):
        return found
    if groups.min() < 0 or groups.max() >= len(parameters):
        raise ValueError(f"groups: expected rows of {len(parameters)} networks, got others")
    # NumPy sorts short integers by radix: a million in 8 ms instead of 70.
    codes = groups.astype(np.uint16) if len(parameters) <= 2**16 else groups
    order = np.argsort(codes, kind="stable").astype(np.int64)
    sizes = np.bincount(groups, minlength=len(parameters))
    ends = np.cumsum(sizes)
    # A pass takes the time of a whole tile, so groups whose sizes differ much have other tiles.
    magnitudes = np.frexp(sizes)[1]
    for magnitude in np.unique(magnitudes[sizes > 0]):
        chosen = np.flatnonzero(magnitudes == magnitude)
        rows = np.repeat(ends[chosen] - sizes[chosen], sizes[chosen]) + _counts(sizes[chosen])
        _predict(net, parameters[chosen], X, order[rows], sizes[chosen], found)
    return found


def _counts(sizes: np.ndarray) -> np.ndarray:
    """The numbers from 0 to below each of `sizes`, one after the other."""
    numbers: np.ndarray = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return numbers


def _predict(
    net: Network,
    parameters: np.ndarray,
    X: np.ndarray,
    order: np.ndarray,
    sizes: np.ndarray,
    found: np.ndarray,
) -> None:
    """Write outputs for the rows in `order`, which lie group by group, into `found`."""
    plan = make_predict_plan(net, int(sizes.max()), X.dtype, parameters)
    bounds = np.concatenate([[0], np.cumsum(sizes)]).astype(INTEGER)
    plan.point("x", X, *X.shape)
    plan.point("order", order, len(order))
    plan.point("bounds", bounds, len(sizes) + 1)
    plan.point("out_loss", found, *found.shape)
    address = predict_in_groups.address(Kind(X.dtype, 1))
    run_piece(address, plan.record, zeros_aligned(plan.end, X.dtype))
