"""Networks: immutable descriptions, and packing of parameters."""

import pickle
import re
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


@given(SIZES, st.booleans())
def test_names_are_in_the_order_of_the_flat_vector(sizes, bias):
    net = fastnn.Network(sizes, bias=bias)
    flat = np.arange(float(net.n_parameters))
    weights, biases = net.unpack(flat)
    found = {"W": weights, "b": biases}
    for number, name in zip(flat, net.names, strict=True):
        layer, units = re.fullmatch(r"[Wb](\d+)\[([\d, ]+)\]", name).groups()
        place = tuple(int(unit) for unit in units.split(", "))
        assert found[name[0]][int(layer) - 1][place] == number


def test_names():
    names = ["W1[0, 0]", "W1[0, 1]", "W1[1, 0]", "W1[1, 1]", "b1[0]", "b1[1]", "W2[0, 0]",
             "W2[1, 0]", "b2[0]"]  # fmt: skip
    assert fastnn.Network([2, 2, 1]).names == names
    assert fastnn.Network([2, 1], bias=False).names == ["W1[0, 0]", "W1[1, 0]"]


def test_what_has_weights_is_no_list_of_them():
    X, y = fastnn.datasets.xor()
    net = fastnn.Network([2, 2, 1])
    message = "weights: expected a sequence of arrays, got Run.*; pass its weights and its biases"
    with pytest.raises(TypeError, match=message):
        net.plot(fastnn.train(net, X, y, epochs=0))
