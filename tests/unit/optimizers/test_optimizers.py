"""Optimizers against the NumPy reference, and against their formulas worked out by hand."""

import math

import numpy as np
import pytest
from optimizer_examples import EXAMPLES, PROBLEMS, VARIANTS

import fastnn
from fastnn import (
    RPROP,
    Adam,
    AdamW,
    CosineDecay,
    CosineRestarts,
    ExponentialDecay,
    GradientDescent,
    OneCycle,
    PerLayer,
    Quickprop,
    ReduceOnPlateau,
    StepDecay,
    WarmUp,
)

EPOCHS = 200


def relative(a, b):
    return np.max(np.abs(a - b) / np.abs(b))


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("name", EXAMPLES)
def test_one_network_agrees_with_the_reference(name, problem):
    arguments = {"optimizer": EXAMPLES[name], "epochs": EPOCHS, "seed": 3}
    run = fastnn.train(*PROBLEMS[problem](), **arguments)
    expected = fastnn.reference.train(*PROBLEMS[problem](), **arguments)
    assert run.history.shape == expected.history.shape == (EPOCHS + 1,)
    assert relative(run.history, expected.history) <= 1e-9
    assert relative(run.parameters, expected.parameters) <= 1e-9
    assert run.history[-1] < 0.999 * run.history[0]


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("name", EXAMPLES)
def test_networks_in_lanes_agree_with_the_reference(name, problem):
    arguments = {"optimizer": EXAMPLES[name], "epochs": EPOCHS, "seed": 4}
    runs = fastnn.train_many(*PROBLEMS[problem](), restarts=20, **arguments)
    for k in (0, 7, 19):
        expected = fastnn.reference.train(*PROBLEMS[problem](), restart=k, **arguments)
        assert runs.epochs[k] == EPOCHS
        assert runs.loss[k] == pytest.approx(expected.loss, rel=1e-9)
        assert relative(runs.parameters[k], expected.parameters) <= 1e-9


@pytest.mark.parametrize("growth", [1.2, 1.75, 3.0])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_quickprop_with_growing_steps_agrees_with_the_reference(problem, growth):
    """For 20 epochs: see `optimizer_examples`."""
    arguments = {"optimizer": Quickprop(0.005, max_growth=growth), "epochs": 20, "seed": 3}
    run = fastnn.train(*PROBLEMS[problem](), **arguments)
    expected = fastnn.reference.train(*PROBLEMS[problem](), **arguments)
    assert relative(run.history, expected.history) <= 1e-9
    assert relative(run.parameters, expected.parameters) <= 1e-9


def test_examples_differ_from_each_other():
    """Every option is one that the examples' 200 epochs feel."""
    ends = {
        name: np.concatenate(
            [
                fastnn.train(*problem(), optimizer=optimizer, epochs=EPOCHS).parameters
                for problem in PROBLEMS.values()
            ]
        )
        for name, optimizer in EXAMPLES.items()
    }
    names = list(ends)
    for i, a in enumerate(names):
        for b in names[:i]:
            assert np.max(np.abs(ends[a] - ends[b])) > 1e-6, f"{a} and {b}"


def descend(optimizer, epochs, start=1.0):
    """Weights of the loss w**2, epoch by epoch, from `start`."""
    net = fastnn.Network([1, 1], activation="identity", bias=False)
    arguments = {"X": [[1.0]], "y": [[0.0]], "init": [start], "optimizer": optimizer}
    found = [fastnn.train(net, epochs=e, **arguments).parameters[0] for e in range(epochs + 1)]
    many = fastnn.train_many(
        net, restarts=9, epochs=epochs, **{**arguments, "init": np.full((9, 1), start)}
    )
    assert (many.parameters == found[-1]).all()
    expected = fastnn.reference.train(net, epochs=epochs, **arguments)
    assert found[-1] == pytest.approx(expected.parameters[0], rel=1e-12, abs=1e-12)
    return found


def test_momentum_by_hand():
    # The gradient is 2 w.  v = -0.2; v = 0.9 * -0.2 - 0.1 * 1.6 = -0.34.
    assert descend(GradientDescent(0.1, momentum=0.9), 2) == pytest.approx([1, 0.8, 0.46])


def test_nesterov_by_hand():
    # v = -0.2, w = 1 - 0.18 - 0.2; v = -0.18 - 0.124 = -0.304, w = 0.62 - 0.2736 - 0.124.
    found = descend(GradientDescent(0.1, momentum=0.9, nesterov=True), 2)
    assert found == pytest.approx([1, 0.62, 0.2224])


def test_clip_by_hand():
    # The gradient's length is 2, then 1.6 and 1.3: 1.5 are left, 1.5, and all.
    assert descend(GradientDescent(0.1, clip=1.5), 3) == pytest.approx([1, 0.85, 0.7, 0.56])


