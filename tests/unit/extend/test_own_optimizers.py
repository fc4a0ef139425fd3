"""Optimizers of one function: as by hand, in every use, and in processes that lack the function."""

import pickle
from concurrent.futures import ProcessPoolExecutor
from copy import copy, deepcopy
from dataclasses import dataclass, fields
from multiprocessing import get_context

import numpy as np
import pytest
from conftest import assert_same_bits, bits, python

import fastnn
from fastnn.cli import main
from fastnn.engine import specialize
from fastnn.engine.launch import launch_of
from fastnn.expressions.functions import exp, fma, log, sqrt
from fastnn.extend import add_optimizer, formulas, optimizer, pieces, remove
from fastnn.job.build import make_job
from fastnn.optimizers import OPTIMIZERS, make_optimizer
from fastnn.sklearn import MLPRegressor
from fastnn.spec.grid import Grid

pytestmark = pytest.mark.thorough

NET = fastnn.Network([3, 4, 2], ["tanh", "identity"])
_RNG = np.random.default_rng(3)
X, Y = _RNG.normal(size=(11, 3)), 0.3 * _RNG.normal(size=(11, 2))
N = 19


@pytest.fixture(autouse=True)
def _as_before():
    before = list(OPTIMIZERS)
    yield
    for kind in OPTIMIZERS[len(before) :]:
        remove(kind)
    assert before == OPTIMIZERS


def scaled(w, g, v, *, rate=0.01, decay=0.9, epsilon=1e-3):
    """Steps over the root of a mean."""
    v = decay * v + (1.0 - decay) * g * g
    return w - rate * g / (sqrt(v) + epsilon), v


def as_adam(
    w, g, m, v, power1=1.0, power2=1.0, *,
    learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-8,
):  # fmt: skip
    """The operations of `fastnn.Adam`."""
    power1, power2 = power1 * beta1, power2 * beta2
    step, unbias = -(learning_rate / (1.0 - power1)), 1.0 / sqrt(1.0 - power2)
    m, v = fma(beta1, m, (1.0 - beta1) * g), fma(beta2, v, (1.0 - beta2) * g * g)
    return fma(step * m, 1.0 / fma(sqrt(v), unbias, epsilon), w), m, v, power1, power2


def counting(w, g, m, *, step, rate=0.1, beta=0.8):
    """A mean without bias, by the count of updates."""
    m = beta * m + (1.0 - beta) * g
    return w - rate * m / (1.0 - exp(step * log(beta))), m


def trained(optimizer, net=NET, x=X, y=Y, **options):
    return fastnn.train_many(
        net, x, y, **{"restarts": N, "epochs": 25, "loss": "mse", "optimizer": optimizer} | options
    )


def assert_as_the_reference(optimizer, rtol=1e-10, **options):
    """Several restarts, and one alone, against NumPy."""
    runs = trained(optimizer, **options)
    for k in (0, 7, N - 1):
        options = {"epochs": 25, "loss": "mse", "optimizer": optimizer} | options
        at = {"restart": k, **options}
        if np.ndim(getattr(optimizer, "rate", 0.0)) == 0:
            expected = fastnn.reference.train(NET, X, Y, **at)
            np.testing.assert_allclose(runs.parameters[k], expected.parameters, rtol=rtol)
        again = runs.restart(k)
        np.testing.assert_array_equal(bits(again.parameters), bits(runs.parameters[k]))
    return runs


@pieces.piece
def scaled_by_hand(net):
    """The operations of `scaled`."""
    w, gradient, means, hyper = net.parameters, net.gradient, net.state, net.hyper
    for s in range(net.strips):
        rate, decay, epsilon = hyper[0, s], hyper[1, s], hyper[2, s]
        rest = pieces.like(decay, 1.0) - decay
        for m in range(net.n_parameters):
            g = gradient[m, s]
            square = decay * means[m, s] + rest * g * g
            means[m, s] = square
            w[m, s] = w[m, s] - rate * g / (pieces.sqrt(square) + epsilon)


