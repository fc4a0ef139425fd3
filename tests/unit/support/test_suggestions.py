"""Suggestions for wrong names in errors; the list of public names."""

import importlib
import inspect
import re

import numpy as np
import pytest
from conftest import bits
from hypothesis import given
from hypothesis import strategies as st

import fastnn
import fastnn.sklearn
from fastnn.cli import main
from fastnn.cli.fitting import OPTIMIZERS as OF_TABLES
from fastnn.optimizers import (
    OPTIMIZERS,
    SHORT_NAMES,
    make_optimizer,
    name_of,
    optimizers_by_name,
)
from fastnn.sklearn.parameters import SOLVERS
from fastnn.spec.activations import CODES
from fastnn.spec.losses import BY_NAME
from fastnn.starts import INITIALIZATIONS
from fastnn.support.suggestions import PARTS, WORDS, hint, suggests

NET = fastnn.Network([2, 2, 1])
X, Y = fastnn.datasets.xor()
MODULES = [
    "fastnn", "fastnn.datasets", "fastnn.export", "fastnn.extend", "fastnn.extend.formulas",
    "fastnn.extend.pieces", "fastnn.reference", "fastnn.sklearn",
]  # fmt: skip
# What takes any arguments, or is made by fastnn.
OPEN = {"Grid", "DamagedFile", "FitWarning", "GroupTable", "Incomplete", "Interrupted", "Run",
        "Runs", "Statistics", "Status", "StoredRuns", "Summary", "TrainingWarning"}  # fmt: skip


def public(*modules):
    """The public functions and classes, by their full names."""
    return {
        f"{name}.{member}": value
        for name in modules
        for member, value in vars(importlib.import_module(name)).items()
        if member in importlib.import_module(name).__all__
        and callable(value)
        and member not in OPEN
    }


CALLED = public("fastnn", "fastnn.export", "fastnn.extend", "fastnn.reference", "fastnn.sklearn")


def raises(exception, text):
    return pytest.raises(exception, match=rf"{re.escape(text)}$")


@pytest.fixture(autouse=True)
def no_kernel(request, monkeypatch):
    """No case of bad input gets as far as a kernel."""

    def never(*args, **kwargs):
        raise AssertionError("training began")

    if "trains" not in request.fixturenames:
        monkeypatch.setattr("fastnn.engine.launch.run_piece", never)


@pytest.fixture
def trains():
    """For tests that train."""


@pytest.mark.parametrize("name", MODULES)
def test_what_a_module_shows_is_what_it_lists(name):
    module = importlib.import_module(name)
    assert [member for member in dir(module) if not member.startswith("__")] == sorted(
        member for member in module.__all__ if not member.startswith("__")
    )
    assert all(hasattr(module, member) for member in dir(module))


@pytest.mark.parametrize("name", CALLED)
def test_an_argument_that_is_not_there(name):
    owner = name.rpartition(".")[2]
    with pytest.raises(TypeError) as caught:
        CALLED[name](**{"no such one": 1})
    assert str(caught.value).startswith(f"{owner}: unexpected argument no such one")
    for argument in inspect.signature(CALLED[name]).parameters:
        assert re.search(rf"\b{argument}\b", str(caught.value))


@pytest.mark.parametrize("name", CALLED)
def test_a_slip_in_any_argument(name):
    arguments = inspect.signature(CALLED[name]).parameters.values()
    for argument in arguments:
        if len(argument.name) > 3 and argument.kind is not argument.VAR_POSITIONAL:
            with raises(TypeError, f"; did you mean {argument.name}?"):
                CALLED[name](**{f"{argument.name}x": 1})
            with raises(TypeError, f"; did you mean {argument.name}?"):
                CALLED[name](**{argument.name.title() + "_": 1})