def test_clip_takes_the_whole_gradient():
    net = fastnn.Network([2, 1], activation="identity", bias=False)
    # The error is 7, the gradient 14 * (3, 4), of length 70.
    run = fastnn.train(net, [[3.0, 4.0]], [[0.0]], init=[1.0, 1.0], epochs=1,
                       optimizer=GradientDescent(1.0, clip=0.5))  # fmt: skip
    assert run.parameters == pytest.approx([0.7, 0.6])


@pytest.mark.parametrize("bias", [False, True])
def test_rates_of_layers_by_hand(bias):
    net = fastnn.Network([1, 1, 1, 1], activation="identity", bias=bias)
    start = ([[[1.0]]] * 3, [[0.0]] * 3) if bias else [1.0] * 3
    run = fastnn.train(net, [[1.0]], [[0.0]], init=start, epochs=1,
                       optimizer=GradientDescent(PerLayer(0.1, 0.0, 0.3)))  # fmt: skip
    # Every gradient is 2.
    assert np.ravel(run.weights) == pytest.approx([0.8, 1.0, 0.4])
    assert np.ravel(run.biases) == pytest.approx([-0.2, 0.0, -0.6] if bias else [])


@pytest.mark.parametrize(
    ("schedule", "factors"),
    [
        (StepDecay(2, factor=0.5), [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125]),
        (StepDecay(1, factor=0.0), [1, 0, 0, 0]),
        (ExponentialDecay(0.5), [1, 0.5, 0.25, 0.125]),
        (CosineDecay(4, floor=0.2), [1, 0.6 + 0.4 * math.sqrt(0.5), 0.6, 0.6 - 0.4 * math.sqrt(0.5),
                               0.2, 0.2, 0.2]),
        (CosineDecay(1), [1, 0, 0]),
        (CosineRestarts(2, growth=2), [1, 0.5, 1, 0.5 + math.sqrt(0.125), 0.5,
                                       0.5 - math.sqrt(0.125), 1]),
        (CosineRestarts(2, floor=0.4), [1, 0.7, 1, 0.7, 1]),
        (CosineRestarts(1, growth=1), [1, 1, 1]),
        (OneCycle(6, rise=0.5, start=0.2, end=0.1), [0.2, 0.6, 1, 0.775, 0.325, 0.1, 0.1]),
        (OneCycle(4, rise=1, start=0.4, end=0.1), [0.4, 0.55, 0.85, 0.1, 0.1]),
        (OneCycle(1), [0.04, 4e-6, 4e-6]),
        (WarmUp(2, start=0.5), [0.5, 0.75, 1, 1]),
        (WarmUp(2, start=0, then=StepDecay(2)), [0, 0.5, 1, 1, 0.5, 0.5, 0.25]),
        (WarmUp(1, start=0.3, then=CosineRestarts(2)), [0.3, 1, 0.5, 1, 0.5]),
        (WarmUp(1, start=0.3, then=OneCycle(3, rise=1, start=0.6)), [0.3, 0.6, 0.8, 4e-6]),
        # No loss is below a hundredth of the first.
        (ReduceOnPlateau(1, factor=0.5, threshold=0.99), [1, 1, 1, 0.5, 0.5, 0.25]),
        (ReduceOnPlateau(0, factor=0.5, threshold=0.99, floor=0.3), [1, 1, 0.5, 0.3, 0.3]),
        (ReduceOnPlateau(0, threshold=0.3), [1, 1, 1, 1, 1]),
        (WarmUp(1, start=0, then=ReduceOnPlateau(0, factor=0.5, threshold=0.99)),
         [0, 1, 1, 0.5, 0.25]),
    ],
    ids=repr,
)  # fmt: skip
def test_schedules_by_hand(schedule, factors):
    expected = np.cumprod([1, *(1 - 0.2 * np.array(factors))])
    found = descend(GradientDescent(0.1, schedule=schedule), len(factors))
    assert found == pytest.approx(expected)
    # Adam without memory and with a long epsilon is gradient descent with a rate of its own.
    one = Adam(0.1 * 1e6, beta1=0.0, beta2=0.0, epsilon=1e6, schedule=schedule)
    assert descend(one, len(factors)) == pytest.approx(expected, rel=1e-5)


def test_adam_by_hand():
    # The first step is the rate times the sign.  w = 0.9, g = 1.8: m = 0.9 * 0.2 + 0.1 * 1.8,
    # v = 0.999 * 0.004 + 0.001 * 3.24; means by weight: m / 0.19, v / 0.001999.
    second = 0.9 - 0.1 * (0.36 / 0.19) / math.sqrt(0.007236 / 0.001999)
    assert descend(Adam(0.1), 2) == pytest.approx([1, 0.9, second], rel=1e-8)
    assert descend(Adam(0.1), 1, start=-1e-3)[1] == pytest.approx(0.099, rel=1e-4)


