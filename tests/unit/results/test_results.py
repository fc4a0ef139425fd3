"""Results of training: runs, selections, predictions, summaries."""

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
from conftest import assert_same_bits
from hypothesis import given
from hypothesis import strategies as st

import fastnn
from fastnn.results.censoring import wilson_interval


@pytest.fixture(scope="module")
def runs():
    return fastnn.train_many(
        fastnn.Network([2, 2, 1]), *fastnn.datasets.xor(), restarts=200, first=50, seed=4,
        epochs=800, target_sse=0.04, optimizer=fastnn.GradientDescent(2.0),
        init=fastnn.Uniform(-2, 2),
    )  # fmt: skip


def test_run(xor, exercise):
    net, X, _ = xor
    run = fastnn.train(*xor, epochs=100, seed=1, restart=5, **exercise)
    assert [w.shape for w in run.weights] == [(2, 2), (2, 1)]
    assert run.biases == []
    np.testing.assert_array_equal(net.pack(run.weights), run.parameters)
    assert run.sse == run.loss
    assert (run.seed, run.restart, run.epochs) == (1, 5, 100)
    assert run.predict(X).shape == (4, 1)
    assert run.predict([[0, 1]]).shape == (1, 1)
    assert repr(run) == (
        f"Run(Network([2, 2, 1], activation='sigmoid', bias=False), restart=5, "
        f"status=EPOCH_LIMIT, sse={run.sse:.6g}, epochs=100)"
    )


@pytest.mark.parametrize(("history", "length"), [(True, 101), (1, 101), (7, 15), (1000, 1)])
def test_history_interval(history, length, xor):
    whole = fastnn.train(*xor, epochs=100)
    for train in (fastnn.train, fastnn.reference.train):
        run = train(*xor, epochs=100, history=history)
        assert run.history.shape == (length,)
        np.testing.assert_allclose(run.history, whole.history[:: run.history_every], rtol=1e-12)
    assert fastnn.train(*xor, epochs=100, history=False).history is None


def test_targets_of_one_output_may_be_flat(xor):
    net, X, y = xor
    a, b = fastnn.train(net, X, y[:, 0]), fastnn.train(net, X, y)
    np.testing.assert_array_equal(a.parameters, b.parameters)


def test_data_of_any_real_type_are_converted(xor):
    net, X, y = xor
    expected = fastnn.train(net, X, y).parameters
    for kind in (bool, np.int8, np.float32):
        run = fastnn.train(net, np.asfortranarray(X.astype(kind)), y.astype(kind).tolist())
        np.testing.assert_array_equal(run.parameters, expected)
        assert run.parameters.dtype == np.float64


def test_the_job_keeps_its_own_data(xor):
    net, X, y = xor
    runs = fastnn.train_many(net, X, y, restarts=8, epochs=50)
    X[:], y[:] = 7, 8
    np.testing.assert_array_equal(runs.restart(3).parameters, runs.parameters[3])


@pytest.mark.parametrize("biased", [False, True])
def test_explicit_weights_in_every_form(biased):
    net = fastnn.Network([2, 3, 1], bias=biased)
    X, y = fastnn.datasets.xor()
    flat = np.random.default_rng(0).normal(size=net.n_parameters)
    weights, biases = net.unpack(flat)
    forms = [flat, flat.tolist(), tuple(flat)]
    if biased:
        mixed = [weights[0], biases[0], weights[1], biases[1]]
        forms += [mixed, [part.tolist() for part in mixed], (weights, biases), [weights, biases]]
    else:
        forms += [weights, tuple(weights), [w.tolist() for w in weights], (weights, [])]
    for init in forms:
        for train in (fastnn.train, fastnn.reference.train):
            run = train(net, X, y, epochs=0, init=init)
            np.testing.assert_array_equal(run.parameters, flat)
    runs = fastnn.train_many(net, X, y, restarts=5, epochs=0, init=flat)
    np.testing.assert_array_equal(runs.parameters, np.tile(flat, (5, 1)))
    each = np.random.default_rng(1).normal(size=(40, net.n_parameters))
    runs = fastnn.train_many(net, X, y, restarts=40, epochs=0, init=each, first=9)
    np.testing.assert_array_equal(runs.parameters, each)
    np.testing.assert_array_equal(runs.restart(9 + 17).parameters, each[17])