@dataclass(frozen=True, eq=False)
class ByHand(pieces.Optimizer):
    """`scaled` as a class."""

    rate: float = 0.01
    decay: float = 0.9
    epsilon: float = 1e-3

    def setup(self, net, samples):
        numbers = {part.name: getattr(self, part.name) for part in fields(self)}
        return pieces.Setup(numbers, scaled_by_hand, slots=((net.n_parameters, 0.0),))

    def numpy_step(self, arrays, numbers):
        raise NotImplementedError


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_bits_are_those_of_a_kernel_by_hand(dtype):
    add_optimizer(ByHand)
    made = optimizer(scaled)
    for options in ({}, {"batch_size": 4, "shuffle": True}):
        assert_same_bits(
            trained(made(0.02), dtype=dtype, **options),
            trained(ByHand(0.02), dtype=dtype, **options),
        )


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_adam_from_one_function_is_adam(dtype):
    made = optimizer(as_adam)
    for numbers in (
        {"learning_rate": 0.01}, {"beta1": 0.5, "schedule": fastnn.StepDecay(7)},
        {"learning_rate": np.linspace(0.001, 0.1, N), "schedule": fastnn.CosineDecay(20)},
    ):  # fmt: skip
        found, expected = made(**numbers), fastnn.Adam(**numbers)
        assert_same_bits(trained(found, dtype=dtype), trained(expected, dtype=dtype))
    # Powers are kept once for a network.
    assert found.setup(NET, 1).n_state == expected.setup(NET, 1).n_state


@pytest.mark.parametrize("function", [scaled, as_adam, counting])
def test_against_the_reference(function):
    made = optimizer(function)
    assert_as_the_reference(made())
    assert_as_the_reference(made(0.05), batch_size=4, shuffle=True)
    assert_as_the_reference(made(), dtype="float32", rtol=2e-3)
    per_layer = fastnn.PerLayer(0.05, 0.002)
    runs = assert_as_the_reference(made(per_layer))
    assert np.abs(runs.parameters - trained(made(0.05)).parameters).max() > 1e-4
    assert_same_bits(trained(made(fastnn.PerLayer(0.05, 0.05))), trained(made(0.05)))
    part = trained(made(per_layer), epochs=10)
    assert_same_bits(fastnn.train_many(NET, X, Y, loss="mse", continue_from=part, epochs=15), runs)


def test_numbers_of_memory_per_layer():
    """Powers of decays that differ between layers."""
    made = optimizer(as_adam)
    decays = fastnn.PerLayer(0.5, np.linspace(0.5, 0.9, N))
    runs = trained(made(0.02, beta1=decays, schedule=fastnn.ExponentialDecay(0.9)))
    for k in (0, 4, N - 1):
        alone = made(
            0.02, beta1=fastnn.PerLayer(0.5, decays.values[1][k]),
            schedule=fastnn.ExponentialDecay(0.9),
        )  # fmt: skip
        expected = fastnn.reference.train(
            NET, X, Y, epochs=25, loss="mse", restart=k, optimizer=alone
        )
        np.testing.assert_allclose(runs.parameters[k], expected.parameters, rtol=1e-10)


def test_memory_starts_where_it_says():
    @optimizer
    def began(w, g, v="start", count=2, *, rate=0.1, start=0.5):
        v, count = v + g * g, count + 1.0
        return w - rate * g / sqrt(v) / count, v, count

    net = fastnn.Network([1, 1], "identity", bias=False)

    def step(start, **options):
        # The gradient at 1 is 2.
        run = fastnn.train(net, [[1.0]], [[0.0]], init=[1.0], epochs=1,
                           optimizer=began(start=start, **options))  # fmt: skip
        return run.parameters[0]

    for start in (0.5, 3.0):
        assert step(start) == pytest.approx(1 - 0.1 * 2 / np.sqrt(4 + start) / 3, rel=1e-14)
    assert step(fastnn.PerLayer(5.0)) == step(5.0)
    # One number for the network, and one for its weight.
    counts = [count for count, _ in began().setup(net, 1).slots]
    assert counts == [1, 1, 1, 1]
    assert began().setup(NET, 1).n_state == NET.n_parameters + 3
    starts = np.linspace(0.1, 2.0, N)
    runs = trained(began(start=starts))
    for k in (0, N - 1):
        alone = fastnn.train(NET, X, Y, restart=k, epochs=25, loss="mse",
                             optimizer=began(start=starts[k]))  # fmt: skip
        np.testing.assert_array_equal(bits(alone.parameters), bits(runs.parameters[k]))
    layered = began(start=fastnn.PerLayer(0.2, 4.0))
    expected = fastnn.reference.train(NET, X, Y, epochs=9, loss="mse", optimizer=layered)
    run = fastnn.train(NET, X, Y, epochs=9, loss="mse", optimizer=layered)
    np.testing.assert_allclose(run.parameters, expected.parameters, rtol=1e-12)


