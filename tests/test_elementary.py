"""The elementary functions against mpmath, on dense and special points, in every form."""

import hashlib
from pathlib import Path
from statistics import NormalDist

import mpmath
import numba
import numpy as np
import pytest
from conftest import outputs
from test_machines import TARGETS

from fastnn.jit.compiling import FLAGS
from fastnn.lanes import operations
from fastnn.lanes.buffers import buffer, in_lanes
from fastnn.lanes.math import exponentials as elementary
from fastnn.lanes.math import logarithms, trigonometry
from fastnn.lanes.math import normal_quantile as quantiles


def quantile(u):
    """Newton's step from 16 digits gives 32."""
    x = mpmath.mpf(NormalDist().inv_cdf(float(u)))
    return x - (mpmath.erfc(-x / mpmath.sqrt(2)) / 2 - u) / mpmath.npdf(x)


EXACT = {
    "exp": mpmath.exp,
    "expm1": mpmath.expm1,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "tanh": mpmath.tanh,
    "log": mpmath.log,
    "log1p": mpmath.log1p,
    "atanh": mpmath.atanh,
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "atan": mpmath.atan,
    "normal_quantile": quantile,
}
# ULP, as the docstrings state them
BOUNDS = {
    "exp": 1.25, "sigmoid": 2.5, "tanh": 3.0, "log": 1.5, "log1p": 1.5, "atanh": 2.5,
    "softplus": 2.5, "sin": 2.5, "cos": 2.5, "normal_quantile": 3.0, "expm1": 2.5, "atan": 2.0,
}  # fmt: skip
DTYPES = {"float64": np.float64, "float32": np.float32}
MODULES = (operations, elementary, logarithms, trigonometry, quantiles)