def test_numbers_of_the_distribution_may_be_arrays(xor):
    low = np.linspace(-3, 0, 50)
    runs = fastnn.train_many(*xor, restarts=50, epochs=0, init=fastnn.Uniform(low, low + 1))
    assert (runs.parameters >= low[:, None]).all()
    assert (runs.parameters < low[:, None] + 1).all()
    for k in (0, 49):
        single = fastnn.train(*xor, epochs=0, restart=k, init=fastnn.Uniform(low[k], low[k] + 1))
        np.testing.assert_array_equal(single.parameters, runs.parameters[k])


def test_columns(runs):
    assert len(runs) == 200
    assert runs.indices.tolist() == list(range(50, 250))
    assert runs.parameters.shape == (200, 9)
    assert runs.loss.shape == runs.epochs.shape == runs.status.shape == (200,)
    assert runs.sse is runs.loss
    converged = runs.status == fastnn.Status.CONVERGED
    assert 0 < converged.sum() < 200
    assert (runs.loss[converged] < 0.04).all()
    assert (runs.loss[~converged] >= 0.04).all()
    assert (runs.epochs[~converged] == 800).all()
    assert "200 restarts" in repr(runs)


def test_selection(runs):
    converged = runs[runs.status == fastnn.Status.CONVERGED]
    assert set(converged.status) == {fastnn.Status.CONVERGED}
    k = int(converged.indices[-1])
    np.testing.assert_array_equal(converged.restart(k).parameters, converged.parameters[-1])
    assert runs[10:20].indices.tolist() == list(range(60, 70))
    assert runs[[5, 3]].indices.tolist() == [55, 53]
    assert len(runs[[]]) == len(runs[:0]) == 0
    assert runs.predict(np.zeros((3, 2)), []).shape == (0, 3, 1)
    with pytest.raises(TypeError, match="expected a boolean mask"):
        runs[[[1], [1, 2]]]
    with pytest.raises(TypeError, match=r"runs\.restart"):
        runs[3]
    with pytest.raises(IndexError):
        runs[np.array([True, False])]
    with pytest.raises(ValueError, match="expected one of the 10 restart indices"):
        runs[10:20].restart(50)


def test_best(runs):
    best = runs.best
    position = int(np.argmin(runs.loss))
    assert best.restart == runs.indices[position]
    assert best.loss == runs.loss.min()
    np.testing.assert_array_equal(best.parameters, runs.parameters[position])
    assert best.history is None


def test_indices_and_epoch_limits_may_be_huge(xor, exercise):
    arguments = {"restarts": 40, "first": 2**60, "epochs": 10**12, "target_sse": 10.0, **exercise}
    runs = fastnn.train_many(*xor, keep="outcomes", **arguments)
    assert runs.best.restart >= 2**60
    run = runs.restart(2**60 + 7)
    assert run.history.tolist() == [run.loss]
    assert run.status == fastnn.Status.CONVERGED
    assert runs.predict(xor[1], [2**60 + 7]).shape == (1, 4, 1)


def test_long_histories_are_thinned(xor, exercise, monkeypatch):
    runs = fastnn.train_many(*xor, restarts=8, epochs=100, **exercise)
    monkeypatch.setattr("fastnn.results.again.HISTORY_LIMIT", 100)
    run = runs.restart(3)
    assert run.history.nbytes <= 100
    monkeypatch.undo()
    np.testing.assert_array_equal(run.history, runs.restart(3).history[:: run.history_every])


def test_mismatched_parameters_are_refused(xor):
    run = fastnn.train(*xor, epochs=1)
    wide = fastnn.Network([2, 300, 300, 1])
    for changed in ({"network": wide}, {"parameters": run.parameters[:2]}):
        with pytest.raises(ValueError, match="parameters: expected shape"):
            replace(run, **changed).predict(xor[1])
    runs = fastnn.train_many(*xor, restarts=4, epochs=1)
    for wrong in (np.zeros((4, 1)), runs.parameters.astype(np.float32)):
        with pytest.raises(ValueError, match="parameters: expected shape"):
            runs.parameters = wrong


def test_best_takes_the_lowest_index_and_no_diverged_restart():
    net = fastnn.Network([1, 1], activation="identity", bias=False)
    starts = np.array([[1e200], [2.0], [1.0], [1.0], [3.0]])
    runs = fastnn.train_many(net, [[1.0]], [[0.0]], restarts=5, epochs=0, init=starts)
    assert runs.status.tolist() == [3, 1, 1, 1, 1]
    assert runs.best.restart == 2
    assert runs[[3, 2]].best.restart == 2
    with pytest.raises(ValueError, match="finite loss"):
        _ = runs[:1].best