def test_without_memory_and_with_only_common_memory():
    plain = optimizer(lambda w, g, *, rate=0.1: fma(-rate, g, w), name="plain")
    assert_same_bits(trained(plain(0.05)), trained(fastnn.GradientDescent(0.05)))

    @optimizer(name="fading")
    def step(w, g, f=1.0, *, rate=0.1, fade=0.9):
        return w - rate * f * g, f * fade

    assert step.__name__ == "fading"
    assert_as_the_reference(step(0.05))


def test_the_class():
    made = optimizer(bounds={"rate": (0, np.inf), "decay": (0.0, 0.99)})(scaled)
    assert repr(made(0.1, decay=0.5)) == "scaled(rate=0.1, decay=0.5, epsilon=0.001)"
    assert made.__doc__ == scaled.__doc__
    assert (made.__module__, made.__qualname__) == (scaled.__module__, "scaled")
    assert [part.name for part in fields(made)] == ["rate", "decay", "epsilon"]
    assert isinstance(make_optimizer("SCALED"), made)
    for wrong, message in (
        (lambda: made(-1.0), "rate: expected numbers >= 0, got -1.0"),
        (lambda: made(decay=1.0), "decay: expected numbers from 0 to 0.99, got 1.0"),
        (lambda: made(fastnn.PerLayer(0.1, -2.0)), r"rate\[1\]: expected numbers >= 0, got -2.0"),
        (lambda: made([0.1, np.nan]), "rate: expected finite float64 numbers, got nan at"),
    ):
        with pytest.raises(ValueError, match=message):
            wrong()
    with pytest.raises(TypeError, match="scaled: expected only rate by position, got 2; pass"):
        made(0.1, 0.2)
    with pytest.raises(TypeError, match="scaled: unexpected argument decai; did you mean decay"):
        made(decai=0.2)
    with pytest.raises(TypeError, match="schedule"):
        made(schedule=fastnn.StepDecay())  # there is no learning_rate
    with pytest.raises(AttributeError):
        made().rate = 3.0