def compiled(name, lanes):
    """`name` applied to an array in place, `lanes` numbers at a time."""
    function = next(getattr(module, name) for module in MODULES if hasattr(module, name))

    @numba.njit(**FLAGS)
    def apply(array):
        values = in_lanes(buffer(array), lanes)
        for i in range(len(array) // lanes):
            values[i] = function(values[i])

    return apply


def points(dtype, name):
    """Dense points over the whole range, around zero, and around where formulas change."""
    rng = np.random.default_rng(1)
    double = dtype == np.float64
    low, high = (-745, 709.7) if double else (-103, 88.7)
    if name == "sigmoid":
        low = -708 if double else -87
    steps = (np.arange(-60, 60) + 0.5) * np.log(2)
    if name == "tanh":
        low, high, steps = -25, 25, steps / 2
    if name == "atan":
        low, high = -1e30, 1e30
        steps = np.concatenate([np.tan(np.arange(-9, 9) * np.pi / 8 + 1e-3), 10.0 ** np.arange(20)])
    if name in ("sin", "cos"):
        low, high = -1e5, 1e5
        steps = np.concatenate([np.arange(-9, 9), rng.integers(-63661, 63661, 400)]) * np.pi / 2
    if name in ("log", "log1p", "atanh", "normal_quantile"):
        low, high, steps = AROUND[name]
    x = np.concatenate(
        [
            rng.uniform(-2, 2, 1500),
            np.linspace(max(low, -1e30), min(high, 1e30), 1500),
            rng.normal(size=500) * 10.0 ** rng.uniform(-30, 0, 500),
            np.exp(rng.uniform(-745 if double else -103, 709 if double else 88, 500)),
            np.nextafter(steps, 0),
            np.nextafter(steps, 99),
        ]
    ).astype(dtype)
    x = x[(x >= low) & (x <= high)]
    if name in ("log", "log1p", "atanh", "normal_quantile"):
        x = x[(x > low) & (x < high)]
    return x[: len(x) // 32 * 32]


_POWERS = 10.0 ** -np.arange(1, 16, 0.05)
# The ends of the open range, and where to look closely.
AROUND = {
    "log": (0, np.inf, np.concatenate([2.0 ** np.arange(-126, 127) / np.sqrt(2), 1 + _POWERS])),
    "log1p": (-1, np.inf, np.concatenate([2.0 ** np.arange(100) / np.sqrt(2) - 1, _POWERS - 1])),
    "atanh": (-1, 1, np.concatenate([_POWERS - 1, np.linspace(-0.2, 0.2, 500)])),
    "normal_quantile": (0, 1, np.concatenate([[0.075, 0.925], 0.5 + _POWERS, 1 - _POWERS])),
}


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("name", EXACT)
def test_error_in_ulp(name, dtype):
    x = points(dtype, name)
    y = x.copy()
    compiled(name, 1)(y)
    worst = 0.0
    with mpmath.workprec(200):
        for argument, value in zip(x, y, strict=True):
            exact = EXACT[name](mpmath.mpf(float(argument)))
            ulp = mpmath.mpf(float(np.spacing(dtype(abs(float(exact))))))
            worst = max(worst, float(abs(mpmath.mpf(float(value)) - exact) / ulp))
    assert worst <= BOUNDS[name]
    assert worst > 0.4  # nothing is exact: a smaller figure means the test is broken


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("lanes", [2, 8, 32])
def test_lanes_give_the_bits_of_plain_floats(name, dtype, lanes):
    limits = np.finfo(dtype)
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, limits.max, limits.min, limits.tiny]
    x = np.concatenate([points(dtype, name), np.array(special * 4, dtype=dtype)])
    plain, together = x.copy(), x.copy()
    compiled(name, 1)(plain)
    compiled(name, lanes)(together)
    integer = f"u{plain.itemsize}"
    same = plain.view(integer) == together.view(integer)
    assert (same | (np.isnan(plain) & np.isnan(together))).all()


SPECIAL = [
    ("exp", 0.0, 1.0),
    ("exp", -0.0, 1.0),
    ("exp", np.inf, np.inf),
    ("exp", -np.inf, 0.0),
    ("exp", 1e30, np.inf),
    ("exp", -1e30, 0.0),
    ("expm1", 0.0, 0.0),
    ("expm1", -0.0, -0.0),
    ("expm1", np.inf, np.inf),
    ("expm1", -np.inf, -1.0),
    ("expm1", 1e30, np.inf),
    ("expm1", -1e30, -1.0),
    ("expm1", 5e-39, 5e-39),
    ("atan", 0.0, 0.0),
    ("atan", -0.0, -0.0),
    ("atan", 1.0, np.pi / 4),
    ("atan", np.inf, np.pi / 2),
    ("atan", -np.inf, -np.pi / 2),
    ("atan", 1e30, np.pi / 2),
    ("sigmoid", 0.0, 0.5),
    ("sigmoid", -0.0, 0.5),
    ("sigmoid", np.inf, 1.0),
    ("sigmoid", -np.inf, 0.0),
    ("sigmoid", 1e30, 1.0),
    ("sigmoid", -1e30, 0.0),
    ("tanh", 0.0, 0.0),
    ("tanh", -0.0, -0.0),
    ("tanh", np.inf, 1.0),
    ("tanh", -np.inf, -1.0),
    ("tanh", 1e30, 1.0),
    ("tanh", -1e30, -1.0),
    ("log", 1.0, 0.0),
    ("log", 0.0, -np.inf),
    ("log", -0.0, -np.inf),
    ("log", np.inf, np.inf),
    ("log1p", 0.0, 0.0),
    ("log1p", -0.0, -0.0),
    ("log1p", -1.0, -np.inf),
    ("log1p", np.inf, np.inf),
    ("atanh", 0.0, 0.0),
    ("atanh", -0.0, -0.0),
    ("atanh", 1.0, np.inf),
    ("atanh", -1.0, -np.inf),
    ("softplus", np.inf, np.inf),
    ("softplus", -np.inf, 0.0),
    ("softplus", 1e30, 1e30),
    ("softplus", -1e30, 0.0),
    ("sin", 0.0, 0.0),
    ("sin", -0.0, -0.0),
    ("cos", 0.0, 1.0),
    ("cos", -0.0, 1.0),
    ("normal_quantile", 0.5, 0.0),
    ("sqrt", 0.0, 0.0),
    ("sqrt", -0.0, -0.0),
    ("sqrt", 2.25, 1.5),
    ("sqrt", np.inf, np.inf),
]


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize(("name", "x", "expected"), SPECIAL)
def test_special_points(name, x, expected, dtype):
    y = np.array([x], dtype=dtype)
    compiled(name, 1)(y)
    assert y[0] == dtype(expected)
    assert np.signbit(y[0]) == np.signbit(expected)


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("name", EXACT)
def test_nan_stays_nan(name, dtype):
    y = np.array([np.nan, -np.nan], dtype=dtype)
    compiled(name, 2)(y)
    assert np.isnan(y).all()


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
def test_overflow_ends_of_exp(dtype):
    top = np.log(np.finfo(dtype).max, dtype=np.float64)
    x = np.array([top - 1e-4, top + 1e-4], dtype=dtype)
    compiled("exp", 1)(x)
    assert np.isfinite(x[0])
    assert np.isinf(x[1])
    smallest = float(np.finfo(dtype).smallest_subnormal)
    x = np.array([np.log(smallest) + 0.01, np.log(smallest) - 1.5], dtype=dtype)
    compiled("exp", 1)(x)
    assert x.tolist() == [smallest, 0.0]


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
def test_tanh_of_denormals_is_the_argument(dtype):
    x = np.array([1, 3, 1000], dtype=dtype) * np.finfo(dtype).smallest_subnormal
    y = x.copy()
    compiled("tanh", 1)(y)
    assert (y == x).all()


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
def test_below_its_range_sigmoid_is_zero(dtype):
    bound = -708.0 if dtype == np.float64 else -87.0
    y = np.array([bound, np.nextafter(dtype(bound), dtype(-np.inf))], dtype=dtype)
    compiled("sigmoid", 1)(y)
    assert y[0] > 0
    assert y[1] == 0


NOWHERE = [
    ("log", [-1e-40, -1.0, -np.inf]),
    ("log1p", [np.nextafter(-1, -2, dtype=np.float32), -2.0, -np.inf]),
    ("atanh", [np.nextafter(1, 2, dtype=np.float32), -2.0, 1e30, -1e30, np.inf, -np.inf]),
    ("sin", [np.inf, -np.inf]),
    ("cos", [np.inf, -np.inf]),
    ("normal_quantile", [-1e-40, np.nextafter(1, 2, dtype=np.float32), np.inf, -np.inf]),
    ("sqrt", [-1.0, -np.inf]),
]


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize(("name", "x"), NOWHERE)
def test_nan_where_there_is_no_value(name, x, dtype):
    y = np.array(x, dtype=dtype)
    compiled(name, 1)(y)
    assert np.isnan(y).all()


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("lanes", [1, 8])
def test_square_roots_are_numpys(lanes, dtype):
    x = np.random.default_rng(2).uniform(0, 9, 800).astype(dtype)
    y = x.copy()
    compiled("sqrt", lanes)(y)
    assert (y == np.sqrt(x)).all()


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("name", ["sin", "cos"])
def test_sines_stay_between_one_and_one(name, dtype):
    rng = np.random.default_rng(3)
    exponents = rng.uniform(0, 308 if dtype == np.float64 else 38, 4000)
    peaks = np.arange(-3000, 3000) * np.pi / 2
    limits = [np.finfo(dtype).max, np.finfo(dtype).min]
    x = np.concatenate([10.0**exponents, -(10.0**exponents), peaks, limits]).astype(dtype)
    y, opposite = x.copy(), -x
    compiled(name, 1)(y)
    compiled(name, 1)(opposite)
    assert (abs(y) <= 1).all()
    same = opposite == (y if name == "cos" else -y)
    assert same[abs(x) <= 1e5].all()


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
def test_quantiles_are_finite_and_symmetric(dtype):
    u = np.array([0.0, np.finfo(dtype).smallest_subnormal, 1.0], dtype=dtype)
    compiled("normal_quantile", 1)(u)
    assert np.isfinite(u).all()
    assert u[0] == -u[2]
    np.testing.assert_allclose(u[0], u[1], rtol=1e-4)
    u = np.arange(1, 2**12, dtype=dtype) / dtype(2**12)
    y = u.copy()
    compiled("normal_quantile", 1)(y)
    assert (y == -y[::-1]).all()
    assert (np.diff(y) > 0).all()


def digest():
    """SHA-256 of what all functions give."""
    total = hashlib.sha256()
    for name in (*EXACT, "sqrt"):
        for dtype in DTYPES.values():
            y = np.concatenate([points(dtype, name), points(dtype, "exp")])
            compiled(name, 8)(y)
            y[np.isnan(y)] = 0  # whose bits may differ
            total.update(y.astype(y.dtype.newbyteorder("<")).tobytes())
    return total.hexdigest()


def test_same_bits_under_other_instruction_sets():
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import test_elementary\n"
        "print(test_elementary.digest())"
    )
    expected = digest()
    assert [text.strip() for text in outputs(code, TARGETS.values())] == [expected] * 2
