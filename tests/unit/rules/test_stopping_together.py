"""Several stopping rules at once, at the first and the last epoch, and with divergence."""

import itertools

import numpy as np
import pytest
from conftest import assert_same_bits, bits
from stopping_examples import EPOCHS, NET, RESTARTS, RULES, VALIDATION, X, Y, options, side_by_side

import fastnn
from fastnn import (
    ErrorsWithin,
    GradientBelow,
    GradientDescent,
    LossBelow,
    MeanLossBelow,
    NoProgress,
    SSEBelow,
    Status,
    Validation,
)

pytestmark = pytest.mark.thorough

STATUSES = {
    ErrorsWithin(1e3): Status.CONVERGED,
    GradientBelow(1e6): Status.GRADIENT,
    NoProgress(1, min_improvement=1e6): Status.STALLED,
}


def assert_same_ends(runs, expected):
    np.testing.assert_array_equal(runs.status, expected.status)
    np.testing.assert_array_equal(runs.epochs, expected.epochs)
    np.testing.assert_allclose(runs.parameters, expected.parameters, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "names",
    [
        ("GradientBelow", "NoProgress"),
        ("NoProgress, longer", "GradientBelow", "LossBelow"),
        ("MeanLossBelow at the end", "GradientBelow"),
        ("Validation, improvement", "NoProgress, longer", "SSEBelow"),
        ("NoProgress, longer", "Validation", "MeanLossBelow of one"),
        tuple(RULES)[:8],
        ("MeanLossBelow at the end", "MeanLossBelow at the end", "NoProgress, longer"),
    ],
    ids=" and ".join,
)
def test_whichever_comes_first(names):
    """Each restart ends by the rule that alone would end it first."""
    arguments = options(*names)
    runs = fastnn.train_many(NET, X, Y, restarts=RESTARTS, **arguments)
    expected = fastnn.reference.train_many(NET, X, Y, restarts=RESTARTS, **arguments)
    assert_same_ends(runs, expected)
    alone = [fastnn.train_many(NET, X, Y, restarts=RESTARTS, **options(name)) for name in names]
    np.testing.assert_array_equal(runs.epochs, np.min([each.epochs for each in alone], axis=0))
    for k in range(RESTARTS):
        run = runs.restart(k)
        np.testing.assert_array_equal(bits(run.parameters), bits(runs.parameters[k]))
        assert (run.epochs, run.status) == (runs.epochs[k], runs.status[k])
        candidates = {each.status[k] for each in alone if each.epochs[k] == runs.epochs[k]}
        assert runs.status[k] in candidates
    assert_same_bits(
        fastnn.train_many(NET, X, Y, restarts=RESTARTS, threads=2, chunk=3, **arguments), runs
    )


@pytest.mark.parametrize("rules", list(itertools.permutations(STATUSES, 2)), ids=repr)
def test_of_rules_that_hold_at_once_the_first_of_the_list_wins(rules):
    # Without a loss before it, NoProgress holds from the second pass on.
    late = any(isinstance(rule, NoProgress) for rule in rules)
    if late:
        start = fastnn.train(NET, X, Y, epochs=0)
        after = fastnn.train(NET, X, Y, epochs=1, optimizer=GradientDescent(5e-3))
        worst = np.abs(after.predict(X) - Y).max()
        assert worst < np.abs(start.predict(X) - Y).max()
        norms = [
            np.linalg.norm((b.parameters - a.parameters) / 5e-3)
            for a, b in itertools.pairwise(
                [start, after, fastnn.train(NET, X, Y, epochs=2, optimizer=GradientDescent(5e-3))]
            )
        ]
        assert norms[1] < norms[0]
        second = {ErrorsWithin: ErrorsWithin(worst * 1.0001),
                  GradientBelow: GradientBelow(norms[1] * 1.0001)}  # fmt: skip
        rules = [second.get(type(rule), rule) for rule in rules]
    status = {ErrorsWithin: Status.CONVERGED, GradientBelow: Status.GRADIENT,
              NoProgress: Status.STALLED}[type(rules[0])]  # fmt: skip
    arguments = options(stop=list(rules))
    for run in (
        fastnn.train(NET, X, Y, **arguments),
        fastnn.reference.train(NET, X, Y, **arguments),
        fastnn.train_many(NET, X, Y, restarts=9, **arguments).restart(0),
    ):
        assert (run.status, run.epochs) == (status, int(late))


