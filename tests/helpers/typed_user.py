"""A user's program with types: `mypy --strict` must find only the deliberate mistakes."""

from pathlib import Path
from typing import TYPE_CHECKING, assert_type

import numpy as np

import fastnn

X, y = fastnn.datasets.xor()
net = fastnn.Network([2, 2, 1], activation="sigmoid", bias=False)
run = fastnn.train(
    net, X, y, optimizer=fastnn.GradientDescent(0.5), epochs=100, init=fastnn.Uniform(0, 1)
)
assert_type(run, fastnn.Run)
assert_type(fastnn.train(net, X, y, optimizer="adam", epochs=10), fastnn.Run)
assert_type(run.weights, list[np.ndarray])
assert_type(run.parameters, np.ndarray)
assert_type(run.history, np.ndarray | None)
assert_type(run.loss, float)
assert_type(run.sse, float)
assert_type(run.epochs, int)
assert_type(run.status, fastnn.Status)
assert_type(run.predict([[0, 1], [1, 0]]), np.ndarray)
assert_type(fastnn.train(net, X, y, epochs=10, continue_from=run), fastnn.Run)

runs = fastnn.train_many(
    net, X, y, restarts=20, epochs=100, optimizer=fastnn.LevenbergMarquardt(), target_sse=0.04,
    stop=[fastnn.NoProgress(50)], sample_weight=fastnn.Bootstrap(), progress=False,
)  # fmt: skip
assert_type(runs, fastnn.Runs)
assert_type(runs.loss, np.ndarray)
assert_type(runs.parameters, np.ndarray | None)
assert_type(runs.best, fastnn.Run)
assert_type(runs.restart(3), fastnn.Run)
assert_type(runs[runs.status == fastnn.Status.CONVERGED], fastnn.Runs)
assert_type(runs.summary(), fastnn.Summary)
assert_type(runs.predict(X, which="all"), np.ndarray)
assert_type(len(runs), int)


def what_is_kept(folder: Path, keep: str, out: Path | None) -> None:
    """Check that `keep` and `out` decide the type that `train_many` returns, if they are known."""
    assert_type(fastnn.train_many(net, X, y, restarts=20, keep="outcomes"), fastnn.Runs)
    assert_type(fastnn.train_many(net, X, y, restarts=20, keep=["loss", "epochs"]), fastnn.Runs)
    assert_type(fastnn.train_many(net, X, y, restarts=20, keep=fastnn.Best(3)), fastnn.Runs)
    counted = fastnn.train_many(net, X, y, restarts=20, keep="statistics")
    assert_type(counted, fastnn.Statistics)
    assert_type(counted.success_rate, float | None)
    stored = fastnn.train_many(net, X, y, restarts=20, out=folder)
    assert_type(stored, fastnn.StoredRuns)
    assert_type(stored.load(), fastnn.Runs)
    resumed = fastnn.train_many(net, X, y, restarts=30, out=str(folder), keep="all", resume=True)
    assert_type(resumed, fastnn.StoredRuns)
    assert_type(fastnn.open_run(folder), fastnn.StoredRuns)
    either = fastnn.train_many(net, X, y, restarts=20, keep=keep)
    assert_type(either, fastnn.Runs | fastnn.Statistics | fastnn.StoredRuns)
    perhaps = fastnn.train_many(net, X, y, restarts=20, out=out)
    assert_type(perhaps, fastnn.Runs | fastnn.StoredRuns)


def primitives(parameters: np.ndarray) -> None:
    """Check the functions from arrays to arrays, and the reference."""
    assert_type(fastnn.forward(net, parameters, X), np.ndarray)
    assert_type(fastnn.gradient(net, parameters, X, y), np.ndarray)
    assert_type(fastnn.reference.train(net, X, y), fastnn.Run)
    assert_type(fastnn.reference.train_many(net, X, y, restarts=2), fastnn.Runs)


if TYPE_CHECKING:  # what is wrong is found before it runs
    fastnn.train(net, X, y, epochs="many")  # type: ignore[arg-type]
    fastnn.train(net, X, y, optimizer=0.5)  # type: ignore[arg-type]
    fastnn.train(net, X, y, epoch=10)  # type: ignore[call-arg]
    fastnn.train_many(net, X, y, restarts="many")  # type: ignore[call-overload]
    fastnn.train_many(net, X, y, restart=10)  # type: ignore[call-overload]
    fastnn.Network("2-2-1", bias=None)  # type: ignore[arg-type]
    print(run.losses)  # type: ignore[attr-defined]
    runs.quantile(0.5)  # type: ignore[attr-defined]

if __name__ == "__main__":
    what_is_kept(Path("run"), "outcomes", None)
    primitives(run.parameters)
