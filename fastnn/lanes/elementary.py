"""Elementary functions on lane vectors and plain floats, the same bits on every machine.

Each follows the same road: x is split into ``k * log(2) + r`` with an integer k, ``exp(r) - 1`` is
a polynomial, and 2**k is put into the exponent's bits.  The polynomials are minimax fits of
``(exp(r) - 1 - r) / r**2`` on ``|r| <= log(2) / 2``, their relative errors in exp 0.04 units in the
last place in float64 (degree 11) and 0.05 in float32 (degree 6).  Pairs of terms are summed as a
tree, whose branches the processor computes at once.  The bounds in the docstrings hold for every
float of the stated range and are tested against mpmath.
"""

from numba import types
from numba.extending import overload

from .compiling import FLAGS, inlined
from .operations import (
    at_least,
    at_most,
    by_type,
    fma,
    like,
    magnitude,
    scale_by_bits,
    select,
    with_sign,
)
from .types import number_of


def _expm1_polynomial(r):
    """``exp(r) - 1`` for ``|r| <= log(2) / 2``."""
    raise NotImplementedError("compiled code only")


@overload(_expm1_polynomial, inline="never", jit_options={**FLAGS, "forceinline": True})
def _choose_polynomial(r):
    def float64(r):
        r2 = r * r
        r4 = r2 * r2
        c2 = fma(like(r, 0.16666666666666421), r, like(r, 0.5000000000000009))
        c4 = fma(like(r, 0.008333333333492225), r, like(r, 0.04166666666654026))
        c6 = fma(like(r, 0.00019841269506053124), r, like(r, 0.0013888888941329107))
        c8 = fma(like(r, 2.7557590211233194e-06), r, like(r, 2.4801495217400865e-05))
        c10 = fma(like(r, 2.499806967605104e-08), r, like(r, 2.762956581396572e-07))
        low = fma(c4, r2, c2)
        high = fma(c10, r4, fma(c8, r2, c6))
        return fma(r2, fma(high, r4, low), r)

    def float32(r):
        r2 = r * r
        c2 = fma(like(r, 0.1666652262210846), r, like(r, 0.4999999403953552))
        c4 = fma(like(r, 0.008368604816496372), r, like(r, 0.0416683629155159))
        c46 = fma(like(r, 0.001381527166813612), r2, c4)
        return fma(r2, fma(c46, r2, c2), r)

    return float64 if number_of(r) == types.float64 else float32


@inlined
def _rounding_shift(x):
    """The constant whose sum with a number leaves the nearest integer in the last bits."""
    return by_type(x, 6755399441055744.0, 12582912.0)


@inlined
def _remainder(x, k):
    """``x - k * log(2)``; the first product is exact, since its constant has short digits."""
    r = fma(k, by_type(x, -0.6931471803691238, -0.693359375), x)
    return fma(k, by_type(x, -1.9082149292705877e-10, 2.1219444e-4), r)


@inlined
def exp(x):
    """e**x to 1.25 ULP, denormal results included; exact 0 and infinity beyond the range."""
    z = at_least(at_most(x, by_type(x, 710.0, 89.0)), by_type(x, -746.0, -104.0))
    shift = _rounding_shift(x)
    k = fma(z, like(x, 1.4426950408889634), shift) - shift
    r = _remainder(z, k)
    # Two factors of about 2**(k/2) reach the denormals and infinity, which one cannot.
    half = fma(k, like(x, 0.5), shift)
    rest = (k - (half - shift)) + shift
    one = like(x, 1.0)
    return scale_by_bits(one + _expm1_polynomial(r), half) * scale_by_bits(one, rest)


@inlined
def sigmoid(x):
    """``1 / (1 + exp(-x))`` to 2.5 ULP for x >= -708 (float32: -87); 0 below."""
    bound = by_type(x, 708.0, 87.0)
    z = at_least(at_most(x, bound), -bound)
    shift = _rounding_shift(x)
    shifted = fma(-z, like(x, 1.4426950408889634), shift)
    r = _remainder(-z, shifted - shift)
    one = like(x, 1.0)
    y = one / (one + scale_by_bits(one + _expm1_polynomial(r), shifted))
    return select(x < -bound, like(x, 0.0), y)


@inlined
def tanh(x):
    """The hyperbolic tangent to 3 ULP: ``-m / (2 + m)`` with ``m = exp(-2 |x|) - 1``."""
    z = at_least(like(x, -2.0) * magnitude(x), by_type(x, -40.0, -20.0))
    shift = _rounding_shift(x)
    shifted = fma(z, like(x, 1.4426950408889634), shift)
    one = like(x, 1.0)
    power = scale_by_bits(one, shifted)
    m = fma(power, _expm1_polynomial(_remainder(z, shifted - shift)), power - one)
    return with_sign(magnitude(m / (like(x, 2.0) + m)), x)