def test_adam_epsilon_by_hand():
    assert descend(Adam(0.1, epsilon=2.0), 1) == pytest.approx([1, 1 - 0.1 * 2 / (2 + 2)])


def test_adamw_by_hand():
    # The decay takes 0.1 * 0.5 of the weight before the step.
    assert descend(AdamW(0.1, weight_decay=0.5), 1) == pytest.approx([1, 0.95 - 0.1])
    # A schedule scales both.
    late = AdamW(0.1, weight_decay=0.5, schedule=StepDecay(1, factor=0.0))
    assert descend(late, 3)[1:] == pytest.approx([0.85] * 3)
    # Without a gradient only the decay is left, of biases too.
    net = fastnn.Network([1, 1], activation="identity")
    run = fastnn.train(net, [[1.0]], [[3.0]], init=[1.0, 2.0], epochs=2,
                       optimizer=AdamW(0.1, weight_decay=0.0))  # fmt: skip
    assert run.parameters.tolist() == [1.0, 2.0]
    run = fastnn.train(net, [[1.0]], [[3.0]], init=[1.0, 2.0], epochs=1,
                       optimizer=AdamW(0.1, weight_decay=0.5))  # fmt: skip
    assert run.parameters == pytest.approx([0.95, 1.9])


@pytest.mark.parametrize("variant", VARIANTS)
def test_rprop_steps_grow_by_hand(variant):
    found = descend(RPROP(variant, initial_step=0.1), 4)
    assert found == pytest.approx([1, 0.9, 0.78, 0.636, 0.4632])
    found = descend(RPROP(variant, initial_step=0.1, increase=2.0, max_step=0.25), 4)
    assert found == pytest.approx([1, 0.9, 0.7, 0.45, 0.2])


@pytest.mark.parametrize(
    ("variant", "initial_step", "expected"),
    [
        ("Rprop-", 1.5, [1, -0.5, 0.25]),  # back with half the step
        ("iRprop-", 1.5, [1, -0.5, -0.5, 0.25]),  # waits, then steps half as long
        ("Rprop+", 1.5, [1, -0.5, 1, 0.25]),  # goes back, then steps half as long
        ("iRprop+", 1.5, [1, -0.5, -0.5, 0.25]),  # the loss has fallen from 1 to 0.25: waits
        ("iRprop+", 2.5, [1, -1.5, 1, -0.25]),  # it has risen to 2.25: goes back
        ("iRprop-", 2.5, [1, -1.5, -1.5, -0.25]),
    ],
)
def test_rprop_turns_by_hand(variant, initial_step, expected):
    optimizer = RPROP(variant, initial_step=initial_step)
    assert descend(optimizer, len(expected) - 1) == pytest.approx(expected)


def test_rprop_shortest_step_by_hand():
    optimizer = RPROP("Rprop-", initial_step=1.5, decrease=0.1, min_step=0.4)
    assert descend(optimizer, 2) == pytest.approx([1, -0.5, -0.1])


@pytest.mark.parametrize("variant", VARIANTS)
def test_rprop_stays_where_the_slope_is_zero(variant):
    assert descend(RPROP(variant), 3, start=0.0) == [0, 0, 0, 0]


@pytest.mark.parametrize("target", [0.0, 3.0, -8.0])
def test_quickprop_jumps_to_the_minimum_of_a_parabola(target):
    """The first step, over the minimum, and the jump back, which is exact on a quadratic loss."""
    net = fastnn.Network([1, 1], activation="identity", bias=False)
    optimizer = Quickprop(0.8, max_growth=1e6, decay=0.0)
    for start in (-1.0, 5.0):
        run = fastnn.train(net, [[1.0]], [[target]], init=[start], epochs=2, optimizer=optimizer)
        assert run.parameters[0] == pytest.approx(target, abs=1e-14)


def test_quickprop_by_hand():
    # c = -0.2, S' = 2, S = 1.6: a jump by -0.8, and -0.1 * 1.6 since it still goes downhill.
    long = Quickprop(0.1, max_growth=1e6, decay=0.0)
    assert descend(long, 2) == pytest.approx([1, 0.8, 0.8 - 0.8 - 0.16])
    # No more than 1.75 times the last change.
    assert descend(Quickprop(0.1, decay=0.0), 2) == pytest.approx([1, 0.8, 0.8 - 0.35 - 0.16])
    # The slope is 2 w + 0.5 w.
    assert descend(Quickprop(0.1, decay=0.5), 1) == pytest.approx([1, 0.75])


def test_quickprop_stays_where_the_slope_is_zero():
    assert descend(Quickprop(), 3, start=0.0) == [0, 0, 0, 0]
