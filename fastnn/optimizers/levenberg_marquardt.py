"""Levenberg–Marquardt: damped Gauss–Newton steps on a sum of squares."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..kernels import levenberg_marquardt as kernels
from ..kernels import levenberg_marquardt_memory as memory
from ..spec.status import Status
from ..support.checks import by_name
from .common import TINY, Optimizer, Setup

if TYPE_CHECKING:
    from ..spec.network import Network

MAX_PARAMETERS = 500


@by_name
@dataclass(frozen=True, eq=False)
class LevenbergMarquardt(Optimizer):
    """Levenberg–Marquardt, for (weighted) sums of squares and networks of up to 500 parameters.

    With residuals r, whose squares sum to the loss, and their Jacobian J at the accepted
    parameters, a trial is the step ``-(JᵀJ + damping I)⁻¹ Jᵀ r`` from there; with fewer residuals
    than parameters the same step is computed as ``-Jᵀ (J Jᵀ + damping I)⁻¹ r``.  A trial with a
    lower loss is accepted and lowers the damping; any other raises it.  Each trial is an epoch.
    Full batches only.  Losses are `SSE`, `MSE`, `Asymmetric`, and those of `fastnn.extend.loss`
    that are given by their residuals, all without penalties.

    Parameters
    ----------
    damping : float or (restarts,) array of float, default 0.01
        Initial damping, positive.
    increase, decrease : float or (restarts,) array of float, default 5 and 0.7
        Factors of the damping after a rejected trial (at least 1) and after an accepted one (at
        most 1).  On XOR these defaults solve 85 % of the starts in 30 epochs; 10 and 0.1 solve 80
        %.
    min_damping, max_damping : float or (restarts,) array of float, default 1e-12 and 1e12
        Bounds of the damping; a restart whose damping would exceed the upper bound has ``STALLED``.
    gradient_tolerance : float or (restarts,) array of float, default 0
        A restart ends with ``GRADIENT`` once no derivative of the loss exceeds this in magnitude.
    step_tolerance : float or (restarts,) array of float, default 0
        A restart has ``STALLED`` after a trial step whose norm is at most this times the norm of
        the parameters.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value; in training, if the network has too many
        parameters.

    References
    ----------
    K. Levenberg, "A method for the solution of certain non-linear problems in least squares",
    Quarterly of Applied Mathematics 2 (1944) 164–168; D. W. Marquardt, "An algorithm for
    least-squares estimation of nonlinear parameters", SIAM Journal on Applied Mathematics 11 (1963)
    431–441; M. T. Hagan and M. B. Menhaj, "Training feedforward networks with the Marquardt
    algorithm", IEEE Transactions on Neural Networks 5 (1994) 989–993.
    """

    damping: ArrayLike = 0.01
    _: KW_ONLY
    increase: ArrayLike = 5.0
    decrease: ArrayLike = 0.7
    min_damping: ArrayLike = 1e-12
    max_damping: ArrayLike = 1e12
    gradient_tolerance: ArrayLike = 0.0
    step_tolerance: ArrayLike = 0.0

    def __post_init__(self) -> None:
        self.check_numbers(
            damping=(TINY, math.inf),
            increase=(1.0, math.inf),
            decrease=(0.0, 1.0),
            min_damping=(TINY, math.inf),
            max_damping=(TINY, math.inf),
            gradient_tolerance=(0.0, math.inf),
            step_tolerance=(0.0, math.inf),
        )
        self.check_order("min_damping", "max_damping")

    def setup(self, net: Network, samples: int) -> Setup:
        """Describe the optimizer to the engine, for the network `net` and a number of samples."""
        dual = memory.is_dual(net, samples)
        if net.n_parameters > MAX_PARAMETERS:
            raise ValueError(
                f"optimizer: expected at most {MAX_PARAMETERS} parameters for LevenbergMarquardt, "
                f"got {net.n_parameters} in {net!r}; use LBFGS, RPROP or Adam"
            )
        names = (
            "increase", "decrease", "min_damping", "max_damping", "gradient_tolerance",
            "step_tolerance", "damping",
        )  # fmt: skip
        return Setup(
            {name: getattr(self, name) for name in names},
            kernels.dual_update if dual else kernels.primal_update,
            # The damping; flags: the parameters are a trial, the last step was too short.
            slots=((1, "damping"), (2, 0.0)),
            compute=kernels.dual_compute if dual else kernels.primal_compute,
            compute_of=kernels.dual_compute_of if dual else kernels.primal_compute_of,
            scratch=memory.scratch_numbers(net, samples),
            option=int(np.any(self.gradient_tolerance)),
            one_tile=dual,
            equal_samples=dual,
            full_batch=True,
            squares_only=True,
        )

    def numpy_search(
        self, problem: Any, parameters: np.ndarray, numbers: dict[str, float]
    ) -> Iterator[Any]:
        """Make the textbook's search in NumPy."""
        damping, accepted, best = numbers["damping"], parameters, math.inf
        trial, fresh, short = parameters, True, False
        while True:
            r, J = problem.residuals_and_jacobian(trial)
            loss = float(r @ r)
            if fresh or loss < best:
                if not fresh:
                    damping = max(damping * numbers["decrease"], numbers["min_damping"])
                accepted, best, residuals, jacobian = trial, loss, r, J
            else:
                damping *= numbers["increase"]
            fresh = False
            gradient = 2 * (jacobian.T @ residuals)
            ending = Status.STALLED if short or damping > numbers["max_damping"] else None
            if np.abs(gradient).max() <= numbers["gradient_tolerance"] > 0:
                ending = Status.GRADIENT
            yield accepted, best, gradient, ending
            identity = np.eye(len(accepted), dtype=accepted.dtype)
            system = jacobian.T @ jacobian + damping * identity
            try:
                trial = accepted - np.linalg.solve(system, jacobian.T @ residuals)
            except np.linalg.LinAlgError:  # damping lost in rounding: an infinite step
                trial = np.full_like(accepted, np.nan)
            length = np.linalg.norm(trial - accepted)
            tolerance = numbers["step_tolerance"]
            short = length <= tolerance * np.linalg.norm(accepted) and tolerance > 0
