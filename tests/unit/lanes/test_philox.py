"""The random stream is NumPy's Philox, and starts are NumPy's uniform numbers, to the last bit."""

import numba
import numpy as np
import pytest
from conftest import bits
from hypothesis import given, settings
from hypothesis import strategies as st

import fastnn
from fastnn.jit.compiling import FLAGS
from fastnn.lanes.math.philox import philox

SEEDS = st.integers(0, 2**64 - 1)
RESTARTS = st.integers(0, 2**63 - 2)


@numba.njit(**FLAGS)
def blocks(seed, k, count):
    out = np.empty(4 * count, dtype=np.uint64)
    for b in range(count):
        out[4 * b : 4 * b + 4] = philox(seed, k, np.uint64(b + 1), np.uint64(0), np.uint64(0))
    return out


def stream(seed, k):
    return np.random.Philox(key=np.array([seed, k], dtype=np.uint64))


@given(SEEDS, st.integers(0, 2**64 - 1))
@settings(max_examples=200, deadline=None)
def test_blocks_are_those_of_numpy(seed, k):
    ours = blocks(np.uint64(seed), np.uint64(k), 3)
    np.testing.assert_array_equal(ours, stream(seed, k).random_raw(12))


def test_published_vector():
    """Known answer of the authors' Random123 library: key and counter all zeros."""

    @numba.njit(**FLAGS)
    def zero():
        nought = np.uint64(0)
        return philox(nought, nought, nought, nought, nought)

    assert [hex(int(word)) for word in zero()] == [
        "0x16554d9eca36314c",
        "0xdb20fe9d672d0fdc",
        "0xd7e772cee186176b",
        "0x7e68b68aec7ba23b",
    ]


@given(SEEDS, RESTARTS, st.booleans(), st.lists(st.integers(1, 5), min_size=2, max_size=4))
@settings(max_examples=50, deadline=None)
def test_float64_start_is_numpys_uniform(seed, k, bias, sizes):
    net = fastnn.Network(sizes, bias=bias)
    X, y = np.zeros((1, sizes[0])), np.zeros((1, sizes[-1]))
    low, high = -1.7, 0.3
    run = fastnn.train(net, X, y, epochs=0, seed=seed, restart=k, init=fastnn.Uniform(low, high))
    expected = np.random.Generator(stream(seed, k)).uniform(low, high, net.n_parameters)
    np.testing.assert_array_equal(bits(run.parameters), bits(expected))


@given(SEEDS, RESTARTS)
@settings(max_examples=50, deadline=None)
def test_float32_start_is_the_top_24_bits(seed, k):
    net = fastnn.Network([3, 3, 2])
    X, y = np.zeros((1, 3)), np.zeros((1, 2))
    init = fastnn.Uniform(-0.7, 1.1)
    run = fastnn.train(net, X, y, epochs=0, seed=seed, restart=k, init=init, dtype="float32")
    low, high = np.float32(-0.7), np.float32(1.1)
    raw = stream(seed, k).random_raw(net.n_parameters)
    u = (raw >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)
    np.testing.assert_array_equal(bits(run.parameters), bits(low + (high - low) * u))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_many_starts_are_single_starts(dtype, xor):
    runs = fastnn.train_many(*xor, restarts=100, epochs=0, first=2**40, seed=2**64 - 1, dtype=dtype)
    for k in range(2**40, 2**40 + 100, 7):
        single = fastnn.train(*xor, epochs=0, restart=k, seed=2**64 - 1, dtype=dtype)
        np.testing.assert_array_equal(bits(runs.parameters[k - 2**40]), bits(single.parameters))