RATE = "optimizer=fastnn.GradientDescent(learning_rate=…)"
MEANT = [
    (fastnn.train, "lr", RATE),
    (fastnn.train, "learning_rate", RATE),
    (fastnn.train_many, "eta", RATE),
    (fastnn.reference.train, "learning_rat", RATE),
    (fastnn.train, "alpha", f"{RATE} or loss=fastnn.SSE(l2=…)"),
    (fastnn.train, "momentum", "optimizer=fastnn.GradientDescent(momentum=…)"),
    (fastnn.train, "weight_decay", "optimizer=fastnn.AdamW(weight_decay=…)"),
    (fastnn.train, "eps", "optimizer=fastnn.Adam(epsilon=…)"),
    (fastnn.train, "patience", "stop=fastnn.NoProgress(epochs=…)"),
    (fastnn.train, "hidden", "net=fastnn.Network(sizes=…)"),
    (fastnn.train, "activation", "net=fastnn.Network(activation=…)"),
    (fastnn.train, "epoch", "epochs"),
    (fastnn.train, "n_epochs", "epochs"),
    (fastnn.train, "max_iter", "epochs"),
    (fastnn.train, "random_state", "seed"),
    (fastnn.train, "batch", "batch_size"),
    (fastnn.train, "validation_data", "validation"),
    (fastnn.train, "callbacks", "stop"),
    (fastnn.train, "solver", "optimizer"),
    (fastnn.train, "criterion", "loss"),
    (fastnn.train, "x", "X"),
    (fastnn.train_many, "n_restarts", "restarts"),
    (fastnn.train_many, "n_jobs", "threads"),
    (fastnn.train_many, "workers", "threads"),
    (fastnn.train_many, "verbose", "progress"),
    (fastnn.train_many, "timeout", "time_limit"),
    (fastnn.train_many, "directory", "out"),
    (fastnn.Adam, "lr", "learning_rate"),
    (fastnn.Adam, "beta_1", "beta1"),
    (fastnn.AdamW, "wd", "weight_decay"),
    (fastnn.GradientDescent, "eta", "learning_rate"),
    (fastnn.GradientDescent, "nesterovs_momentum", "nesterov"),
    (fastnn.LevenbergMarquardt, "mu", "damping"),
    (fastnn.StepDecay, "gamma", "factor"),
    (fastnn.StepDecay, "step_size", "every"),
    (fastnn.CosineDecay, "T_max", "epochs"),
    (fastnn.CosineRestarts, "T_mult", "growth"),
    (fastnn.OneCycle, "pct_start", "rise"),
    (fastnn.NoProgress, "patience", "epochs"),
    (fastnn.Validation, "epochs", "patience"),
    (fastnn.Validation, "tol", "min_improvement"),
    (fastnn.Normal, "sigma", "std"),
    (fastnn.KFold, "n_splits", "folds"),
    (fastnn.SSE, "alpha", "l2"),
    (fastnn.Network, "hidden", "sizes"),
    (fastnn.Network, "layers", "sizes"),
    (fastnn.Network, "use_bias", "bias"),
    (fastnn.sklearn.MLPClassifier, "epochs", "max_iter"),
    (fastnn.sklearn.MLPClassifier, "lr", "learning_rate or learning_rate_init"),
    (fastnn.sklearn.MLPRegressor, "hidden", "hidden_layer_sizes"),
    (fastnn.sklearn.MLPRegressor, "restarts", "n_restarts"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "name", "meant"), MEANT, ids=lambda value: str(value)[:20])
def test_what_the_field_calls_an_argument(call, name, meant):
    with raises(TypeError, f"{call.__name__}: unexpected argument {name}; did you mean {meant}?"):
        call(**{name: 1})


def test_right_arguments_keep_their_own_errors():
    with raises(TypeError, "missing 1 required positional argument: 'y'"):
        fastnn.train(NET, X, epochs=3)
    with raises(TypeError, "epochs: expected an integer, got 'many'"):
        fastnn.train(NET, X, Y, epochs="many")

    class Gentle(fastnn.GradientDescent):
        def __init__(self):
            super().__init__(rate=0.1)

    with raises(TypeError, "Gentle: unexpected argument rate; did you mean learning_rate?"):
        Gentle()