def test_predictions(runs):
    X = fastnn.datasets.xor()[0]
    everything = runs.predict(X, which="all")
    assert everything.shape == (200, 4, 1)
    for k in (50, 137, 249):
        np.testing.assert_array_equal(everything[k - 50], runs.restart(k).predict(X))
    np.testing.assert_array_equal(runs.predict(X, which=[249, 50]), everything[[199, 0]])
    np.testing.assert_array_equal(runs.predict(X), runs.best.predict(X))
    errors = ((everything - fastnn.datasets.xor()[1]) ** 2).sum(axis=(1, 2))
    np.testing.assert_allclose(errors, runs.sse, rtol=1e-12)


def test_without_parameters_restarts_are_trained_again(xor, exercise):
    arguments = {"restarts": 64, "epochs": 200, **exercise}
    whole = fastnn.train_many(*xor, **arguments)
    lean = fastnn.train_many(*xor, keep="outcomes", **arguments)
    assert lean.parameters is None
    np.testing.assert_array_equal(lean.loss, whole.loss)
    assert lean.best.restart == whole.best.restart
    np.testing.assert_array_equal(lean.best.parameters, whole.best.parameters)
    np.testing.assert_array_equal(lean.predict(xor[1], "all"), whole.predict(xor[1], "all"))
    assert lean[5:9].parameters is None


def test_summary(runs):
    summary = runs.summary()
    converged = int((runs.status == fastnn.Status.CONVERGED).sum())
    assert summary.restarts == 200
    assert summary.counts["CONVERGED"] == converged
    assert sum(summary.counts.values()) == 200
    assert summary.success_rate == converged / 200
    low, high = summary.success_interval
    assert low < summary.success_rate < high
    epochs = runs.epochs[runs.status == fastnn.Status.CONVERGED]
    assert summary.epochs == tuple(np.quantile(epochs, [0, 0.25, 0.5, 0.75, 1]))
    assert summary.sse == tuple(np.quantile(runs.sse, [0, 0.25, 0.5, 0.75, 1]))
    text = str(summary)
    assert f"{converged / 200:.2%}" in text
    assert "restarts     200" in text
    assert json.loads(json.dumps(summary.as_dict()))["counts"]["CONVERGED"] == converged


def test_summary_without_a_target(xor):
    summary = fastnn.train_many(*xor, restarts=20, epochs=10).summary()
    assert summary.success_rate is None
    assert summary.success_interval is None
    assert summary.epochs == (10.0,) * 5
    assert "success" not in str(summary)


def test_summary_of_nothing(runs):
    summary = runs[:0].summary()
    assert summary.restarts == 0
    assert summary.success_rate is None
    assert summary.epochs is None
    assert str(summary).startswith("restarts     0")


def test_wilson_interval_against_published_values():
    # Newcombe 1998 (Statistics in Medicine 17, 857-872), table I, method 3.
    published = {(81, 263): (0.2553, 0.3662), (15, 148): (0.0624, 0.1605), (0, 20): (0.0, 0.1611),
                 (1, 29): (0.0061, 0.1718)}  # fmt: skip
    for (successes, trials), bounds in published.items():
        assert wilson_interval(successes, trials) == pytest.approx(bounds, abs=5e-5)


@given(st.integers(1, 10**12), st.floats(0, 1))
def test_wilson_interval_holds_the_rate(trials, share):
    successes = round(trials * share)
    low, high = wilson_interval(successes, trials)
    assert 0 <= low <= successes / trials <= high <= 1


def test_frame(runs):
    pandas = pytest.importorskip("pandas")
    frame = runs.to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == ["loss", "epochs", "status"]
    assert frame.index.tolist() == runs.indices.tolist()
    counts = frame["status"].value_counts()
    assert counts["CONVERGED"] == (runs.status == fastnn.Status.CONVERGED).sum()


def test_results_can_be_pickled(runs):
    copy = pickle.loads(pickle.dumps(runs))
    assert_same_bits(copy, runs)
    np.testing.assert_array_equal(copy.restart(60).parameters, runs.restart(60).parameters)
    interrupted = pickle.loads(pickle.dumps(fastnn.Interrupted(runs, 500, 200)))
    assert_same_bits(interrupted.runs, runs)
    assert str(interrupted) == "interrupted after 200 of 500 restarts"
