"""The elementary functions against mpmath, on dense and special points, in every form."""

import mpmath
import numba
import numpy as np
import pytest

from fastnn.lanes import elementary
from fastnn.lanes.buffers import buffer, in_lanes
from fastnn.lanes.compiling import FLAGS

EXACT = {
    "exp": mpmath.exp,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "tanh": mpmath.tanh,
}
BOUNDS = {"exp": 1.25, "sigmoid": 2.5, "tanh": 3.0}  # ULP, as the docstrings state them
DTYPES = {"float64": np.float64, "float32": np.float32}


def compiled(name, lanes):
    """`name` applied to an array in place, `lanes` numbers at a time."""
    function = getattr(elementary, name)

    @numba.njit(**FLAGS)
    def apply(array):
        values = in_lanes(buffer(array), lanes)
        for i in range(len(array) // lanes):
            values[i] = function(values[i])

    return apply


def points(dtype, name):
    """Dense points over the whole range, around zero, and around where 2**k changes."""
    rng = np.random.default_rng(1)
    double = dtype == np.float64
    low, high = (-745, 709.7) if double else (-103, 88.7)
    if name == "sigmoid":
        low = -708 if double else -87
    steps = (np.arange(-60, 60) + 0.5) * np.log(2)
    if name == "tanh":
        low, high, steps = -25, 25, steps / 2
    x = np.concatenate(
        [
            rng.uniform(-2, 2, 1500),
            np.linspace(low, high, 1500),
            rng.normal(size=500) * 10.0 ** rng.uniform(-30, 0, 500),
            np.nextafter(steps, 0),
            np.nextafter(steps, 99),
        ]
    ).astype(dtype)
    x = x[(x >= low) & (x <= high)]
    return x[: len(x) // 32 * 32]


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
]


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize(("name", "x", "expected"), SPECIAL)
def test_special_points(name, x, expected, dtype):
    y = np.array([x], dtype=dtype)
    compiled(name, 1)(y)
    assert y[0] == expected
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
