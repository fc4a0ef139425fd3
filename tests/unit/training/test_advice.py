"""Warnings of targets that no network reaches, and of fits that came to nothing."""

import warnings

import numpy as np
import pytest
from conftest import python

import fastnn
from fastnn import TrainingWarning
from fastnn.cli import main
from fastnn.extend import add_activation, formulas
from fastnn.results.verdict import is_worse_than, loss_of_constant
from fastnn.spec.losses import make_loss
from fastnn.spec.status import Status

X = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
OUTSIDE = [
    ("sigmoid", [3, 4, 5, 6], r"from 0 to 1, .* 'sigmoid', got 3 to 6, which no network reaches"),
    ("sigmoid", [0, 1, 1, -0.1], r"from 0 to 1, .*, got -0.1 to 1"),
    ("sigmoid", [0, 1, 1, 1.01], r"from 0 to 1, .*, got 0 to 1.01"),
    ("tanh", [-1, 1, 1, 2], r"from -1 to 1, the range of the output's activation 'tanh'"),
    ("relu", [-3, -4, 5, 6], r"from 0 up, the range of the output's activation 'relu', got -4 to"),
    ("softplus", [1, 2, 3, -1], r"from 0 up, .* 'softplus'"),
    ("elliott", [-1, 1, 1, 1.5], r"from -1 to 1, .* 'elliott'"),
    ("sine", [0, 3, 0, 0], r"from -1 to 1, .* 'sine'"),
    ("gaussian", [-1, 1, 0, 0], r"from 0 to 1, .* 'gaussian'"),
]
WITHIN = [
    ("sigmoid", [0, 1, 1, 0]),
    ("sigmoid", [0, 1 + 1e-9, 1, -1e-9]),  # scaled, with rounding
    ("tanh", [-1, 1, 1, 0]),
    ("relu", [0, 1e9, 1, 0]),
    ("softplus", [0, 5, 1, 0]),
    ("identity", [-1e9, 1e9, 0, 0]),
    ("leaky_relu", [-1e9, 1e9, 0, 0]),
    ("elliott", [-1, 1, 0, 0]),
    ("sine", [-1, 1, 0, 0]),
    ("gaussian", [0, 1, 0, 0]),
]


def trainings(net, y, **options):
    """Calls that train, each of which should tell once."""
    few = {"epochs": 1, "optimizer": "rprop", **options}
    return [
        lambda: fastnn.train(net, X, y, **few),
        lambda: fastnn.train_many(net, X, y, restarts=40, chunk=7, **few),
    ]


@pytest.mark.parametrize(("activation", "y", "message"), OUTSIDE)
def test_targets_outside_the_range(activation, y, message):
    for training in trainings(fastnn.Network([2, 2, 1], ["tanh", activation]), y):
        with pytest.warns(TrainingWarning, match=rf"^y: expected targets {message}") as told:
            training()
        (one,) = told
        assert one.filename == __file__
        assert str(one.message).endswith("or use activation=['tanh', 'identity']")


@pytest.mark.parametrize(("activation", "y"), WITHIN)
def test_targets_within_the_range(activation, y):
    for training in trainings(fastnn.Network([2, 2, 1], ["tanh", activation]), y):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            training()


def test_losses_that_check_targets_themselves():
    net = fastnn.Network([2, 2, 1])
    for training in trainings(net, [3, 4, 5, 6], loss="binary_cross_entropy"):
        with pytest.raises(ValueError, match="y: expected numbers from 0 to 1"):
            training()


def test_samples_without_weight_need_not_be_reached():
    net, weights = fastnn.Network([2, 2, 1]), np.array([1.0, 1, 1, 0])
    for training in trainings(net, [0, 1, 1, 99], sample_weight=weights):
        training()
    many = np.array([[1.0, 1, 1, 0]] * 39 + [[1.0, 1, 1, 1]])
    with pytest.warns(TrainingWarning, match="got 0 to 99"):
        trainings(net, [0, 1, 1, 99], sample_weight=many)[1]()


def test_activations_of_ones_own():
    add_activation(
        "own", function=lambda x: 2.0 * formulas.sigmoid(x) + 1.0, slope_of="input",
        slope=lambda x: 2.0 * formulas.sigmoid(x) * formulas.sigmoid(-x),
        numpy=lambda x: 2 / (1 + np.exp(-x)) + 1,
        numpy_slope=lambda x: 2 / (1 + np.exp(-x)) / (1 + np.exp(x)),
    )  # fmt: skip
    try:
        net = fastnn.Network([2, 2, 1], ["tanh", "own"])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            fastnn.train(net, X, [1, 3, 2, 1], epochs=1)
        with pytest.warns(TrainingWarning, match=r"range of the output's activation 'own', got 0"):
            fastnn.train(net, X, [0, 3, 2, 1], epochs=1)
    finally:
        fastnn.extend.remove("own")


