"""The passes for one network, with samples side by side in the vectors.

Samples lie tile by tile, and in a tile unit by unit: output j of sample n is number
``j * tile + n``, so that every pass works on full vectors however narrow the layers are.  So a
matrix (samples, units) can be read as numbers, or in vectors of neighbouring samples.  Sums over
samples come in two orders:

in order
    Sample after sample, as in `forward_backward`: the bits of a network trained in lanes.
in lanes (``parallel="samples"``)
    As many sums as a cache line has numbers; sum l adds sample l of every group of that many
    samples, in ascending order of the groups.
"""

import numpy as np

from ..jit.compiling import inlined
from ..lanes.matrices import matrix
from ..lanes.operations import fma
from .matmul import matmul, matmul_across
from .matmul_tile import ITSELF
from .one_network_views import grouped

# A literal would make Numba compile the called function again.
ONE = np.int64(1)
# Layers with fewer units add their gradients number by number; for others a transposition pays.
NARROW = 4


@inlined
def preactivate(A, W, b, Z):
    """``Z = W.T @ A + b``, for unit rows in vectors of samples."""
    for j in range(Z.rows):
        start = b[0, j] if b.rows else b.zero
        for s in range(Z.columns):
            Z[j, s] = start
    matmul(ONE, Z, W.T, A, ITSELF, Z)


@inlined
def errors(A, Y, E, D):
    """``E = A - Y`` and ``D = 2 E``."""
    for j in range(A.rows):
        for s in range(A.columns):
            error = A[j, s] - Y[j, s]
            E[j, s] = error
            D[j, s] = error + error


@inlined
def clear_columns(A, begin, end):
    """Write zeros into the padding columns."""
    for j in range(A.rows):
        for n in range(begin, end):
            A[j, n] = 0.0


@inlined
def add_squares(E, loss):
    """``loss + sum(E**2)``, outputs within samples."""
    for n in range(E.columns):
        for j in range(E.rows):
            loss = fma(E[j, n], E[j, n], loss)
    return loss


@inlined
def add_terms(factors, T, loss):
    """``loss + sum(factor * term)``, outputs within samples."""
    for n in range(T.columns):
        for j in range(T.rows):
            loss = fma(factors[0, n], T[j, n], loss)
    return loss


@inlined
def gradient_in_order(net, A, D, dW, db, begin):
    """``dW += A @ D.T``, samples in ascending order, and the biases' part."""
    ones = matrix(net.one.data, 1, D.columns, 0, 0, 0)
    if D.rows < NARROW:
        matmul(ONE, dW, A, D.T, begin, dW)
        if db.rows:
            matmul(ONE, db, ones, D.T, begin, db)
        return
    # Outputs side by side.
    across = matrix(net.spare.data, D.columns, D.rows, D.rows, 1, 0)
    for n in range(D.columns):
        for j in range(D.rows):
            across[n, j] = D[j, n]
    matmul_across(dW, A, across, begin, dW)
    if db.rows:
        matmul_across(db, ones, across, begin, db)


@inlined
def gradient_in_lanes(net, A, D, dW, db, begin):
    """The same, with a sum for each sample of a group; `dW` and `db` hold vectors of sums."""
    left, right = grouped(net, A), grouped(net, D)
    matmul(net.group_strips, dW, left, right.T, begin, dW)
    if db.rows:
        ones = matrix(net.one.data, 1, right.columns, 0, 0, 0)
        matmul(net.group_strips, db, ones, right.T, begin, db)
