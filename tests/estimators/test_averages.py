"""Averages of restarts leave out those that are stuck or diverged, and have one penalty."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_sklearn import DIABETES, IRIS, KINDS, PROGRESS, fitted, quick

import fastnn
from fastnn.cli import fitting, main
from fastnn.cli.best import Best
from fastnn.cli.calibration import HeldOutErrors
from fastnn.results.verdict import are_stuck
from fastnn.sklearn import MLPClassifier, MLPRegressor

WAVE = np.linspace(-1, 1, 60)[:, np.newaxis]
SINE = np.sin(4 * WAVE[:, 0])
NAN, INF = np.nan, np.inf


@pytest.mark.parametrize(
    ("losses", "constant", "stuck"),
    [
        ([0.5, 0.6, 0.9, 1.1], 1.0, [0, 0, 0, 1]),  # noise: up to twice the lowest
        ([0.01, 0.031, 0.032], 1.0, [0, 0, 1]),  # up to a quarter of the way, in logarithms
        ([0.031, 0.01, 0.032], 1.0, [0, 0, 1]),
        ([1e-8, 0.9e-6, 1.1e-6, 1.0], 1.0, [0, 0, 1, 1]),
        ([0.0, 1e-300], 1.0, [0, 1]),
        ([3.0, 5.9, 6.1], 1.0, [0, 0, 1]),  # all worse than the constant
        ([1.0, 2.0], 0.0, [0, 0]),
        ([NAN, 0.5, INF], 1.0, [1, 0, 1]),
        ([NAN, INF], 1.0, [1, 1]),
        ([1e308, INF, 1.0], INF, [0, 1, 0]),
        ([1e-320, 1.0], 1e-320, [0, 1]),
        ([0.2, 0.3, 0.5], NAN, [0, 0, 1]),
        ([], 1.0, []),
    ],
)
def test_the_rule(losses, constant, stuck):
    assert are_stuck(np.array(losses), constant).tolist() == [bool(one) for one in stuck]


@given(
    st.lists(st.floats(0, 1e6) | st.sampled_from([NAN, INF]), min_size=1, max_size=12),
    st.floats(0, 1e6),
    st.integers(-40, 40),
)
def test_the_rule_holds_for_all_losses(losses, constant, power):
    losses = np.array(losses)
    stuck = are_stuck(losses, constant)
    finite = np.isfinite(losses)
    assert stuck[~finite].all()
    if finite.any():
        kept = losses[~stuck]
        assert kept.min() == losses[finite].min()
        assert not stuck[finite & (losses <= kept.max())].any()  # no better one is left out
        assert not stuck[finite & (losses <= 2 * kept.min())].any()
        # The unit does not count, but for rounding.
        scale, limit = 4.0**power, losses[finite].min() ** 0.75 * constant**0.25
        clear = ~((losses < 1e-200) | (np.abs(losses / max(limit, 1e-300) - 1) < 1e-9))
        other = are_stuck(scale * losses, scale * constant)
        np.testing.assert_array_equal(other[clear], stuck[clear])
    np.testing.assert_array_equal(are_stuck(losses[::-1], constant), stuck[::-1])


def kept_by_rule(model, losses, constant):
    """Restarts of a model of an estimator as the rule would keep them."""
    order = np.argsort(losses, kind="stable")
    return order[~are_stuck(losses[order], constant)].tolist()


@pytest.mark.parametrize("solver", ["rprop", "adam", "sgd", "lm", "lbfgs"])
def test_restarts_on_a_plateau_spoil_no_average(solver):
    rate = {"adam": 0.02, "sgd": 0.3}.get(solver, 0.01)
    options = {"activation": "tanh", "solver": solver, "learning_rate_init": rate, "alpha": 1e-6}
    options |= {"max_iter": 600, "tol": 1e-5, "n_restarts": 10}
    model = fitted(MLPRegressor((3,), **options), WAVE, SINE)
    losses = model.restart_losses_
    assert model.restarts_.tolist() == kept_by_rule(model, losses, SINE.var())
    alone = fitted(MLPRegressor((3,), n_estimators=1, halving=False, **options), WAVE, SINE)
    np.testing.assert_array_equal(alone.parameters_, model.parameters_[:1])
    # What no member leaves unexplained, their average does not either.
    share = model.loss_ / SINE.var()
    assert 1 - model.score(WAVE, SINE) <= max(2 * share, share**0.75)
    assert model.score(WAVE, SINE) > 0.8 or solver == "sgd"  # all of which are stuck


@pytest.mark.parametrize("given", [None, 10])
def test_one_restart_that_diverges_ends_no_fit(given):
    rates = np.full(10, 0.05)
    rates[[2, 7]] = 1e200
    solver = fastnn.GradientDescent(rates)
    model = fitted(
        MLPRegressor((4,), activation="tanh", solver=solver, max_iter=50, n_estimators=given),
        DIABETES, PROGRESS,
    )  # fmt: skip
    assert not np.isfinite(model.restart_losses_[[2, 7]]).any()
    assert sorted(model.restarts_) == [0, 1, 3, 4, 5, 6, 8, 9]
    assert np.isfinite(model.predict(DIABETES)).all()
    solver = fastnn.GradientDescent(np.full(10, 1e200))
    with pytest.raises(ValueError, match=r"^learning_rate_init: expected a finite .* in 10 of 10"):
        MLPRegressor((4,), activation="tanh", solver=solver, max_iter=50).fit(DIABETES, PROGRESS)


def test_validation_judges_who_is_stuck():
    model = fitted(
        MLPClassifier((2,), solver="rprop", early_stopping=True, max_iter=300), IRIS, KINDS
    )
    losses = model.restart_losses_  # on the validation set, whose classes are as common
    assert model.restarts_.tolist() == kept_by_rule(model, losses, np.log(3))


@pytest.mark.parametrize(("kind", "y"), [(MLPClassifier, KINDS), (MLPRegressor, IRIS[:, 0] ** 2)])
def test_all_members_have_the_penalty_that_was_chosen(kind, y):
    options = {"hidden_layer_sizes": (5,), "n_restarts": 8, "max_iter": 60, "n_estimators": None}
    model = fitted(kind(**options), IRIS, y)
    given = fitted(kind(**options, alpha=model.alpha_), IRIS, y)
    np.testing.assert_array_equal(model.parameters_, given.parameters_)
    assert len(model.parameters_) > 1


def test_going_on_with_what_was_kept():
    options = {"solver": "rprop", "activation": "tanh", "n_restarts": 10, "max_iter": 40}
    model = fitted(MLPRegressor((2,), **options), WAVE, SINE)
    kept = len(model.parameters_)
    fitted(model.set_params(warm_start=True, max_iter=20), WAVE, SINE)
    assert 1 <= len(model.parameters_) <= kept


def test_quick_fits_average_all_that_learn():
    model = fitted(quick(MLPRegressor, n_estimators=None, solver="adam"), DIABETES, PROGRESS)
    assert len(model.parameters_) > 1


# The command line.


def write(path, columns):
    names, values = zip(*columns.items(), strict=True)
    rows = (",".join(map(repr, row)) for row in np.column_stack(values).tolist())
    path.write_text("\n".join([",".join(names), *rows]))
    return path


def train(capsys, path, *options):
    code = main(["train", str(path), "--target", "y", "--model", str(path.parent / "m.npz"),
                 *map(str, options)])  # fmt: skip
    assert code == 0
    return capsys.readouterr().out, fastnn.load(path.parent / "m.npz")


@pytest.fixture
def noted(monkeypatch):
    """The penalty and the runs of each call of training."""
    calls = []

    def trained(*args, loss, **kwargs):
        runs = fastnn.train_many(*args, loss=loss, **kwargs)
        calls.append((loss.l2, runs))
        return runs

    monkeypatch.setattr(fitting, "train_many", trained)
    return calls


def test_a_model_leaves_out_what_is_stuck(tmp_path, capsys, noted):
    path = write(tmp_path / "sine.csv", {"x": WAVE[:, 0], "y": np.sin(8 * WAVE[:, 0])})
    out, model = train(capsys, path, "--validation", 0, "--test", 0, "--hidden", 8, "--restarts",
                       10, "--optimizer", "rprop")  # fmt: skip
    ((_, runs),) = noted
    order = np.argsort(runs.loss, kind="stable")
    stuck = are_stuck(runs.loss[order], 1.0)  # the target is scaled
    assert 0 < stuck.sum() < 9
    np.testing.assert_array_equal(model.parameters, runs.parameters[order[~stuck]])
    assert f"\nleft out of the average, since stuck: {stuck.sum()} of the 10 best" in out
    assert f"\naverage of the {10 - stuck.sum()} best restarts; the best: restart {order[0]}" in out


@pytest.mark.parametrize("target", ["y", "kind"])
def test_all_members_of_a_model_have_one_penalty(tmp_path, capsys, noted, target):
    random = np.random.default_rng(2)
    X = random.normal(size=(120, 3))
    y = X[:, 0] + random.normal(size=120)
    columns = {"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "y": y if target == "y" else 1.0 * (y > 0)}
    path = write(tmp_path / "noise.csv", columns)
    out, model = train(capsys, path, "--l2", "auto", "--restarts", 30, "--epochs", 40)
    assert [l2 for l2, _ in noted] == [0.0, 1e-4, 1e-3, 1e-2, 1e-1]
    with_each = {
        l2: sum((runs.parameters == one).all(axis=1).any() for one in model.parameters)
        for l2, runs in noted
    }
    chosen = float(re.search(r"epochs, l2 ([\d.e-]+)$", out, flags=re.MULTILINE)[1])
    assert with_each.pop(chosen) == len(model.parameters) > 1
    assert not any(with_each.values())


def test_each_penalty_has_enough_restarts_for_an_average():
    net = fastnn.Network([10, 10, 1])
    assert fitting.default_restarts(10**7, net, "lbfgs") == 10
    assert fitting.default_restarts(10**7, net, "lbfgs", 5) == 50
    assert fitting.default_restarts(100, net, "lbfgs", 5) == 1000


def test_the_penalty_is_that_of_the_lowest_mean_loss():
    best = Best(3)
    best.add(0.0, np.array([0.2, 0.35, 0.39, NAN]), str)
    best.add(1.0, np.array([0.25, 0.28, 0.26, 0.21, 5.0]), str)
    best.add(2.0, np.array([NAN, INF]), str)
    chosen = best.chosen(1.0)
    assert (chosen.penalty, chosen.members, chosen.stuck) == (1.0, ["3", "0", "2"], 0)
    assert chosen.losses.tolist() == [0.21, 0.25, 0.26]
    best.add(0.0, np.array([0.01, 0.02]), lambda at: f"later {at}")
    chosen = best.chosen(1.0)
    assert (chosen.penalty, chosen.members, chosen.stuck) == (0.0, ["later 0", "later 1"], 1)
    best.add(0.0, np.array([1e-6]), str)
    assert best.chosen(1.0).stuck == 2
    assert Best(3).chosen(1.0) is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.1]),
            st.lists(st.floats(0, 9) | st.just(NAN), max_size=5),
        ),
        max_size=6,
    ),
    st.integers(1, 5),
)
def test_the_best_are_those_of_all_parts_together(parts, count):
    best, every = Best(count), {}
    for place, (penalty, losses) in enumerate(parts):
        best.add(penalty, np.array(losses), lambda at, place=place: (place, at))
        every.setdefault(penalty, []).extend(
            (loss, (place, at)) for at, loss in enumerate(losses) if loss == loss
        )
    found = {penalty: sorted(pairs)[:count] for penalty, pairs in every.items() if pairs}
    chosen = best.chosen(1.0)
    if not found:
        assert chosen is None
        return
    assert len(chosen.members) + chosen.stuck == len(found[chosen.penalty])
    own = found[chosen.penalty][: len(chosen.members)]
    assert [member for _, member in own] == chosen.members
    means = {}
    for penalty, pairs in found.items():
        losses = np.array([loss for loss, _ in pairs])
        means[penalty] = losses[~are_stuck(losses, 1.0)].mean()
    assert means[chosen.penalty] == min(means.values())


def test_intervals_are_those_of_the_average_without_what_is_stuck():
    net = fastnn.Network([1, 1], "identity", bias=False)
    X = np.linspace(-1, 1, 40)[:, np.newaxis]
    held = HeldOutErrors(X, X, average=4)
    held.add(net, np.array([[0.99], [1.02], [0.2], [-1.0]]))
    np.testing.assert_allclose(held.found(), 0.005 * np.abs(X), atol=1e-12)
    held.add(net, np.array([[1.0]]), 0.1)  # the other penalty is chosen
    np.testing.assert_allclose(held.found(), 0, atol=1e-12)
