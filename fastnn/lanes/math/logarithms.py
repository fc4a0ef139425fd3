"""Logarithms and related functions, with the same bits on every machine.

x is split into ``2**k * (1 + f)`` with ``1 + f`` between the square roots of 1/2 and 2.  With
``s = f / (2 + f)`` the logarithm of ``1 + f`` is ``2 atanh(s)``, an odd function of a small number.
The bounds in the docstrings hold for every float of the stated range and are tested against mpmath.
"""

from __future__ import annotations

import math

from ..formulas import (
    Term,
    at_least,
    fma,
    formula,
    magnitude,
    rounding_shift,
    select,
    split_by_bits,
    with_sign,
)
from .exponentials import exp_of

SQRT_HALF = 0.7071067811865476


def _atanh_series(z: Term) -> Term:
    """``(2 atanh(s) / s - 2) / z`` with ``z = s * s``, for ``|s| <= 0.1716``.

    The fit is of degree 6 (2 in float32); its relative error in the logarithm is 0.01 units in the
    last place (0.02 in float32).
    """
    z2 = z * z
    c0 = fma(
        z, z.by_type(0.3999999999940928, 0.39977577), z.by_type(0.6666666666666735, 0.66666776)
    )
    if not z.is_double:
        return fma(0.29871061, z2, c0)
    c2 = fma(0.2222219842525205, z, 0.2857142874371398)
    c4 = fma(0.1531382571257858, z, 0.1818357258099079)
    high = fma(0.14798330746453192, z2, c4)
    return fma(high, z2 * z2, fma(c2, z2, c0))


def _log_sum(f: Term, n: Term, correction: Term | float) -> Term:
    """``log(1 + f) - n * log(2) + correction``; the correction is at most a unit in the last place.

    ``2 atanh(s) = f - f**2 / 2 + s * (f**2 / 2 + ...)`` begins with exact terms.  A minus zero in
    `f` stays one if n is a plus zero.
    """
    s = f / (2.0 + f)
    z = s * s
    half = 0.5 * f * f
    low = fma(n, n.by_type(-2.3190468138462996e-17, 1.9046542e-9), correction)
    tail = fma(s, fma(z, _atanh_series(z), half), low)
    return fma(n, n.by_type(-0.6931471805599453, -0.6931471824645996), f - (half - tail))


def _at_the_ends(y: Term, x: Term, end: float) -> Term:
    """A logarithm `y` of x, given minus infinity at `end`, NaN below, and infinity at infinity."""
    above = select(x < math.inf, y, x)
    return select(x > end, above, select(x < end, math.nan, x - math.inf))


def log_of(x: Term) -> Term:
    """The natural logarithm to 1.5 ULP, of denormals too; log(0) is -inf, NaN below."""
    denormal = x < x.by_type(2.0**-1022, 2.0**-126)
    normal = select(denormal, x * x.by_type(2.0**54, 2.0**25), x)
    m, shifted = split_by_bits(normal, SQRT_HALF)
    n = rounding_shift(x) - shifted + select(denormal, x.by_type(54.0, 25.0), 0.0)
    return _at_the_ends(_log_sum(m - 1.0, n, 0.0), x, 0.0)


log = formula(log_of)


def _log1p_inside(x: Term) -> Term:
    """``log(1 + x)`` for finite ``x > -1``; a NaN stays a NaN."""
    u = 1.0 + x
    m, shifted = split_by_bits(u, SQRT_HALF)
    n = rounding_shift(x) - shifted
    # The rounding error of the sum, whichever of its terms is larger.
    part = u - 1.0
    lost = (1.0 - (u - part)) + (x - part)
    near = magnitude(n) < 0.5  # there f is x itself
    return _log_sum(select(near, x, m - 1.0), n, select(near, 0.0, lost / u))


def log1p_of(x: Term) -> Term:
    """``log(1 + x)`` to 1.5 ULP for every x > -1; -inf at -1, NaN below."""
    return _at_the_ends(_log1p_inside(x), x, -1.0)


log1p = formula(log1p_of)


def atanh_of(x: Term) -> Term:
    """The inverse hyperbolic tangent to 2.5 ULP; infinite at 1 and -1, NaN beyond.

    It is ``log1p(2 a / (1 - a)) / 2`` with ``a = |x|``, the quotient written as 2 a plus a
    remainder, which reduces rounding errors.
    """
    a = magnitude(x)
    twice = a + a
    y = 0.5 * log1p_of(fma(twice, a / (1.0 - a), twice))
    return with_sign(magnitude(select(a > 1.0, math.nan, y)), x)


atanh = formula(atanh_of)


def softplus_rest_of(x: Term) -> Term:
    """The difference of softplus and ``max(x, 0)``: ``log1p(exp(-|x|))``."""
    return _log1p_inside(exp_of(-magnitude(x)))


def softplus_of(x: Term) -> Term:
    """``log(1 + exp(x))`` to 2.5 ULP: ``max(x, 0) + log1p(exp(-|x|))``, which cannot overflow."""
    return at_least(x, 0.0) + softplus_rest_of(x)


softplus = formula(softplus_of)
