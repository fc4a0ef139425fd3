"""Numbers of optimizers that differ between layers."""

import json

import numpy as np
import pytest
from conftest import assert_same_bits, bits
from hypothesis import given, settings
from hypothesis import strategies as st

import fastnn
from fastnn import (
    RPROP,
    Adagrad,
    Adam,
    AdamW,
    AMSGrad,
    CosineDecay,
    GradientDescent,
    Grid,
    Lion,
    Nadam,
    PerLayer,
    Quickprop,
    RMSProp,
)
from fastnn.engine.chunk import train_chunk
from fastnn.job.build import make_job
from fastnn.job.record import job_of, job_record
from fastnn.optimizers import OPTIMIZERS
from fastnn.spec.per_layer import numbers_by_layer, numbers_of_arrays, side_by_side

X, Y = fastnn.datasets.xor()
DEEP = fastnn.Network([2, 3, 2, 1], ["tanh", "tanh", "sigmoid"])
NETS = {"deep": DEEP, "no biases": fastnn.Network([2, 3, 1], bias=False),
        "one layer": fastnn.Network([2, 1])}  # fmt: skip
NUMBERS = {
    # what makes the optimizer, and for each of its numbers two values
    "gradient descent": (GradientDescent, {"learning_rate": (0.3, 0.1), "momentum": (0.5, 0.2)}),
    "nesterov, cosine": (
        lambda **n: GradientDescent(nesterov=True, schedule=CosineDecay(30), **n),
        {"learning_rate": (0.3, 0.1), "momentum": (0.5, 0.2)},
    ),
    **{
        variant: (
            lambda variant=variant, **n: RPROP(variant, **n),
            {"increase": (1.2, 1.1), "decrease": (0.5, 0.4), "initial_step": (0.1, 0.05),
             "min_step": (1e-3, 1e-2), "max_step": (0.5, 0.2)},
        )
        for variant in ("Rprop-", "iRprop-", "Rprop+", "iRprop+")
    },
    "Quickprop": (
        Quickprop, {"learning_rate": (0.1, 0.05), "max_growth": (1.2, 0.9), "decay": (1e-3, 1e-2)}
    ),
    "Quickprop, cosine": (
        lambda **n: Quickprop(schedule=CosineDecay(30), **n), {"learning_rate": (0.1, 0.05)}
    ),
    "Adam": (
        Adam, {"learning_rate": (0.05, 0.1), "beta1": (0.9, 0.5), "beta2": (0.99, 0.9),
               "epsilon": (1e-8, 1e-2)},
    ),
    "AdamW": (AdamW, {"weight_decay": (0.1, 0.5), "learning_rate": (0.05, 0.1)}),
    "AMSGrad": (
        AMSGrad, {"learning_rate": (0.05, 0.1), "beta1": (0.9, 0.5), "beta2": (0.99, 0.9),
                  "epsilon": (1e-8, 1e-2)},
    ),
    "Nadam": (
        Nadam, {"learning_rate": (0.05, 0.1), "beta1": (0.9, 0.5), "beta2": (0.99, 0.9),
                "epsilon": (1e-8, 1e-2), "momentum_decay": (0.004, 0.1)},
    ),
    "RMSProp": (
        RMSProp, {"learning_rate": (0.02, 0.01), "decay": (0.9, 0.5), "epsilon": (1e-8, 1e-2)}
    ),
    "Adagrad": (Adagrad, {"learning_rate": (0.1, 0.05), "epsilon": (1e-8, 1e-2)}),
    "Lion": (
        Lion, {"learning_rate": (0.01, 0.02), "beta1": (0.9, 0.5), "beta2": (0.99, 0.9),
               "weight_decay": (0.1, 0.5)},
    ),
}  # fmt: skip
EACH = [(name, number) for name, (_, numbers) in NUMBERS.items() for number in numbers]
OPTIONS = {"epochs": 40, "seed": 3}


def made(name, number, value):
    make, numbers = NUMBERS[name]
    plain = {each: values[0] for each, values in numbers.items()}
    return make(**(plain | {number: value}))


def trained(net, optimizer, restarts=12, **options):
    return fastnn.train_many(net, X, Y, restarts=restarts, optimizer=optimizer, threads=1,
                             **(OPTIONS | options))  # fmt: skip


