"""Outputs, losses, gradients and Jacobians of given networks, computed by the training kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..job.build import make_job
from ..job.data import check_inputs
from ..job.job import Job
from ..kernels.jacobian import jacobians, scratch_numbers
from ..kernels.predict import predict
from ..optimizers import Optimizer, Setup
from ..optimizers.gradient_descent import plain_update
from ..spec.activations import SOFTMAX
from ..spec.losses import make_loss
from ..spec.network import Network
from ..support.checks import real_array, shown
from ..support.suggestions import suggests
from .chunk import lanes_for
from .launch import Outputs, launch_of, run_kernels

if TYPE_CHECKING:
    from ..spec.losses import Penalized

# Size, in numbers, of a group of Jacobians computed at once.
GROUP = 2**22


@suggests
def forward(net: Network, parameters: ArrayLike, X: ArrayLike) -> np.ndarray:
    """The outputs of one network or many.

    Parameters
    ----------
    net : Network
    parameters : (n_parameters,) or (networks, n_parameters) array of float
        Flat vectors. float32 parameters compute in float32, all others in float64.
    X : (n, n_in) array or data frame of float
        Columns go by position, since parameters know no names.

    Returns
    -------
    (n, n_out) or (networks, n, n_out) array

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value.
    """
    rows, alone = _rows(net, parameters)
    outputs = predict(net, rows, check_inputs(net, X, rows.dtype))
    return outputs[0] if alone else outputs


@suggests
def loss(
    net: Network,
    parameters: ArrayLike,
    X: ArrayLike,
    y: ArrayLike,
    *,
    loss: Penalized | type[Penalized] | str | None = None,
    sample_weight: ArrayLike | None = None,
) -> Any:
    """The loss of one network or many.

    Parameters
    ----------
    net, parameters, X
        As for `forward`.
    y : (n, n_out) array of float, or (n,) for one output
    loss : a loss, its class or its name, default the sum of squared errors
    sample_weight : (n,) or (networks, n) array of float, optional

    Returns
    -------
    float, or (networks,) array

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value.
    """
    job, alone = _job(net, parameters, X, y, loss, sample_weight)
    losses = _evaluate(job, gradient=False).loss
    return float(losses[0]) if alone else losses


@suggests
def gradient(
    net: Network,
    parameters: ArrayLike,
    X: ArrayLike,
    y: ArrayLike,
    *,
    loss: Penalized | type[Penalized] | str | None = None,
    sample_weight: ArrayLike | None = None,
) -> np.ndarray:
    """The gradient of the loss with respect to the parameters, for one network or many.

    Parameters
    ----------
    net, parameters, X, y, loss, sample_weight
        As for `loss`.

    Returns
    -------
    (n_parameters,) or (networks, n_parameters) array

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value.
    """
    job, alone = _job(net, parameters, X, y, loss, sample_weight)
    gradients = _evaluate(job, gradient=True).parameters
    assert gradients is not None
    return gradients[0] if alone else gradients


@suggests
def jacobian(
    net: Network, parameters: ArrayLike, X: ArrayLike, y: ArrayLike | None = None
) -> np.ndarray:
    """The derivatives of all outputs with respect to all parameters, for one network or many.

    They are also the derivatives of the residuals ``output - y``, for any y.

    Parameters
    ----------
    net, parameters, X
        As for `forward`.
    y : (n, n_out) array of float, optional
        Checked, but without effect.

    Returns
    -------
    (n, n_out, n_parameters) or (networks, n, n_out, n_parameters) array

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value, or the last activation is "softmax".
    """
    inputs = check_inputs(net, X, _rows(net, parameters)[0].dtype)
    if net.activation[-1] == SOFTMAX:
        raise ValueError(
            "net: expected an output activation other than 'softmax', which is not supported here"
        )
    targets = np.zeros((len(inputs), net.sizes[-1])) if y is None else y
    job, alone = _job(net, parameters, inputs, targets, None, None, _Jacobian())
    shape = (len(inputs), net.sizes[-1], net.n_parameters)
    result = np.empty((job.restarts, *shape), dtype=job.dtype)
    group = max(1, GROUP // result[0].size)
    for first in range(0, job.restarts, group):
        part = job.expand_range(first, min(job.restarts, first + group))
        _evaluate(part, gradient=False, jacobian=result[first : first + part.restarts])
    return result[0] if alone else result


@dataclass(frozen=True, eq=False)
class _Jacobian(Optimizer):
    """Optimizer stand-in whose only pass writes Jacobians, for restarts of no epochs."""

    def setup(self, net: Network, samples: int) -> Setup:
        return Setup(
            {"learning_rate": 0.0},
            plain_update,
            compute=jacobians,
            scratch=scratch_numbers(net, samples),
        )


def _rows(net: Network, parameters: Any) -> tuple[np.ndarray, bool]:
    """`parameters` as rows, and whether they were a single vector."""
    if not isinstance(net, Network):
        raise TypeError(f"net: expected a fastnn.Network, got {shown(net)}")
    single = isinstance(parameters, np.ndarray) and parameters.dtype == np.float32
    array = real_array("parameters", parameters, np.float32 if single else np.float64)
    if array.ndim not in (1, 2) or array.shape[-1] != net.n_parameters or not array.size:
        raise ValueError(
            f"parameters: expected shape ({net.n_parameters},) or (networks, {net.n_parameters}) "
            f"for {net!r}, got {array.shape}"
        )
    return array.reshape(-1, net.n_parameters), array.ndim == 1


def _job(
    net: Network,
    parameters: Any,
    X: Any,
    y: Any,
    loss: Any,
    sample_weight: Any,
    optimizer: Optimizer | None = None,
) -> tuple[Job, bool]:
    rows, alone = _rows(net, parameters)
    if make_loss(loss).pulls_to_start:
        raise ValueError(
            f"loss: expected one without l2_towards, since parameters alone tell no start, got "
            f"{shown(loss)}"
        )
    job = make_job(
        net, X, y, loss=loss, sample_weight=sample_weight, init=rows, epochs=0,
        restarts=len(rows), dtype=rows.dtype, optimizer=optimizer,
    )  # fmt: skip
    return job, alone


def _evaluate(job: Job, *, gradient: bool, jacobian: np.ndarray | None = None) -> Outputs:
    """Make one pass for each network of the job."""
    count = job.restarts
    shape = (count, job.net.n_parameters)
    outputs = Outputs(
        parameters=np.empty(shape, dtype=job.dtype) if gradient else None,
        state=None,
        loss=np.empty(count, dtype=job.dtype),
        epochs=np.empty(count, dtype=np.int64),
        status=np.empty(count, dtype=np.int64),
        gradient=gradient,
        jacobian=jacobian,
    )
    flag = np.zeros(1, dtype=np.int64)
    lanes = lanes_for(job, count)
    run_kernels(launch_of(job, lanes), job, 1, flag, outputs)
    return outputs
