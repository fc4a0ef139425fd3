"""Networks: immutable descriptions, and packing of parameters."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastnn

SIZES = st.lists(st.integers(1, 6), min_size=2, max_size=5)


def test_repr_recreates_it():
    nets = [
        fastnn.Network([2, 2, 1], bias=False),
        fastnn.Network([4, 8, 3], activation=["tanh", "identity"]),
        fastnn.Network((1, 1)),
    ]
    for net in nets:
        assert eval(repr(net), {"Network": fastnn.Network}) == net
    assert repr(nets[0]) == "Network([2, 2, 1], activation='sigmoid', bias=False)"


def test_equality_hash_and_immutability():
    net = fastnn.Network([2, 3, 1], activation="tanh")
    assert net == fastnn.Network((2, 3, 1), activation=["tanh", "tanh"])
    assert hash(net) == hash(fastnn.Network(np.array([2, 3, 1]), activation=("tanh",) * 2))
    assert net != fastnn.Network([2, 3, 1], activation="tanh", bias=False)
    assert pickle.loads(pickle.dumps(net)) == net
    with pytest.raises(AttributeError):
        net.bias = False


@pytest.mark.parametrize(
    ("sizes", "bias", "n"),
    [
        ([2, 2, 1], False, 6),
        ([2, 2, 1], True, 9),
        ([10, 5, 10], True, 115),
        ([64, 32, 10], True, 2410),
    ],
)
def test_number_of_parameters(sizes, bias, n):
    assert fastnn.Network(sizes, bias=bias).n_parameters == n


@given(SIZES, st.booleans())
def test_unpack_inverts_pack(sizes, bias):
    net = fastnn.Network(sizes, bias=bias)
    flat = np.arange(net.n_parameters, dtype=float)
    weights, biases = net.unpack(flat)
    assert [w.shape for w in weights] == list(pairwise(sizes))
    assert [b.shape for b in biases] == ([(n,) for n in sizes[1:]] if bias else [])
    np.testing.assert_array_equal(net.pack(weights, biases), flat)


def test_layout_is_weights_in_c_order_then_biases():
    net = fastnn.Network([2, 3, 1])
    weights, biases = net.unpack(np.arange(13))
    assert weights[0].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert biases[0].tolist() == [6, 7, 8]
    assert weights[1].tolist() == [[9], [10], [11]]
    assert biases[1].tolist() == [12]
    assert weights[0].base is not None  # a view