def test_every_number_of_every_first_order_optimizer_is_here():
    for kind in OPTIMIZERS:
        makers = [(make, numbers) for make, numbers in NUMBERS.values() if type(make()) is kind]
        numbers = {number for _, numbers in makers for number in numbers}
        given = vars(kind()) if kind.takes_per_layer else {}
        expected = {name for name, value in given.items() if type(value) is float}
        inherited = {"beta1", "beta2", "epsilon"} if kind is AdamW else set()
        assert numbers == expected - {"slope_offset"} - inherited


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize(("name", "number"), EACH)
def test_equal_numbers_of_layers_have_the_bits_of_one_number(name, number, net):
    value = NUMBERS[name][1][number][1]
    each = PerLayer(*[value] * NETS[net].depth)
    for dtype in ("float64", "float32"):
        plain = trained(NETS[net], made(name, number, value), dtype=dtype)
        assert_same_bits(trained(NETS[net], made(name, number, each), dtype=dtype), plain)


@pytest.mark.parametrize(("name", "number"), EACH)
def test_the_first_step_of_each_layer_is_that_with_its_number(name, number):
    """Two epochs, since some numbers do nothing in the first; and all lanes and threads agree."""
    first, last = NUMBERS[name][1][number]
    mixed = made(name, number, PerLayer(first, last, first))
    slices = np.cumsum([0, 3 * 3, 4 * 2, 3])
    ones = {value: trained(DEEP, made(name, number, value), epochs=1) for value in (first, last)}
    start = trained(DEEP, mixed, epochs=1)
    for layer, value in enumerate((first, last, first)):
        own = slice(slices[layer], slices[layer + 1])
        np.testing.assert_array_equal(start.parameters[:, own], ones[value].parameters[:, own])
    runs = trained(DEEP, mixed)
    for value in (first, last):
        assert (trained(DEEP, made(name, number, value)).parameters != runs.parameters).any()
    job = make_job(DEEP, X, Y, restarts=12, optimizer=mixed, **OPTIONS)
    for lanes in (1, 8, 16):
        np.testing.assert_array_equal(
            bits(train_chunk(job, 0, 12, lanes=lanes).parameters), bits(runs.parameters)
        )
    expected = fastnn.reference.train(DEEP, X, Y, restart=5, optimizer=mixed, epochs=10, seed=3)
    ten = trained(DEEP, mixed, epochs=10)
    np.testing.assert_allclose(ten.parameters[5], expected.parameters, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(("name", "number"), EACH)
def test_arrays_and_grids_of_layers(name, number):
    """Restart k has the bits of a run with its own numbers alone, also once saved."""
    first, last = NUMBERS[name][1][number]
    values = np.linspace(first, last, 6)
    sweep = made(name, number, PerLayer(first, values, last))
    runs = trained(DEEP, sweep, restarts=6)
    made_job = make_job(DEEP, X, Y, restarts=6, optimizer=sweep, **OPTIONS)
    record, arrays = job_record(made_job)
    again = job_of(json.loads(json.dumps(record)), arrays, 6)
    np.testing.assert_array_equal(bits(train_chunk(again, 0, 6).parameters), bits(runs.parameters))
    for k in (0, 4):
        alone = made(name, number, PerLayer(first, float(values[k]), last))
        run = fastnn.train(DEEP, X, Y, restart=k, optimizer=alone, **OPTIONS)
        np.testing.assert_array_equal(bits(run.parameters), bits(runs.parameters[k]))
        np.testing.assert_array_equal(bits(runs.restart(k).parameters), bits(run.parameters))
    by_grid = fastnn.train_many(
        DEEP, X, Y, grid=Grid(**{f"{number}_1": values}),
        optimizer=made(name, number, PerLayer(first, first, last)), **OPTIONS,
    )  # fmt: skip
    assert_same_bits(by_grid, runs)


@pytest.mark.parametrize("name", NUMBERS)
def test_training_goes_on(name):
    make, numbers = NUMBERS[name]
    optimizer = make(**{each: PerLayer(a, b, a) for each, (a, b) in numbers.items()})
    whole = trained(DEEP, optimizer)
    part = trained(DEEP, optimizer, epochs=13)
    rest = fastnn.train_many(DEEP, X, Y, continue_from=part, epochs=27, threads=1)
    assert_same_bits(rest, whole)


def test_clip_of_layers_by_hand():
    # The output is 1 for the target 0, and every derivative 2; a layer has two of them.
    net = fastnn.Network([1, 1, 1, 1], activation="identity")
    optimizer = GradientDescent(1.0, clip=PerLayer(0.5, 10.0, 1.0))
    run = fastnn.train(net, [[1.0]], [[0.0]], init=([[[1.0]]] * 3, [[0.0]] * 3), epochs=1,
                       optimizer=optimizer)  # fmt: skip
    root = np.sqrt(0.5)
    assert np.ravel(run.weights) == pytest.approx([1 - 0.5 * root, -1.0, 1 - root])
    assert np.ravel(run.biases) == pytest.approx([-0.5 * root, -2.0, -root])
    expected = fastnn.reference.train(net, [[1.0]], [[0.0]], epochs=3, seed=1, optimizer=optimizer)
    run = fastnn.train(net, [[1.0]], [[0.0]], epochs=3, seed=1, optimizer=optimizer)
    np.testing.assert_allclose(run.parameters, expected.parameters, rtol=1e-12)


def test_fan_in():
    """As in Fahlman's program, where the bias is one of a unit's connections."""
    deep = PerLayer.divided_by_fan_in(1.2, DEEP)
    np.testing.assert_allclose(deep.values, [1.2 / 3, 1.2 / 4, 1.2 / 3], rtol=1e-15)
    bare = PerLayer.divided_by_fan_in(number=1.2, net=fastnn.Network([2, 3, 1], bias=False))
    np.testing.assert_allclose(bare.values, [1.2 / 2, 1.2 / 3], rtol=1e-15)
    rates = np.linspace(0.1, 2, 5)
    sweep = PerLayer.divided_by_fan_in(rates, fastnn.Network([9, 1]))
    np.testing.assert_allclose(sweep.values, [rates / 10], rtol=1e-15)


def test_numbers_of_quickprop_as_in_its_publication():
    """Fahlman's settings solve the encoder 10-5-10 in some twenty epochs."""
    net, eye = fastnn.Network([10, 5, 10]), np.eye(10)
    optimizer = Quickprop(
        PerLayer.divided_by_fan_in(1.5, net), slope_offset=0.1, arctanh_error=True
    )
    runs = fastnn.train_many(net, eye, eye, restarts=200, epochs=100, optimizer=optimizer,
                             stop=fastnn.ErrorsWithin(0.4))  # fmt: skip
    solved = runs.status == fastnn.Status.CONVERGED
    assert solved.mean() > 0.9
    assert 15 < runs.epochs[solved].mean() < 35


def test_records_without_a_schedule_are_those_of_earlier_versions():
    job = make_job(DEEP, X, Y, restarts=2, optimizer=Quickprop(0.1))
    record, arrays = job_record(job)
    assert record["optimizer"] == {
        "type": "Quickprop", "learning_rate": 0.1, "max_growth": 1.75, "decay": 0.0001,
        "slope_offset": 0.0, "arctanh_error": False,
    }  # fmt: skip
    assert job.n_state == 2 * DEEP.n_parameters
    assert job_of(record, arrays, 2).optimizer.schedule is None
    with pytest.raises(ValueError, match="exactly as fastnn writes it"):
        job_of(record | {"optimizer": record["optimizer"] | {"schedule": None}}, arrays, 2)
    late = make_job(DEEP, X, Y, restarts=2, optimizer=Quickprop(0.1, schedule=CosineDecay(5)))
    record, arrays = job_record(late)
    assert record["optimizer"]["schedule"] == {"type": "CosineDecay", "epochs": 5.0, "floor": 0.0}
    assert job_of(record, arrays, 2).optimizer.schedule.epochs == 5


one = st.one_of(st.floats(0, 1), st.lists(st.floats(0, 1), min_size=4, max_size=4))


@given(st.dictionaries(st.sampled_from("abcdef"), st.one_of(one, st.tuples(one, one, one))))
@settings(deadline=None)
def test_numbers_are_written_layer_by_layer_and_back(drawn):
    numbers = {
        name: PerLayer(*value) if isinstance(value, tuple) else value
        for name, value in drawn.items()
    }
    blocks, spans = numbers_by_layer(numbers, DEEP)
    differ = any(isinstance(value, PerLayer) for value in numbers.values())
    assert spans == (3 if differ else 1)
    assert len(blocks) == spans * len(numbers)
    assert [name.partition("[")[0] for name in blocks] == list(numbers) * spans
    own = numbers_of_arrays(blocks, 6)
    for array, found in enumerate(own):
        assert found.keys() == numbers.keys()
        for name, value in numbers.items():
            here = value.values[array % 3] if isinstance(value, PerLayer) else value
            assert found[name] is here
    for i, values in enumerate(side_by_side(*numbers.values())):
        for found, value in zip(values, numbers.values(), strict=True):
            assert found is (value.values[i] if isinstance(value, PerLayer) else value)