def test_a_target_of_the_loss_goes_before_other_rules():
    for rules in ([GradientBelow(1e6), LossBelow(1e6)], [LossBelow(1e6), GradientBelow(1e6)]):
        for train in (fastnn.train, fastnn.reference.train):
            run = train(NET, X, Y, **options(stop=rules))
            assert (run.status, run.epochs) == (Status.CONVERGED, 0)


def test_of_two_targets_the_higher_one_is_met_first():
    for rules in ([LossBelow(4.5), LossBelow(4.7)], [LossBelow(4.7), SSEBelow(4.2)]):
        runs = fastnn.train_many(NET, X, Y, restarts=9, **options(stop=rules))
        one = fastnn.train_many(NET, X, Y, restarts=9, **options(stop=LossBelow(4.7)))
        assert_same_bits(runs, one)
    both = fastnn.train_many(NET, X, Y, restarts=9, **options(stop=LossBelow(4.2), target_sse=4.7))
    assert_same_bits(both, one)


def test_target_sse_is_a_rule():
    with_rule = fastnn.train_many(NET, X, Y, restarts=9, **options("SSEBelow"))
    with_target = fastnn.train_many(NET, X, Y, restarts=9, **options(target_sse=4.6))
    assert_same_bits(with_rule, with_target)
    # Of another loss too, and with weights of samples, which it does not know.
    for more in ({"loss": "mse"}, {"sample_weight": np.linspace(0, 2, 20)},
                 {"loss": fastnn.SSE(l2=0.01)}, {"loss": fastnn.Huber(delta=0.3)}):  # fmt: skip
        rate = 5e-3 if more.get("loss") not in ("mse", fastnn.Huber(delta=0.3)) else 0.2
        arguments = options(target_sse=4.6, **more, optimizer=GradientDescent(rate))
        runs = fastnn.train_many(NET, X, Y, restarts=20, **arguments)
        assert_same_ends(runs, fastnn.reference.train_many(NET, X, Y, restarts=20, **arguments))
        converged = runs.status == Status.CONVERGED
        assert 0 < converged.sum() < 20
        assert (runs.sse[converged] < 4.6).all()
        assert (runs.sse[~converged] >= 4.6).all()


def test_at_the_end():
    first = fastnn.train(NET, X, Y, epochs=0).loss
    losses = fastnn.train(NET, X, Y, **options()).history
    ratio = losses[-20:].mean() / first
    for share, status in ((1.001, Status.CONVERGED), (0.999, Status.EPOCH_LIMIT)):
        rule = MeanLossBelow(ratio * share, last=20, at_end=True)
        never = MeanLossBelow(1e-9, last=3, at_end=True)
        for rules in (rule, [rule, never], [never, rule]):
            for train in (fastnn.train, fastnn.reference.train):
                run = train(NET, X, Y, **options(stop=rules))
                assert (run.status, run.epochs) == (status, EPOCHS)
    # Of fewer losses than it looks at it knows nothing; of exactly as many it does.
    for epochs, status in ((18, Status.EPOCH_LIMIT), (19, Status.CONVERGED)):
        for at_end in (True, False):
            rule = MeanLossBelow(1.0, last=20, at_end=at_end)
            run = fastnn.train(NET, X, Y, **options(stop=rule, epochs=epochs))
            assert (run.status, run.epochs) == (status, epochs)


@pytest.mark.parametrize("name", RULES)
def test_without_epochs(name):
    """The start itself is looked at."""
    holding = {
        "LossBelow": LossBelow(1e6),
        "SSEBelow": SSEBelow(1e6),
        "ErrorsWithin": ErrorsWithin(1e3),
        "GradientBelow": GradientBelow(1e6),
        "MeanLossBelow of one": MeanLossBelow(2.0, last=1),
    }
    for rule, status in ((RULES[name][0], Status.EPOCH_LIMIT), (holding.get(name), None)):
        if rule is None:
            continue
        arguments = options(stop=rule, epochs=0)
        if isinstance(rule, Validation):
            arguments["validation"] = VALIDATION
        expected = fastnn.train(NET, X, Y, epochs=0)
        for train in (fastnn.train, fastnn.reference.train):
            run = train(NET, X, Y, **arguments)
            assert run.status == (RULES[name][1] if status is None else status)
            assert run.epochs == 0
            np.testing.assert_allclose(run.parameters, expected.parameters, rtol=1e-15)
            assert run.loss == pytest.approx(expected.loss)


