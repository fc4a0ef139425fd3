"""Operators and functions on lane vectors: each lane computes what a plain float would."""

import operator

import numba
import numpy as np
import pytest
from numba import types

from fastnn.jit.compiling import FLAGS
from fastnn.lanes.buffers import buffer, in_lanes, lane_count, numbers, packed
from fastnn.lanes.operations import (
    any_lane,
    at_least,
    at_most,
    fma,
    like,
    magnitude,
    scale_by_bits,
    select,
    with_sign,
)
from fastnn.lanes.types import Buffer, Lanes

pytestmark = pytest.mark.thorough

ARITHMETIC = [operator.add, operator.sub, operator.mul, operator.truediv]
COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]
VALUES = [0.0, -0.0, 1.0, -2.5, 1e-310, np.inf, -np.inf, np.nan]


def grid(dtype):
    """All pairs of the values, as two arrays of 64."""
    with np.errstate(under="ignore"):
        a, b = np.meshgrid(np.array(VALUES, dtype=dtype), np.array(VALUES, dtype=dtype))
    return a.ravel().copy(), b.ravel().copy()


def same(a, b):
    return ((a == b) & (np.signbit(a) == np.signbit(b))) | (np.isnan(a) & np.isnan(b))


def binary(function, lanes):
    @numba.njit(**FLAGS)
    def apply(a, b, out):
        x, y, z = (
            in_lanes(buffer(a), lanes),
            in_lanes(buffer(b), lanes),
            in_lanes(buffer(out), lanes),
        )
        for i in range(len(a) // lanes):
            z[i] = function(x[i], y[i])

    return apply


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("lanes", [1, 2, 16])
@pytest.mark.parametrize("function", ARITHMETIC)
def test_arithmetic(function, lanes, dtype):
    a, b = grid(dtype)
    out = np.empty_like(a)
    binary(function, lanes)(a, b, out)
    with np.errstate(all="ignore"):
        assert same(out, function(a, b)).all()


@pytest.mark.parametrize("lanes", [1, 4])
@pytest.mark.parametrize("function", COMPARISONS)
def test_comparisons_and_select(function, lanes):
    @numba.njit(**FLAGS)
    def choose(a, b):
        return select(function(a, b), like(a, 1.0), like(a, 0.0))

    a, b = grid(np.float64)
    out = np.empty_like(a)
    binary(choose, lanes)(a, b, out)
    assert (out == function(a, b)).all()


@pytest.mark.parametrize("lanes", [1, 8])
def test_bounds_let_nan_through(lanes):
    a, b = grid(np.float64)
    keep = ~np.isnan(b)
    a, b = a[keep], b[keep]
    for function, expected in ((at_least, np.maximum), (at_most, np.minimum)):

        @numba.njit(**FLAGS)
        def bound(x, y, function=function):
            return function(x, y)

        out = np.empty_like(a)
        binary(bound, lanes)(a, b, out)
        np.testing.assert_array_equal(out, expected(a, b))


@pytest.mark.parametrize("lanes", [1, 8])
def test_mask_logic(lanes):
    @numba.njit(**FLAGS)
    def logic(a, b):
        mask = ((a > like(a, 0.0)) & (b > like(a, 0.0))) | ((a < b) ^ (a == b))
        return select(mask, a, b)

    a, b = grid(np.float64)
    out = np.empty_like(a)
    binary(logic, lanes)(a, b, out)
    assert same(out, np.where(((a > 0) & (b > 0)) | ((a < b) ^ (a == b)), a, b)).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("lanes", [1, 8])
def test_fma_rounds_once(lanes, dtype):
    @numba.njit(**FLAGS)
    def residue(a, b):
        product = a * b
        return fma(a, b, -product)

    eps = np.finfo(dtype).eps
    a = np.full(8, 1 + eps, dtype=dtype)
    out = np.empty_like(a)
    binary(residue, lanes)(a, a, out)
    assert (out == eps * eps).all()  # (1 + e)**2 = 1 + 2 e, and the lost e**2


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("lanes", [1, 4])
def test_bit_operations(lanes, dtype):
    shift = 1.5 * 2.0 ** (52 if dtype == np.float64 else 23)

    @numba.njit(**FLAGS)
    def scaled(a, b):
        return scale_by_bits(a, b + like(a, shift))

    @numba.njit(**FLAGS)
    def signed(a, b):
        return with_sign(magnitude(a), b)

    a = np.array([1.5, -3.0, 0.1, 7.0], dtype=dtype)
    b = np.array([3, -7, 0, 100], dtype=dtype)
    out = np.empty_like(a)
    binary(scaled, lanes)(a, b, out)
    assert (out == a * np.exp2(b)).all()
    binary(signed, lanes)(a, -b, out)
    assert same(out, np.copysign(a, -b)).all()


def test_plain_floats_beside_lanes_go_into_every_lane():
    @numba.njit(**FLAGS)
    def mixed(a, factor):
        x = in_lanes(buffer(a), 4)
        x[0] = 1.0 + factor * x[0] - fma(factor, x[0], x[0]) / 2.0

    a = np.arange(4.0)
    expected = 1 + 3 * a - (3 * a + a) / 2
    mixed(a, 3.0)
    assert (a == expected).all()


def test_any_lane():
    @numba.njit(**FLAGS)
    def negative(a):
        return any_lane(in_lanes(buffer(a), 64)[0] < 0.0)

    a = np.ones(64)
    assert not negative(a)
    for lane in range(64):
        a[:] = 1
        a[lane] = -1
        assert negative(a)


def test_views_of_the_same_memory():
    @numba.njit(**FLAGS)
    def views(a):
        lanes = in_lanes(buffer(a), 4) + 1
        whole = packed(lanes)
        number = numbers(lanes)[2]
        lanes[0] = lanes[0] * 10.0
        return lane_count(buffer(a)), lane_count(lanes), lane_count(whole), number

    a = np.arange(8.0)
    assert views(a) == (1, 4, 16, 6.0)
    assert a.tolist() == [0, 1, 2, 3, 40, 50, 60, 70]


@pytest.mark.parametrize("shift", range(8))
def test_misaligned_memory_is_safe(shift):
    memory = np.zeros(9 * 8 * 8 + 64, dtype=np.uint8)
    a = memory[8 * shift : 8 * shift + 64 * 8].view(np.float64)
    a[:] = np.arange(64)
    out = a.copy()
    binary(operator.add, 32)(a, a, out)
    assert (out == 2 * np.arange(64)).all()


def test_types_are_told_apart_by_their_names():
    kinds = [Lanes(number, n) for number in (types.float64, types.float32) for n in (2, 4)]
    kinds += [Buffer(kind) for kind in kinds] + [kind.mask for kind in kinds[:2]]
    assert len(set(kinds)) == len(kinds)
    assert Lanes(types.float64, 4) == Lanes(types.float64, 4)


@pytest.mark.parametrize("count", [0, 1, 3, 24, -2])
def test_lane_counts_are_powers_of_two(count):
    with pytest.raises(ValueError, match="power of two"):
        Lanes(types.float64, count)


def test_lanes_do_not_mix_with_other_lanes():
    @numba.njit(**FLAGS)
    def wrong(a):
        return any_lane(in_lanes(buffer(a), 4)[0] < in_lanes(buffer(a), 8)[0])

    with pytest.raises(numba.TypingError):
        wrong(np.zeros(8))
