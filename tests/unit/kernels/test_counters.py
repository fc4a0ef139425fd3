"""Rules and schedules that count epochs in float32, near the limit of exact integers."""

from dataclasses import replace

import numpy as np
import pytest

import fastnn

X, Y = fastnn.datasets.xor()
NET = fastnn.Network([2, 2, 1])
# Nothing is learnt, so that no loss falls.
STILL = fastnn.GradientDescent(0.0)


def descent(schedule):
    return fastnn.GradientDescent(0.5, schedule=schedule)


CASES = [
    ({"stop": fastnn.NoProgress(2**24 + 1)}, "stop: expected NoProgress of up to 16777216 epochs"),
    ({"stop": [fastnn.LossBelow(1), fastnn.NoProgress(2**25)]}, "stop: .*, got 33554432; use"),
    (
        {"stop": fastnn.Validation(2**24 + 1), "validation": (X, Y)},
        "stop: expected Validation of up to 16777216 epochs",
    ),
    (
        {"optimizer": descent(fastnn.StepDecay(2**24 + 1))},
        "schedule: expected StepDecay of up to 16777216 epochs, the most that float32 can count",
    ),
    (
        {"optimizer": fastnn.Adam(schedule=fastnn.CosineDecay(2**24 + 2))},
        "schedule: expected CosineDecay of up to 16777216 epochs",
    ),
    (
        {"optimizer": fastnn.Quickprop(schedule=fastnn.ReduceOnPlateau(2**24))},
        "schedule: expected ReduceOnPlateau of up to 16777216 epochs, .*, got 16777217; use",
    ),
    (
        {"optimizer": descent(fastnn.WarmUp(5, then=fastnn.OneCycle(2**24 + 2)))},
        "schedule: expected WarmUp of up to 16777216 epochs",
    ),
    (
        {"optimizer": descent(fastnn.CosineRestarts(5, growth=2))},
        "schedule: expected CosineRestarts of up to 16777216 epochs, .*, got inf; use",
    ),
]


@pytest.mark.parametrize(("options", "message"), CASES, ids=range(len(CASES)))
def test_what_float32_cannot_count_is_refused_before_training(options, message):
    long = {"epochs": 2**24 + 1, "dtype": "float32", **options}
    with pytest.raises(ValueError, match=message):
        fastnn.train(NET, X, Y, **long)
    with pytest.raises(ValueError, match=message):
        fastnn.train_many(NET, X, Y, restarts=3, **long)


@pytest.mark.parametrize("changed", [{"dtype": "float64"}, {"epochs": 2**24}])
@pytest.mark.parametrize("options", [options for options, _ in CASES], ids=range(len(CASES)))
def test_what_is_never_reached_or_can_be_counted_is_taken(options, changed):
    from fastnn.job.build import make_job

    make_job(NET, X, Y, **{"epochs": 2**24 + 1, "dtype": "float32", **options, **changed})


def test_a_sweep_with_one_count_too_large():
    optimizer = descent(fastnn.StepDecay(np.array([5, 2**24 + 1])))
    with pytest.raises(ValueError, match="schedule: expected StepDecay"):
        fastnn.train_many(NET, X, Y, restarts=2, optimizer=optimizer, epochs=2**25, dtype="float32")


def behind(run, value, column):
    """`run` as if so many epochs had been trained and counted in a column of its state."""
    state = run.state.copy()
    state[column] = value
    job = replace(run.job, epochs=value)
    return replace(run, state=state, epochs=value, job=job, history=None, history_every=0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_rule_counts_up_to_the_last_number_that_counts(dtype):
    most = 2**24
    rule = fastnn.NoProgress(most)
    options = {"optimizer": STILL, "stop": rule, "dtype": dtype}
    run = fastnn.train(NET, X, Y, epochs=3, **options)
    before = behind(run, most - 5, -1)
    assert before.state[-1] == most - 5
    run = fastnn.train(NET, X, Y, epochs=100, continue_from=before, **options)
    assert (run.status, run.epochs) == (fastnn.Status.STALLED, most)


def test_epochs_behind_count_too():
    options = {"optimizer": STILL, "dtype": "float32", "stop": fastnn.NoProgress(2**24 + 2)}
    before = behind(fastnn.train(NET, X, Y, epochs=3, **options), 2**24 - 5, -1)
    fastnn.train(NET, X, Y, epochs=5, continue_from=before, **options)
    with pytest.raises(ValueError, match="stop: expected NoProgress of up to 16777216"):
        fastnn.train(NET, X, Y, epochs=6, continue_from=before, **options)


def test_a_schedule_falls_at_the_last_number_that_counts():
    optimizer = descent(fastnn.StepDecay(2**24, factor=0.25))
    options = {"optimizer": optimizer, "dtype": "float32"}
    run = fastnn.train(NET, X, Y, epochs=3, **options)
    (count,) = np.flatnonzero(run.state == 3)
    before = behind(run, 2**24 - 2, count)
    run = fastnn.train(NET, X, Y, epochs=1, continue_from=before, **options)
    assert (run.state[count - 1], run.state[count]) == (1.0, 2**24 - 1)
    run = fastnn.train(NET, X, Y, epochs=1, continue_from=run, **options)
    assert (run.state[count - 1], run.state[count]) == (0.25, 0)