@pytest.mark.parametrize("name", RULES)
def test_divergence_beside_rules(name):
    """A third of the restarts overflow, at once or later: they end as such and harm nobody."""
    net = fastnn.Network([3, 4, 2], activation="identity")
    tame, wild = np.full(30, 5e-3), np.full(30, 5e-3)
    wild[::6], wild[3::6] = 1e300, 3.0
    # Rules that hold in no pass of a restart that diverges.
    rule = RULES[name][0]
    if name.startswith("NoProgress"):
        rule = NoProgress(8, min_improvement=1e-3)
    elif name.startswith("Validation"):
        rule = Validation(50, min_improvement=1e-3)
    elif name == "MeanLossBelow":
        rule = MeanLossBelow(0.4, last=7)
    arguments = options(stop=rule, epochs=400, init=fastnn.Uniform(0.5, 1))
    if isinstance(rule, Validation):
        arguments["validation"] = VALIDATION
    many = {**arguments, "restarts": 30}
    runs = fastnn.train_many(net, X, Y, **{**many, "optimizer": GradientDescent(wild)})
    expected = fastnn.train_many(net, X, Y, **{**many, "optimizer": GradientDescent(tame)})
    others = np.arange(30) % 3 > 0
    assert_same_bits(runs[others], expected[others])
    diverged = runs.status == Status.DIVERGED
    assert not diverged[others].any()
    if not name.startswith("NoProgress"):
        assert diverged[::3].all()
    assert not np.isfinite(runs.loss[diverged]).any() or isinstance(rule, Validation)
    for k in range(0, 30, 3):
        run = runs.restart(k)
        np.testing.assert_array_equal(bits(run.parameters), bits(runs.parameters[k]))
        assert (run.epochs, run.status) == (runs.epochs[k], runs.status[k])
        arguments["optimizer"] = GradientDescent(wild[k])
        reference = fastnn.reference.train(net, X, Y, restart=k, **arguments)
        assert reference.status == runs.status[k]
        assert abs(reference.epochs - runs.epochs[k]) <= 1  # rounding grows too
        if side_by_side(name):
            run = fastnn.train(net, X, Y, restart=k, parallel="samples", **arguments)
            assert run.status == runs.status[k]


def test_validation_beside_divergence():
    """The best parameters before it are kept; before any, those at hand."""
    net = fastnn.Network([3, 4, 2], activation="identity")
    arguments = {"stop": Validation(1000), "validation": (X, Y), "epochs": 400}
    for init, rate in ((fastnn.Uniform(-1, 1), 1.0), (np.full(26, 1e200), 0.1)):
        arguments.update(init=init, optimizer=GradientDescent(rate))
        run = fastnn.train(net, X, Y, **arguments)
        expected = fastnn.reference.train(net, X, Y, **arguments)
        assert run.status == expected.status == Status.DIVERGED
        np.testing.assert_allclose(run.parameters, expected.parameters)
        start = fastnn.train(net, X, Y, epochs=0, init=init, optimizer=GradientDescent(rate))
        np.testing.assert_array_equal(run.parameters, start.parameters)
        assert run.loss == start.loss
    # Where only the data overflow, the validation set does not decide.
    far = X.copy()
    far[0] = 1e200
    arguments.update(init=fastnn.Uniform(-1, 1), optimizer=GradientDescent(0.1))
    run = fastnn.train(net, far, Y, **arguments)
    expected = fastnn.reference.train(net, far, Y, **arguments)
    assert run.status == expected.status == Status.DIVERGED
    assert run.epochs == 0
    np.testing.assert_array_equal(run.parameters, expected.parameters)
    assert run.loss == expected.loss == np.inf


def test_ends_are_counted():
    runs = fastnn.train_many(
        NET, X, Y, restarts=RESTARTS, **options("GradientBelow", "NoProgress, longer")
    )
    counts = runs.summary().counts
    assert counts["GRADIENT"] == (runs.status == Status.GRADIENT).sum() > 0
    assert counts["STALLED"] == (runs.status == Status.STALLED).sum() > 0
    assert str(Status.VALIDATION) == "VALIDATION"
