"""The inverse of the normal distribution function, the same bits on every machine.

It uses the three regions of M. J. Wichura, "Algorithm AS 241: The percentage points of the normal
distribution", Applied Statistics 37 (1988) 477-484, and rational functions as there, but fitted
(minimax) to the difference from a linear function, which makes their rounding errors smaller.  The
bound in the docstring holds for every float of the range and is tested against mpmath.
"""

from __future__ import annotations

from ..formulas import Condition, Term, at_most, fma, formula, magnitude, select, sqrt, with_sign
from .logarithms import log_of

# Numerators and denominators, constant terms first: near 1/2, in the tails, and far out.
FLOAT64 = (
    (
        (4.874765941399951, 188.34125018975843, 2727.174824904838, 18414.685020674504,
         58766.9720656904, 79342.87061949952, 32638.068077011616, 477.8221612132669),
        (1.0, 44.66027541613457, 776.9947925577194, 6674.543666257605, 29654.561629974698,
         65291.35085792611, 61935.063253801556, 17633.140191633614),
    ),
    (
        (-0.8699474145025993, -1.535289585838083, -1.0352081143802354, -0.3364262886866091,
         -0.05401083987494712, -0.0037886698211750027, -8.139996671144989e-05,
         -8.672349624632875e-08),
        (1.0, 2.132573692535257, 1.811530345730928, 0.7840574920732166, 0.18272053816464495,
         0.022004583311470375, 0.0011683369761916747, 1.8171063785399796e-05),
    ),
    (
        (-0.41316316836437206, -0.19661814455996848, -0.03379512681566312, -0.0025945115566818723,
         -8.968019166474981e-05, -1.2421914558172855e-06, -4.9293612629344975e-09,
         -7.941177724232061e-13),
        (1.0, 0.6112932597571197, 0.14354118761276238, 0.01630965167279758, 0.0009322260871764516,
         2.5429274206756788e-05, 2.835312499636041e-07, 8.73542159231053e-10),
    ),
)  # fmt: skip
FLOAT32 = (
    (
        (4.874766, 69.826225, 198.34474, 26.110703),
        (1.0, 20.348312, 111.77728, 146.54362),
    ),
    (
        (-0.86994725, -0.5677673, -0.070533074, -0.0003856464),
        (1.0, 1.0204092, 0.29364175, 0.020478128),
    ),
    (
        (-0.41316304, -0.080564, -0.0032053299, -5.7988377e-06),
        (1.0, 0.3304016, 0.031468175, 0.00077520014),
    ),
)


def _polynomial(x: Term, coefficients: list[Term]) -> Term:
    total = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        total = fma(total, x, coefficient)
    return total


def _rational(x: Term, which: tuple[Condition, Condition]) -> Term:
    """The rational function of the region that the masks `which`, near 1/2 and far out, name."""
    near, middle, far = FLOAT64 if x.is_double else FLOAT32
    is_near, is_far = which
    above, below = (
        [
            select(is_near, a, select(is_far, c, b))
            for a, b, c in zip(near[part], middle[part], far[part], strict=True)
        ]
        for part in range(2)
    )
    return _polynomial(x, above) / _polynomial(x, below)


@formula
def normal_quantile(u: Term) -> Term:
    """The number below which a standard normal one lies with probability `u`, to 3 ULP.

    ``normal_quantile(1 - u) == -normal_quantile(u)`` wherever ``1 - u`` is exact.  If u or
    ``1 - u`` is 0, the value is that at the smallest positive float, about 38.5 (float32: 14.2) in
    magnitude; outside [0, 1] it is NaN.
    """
    q = u - 0.5
    a = magnitude(q)
    distance = at_most(sqrt(-log_of(at_most(u, 1.0 - u))), u.by_type(27.2842, 10.1628))
    is_near, is_far = a < 0.425, distance > 5.0
    x = select(is_near, fma(-q, q, 0.180625), distance - select(is_far, 5.0, 1.5))
    rest = _rational(x, (is_near, is_far)) * select(is_near, a * (q * q), 1.0)
    slope = select(is_near, 2.5066282746310007, 1.4142135623730951)
    return with_sign(magnitude(fma(select(is_near, a, distance), slope, rest)), q)
