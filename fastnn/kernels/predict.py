"""Forward passes outside training: outputs of given networks on given inputs."""

import numpy as np

from ..jit.compiling import inlined
from ..lanes.matrices import in_registers, matrix
from ..lanes.types import register_bytes
from ..spec.activations import SOFTMAX
from ..spec.network import Network
from .activation import activation_pieces
from .losses import softmax
from .one_network_pass import forward_pass
from .one_network_views import outputs, unit_rows, whole_groups
from .pieces import Kind, piece_for, run_piece
from .views import layer_at
from .workspace import CACHE_LINE, Needs, Plan, by_tile, make_single_plan, zeros_aligned


def outputs_of_tile(kind):
    """Make the function for the outputs of unit rows, a row for each output."""
    forward = forward_pass(kind)

    @inlined
    def compute(net, X):
        forward(net, X, X.columns)
        A = outputs(net, net.depth - 1, X.columns)
        if net.option != 0:
            softmax(in_registers(A).T)
        return A

    return compute


@inlined
def take_network(net, network):
    """Copy the parameters in a row of `init_rows` to where the passes read them."""
    for m in range(net.n_parameters):
        net.parameters[m, 0] = net.init_rows[network * net.n_parameters + m]


@piece_for
def predict_samples(kind):
    """The outputs of the networks in the rows of `init_rows` for all samples, into `out_loss`."""
    compute = outputs_of_tile(kind)

    @inlined
    def predict_tile(net, first, network):
        n_in, n_out = layer_at(net, 0).n_in, layer_at(net, net.depth - 1).n_out
        count = min(net.tile, net.samples - first)
        A = compute(net, unit_rows(net, net.x + first * n_in, n_in, whole_groups(net, count)))
        place = (network * net.samples + first) * n_out
        into = matrix(net.out_loss + place, count, n_out, n_out, 1, 0)
        for n in range(count):
            for j in range(n_out):
                into[n, j] = A[j, n]

    @inlined
    def predict(net):
        for network in range(net.count):
            take_network(net, network)
            first = 0
            while first < net.samples:
                predict_tile(net, first, network)
                first += net.tile

    return predict


def predict(net: Network, parameters: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Outputs (networks, n, n_out) for `parameters` (networks, n_parameters) and `X` (n, n_in).

    Raises
    ------
    ValueError
        If `parameters` do not match the network and the dtype of `X`.
    """
    if parameters.shape != (len(parameters), net.n_parameters) or parameters.dtype != X.dtype:
        raise ValueError(
            f"parameters: expected shape (networks, {net.n_parameters}) and dtype {X.dtype} for "
            f"{net!r}, got shape {parameters.shape} and dtype {parameters.dtype}"
        )
    if X.ndim != 2 or X.shape[1] != net.sizes[0] or not X.flags.c_contiguous:
        raise ValueError(
            f"X: expected a contiguous array of shape (n, {net.sizes[0]}), got shape {X.shape}"
        )
    (n, n_in), n_out, count = X.shape, net.sizes[-1], len(parameters)
    plan = make_predict_plan(net, n, X.dtype, parameters)
    found = np.empty((count, n, n_out), dtype=X.dtype)
    plan.point("x", by_tile(X, n, plan.tile), 1, -(-n // plan.tile), n_in, plan.tile)
    plan.point("out_loss", found, count, n, n_out)
    address = predict_samples.address(Kind(X.dtype, 1))
    run_piece(address, plan.record, zeros_aligned(plan.end, X.dtype))
    return found


def make_predict_plan(net: Network, samples: int, dtype: np.dtype, parameters: np.ndarray) -> Plan:
    """The plan of forward passes over at most `samples` samples by the networks of `parameters`."""
    group = CACHE_LINE // dtype.itemsize
    plan = make_single_plan(net, samples, dtype.itemsize, group, False, Needs())
    for row, (activation, keeps) in zip(plan.layers, plan.activations, strict=True):
        row[-2] = activation_pieces(activation, keeps)[0].address(Kind(dtype, 1))
    plan.set(
        count=len(parameters),
        group_strips=CACHE_LINE // register_bytes(),
        option=net.activation[-1] == SOFTMAX,
    )
    plan.point("slope_offset", np.zeros(1, dtype=dtype), 1)
    plan.point("init_rows", np.ascontiguousarray(parameters), len(parameters), net.n_parameters)
    return plan
