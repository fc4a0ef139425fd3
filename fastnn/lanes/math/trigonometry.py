"""Sine, cosine and arctangent, the same bits on every machine.

For sine and cosine x is split into ``k * pi + r`` with ``|r| <= pi / 2`` and an integer k; a
polynomial gives sin(r), and k its sign. pi is the sum of three constants: the first step is exact,
and after the other two r is correct to a unit in the last place even next to a multiple of pi.
"""

from __future__ import annotations

from typing import Any

from ..formulas import (
    Term,
    alternate_by_bits,
    at_least,
    at_most,
    fma,
    formula,
    magnitude,
    rounding_shift,
    select,
    with_sign,
)

ONE_OVER_PI = 0.3183098861837907
# Of pi / 2 and pi / 4, the nearest float64 and float32, and what they lack.
HALF_PI, BELOW_HALF = (
    (1.5707963267948966, 1.5707963705062866),
    (6.123233995736766e-17, -4.371139e-8),
)
QUARTER_PI = (HALF_PI[0] / 2, HALF_PI[1] / 2)
BELOW_QUARTER = (BELOW_HALF[0] / 2, BELOW_HALF[1] / 2)
ATAN_FLOAT64 = (
    -0.3333333333333333, 0.19999999999999804, -0.14285714285659812, 0.11111111105153937,
    -0.09090908753425743, 0.07692296372859808, -0.06666424846721739, 0.05878928549229719,
    -0.052304509666811966, 0.045515781496647055, -0.034570174391823104, 0.01628532732275549,
)  # fmt: skip
ATAN_FLOAT32 = (-0.33333334, 0.19999978, -0.1428415, 0.110713616, -0.08624652, 0.05048076)


def _minus_half_pi(x: Term, n: Term) -> Term:
    """``x - n * pi / 2``; a minus zero in x stays a minus zero if n is a plus zero.

    To this end all constants are negative: each part is rounded toward zero.
    """
    r = fma(n, x.by_type(-1.5707963267948966, -1.570796251296997), x)
    r = fma(n, x.by_type(-6.123233995736765e-17, -7.549789415861596e-08), r)
    return fma(n, x.by_type(-1.0828566739219139e-32, -5.390302529957765e-15), r)


def _alternating_sine(r: Term, shifted: Term) -> Term:
    """``(-1)**k * sin(r)`` for ``|r| <= 1.58``, k the integer in the last bits of `shifted`.

    The fit is of ``(sin(r) - r) / r**3``, of degree 17 (9 in float32) in all; its relative error
    is 0.003 units in the last place (0.12 in float32).  Beyond, r is cut off.
    """
    r = at_least(at_most(r, 1.58), -1.58)
    u = r * r
    u2 = u * u
    if r.is_double:
        c0 = fma(0.008333333333333203, u, -0.16666666666666666)
        c2 = fma(2.755731921114258e-06, u, -0.00019841269841210487)
        c4 = fma(1.6058938519858638e-10, u, -2.5052106859556325e-08)
        c6 = fma(2.720646203486781e-15, u, -7.642949957212607e-13)
        c = fma(fma(c6, u2, c4), u2 * u2, fma(c2, u2, c0))
    else:
        c2 = fma(2.605099325592164e-06, u, -0.0001980943197850138)
        c = fma(c2, u2, fma(0.00833306647837162, u, -0.16666659712791443))
    y = at_most(magnitude(fma(r * u, c, r)), 1.0)
    return alternate_by_bits(with_sign(y, r), shifted)


def sin_of(x: Term) -> Term:
    """The sine to 2.5 ULP for ``|x| <= 1e5``, even next to its zeros; odd, bit for bit.

    Beyond that, digits are lost, in the end all of them, but the result stays in [-1, 1].  The sine
    of an infinity is NaN.
    """
    shift = rounding_shift(x)
    shifted = fma(x, ONE_OVER_PI, shift)
    return _alternating_sine(_minus_half_pi(x, 2.0 * (shifted - shift)), shifted)


sin = formula(sin_of)


def cos_of(x: Term) -> Term:
    """The cosine to 2.5 ULP for ``|x| <= 1e5``, and like `sin` beyond; even, bit for bit."""
    x, shift = magnitude(x), rounding_shift(x)
    shifted = fma(x, ONE_OVER_PI, -0.5) + shift
    r = -_minus_half_pi(x, fma(2.0, shifted - shift, 1.0))
    return _alternating_sine(r, shifted)


cos = formula(cos_of)


def _atan_series(z: Term) -> Term:
    """``(atan(t) / t - 1) / z`` with ``z = t * t``, for ``|t| <= 0.4143``.

    The fit is of degree 11 (5 in float32); its relative error in the arctangent is 0.01 units in
    the last place.
    """
    terms: list[Any] = [*(ATAN_FLOAT64 if z.is_double else ATAN_FLOAT32)]
    power = z
    while len(terms) > 1:
        pairs = [fma(b, power, a) for a, b in zip(terms[::2], terms[1::2], strict=False)]
        terms, power = [*pairs, *terms[2 * len(pairs) :]], power * power
    series: Term = terms[0]
    return series


def atan_of(x: Term) -> Term:
    """The inverse tangent to 2 ULP; pi / 2 at infinity; odd, bit for bit.

    Beyond tan(pi / 8) it is ``pi / 4 + atan((a - 1) / (a + 1))`` with ``a = |x|``, and beyond
    tan(3 pi / 8) ``pi / 2 - atan(1 / a)``.
    """
    a = magnitude(x)
    is_near, is_far = a < 0.41421356, a > 2.4142136
    above = select(is_near, a, select(is_far, -1.0, a - 1.0))
    t = above / select(is_near, 1.0, select(is_far, a, a + 1.0))
    half = select(is_near, 0.0, select(is_far, x.by_type(*HALF_PI), x.by_type(*QUARTER_PI)))
    rest = select(is_near, 0.0, select(is_far, x.by_type(*BELOW_HALF), x.by_type(*BELOW_QUARTER)))
    z = t * t
    y = half + (t + fma(t * z, _atan_series(z), rest))
    return with_sign(magnitude(y), x)


atan = formula(atan_of)