def test_an_error_comes_before_the_warning(tmp_path):
    """Filters that make errors of warnings stop before anything is written."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(TrainingWarning):
            trainings(fastnn.Network([2, 2, 1]), [3, 4, 5, 6], out=tmp_path / "run")[1]()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_diverged_runs_say_what_helps():
    x = np.linspace(-3, 3, 50)[:, np.newaxis]
    net = fastnn.Network([1, 10, 1], ["tanh", "identity"])
    with pytest.warns(TrainingWarning, match=r"diverged in epoch 92 with the default numbers"):
        run = fastnn.train(net, x, np.sin(x))
    assert run.status == Status.DIVERGED
    assert "a smaller learning rate, scaled data, loss='mse'" in repr(run)
    runs = fastnn.train_many(net, x, np.sin(x), restarts=20)
    assert "most diverged: a smaller learning rate" in str(runs.summary())
    for helps in ({"loss": "mse"}, {"optimizer": "rprop"}):  # it does
        helped = fastnn.train(net, x, np.sin(x), **helps)
        assert helped.sse < 1
        assert "rprop" not in repr(helped)


@pytest.mark.parametrize("optimizer", [None, "sgd", fastnn.GradientDescent])
def test_a_rate_that_nobody_chose_is_told_of(optimizer):
    x = np.linspace(-30, 30, 50)[:, np.newaxis]
    net = fastnn.Network([1, 3, 1], ["tanh", "identity"])
    message = r"^train: expected a finite loss, got a run that diverged in .*'rprop' helps$"
    with pytest.warns(TrainingWarning, match=message) as told:
        run = fastnn.train(net, x, x, optimizer=optimizer)
    assert told[0].filename == __file__
    assert run.status == Status.DIVERGED
    with warnings.catch_warnings():  # whoever chose it looks at what it does
        warnings.simplefilter("error")
        chosen = fastnn.train(net, x, x, optimizer=fastnn.GradientDescent(0.1))
        on = fastnn.train(net, x, x, continue_from=chosen)
    assert chosen.status == on.status == Status.DIVERGED


def test_without_a_finite_loss_there_is_no_best():
    x = np.linspace(-30, 30, 50)[:, np.newaxis]
    runs = fastnn.train_many(fastnn.Network([1, 3, 1], ["tanh", "identity"]), x, x, restarts=3)
    with pytest.raises(ValueError, match=r"^best: .* 3 DIVERGED\); a smaller learning rate, "):
        _ = runs.best


RNG = np.random.default_rng(0)
SHARES = np.array([[0.0], [1.0], [1.0], [1.0]])
CONSTANTS = [
    ("mse", RNG.normal(size=(50, 2)), None),
    ("sse", RNG.normal(size=(50, 2)), None),
    ("huber", RNG.normal(size=(50, 1)), None),
    ("mse", RNG.normal(size=(50, 1)) + 100, RNG.uniform(size=50)),
    ("binary_cross_entropy", SHARES, None),
    ("binary_cross_entropy", SHARES, np.array([1.0, 0.5, 0.0, 2.5])),
    ("cross_entropy", np.eye(3)[[0, 1, 1, 2, 2, 2]], None),
]


@pytest.mark.parametrize(("loss", "y", "weights"), CONSTANTS)
def test_the_loss_of_a_constant_is_that_of_biases_alone(loss, y, weights):
    output = {"binary_cross_entropy": "sigmoid", "cross_entropy": "softmax"}.get(loss, "identity")
    net = fastnn.Network([1, y.shape[1]], output)
    mean = np.average(y, axis=0, weights=weights)
    link = {"sigmoid": lambda m: np.log(m / (1 - m)), "softmax": np.log}
    parameters = np.concatenate([np.zeros(y.shape[1]), link.get(output, lambda m: m)(mean)])
    expected = fastnn.loss(
        net, parameters, np.zeros((len(y), 1)), y, loss=loss, sample_weight=weights
    )
    assert loss_of_constant(make_loss(loss), y, weights) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    "loss", ["mse", "huber", "binary_cross_entropy", "cross_entropy", "quantile", "log_cosh"]
)
def test_samples_without_weight_do_not_count(loss):
    """Even if they are all that there is of a class, whose share is then 0."""
    y = np.eye(3)[[0, 0, 1, 1, 1, 2]] if loss == "cross_entropy" else np.array([[0.0], [1.0]] * 3)
    kind, weights = make_loss(loss), np.array([1.0, 2, 3, 1, 1, 0])
    for absent in (weights, np.where(y[:, 0] == 0, 0.0, weights)):
        counted = absent > 0
        few = loss_of_constant(kind, y[counted], absent[counted]) / kind.factor(*y[counted].shape)
        assert np.isfinite(few) or loss in ("quantile", "log_cosh")
        found = loss_of_constant(kind, y, absent)
        assert found == pytest.approx(few * kind.factor(*y.shape), rel=1e-12)


def test_a_class_without_weight_is_no_reason_to_warn():
    pytest.importorskip("sklearn")
    from fastnn.sklearn import FitWarning, MLPClassifier

    y = np.arange(60) % 3
    inputs = np.eye(3)[y]
    options = {"n_restarts": 2, "alpha": 0.0001, "tol": 1e-3}
    with warnings.catch_warnings():
        warnings.simplefilter("error", FitWarning)
        models = (
            MLPClassifier((3,), **options).fit(inputs, y, sample_weight=(y > 0).astype(float)),
            MLPClassifier((3,), class_weight={0: 0.0}, **options).fit(inputs, y),
        )
    for model in models:
        assert (model.predict(inputs)[y > 0] == y[y > 0]).all()


def test_what_is_worse_than_a_constant():
    equal = loss_of_constant(make_loss("mse"), np.full((9, 1), 5.0))
    for loss, constant, worse in [
        (1.0, 1.0, False), (1.005, 1.0, False), (1.1, 1.0, True), (np.nan, 1.0, True),
        (np.inf, 1.0, True), (0.1, equal, False), (1e9, equal, True),
        (1e-9, loss_of_constant(make_loss("mse"), np.zeros((9, 1))), False),
    ]:  # fmt: skip
        assert is_worse_than(loss, constant) == worse


def far_off(n=200):
    """Houses: inputs and prices of very different sizes, not scaled."""
    rng = np.random.default_rng(0)
    area, way = rng.uniform(30, 250, n), rng.uniform(0, 3e4, n)
    return np.c_[area, way], 2000 * area - 3 * way + rng.normal(size=n) * 1e4


def test_estimators_warn_once():
    pytest.importorskip("sklearn")
    from sklearn.exceptions import ConvergenceWarning

    from fastnn.sklearn import FitWarning, MLPClassifier, MLPRegressor

    inputs, price = far_off()
    for options, message in [
        ({"solver": "sgd"}, "fit: expected a loss below that of the best constant .*scale the"),
        ({"solver": "quickprop", "learning_rate_init": 100.0, "early_stopping": True},
         "fit: expected a loss that stays finite, .* diverged; scale the data"),
        ({"max_iter": 1, "alpha": 1e-4}, "; or use a larger max_iter, or .* such as 'adam'$"),
    ]:  # fmt: skip
        model = MLPRegressor((20,), n_restarts=3, n_jobs=1, **options)
        with pytest.warns(FitWarning, match=message) as told:
            model.fit(inputs, price)
        (one,) = told
        assert one.filename == __file__
        assert isinstance(one.message, TrainingWarning)
        assert isinstance(one.message, ConvergenceWarning)
    model = MLPClassifier((5,), solver="sgd", n_restarts=3, learning_rate_init=1.0, n_jobs=1)
    with pytest.warns(FitWarning, match="scale the data"):
        model.fit(1e3 * inputs, price > 2e5)


def test_estimators_that_fit_do_not_warn():
    pytest.importorskip("sklearn")
    from fastnn.sklearn import MLPClassifier, MLPRegressor

    inputs, price = far_off()
    inputs, price = (inputs - inputs.mean(axis=0)) / inputs.std(axis=0), price / price.std()
    options = {"solver": "rprop", "tol": 1e-2, "n_restarts": 3, "n_jobs": 1}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MLPRegressor((5,), **options).fit(inputs, price)
        MLPClassifier((5,), **options).fit(inputs, price > 0)
        MLPRegressor((5,), **options).fit(inputs, np.full(len(inputs), 3.0))
        partial = MLPRegressor((5,), solver="sgd", n_restarts=3, n_jobs=1)
        partial.partial_fit(*far_off())


def test_the_command_line_warns_in_one_line(tmp_path, capsys):
    inputs, price = far_off(40)
    table = "\n".join(f"{a},{b},{c}" for (a, b), c in zip(inputs, price, strict=True))
    (tmp_path / "houses.csv").write_text(f"area,way,price\n{table}\n")
    file = [str(tmp_path / "houses.csv"), "--target", "price", "--restarts", "1", "--seed", "4",
            "--optimizer", "adam"]  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert main(["train", *file, "--epochs", "1"]) == 0
        line, *others = capsys.readouterr().err.splitlines()
        assert line.startswith("fastnn: warning: train: expected better predictions of the valid")
        assert all(other.startswith("fastnn: warning: train: expected an RMSE") for other in others)
        assert main(["train", *file]) == 0
        assert not capsys.readouterr().err
        hot = ["--learning-rate", "1e6", "--activation", "relu", "--low", "-1", "--epochs", "100"]
        assert main(["restarts", "10", *hot]) == 0
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("fastnn: warning: restarts: expected one at least with an SSE below")
        assert "try a smaller --learning-rate, " in line
        own = ["--optimizer", "rprop", "--low", "5", "--high", "6", "--epochs", "1"]
        assert main(["restarts", "10", *own]) == 0
        told = capsys.readouterr().err
        assert "try more --epochs, or another --optimizer, such as levenberg-marq" in told
        assert main(["restarts", "100"]) == 0
        assert not capsys.readouterr().err


def test_a_script_is_told_at_its_own_line():
    code = (
        "import fastnn\n"
        "net = fastnn.Network([2, 2, 1])\n"
        "for _ in range(3):\n"
        "    fastnn.train(net, [[0, 1]], [3], epochs=1)\n"
    )
    lines = python(code).stderr.splitlines()
    told = {line for line in lines if "Warning" in line}
    assert len(told) == 1
    assert told.pop().startswith("<string>:4: TrainingWarning: y: expected targets from 0 to 1")
