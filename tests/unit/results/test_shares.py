"""Probabilities of classes in extreme cases: they sum to 1, and the largest is predicted."""

import warnings

import numpy as np
import pytest
from export_examples import (
    COMPILER,
    TOLERANCES,
    c_predicts,
    compiled,
    main_for,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mpmath import mp

import fastnn
from fastnn.export import from_json, to_c, to_json, to_onnx
from fastnn.results.model import Model
from fastnn.results.outcomes import SHARES
from fastnn.spec.activations import NAMES

pytestmark = pytest.mark.thorough

LABELS = ["a", "b", "c"]
EXTREME = [0, 1, 20, 87, 100, 700, 709, 745, 800, 1e4, 1e30, 3e38, 1e100, 1e300, 1.7e308]


def model_of(slopes, *, activation="sigmoid", dtype="float64", biases=None):
    """A model of one input, for each member a slope for each output."""
    rows = np.atleast_2d(np.array(slopes, dtype=dtype))
    members, n = rows.shape
    biases = np.zeros((members, n)) if biases is None else np.broadcast_to(biases, (members, n))
    net = fastnn.Network([1, n], activation)
    parameters = np.hstack([rows, biases.astype(dtype)])
    return Model(net, parameters, classes=LABELS[:n] if n > 1 else LABELS[:2])


def fits(model, X):
    """Those inputs that the model's type can hold."""
    return X[np.abs(X[:, 0]) <= np.finfo(model.dtype).max]


def inputs(model):
    return fits(model, np.array([[sign * x] for x in EXTREME for sign in (1, -1)]))


def exact(model, x):
    """Shares of one input, in 60 digits."""
    with mp.workdps(60):
        shares = [mp.mpf(0)] * model.network.sizes[-1]
        for parameters in model.parameters:
            weights, biases = model.network.unpack(parameters)
            z = [mp.mpf(float(w)) * mp.mpf(float(x)) + mp.mpf(float(b))
                 for w, b in zip(weights[0][0], biases[0], strict=True)]  # fmt: skip
            if model.network.activation[-1] == "softmax":
                top = max(z)
                powers = [mp.exp(value - top) for value in z]
                member = [power / sum(powers) for power in powers]
            else:
                member = [1 / (1 + mp.exp(-value)) for value in z]
            shares = [share + part for share, part in zip(shares, member, strict=True)]
        return [float(share / sum(shares)) for share in shares]


CASES = {
    "one member": [[1.0, 2.0, 3.0]],
    "equal": [[1.0, 1.0, 2.0]],
    "several members": [[1.0, 2.0, 3.0], [0.5, 4.0, 2.0], [3.0, 3.0, 0.25]],
    "two": [[1.0, 1.001]],
    "both signs": [[-1.0, 1.0, 0.5]],
}


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("activation", SHARES)
@pytest.mark.parametrize("name", CASES)
def test_shares_add_up_and_agree_with_what_is_predicted(name, activation, dtype):
    model = model_of(CASES[name], activation=activation, dtype=dtype)
    X = inputs(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shares = model.probabilities(X)
        labels = model.predict(X)
    assert shares.dtype == dtype
    assert (shares >= 0).all()
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=0, atol=4 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(labels, model.classes[shares.argmax(axis=1)])
    np.testing.assert_array_equal(model.scores(X), shares)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("name", CASES)
@settings(max_examples=60, deadline=None)
@given(x=st.floats(-2000, 2000, width=32))
@example(x=-708.5)
@example(x=-87.5)
@example(x=-72.0)
@example(x=-670.0)
def test_divided_sigmoids_are_exact_where_they_underflow(name, dtype, x):
    model = model_of(CASES[name], dtype=dtype, biases=0.25)
    x = float(np.dtype(dtype).type(x))
    shares = model.probabilities([[x]])[0]
    # The inputs of the sigmoids are rounded, and shares by as many ULP as these are large.
    atol = 8 * np.finfo(dtype).eps * max(1.0, 4 * abs(x))
    np.testing.assert_allclose(shares, exact(model, x), rtol=0, atol=min(atol, 1e-3))


def test_usual_shares_are_the_quotients():
    model = model_of(CASES["several members"])
    X = np.linspace(-100, 100, 41)[:, np.newaxis]
    outputs = model.evaluate(X)
    np.testing.assert_array_equal(
        model.probabilities(X), outputs / outputs.sum(axis=1, keepdims=True)
    )


def test_the_largest_input_of_a_sigmoid_decides():
    model = model_of(CASES["one member"])
    np.testing.assert_array_equal(model.evaluate([[-800]]), [[0, 0, 0]])
    np.testing.assert_array_equal(model.probabilities([[-800]]), [[1, 0, 0]])
    np.testing.assert_array_equal(model.probabilities([[-1.7e308]]).argmax(axis=1), [0])
    # In a batch only such rows are computed so.
    mixed = model.probabilities([[-800], [0.5], [-900]])
    np.testing.assert_array_equal(mixed[1:2], model.probabilities([[0.5]]))
    np.testing.assert_array_equal(mixed[[0, 2]], [[1, 0, 0], [1, 0, 0]])


@pytest.mark.parametrize("activation", sorted(set(NAMES) - set(SHARES)))
@pytest.mark.parametrize("n", [1, 3])
def test_other_outputs_have_scores_but_no_shares(activation, n, tmp_path):
    model = model_of([[1.0, -2.0, 0.5][:n]], activation=activation)
    X = np.array([[-3.0], [0.0], [2.0], [800.0], [-800.0]])
    with pytest.raises(
        ValueError, match=rf"^probabilities: expected the output activation.*got '{activation}'"
    ):
        model.probabilities(X)
    outputs = model.evaluate(X)
    expected = np.hstack([1 - outputs, outputs]) if n == 1 else outputs
    np.testing.assert_array_equal(model.scores(X), expected)
    np.testing.assert_array_equal(model.predict(X), model.classes[expected.argmax(axis=1)])
    model.save(tmp_path / "model.npz")
    np.testing.assert_array_equal(fastnn.load(tmp_path / "model.npz").scores(X), expected)


@pytest.mark.parametrize("activation", NAMES)
def test_a_network_that_overflows_is_no_answer(activation):
    """Two infinite numbers of different signs add up to none."""
    net = fastnn.Network([1, 2, 3], ["identity", activation], bias=False)
    model = Model(net, [1e300, 1e300, 1, 1, 1, -1, -1, -1], classes=LABELS)
    for method in (model.scores, model.predict):
        with pytest.raises(ValueError, match=r"^X: .* got 1 rows, the first at index 1, .* NaN$"):
            method([[1.0], [1e300], [2.0]])
    assert len(model.predict([[1.0]])) == 1


def test_numbers_have_no_scores():
    model = Model(fastnn.Network([1, 1]), [1.0, 0.0])
    with pytest.raises(ValueError, match=r"^scores: expected a classification model"):
        model.scores([[1.0]])


def programs():
    """Models of every kind at the ends of the numbers."""
    for name, slopes in CASES.items():
        for activation in SHARES:
            for dtype in TOLERANCES:
                yield (
                    f"{name}, {activation}, {dtype}",
                    model_of(slopes, activation=activation, dtype=dtype),
                )


def near(model, X, found):
    """As near as the inputs of the last layer are: other programs round these otherwise."""
    size = np.minimum(np.abs(X), 2000 / 4) * 4 + 1
    off = np.abs(found - model.probabilities(X))
    assert (off <= TOLERANCES[model.dtype.name] * np.maximum(1, size / 50)).all(), off.max()
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=0, atol=1e-5)


@pytest.mark.skipif(COMPILER is None, reason="there is no cc")
def test_c_says_the_same(tmp_path):
    parts, found = [], dict(programs())
    for number, (_, model) in enumerate(found.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        to_c(model, folder / "model.h")
        parts.append(folder)
    for folder, model in zip(parts, found.values(), strict=True):
        program = compiled(main_for(model), folder)
        X = inputs(model).astype(model.dtype)
        shares, classes = c_predicts(program, X)
        near(model, X, shares)
        chosen = shares[np.arange(len(X)), classes]  # of float32, the first among equals or another
        np.testing.assert_allclose(chosen, shares.max(axis=1), rtol=0, atol=1e-6)
        assert_same_labels(model, X, classes)


def assert_same_labels(model, X, places):
    own = np.sort(model.probabilities(X), axis=1)
    clear = own[:, -1] - own[:, -2] > 1e-3
    assert clear.any()
    np.testing.assert_array_equal(model.classes[places][clear], model.predict(X)[clear])


@pytest.mark.parametrize("name", dict(programs()))
def test_onnx_and_json_say_the_same(name):
    model = dict(programs())[name]
    X = inputs(model)
    again = from_json(to_json(model))
    np.testing.assert_array_equal(again.probabilities(X), model.probabilities(X))
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(
        to_onnx(model).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    shares, labels = session.run(["probabilities", "label"], {"X": X.astype(model.dtype)})
    near(model, X, shares)
    np.testing.assert_array_equal(labels, model.classes[shares.argmax(axis=1)])
    assert_same_labels(model, X, shares.argmax(axis=1))


@pytest.mark.parametrize("activation", ["relu", "identity"])
def test_the_estimator_has_shares_far_outside_its_data(activation):
    sklearn = pytest.importorskip("fastnn.sklearn")
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 4)), rng.integers(3, size=60)
    model = sklearn.MLPClassifier(
        (5,), solver="lm", activation=activation, n_restarts=10, max_iter=20
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it could learn on
        model.fit(X, y)
    for scale in (10, 1e3, 1e6, -1e2, -1e6, 1e100):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            shares = model.predict_proba(X * scale)
        np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-12)
        np.testing.assert_array_equal(
            model.predict(X * scale), model.classes_[shares.argmax(axis=1)]
        )