def test_copies_are_of_the_same_class():
    made = optimizer(scaled)
    one = made(np.linspace(0.01, 0.1, N), epsilon=fastnn.PerLayer(0.1, 0.2))
    for other in (copy(one), deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert type(other) is made
        assert repr(other) == repr(one)
    runs = trained(one)
    assert_same_bits(trained(pickle.loads(pickle.dumps(one))), runs)
    # One that was removed goes on, as do its results; the same formula is the same class.
    remove("scaled")
    assert_same_bits(trained(one), runs)
    assert type(copy(one)) is made
    with pytest.raises(ValueError, match="optimizer: expected one of"):
        trained("scaled")
    again = optimizer(scaled)
    assert type(copy(one)) is again
    more = fastnn.train_many(NET, X, Y, loss="mse", continue_from=runs, epochs=1)
    assert (more.epochs == 26).all()


def test_another_formula_of_the_same_name_is_another_optimizer():
    made = optimizer(scaled)
    runs = trained(made())
    remove(made)

    @optimizer(name="scaled")
    def other(w, g, v, *, rate=0.01, decay=0.9, epsilon=1e-3):
        v = decay * v + 4.0 * (1.0 - decay) * g * g
        return w - rate * g / (sqrt(v) + epsilon), v

    assert (trained(other()).loss != runs.loss).all()
    assert type(copy(made())) is made
    with pytest.raises(ValueError, match="continue_from: expected the same kind of optimizer"):
        fastnn.train_many(NET, X, Y, loss="mse", continue_from=runs, epochs=1, optimizer=other())


def test_grids():
    made = optimizer(scaled)
    grid = Grid(rate=[0.01, 0.1], decay=[0.5, 0.9, 0.99], restarts_per_cell=2)
    runs = fastnn.train_many(NET, X, Y, optimizer="scaled", grid=grid, epochs=9, loss="mse")
    for k in (0, 5, 11):
        values = {name: float(value[0]) for name, value in grid.values(np.array([k])).items()}
        alone = fastnn.train(NET, X, Y, restart=k, epochs=9, loss="mse", optimizer=made(**values))
        np.testing.assert_array_equal(bits(alone.parameters), bits(runs.parameters[k]))
    layered = Grid(rate_1=[0.01, 0.1], epsilon=[1e-3, 1e-1])
    runs = fastnn.train_many(NET, X, Y, optimizer=made(), grid=layered, epochs=9, loss="mse")
    alone = fastnn.train(NET, X, Y, restart=3, epochs=9, loss="mse",
                         optimizer=made(fastnn.PerLayer(0.01, 0.1), epsilon=0.1))  # fmt: skip
    np.testing.assert_array_equal(bits(alone.parameters), bits(runs.parameters[3]))
    with pytest.raises(ValueError, match="grid: expected axes among rate, decay, epsilon"):
        fastnn.train_many(NET, X, Y, optimizer="scaled", grid=Grid(rates=[0.1]))


def test_the_estimators_and_the_command_line(capsys):
    made = optimizer(scaled)
    model = MLPRegressor((5,), solver=made(0.02), max_iter=300, n_restarts=3).fit(X, Y)
    assert hasattr(model, "partial_fit")
    assert model.score(X, Y) > 0.5
    optimizer(as_adam)
    arguments = ["restarts", "300", "--epochs", "100", "--optimizer"]
    assert main([*arguments, "scaled"]) == 0
    assert main([*arguments, "as-adam", "--learning-rate", "0.1"]) == 0
    assert main([*arguments, "scaled", "--learning-rate", "0.1"]) == 2
    assert "--learning-rate: expected only with" in capsys.readouterr().err


BUILT_IN = (fastnn.RMSProp, fastnn.Adagrad, fastnn.AMSGrad, fastnn.Nadam, fastnn.Lion)


@pytest.mark.slow
def test_special_kernels(monkeypatch):
    """They are compiled elsewhere for built-in ones, and have the same bits."""
    for kind in BUILT_IN:
        job = make_job(NET, X, Y, optimizer=kind(), restarts=8, epochs=1)
        special = launch_of(job, 8).blueprint.special
        assert specialize.from_text(specialize.to_text(special)) == special
    made = optimizer(scaled)
    for one in (fastnn.Nadam(0.01), made(0.02)):
        found = {}
        for mode in ("general", "special"):
            monkeypatch.setenv("FASTNN_KERNELS", mode)
            found[mode] = trained(one)
        assert_same_bits(found["special"], found["general"])


CODE = """
import fastnn
runs = fastnn.load({file!r})
again = runs.restart(5)
print((again.parameters == runs.parameters[5]).all())
print((fastnn.open_run({folder!r}).loss[:] == runs.loss).all())
more = fastnn.train_many(runs.network, runs.job.X, runs.job.y, continue_from=runs, epochs=5)
print(more.loss.sum().hex(), type(runs.job.optimizer).__name__)
more.save({file!r})
"""


def test_files_are_read_without_the_function(tmp_path):
    made = optimizer(as_adam)
    rates = np.geomspace(0.01, 0.1, N)
    runs = trained(made(rates, beta1=fastnn.PerLayer(0.9, 0.5), schedule=fastnn.StepDecay(9)))
    file, folder = tmp_path / "runs.npz", tmp_path / "run"
    runs.save(file)
    trained(runs.job.optimizer, out=folder, chunk=7)
    told = python(CODE.format(file=str(file), folder=str(folder))).stdout.splitlines()
    more = fastnn.train_many(NET, X, Y, continue_from=runs, epochs=5)
    assert told == ["True", "True", f"{more.loss.sum().hex()} as_adam"]
    assert_same_bits(fastnn.load(file), more)
    assert type(fastnn.load(file).job.optimizer) is made
    remove(made)
    assert_same_bits(fastnn.load(file), more)
    other = optimizer(scaled, name="as_adam")  # another formula under its name
    loaded = fastnn.load(file)
    assert type(loaded.job.optimizer) is not other
    assert_same_bits(fastnn.train_many(NET, X, Y, continue_from=loaded, epochs=0), more)


def test_processes_need_no_function():
    made = optimizer(lambda w, g, *, rate=0.1: w - rate * g * g, name="squares")
    options = {"optimizer": made(np.linspace(0.01, 0.1, N)), "chunk": 5}
    runs = trained(**options)
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        assert_same_bits(trained(executor=pool, **options), runs)


def test_a_formula_of_many_functions():
    @optimizer
    def odd(w, g, m, v, *, step, rate=0.02, sharp=3.0):
        m = m + (g - m) / (step + 1.0)
        v = formulas.at_least(0.9 * v, formulas.magnitude(g))
        size = formulas.select(v > 1e-3, formulas.tanh(sharp * m / (v + 1e-3)), 0.0)
        return w - rate * size * formulas.softplus(-formulas.cos(w)), m, v

    assert_as_the_reference(odd(), rtol=1e-9)