def test_functions_stay_what_they_are():
    @suggests
    def own(a: int, *, b: float = 2.0) -> str:
        """Show both."""
        return f"{a} {b}"

    assert own(1, b=3) == "1 3"
    assert str(inspect.signature(own)) == "(a: int, *, b: float = 2.0) -> str"
    assert own.__doc__ == "Show both."
    with pytest.raises(TypeError) as caught:
        own(1, c=3)
    assert caught.value.__context__ is None


def many(**options):
    return lambda: fastnn.train_many(NET, X, Y, restarts=4, **options)


def of_columns():
    with_grid = fastnn.Grid(lr=[0.1, 0.2])
    fastnn.train_many(NET, X, Y, grid=with_grid)


VALUES = [
    (lambda: fastnn.Network([2, 1], "sigmiod"), "'sigmoid'"),
    (lambda: fastnn.Network([2, 1], "Sigmoid"), "'sigmoid'"),
    (lambda: fastnn.Network([2, 1], ["logistic"]), "'sigmoid'"),
    (lambda: fastnn.Network([2, 1], "linear"), "'identity'"),
    (lambda: fastnn.Network([2, 1], "leakyrelu"), "'leaky_relu'"),
    (many(loss="bce"), "'binary_cross_entropy'"),
    (many(loss="mean_squared_error"), "'mse'"),
    (many(loss="l2"), "'sse' or 'mse'"),
    (many(loss="hubber"), "'huber'"),
    (many(optimizer="adm"), "'adam'"),
    (many(optimizer="rpropp"), "'rprop'"),
    (many(optimizer="l-bfgs"), "'lbfgs'"),
    (many(optimizer="levenberg"), "'lm'"),
    (many(optimizer="gradient-descent"), "'gradient_descent'"),
    (many(init="glorot_uniform"), "fastnn.GlorotUniform()"),
    (many(init="xavier"), "fastnn.GlorotUniform()"),
    (many(init="he"), "fastnn.HeNormal()"),
    (many(keep="stats"), "'statistics'"),
    (many(keep="outcome"), "'outcomes'"),
    (many(keep=["loss", "parameter"]), "'parameters'"),
    (many(parallel="restart"), "'restarts'"),
    (many(dtype="flaot32"), "'float32'"),
    (of_columns, "learning_rate"),
    (lambda: fastnn.RPROP("irprop+"), "'iRprop+'"),
    (lambda: fastnn.Status("converged"), "fastnn.Status.CONVERGED"),
    (lambda: fastnn.Status("STALED"), "fastnn.Status.STALLED"),
    (lambda: fastnn.sklearn.MLPClassifier(activation="sigmod").fit(X, [0, 1, 1, 0]), "'sigmoid'"),
    (lambda: fastnn.sklearn.MLPClassifier(solver="adamm").fit(X, [0, 1, 1, 0]), "'adam'"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "meant"), VALUES, ids=[meant for _, meant in VALUES])
def test_names_of_values(call, meant):
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    assert str(caught.value).endswith(f"; did you mean {meant}?")


@given(st.text(max_size=20), st.lists(st.text(max_size=8), max_size=5))
def test_any_name_gets_an_answer(name, known):
    text = hint(name, known)
    assert text == "" or text.startswith("; did you mean ")
    if name in known:
        assert repr(name) in text
    assert hint(3, known) == ""


def test_parts_are_there():
    """What an argument is said to be a part of takes it."""
    for part, (argument, form) in PARTS.items():
        assert argument in inspect.signature(fastnn.train).parameters
        kind, name = re.fullmatch(r"fastnn\.(\w+)\((\w+)=…\)", form).groups()
        assert name in inspect.signature(getattr(fastnn, kind)).parameters, part


