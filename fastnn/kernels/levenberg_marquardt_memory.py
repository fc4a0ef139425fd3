"""The memory of Levenberg–Marquardt besides its state, a region for each of its parts.

Both forms hold the accepted parameters, their loss, and whether the current trial is accepted.
Then come, with q residuals and p parameters, the parts of the dual or of the primal form.
"""

from ..jit.compiling import inlined
from ..lanes.matrices import sized
from ..spec.network import Network
from .jacobian import SAMPLES_AT_ONCE, n_outputs


def is_dual(net: Network, samples: int) -> bool:
    """Return whether there are fewer residuals than parameters."""
    return samples * net.sizes[-1] < net.n_parameters


def scratch_numbers(net: Network, samples: int) -> int:
    """Size of the scratch memory of each network."""
    residuals, p = samples * net.sizes[-1], net.n_parameters
    if is_dual(net, samples):
        return 2 + p + 5 * residuals + residuals * residuals + residuals * p
    rows = min(samples, SAMPLES_AT_ONCE) * net.sizes[-1]
    return 2 + 4 * p + 3 * p * p + rows * (p + 2)


@inlined
def column(region, rows):
    """The first `rows` elements of a region as a column."""
    return sized(region, rows, 1)


@inlined
def accepted_parameters(net):
    """The parameters from which trials start."""
    return net.scratch


@inlined
def accepted_losses(net):
    """The loss of the accepted parameters."""
    return net.scratch + net.n_parameters


@inlined
def answers(net):
    """Answers: 1 where the trial is accepted, else 0."""
    return net.scratch + (net.n_parameters + 1)


@inlined
def memory_of_form(net):
    """The start of the memory of either form."""
    return net.scratch + (net.n_parameters + 2)


@inlined
def n_residuals(net):
    """Number of residuals."""
    return net.samples * n_outputs(net)


@inlined
def trial_residuals(net):
    """The residuals r (q) of the trial."""
    return memory_of_form(net)


@inlined
def residuals_of(net):
    """The residuals of the accepted parameters."""
    return memory_of_form(net) + n_residuals(net)


@inlined
def roots_of(net):
    """The roots of the samples' factors, at most q."""
    return memory_of_form(net) + 2 * n_residuals(net)


@inlined
def solution_of(net):
    """The solution x (q)."""
    return memory_of_form(net) + 3 * n_residuals(net)


@inlined
def pivots_of(net):
    """The inverse pivots (q) of the system."""
    return memory_of_form(net) + 4 * n_residuals(net)


@inlined
def system_of(net):
    """``J Jᵀ`` (q, q), and its factors."""
    q = n_residuals(net)
    return sized(memory_of_form(net) + 5 * q, q, q)


@inlined
def jacobian_of(net):
    """The rows of J (q, p) at the accepted parameters, one after the other."""
    q = n_residuals(net)
    return memory_of_form(net) + (5 * q + q * q)


@inlined
def trial_side(net):
    """``Jᵀ r`` (p) at the trial."""
    return memory_of_form(net)


@inlined
def accepted_side(net):
    """The same for the accepted parameters."""
    return memory_of_form(net) + net.n_parameters


@inlined
def pivots_of_primal(net):
    """The inverse pivots (p) of the system."""
    return memory_of_form(net) + 2 * net.n_parameters


@inlined
def trial_system(net):
    """``Jᵀ J`` (p, p) at the trial, row by row."""
    return memory_of_form(net) + 3 * net.n_parameters


@inlined
def accepted_system(net):
    """The same for the accepted parameters."""
    return trial_system(net) + net.n_parameters * net.n_parameters


@inlined
def factors_of_primal(net):
    """The factors (p, p) of the system."""
    p = net.n_parameters
    return sized(accepted_system(net) + p * p, p, p)


@inlined
def tile_roots(net):
    """The roots of the factors of a tile's samples, at most as many as residuals."""
    return accepted_system(net) + 2 * net.n_parameters * net.n_parameters


@inlined
def tile_residuals(net):
    """The residuals of a tile."""
    return tile_roots(net) + min(net.samples, SAMPLES_AT_ONCE) * n_outputs(net)


@inlined
def tile_jacobian(net):
    """The rows of J for a tile, one after the other."""
    return tile_residuals(net) + min(net.samples, SAMPLES_AT_ONCE) * n_outputs(net)
