"""The passes of an epoch as a textbook writes them: forward, errors, backward, gradient.

A matrix's row is a sample and its column a unit: X (samples, n_in), A and D (samples, n_out),
W (n_in, n_out), b (1, n_out).  The type of `A[n, i]` varies: a number, a lane vector with this
number of many networks, or one with this number of many samples.  For small networks of known sizes
these very loops are compiled and unrolled; otherwise `matmul` computes the same sums in the same
order, with a block of results in registers.

Every sum has a fixed order, on which the bits of a result depend: pre-activations start from the
bias and add inputs in ascending order, gradients add samples in ascending order, deltas add outputs
in ascending order, the loss adds outputs within samples, and each product is fused into its sum.
"""

from ..jit.compiling import inlined as njit
from ..lanes.operations import fma


@njit
def preactivate(A, W, b, Z):
    """``Z = A @ W + b``."""
    for n in range(Z.rows):
        for j in range(Z.columns):
            z = b[0, j] if b.rows else Z.zero
            for i in range(W.rows):
                z = fma(A[n, i], W[i, j], z)
            Z[n, j] = z


def activate(f):
    """``A = f(Z)``, in place, for an activation f."""

    @njit
    def activate(Z):
        for n in range(Z.rows):
            for j in range(Z.columns):
                Z[n, j] = f(Z[n, j])

    return activate


@njit
def squared_errors(A, Y, D, sse):
    """``sse + sum((A - Y)**2)``, and its derivative ``D = 2 (A - Y)``."""
    for n in range(A.rows):
        for j in range(A.columns):
            error = A[n, j] - Y[n, j]
            sse = fma(error, error, sse)
            D[n, j] = error + error
    return sse


def multiply_by_slope(slope):
    """``D *= f'(A)``, the step from outputs to pre-activations."""

    @njit
    def multiply_by_slope(A, D):
        for n in range(D.rows):
            for j in range(D.columns):
                D[n, j] = D[n, j] * slope(A[n, j])

    return multiply_by_slope


@njit
def backpropagate(D, W, D_below):
    """``D_below = D @ W.T``, the derivatives by the outputs of the layer below."""
    for n in range(D_below.rows):
        for i in range(W.rows):
            d = D_below.zero
            for j in range(W.columns):
                d = fma(D[n, j], W[i, j], d)
            D_below[n, i] = d


@njit
def add_gradient(A, D, dW, db, fresh):
    """``dW += A.T @ D`` and ``db += D.sum(axis=0)``; `fresh` sums begin from 0."""
    for j in range(dW.columns):
        for i in range(dW.rows):
            g = dW.zero if fresh else dW[i, j]
            for n in range(D.rows):
                g = fma(A[n, i], D[n, j], g)
            dW[i, j] = g
        for i in range(db.rows):
            g = db.zero if fresh else db[i, j]
            for n in range(D.rows):
                g = g + D[n, j]
            db[i, j] = g


@njit
def descend(w, g, rate):
    """``w -= rate * g``: the update of gradient descent."""
    for s in range(w.columns):
        step = -rate[0, s]
        for m in range(w.rows):
            w[m, s] = fma(step, g[m, s], w[m, s])