def test_synonyms_are_of_something():
    """No line is left over from names that are gone."""
    names = {name for call in CALLED.values() for name in inspect.signature(call).parameters}
    names |= {*CODES, *BY_NAME, *optimizers_by_name(), "statistics", "samples"}
    names |= {kind.__name__ for kind in INITIALIZATIONS}
    for line in WORDS.strip().splitlines():
        meant = line.partition(":")[2].split()
        assert meant, line
        assert {*meant} <= names, line


def test_every_optimizer_has_a_name():
    assert {name_of(kind) for kind in OPTIMIZERS} == {
        "gradient_descent", "rprop", "quickprop", "adam", "adamw", "levenberg_marquardt", "lbfgs",
        "rmsprop", "adagrad", "amsgrad", "nadam", "lion",
    }  # fmt: skip
    assert {*SHORT_NAMES} == {"gd", "sgd", "lm"}
    for name, kind in optimizers_by_name().items():
        for made in (make_optimizer(name), make_optimizer(name.upper())):
            assert type(made) is kind
            assert repr(made) == repr(kind())
    assert type(make_optimizer(None)) is fastnn.GradientDescent
    text = " ".join(fastnn.train.__doc__.split())
    assert all(f'"{name}"' in text for name in optimizers_by_name())


def test_one_table_of_names():
    """The estimators and the command line mean the same by a name."""
    parameters = fastnn.sklearn.MLPClassifier()
    for name, solver in SOLVERS.items():
        assert type(solver.make(parameters, 1.0)) is optimizers_by_name()[name]
    for name, (optimizer, _) in OF_TABLES.items():
        assert type(optimizer) is optimizers_by_name()[name]


def test_an_optimizer_by_name_is_that_with_its_defaults(trains):
    for call, options in (
        (fastnn.train, {}),
        (fastnn.train_many, {"restarts": 3}),
        (fastnn.reference.train, {}),
        (fastnn.reference.train_many, {"restarts": 2}),
    ):
        named = call(NET, X, Y, epochs=3, optimizer="GD", **options)
        made = call(NET, X, Y, epochs=3, optimizer=fastnn.GradientDescent(), **options)
        np.testing.assert_array_equal(bits(named.parameters), bits(made.parameters))
    on = fastnn.train(NET, X, Y, epochs=3, optimizer="gd", continue_from=fastnn.train(NET, X, Y))
    assert on.epochs == 1003
    grid = fastnn.Grid(learning_rate=[0.1, 0.2])
    assert len(fastnn.train_many(NET, X, Y, epochs=3, optimizer="gd", grid=grid)) == 2


def test_an_optimizer_of_your_own_has_a_name():
    from dataclasses import dataclass

    @dataclass(frozen=True, eq=False)
    class SGD(fastnn.GradientDescent):
        def setup(self, net, samples):
            return super().setup(net, samples)

        def numpy_step(self, arrays, numbers):
            return super().numpy_step(arrays, numbers)

    fastnn.extend.add_optimizer(SGD)
    try:
        assert type(make_optimizer("sgd")) is SGD
        assert type(make_optimizer("gd")) is fastnn.GradientDescent
    finally:
        fastnn.extend.remove(SGD)
    assert type(make_optimizer("sgd")) is fastnn.GradientDescent


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["restarts", "3", "--optimizer", "adamm"], "got 'adamm'; did you mean 'adam'?"),
        (["train", "x.csv", "--target", "y", "--optimizer", "bfgs"], "did you mean 'lbfgs'?"),
        (["restarts", "3", "--epohcs", "5"], "unknown option --epohcs; did you mean"),
        (["restarts", "3", "--activation", "sigmiod"], "did you mean 'sigmoid'?"),
        (["restarts", "3", "--keep", "statistic"], "did you mean 'statistics'?"),
        (["restrats"], "got 'restrats'; did you mean 'restarts'?"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_on_the_command_line(capsys, arguments, told):
    try:
        code = main(arguments)
    except SystemExit as ended:
        code = ended.code
    assert code == 2
    assert told in capsys.readouterr().err
