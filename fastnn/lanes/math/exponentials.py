"""Elementary functions on lane vectors and plain floats, the same bits on every machine.

All work in the same way: x is split into ``k * log(2) + r`` with an integer k, a polynomial gives
exp(r), and 2**k goes into the exponent's bits.  Polynomials are minimax fits on
``|r| <= log(2) / 2``; their terms are summed pairwise as a tree, whose branches the processor
computes in parallel.  The bounds in the docstrings hold for every float of the stated range and are
tested against mpmath.
"""

from __future__ import annotations

from ..formulas import (
    Term,
    at_least,
    at_most,
    fma,
    formula,
    magnitude,
    rounding_shift,
    scale_by_bits,
    select,
    with_sign,
)

LOG2_E = 1.4426950408889634


def _remainder(x: Term, k: Term) -> Term:
    """``x - k * log(2)``; the first product is exact, since its constant has few digits."""
    r = fma(k, x.by_type(-0.6931471803691238, -0.693359375), x)
    return fma(k, x.by_type(-1.9082149292705877e-10, 2.1219444e-4), r)


def _expm1(r: Term) -> Term:
    """``exp(r) - 1`` for ``|r| <= log(2) / 2``.

    The fit is of ``(exp(r) - 1 - r) / r**2``, of degree 11 (4 in float32) in all; its relative
    error in exp is 0.04 units in the last place (0.05 in float32).
    """
    r2 = r * r
    if not r.is_double:
        c2 = fma(0.1666652262210846, r, 0.4999999403953552)
        c4 = fma(0.008368604816496372, r, 0.0416683629155159)
        c46 = fma(0.001381527166813612, r2, c4)
        return fma(r2, fma(c46, r2, c2), r)
    r4 = r2 * r2
    c2 = fma(0.16666666666666421, r, 0.5000000000000009)
    c4 = fma(0.008333333333492225, r, 0.04166666666654026)
    c6 = fma(0.00019841269506053124, r, 0.0013888888941329107)
    c8 = fma(2.7557590211233194e-06, r, 2.4801495217400865e-05)
    c10 = fma(2.499806967605104e-08, r, 2.762956581396572e-07)
    low = fma(c4, r2, c2)
    high = fma(c10, r4, fma(c8, r2, c6))
    return fma(r2, fma(high, r4, low), r)


def _exp_ratio(r: Term) -> tuple[Term, Term]:
    """Compute a and b with ``exp(r) = b / a`` for ``|r| <= log(2) / 2``.

    They are ``c - r`` and ``c + r`` with ``c = r coth(r / 2)``, an even function, so its polynomial
    has half the terms of one for exp(r): if a division follows anyway, this saves five of twelve
    multiplications.  Its relative error in exp is 0.01 units in the last place (0.02 in float32).
    """
    u = r * r
    c = fma(0.16666666666666435, u, 2.0) if r.is_double else None
    if c is None:
        c = fma(fma(-0.0027639277, u, 0.16666584), u, 2.0)
    else:
        c2 = fma(6.613756171346604e-05, u, -0.002777777777622866)
        c4 = fma(4.1343455196340495e-08, u, -1.6533777080529808e-06)
        u2 = u * u
        c = fma(fma(c4, u2, c2), u2, c)
    return c - r, c + r


def exp_of(x: Term) -> Term:
    """The power e**x to 1.25 ULP, denormal results included; exact 0 and infinity beyond."""
    z = at_least(at_most(x, x.by_type(710.0, 89.0)), x.by_type(-746.0, -104.0))
    shift = rounding_shift(x)
    k = fma(z, LOG2_E, shift) - shift
    r = _remainder(z, k)
    # Two factors of about 2**(k/2) reach the denormals and infinity, which one cannot.
    half = fma(k, 0.5, shift)
    rest = (k - (half - shift)) + shift
    return scale_by_bits(1.0 + _expm1(r), half) * scale_by_bits(x.constant(1.0), rest)


exp = formula(exp_of)


def _sigmoid_begin(x: Term) -> tuple[Term, Term]:
    """Reduce ``exp(-x) = 2**k exp(r)`` for the sigmoid: k in the last bits of a sum, and r."""
    z = at_most(x, x.by_type(708.0, 87.0))
    shift = rounding_shift(x)
    shifted = fma(z, -LOG2_E, shift)
    return shifted, _remainder(-z, shifted - shift)


@formula
def sigmoid_power(x: Term) -> Term:
    """The first value that `sigmoid_end` takes."""
    return _sigmoid_begin(x)[0]


@formula
def sigmoid_remainder(x: Term) -> Term:
    """The second value that `sigmoid_end` takes."""
    return _sigmoid_begin(x)[1]


def _sigmoid_end(x: Term, shifted: Term, r: Term) -> Term:
    a, b = _exp_ratio(r)
    y = a / (a + scale_by_bits(b, shifted))
    return select(x < -x.by_type(708.0, 87.0), 0.0, y)


sigmoid_end = formula(_sigmoid_end)


def sigmoid_of(x: Term) -> Term:
    """``1 / (1 + exp(-x))`` to 2.5 ULP for x >= -708 (float32: -87); 0 below.

    With ``exp(-x) = 2**k b / a`` it is ``a / (a + 2**k b)``.
    """
    return _sigmoid_end(x, *_sigmoid_begin(x))


sigmoid = formula(sigmoid_of)


def expm1_of(x: Term) -> Term:
    """The difference ``exp(x) - 1`` to 2.5 ULP, also for small x; -1 and infinity far out.

    Beyond 1 it is computed from half of each power of 2, as ``2**1024`` is no number.
    """
    z = at_least(at_most(x, x.by_type(710.0, 89.0)), x.by_type(-40.0, -20.0))
    shift = rounding_shift(x)
    shifted = fma(z, LOG2_E, shift)
    is_large = x > 1.0
    one = select(is_large, x.constant(0.5), 1.0)
    power = scale_by_bits(one, shifted)
    y = fma(power, _expm1(_remainder(z, shifted - shift)), power - one)
    return with_sign(magnitude(select(is_large, y + y, y)), x)


expm1 = formula(expm1_of)


def expm1_down_of(x: Term) -> Term:
    """``exp(x) - 1`` for x up to 0."""
    z = at_least(x, x.by_type(-40.0, -20.0))
    shift = rounding_shift(x)
    shifted = fma(z, LOG2_E, shift)
    power = scale_by_bits(x.constant(1.0), shifted)
    return fma(power, _expm1(_remainder(z, shifted - shift)), power - 1.0)


def tanh_of(x: Term) -> Term:
    """The hyperbolic tangent to 3 ULP: ``-m / (2 + m)`` with ``m = exp(-2 |x|) - 1``."""
    m = expm1_down_of(-2.0 * magnitude(x))
    return with_sign(magnitude(m / (2.0 + m)), x)


tanh = formula(tanh_of)
