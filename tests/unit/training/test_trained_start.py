"""Training that starts from a trained network."""

import re
from dataclasses import replace

import numpy as np
import pytest
from conftest import assert_same_bits, bits
from group_examples import NET, assert_alone, data_of

import fastnn

SIZES = [3, 12, 1, 30]
X, Y, LABELS = data_of(SIZES)
SETTINGS = {"optimizer": "rprop", "epochs": 10}


@pytest.fixture(scope="module")
def common():
    return fastnn.train(NET, X, Y, **SETTINGS)


def test_the_start_of_each_group(common):
    runs = fastnn.train_many(NET, X, Y, groups=LABELS, restarts=1, init=common, **SETTINGS)
    assert_alone(runs, X, Y, LABELS, init=common.parameters, **SETTINGS)


def test_a_folder_keeps_the_start(common, tmp_path):
    def many(init, **options):
        return fastnn.train_many(
            NET, X, Y, groups=LABELS, restarts=1, init=init, out=tmp_path / "runs", **options
        )

    stored = many(common, **SETTINGS)
    alone = fastnn.train_many(NET, X, Y, groups=LABELS, restarts=1, init=common, **SETTINGS)
    assert_same_bits(many(fastnn.Model(NET, common.parameters), resume=True, **SETTINGS), alone)
    run = stored.restart(2)
    np.testing.assert_array_equal(bits(run.parameters), bits(alone.parameters[2]))
    other = fastnn.train(NET, X, Y, restart=1, **SETTINGS)
    with pytest.raises(ValueError, match="differs in init"):
        many(other, resume=True, **SETTINGS)


@pytest.mark.parametrize("train", [fastnn.train, fastnn.reference.train])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_run_or_a_model_stands_for_its_parameters(common, train, dtype):
    model = fastnn.Model(NET, common.parameters, features=["a", "b", "c"])
    starts = [
        train(NET, X, Y, init=init, epochs=0, dtype=dtype).parameters
        for init in (common.parameters, common, model)
    ]
    np.testing.assert_array_equal(starts[0], common.parameters.astype(dtype))
    for start in starts[1:]:
        np.testing.assert_array_equal(bits(start), bits(starts[0]))


OTHER = fastnn.Network([3, 4, 1], activation="tanh")
CASES = [
    # what is the start, exception, part of the message
    (lambda run: fastnn.Model(OTHER, run.parameters), ValueError,
     "init: expected a Model of the network that is trained, Network([3, 4, 1], activation=['tanh'"
     ", 'identity'], bias=True), got one of Network([3, 4, 1], activation='tanh', bias=True)"),
    (lambda run: fastnn.train(OTHER, X, Y, epochs=1), ValueError, "init: expected a Run of the "),
    (lambda run: fastnn.Model(NET, [run.parameters] * 2), ValueError, "an ensemble of 2; pass"),
    (lambda run: fastnn.Model(NET, run.parameters, inputs=fastnn.Scaling.of(X)), ValueError,
     "init: expected a Model without inputs, which training does not apply, got Scaling("),
    (lambda run: fastnn.Model(NET, run.parameters, outputs=fastnn.Scaling.of(Y)), ValueError,
     "init: expected a Model without outputs, which training does not apply"),
    (lambda run: fastnn.train_many(NET, X, Y, restarts=2, epochs=1), TypeError,
     "init: expected one trained network, such as runs.best or runs.restart(k), got Runs of 2"),
    (lambda run: fastnn.Models(NET, [run.parameters] * 2, ["a", "b"]), TypeError,
     "init: expected one trained network, such as models[label], got Models of 2"),
    (lambda run: replace(run, job=None, state=None, parameters=run.parameters * np.nan),
     ValueError, "init: expected finite float64 numbers"),
]  # fmt: skip


@pytest.mark.parametrize(("start", "kind", "message"), CASES)
def test_bad_input(common, start, kind, message):
    init = start(common)
    with pytest.raises(kind, match=re.escape(message)):
        fastnn.train(NET, X, Y, init=init)
    with pytest.raises(kind, match=re.escape(message)):
        fastnn.train_many(NET, X, Y, groups=LABELS, restarts=1, init=init)
