"""Schedules: the factor of the rate in every epoch, whatever their numbers, and their memory."""

import numpy as np
import pytest
from conftest import assert_same_bits, bits
from hypothesis import given, settings
from hypothesis import strategies as st

import fastnn
from fastnn import (
    Adam,
    AdamW,
    CosineDecay,
    CosineRestarts,
    ExponentialDecay,
    GradientDescent,
    OneCycle,
    Quickprop,
    ReduceOnPlateau,
    StepDecay,
    WarmUp,
)
from fastnn.engine.chunk import train_chunk
from fastnn.job.build import make_job
from fastnn.optimizers.schedules import SCHEDULES, numpy_factors, schedule_numbers

X, Y = fastnn.datasets.xor()
NET = fastnn.Network([2, 3, 1])
EPOCHS = 40
# Of each schedule: its numbers, and for each the range of an array.
RANGES = {
    StepDecay: {"every": (1, 9), "factor": (0, 1)},
    ExponentialDecay: {"factor": (0.5, 1)},
    CosineDecay: {"epochs": (1, 60), "floor": (0, 1)},
    CosineRestarts: {"epochs": (1, 9), "growth": (1, 3), "floor": (0, 1)},
    OneCycle: {"epochs": (1, 60), "rise": (0, 1), "start": (0, 1), "end": (0, 1)},
    ReduceOnPlateau: {"patience": (0, 5), "factor": (0, 1), "threshold": (0, 0.2), "floor": (0, 1)},
    WarmUp: {"epochs": (1, 20), "start": (0, 1)},
}
WHOLE = ("every", "epochs", "growth", "patience")
OPTIMIZERS = {
    "gradient descent": lambda s: GradientDescent(0.5, momentum=0.5, schedule=s),
    "Adam": lambda s: Adam(0.05, schedule=s),
    "AdamW": lambda s: AdamW(0.05, schedule=s),
    "Quickprop": lambda s: Quickprop(0.1, schedule=s),
}


def sweep_of(kind, restarts):
    """A schedule each of whose numbers differs from restart to restart."""
    numbers = {}
    for place, (name, (low, high)) in enumerate(RANGES[kind].items()):
        values = np.roll(np.linspace(low, high, restarts), 3 * place)
        numbers[name] = np.round(values) if name in WHOLE else values
    return kind(**numbers)


def of_restart(schedule, k):
    own = {name: getattr(schedule, name)[k] for name in RANGES[type(schedule)]}
    return type(schedule)(**own)


def test_every_schedule_is_here():
    assert set(RANGES) == set(SCHEDULES)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("kind", SCHEDULES)
def test_each_restart_has_its_own_schedule(kind, optimizer):
    make, sweep = OPTIMIZERS[optimizer], sweep_of(kind, 20)
    options = {"epochs": EPOCHS, "seed": 4}
    for dtype in ("float64", "float32"):
        runs = fastnn.train_many(NET, X, Y, restarts=20, optimizer=make(sweep), dtype=dtype,
                                 threads=1, **options)  # fmt: skip
        job = make_job(NET, X, Y, restarts=20, optimizer=make(sweep), dtype=dtype, **options)
        for lanes in (1, 8, 32):
            part = train_chunk(job, 0, 20, lanes=lanes)
            np.testing.assert_array_equal(bits(part.parameters), bits(runs.parameters))
        for k in (0, 7, 19):
            alone = make(of_restart(sweep, k))
            run = fastnn.train(NET, X, Y, restart=k, optimizer=alone, dtype=dtype, **options)
            np.testing.assert_array_equal(bits(run.parameters), bits(runs.parameters[k]))
            np.testing.assert_array_equal(bits(runs.restart(k).parameters), bits(run.parameters))
    constant = fastnn.train_many(NET, X, Y, restarts=20, optimizer=make(None), **options)
    assert (constant.parameters != runs.parameters).any()


LONG = {
    **{kind.__name__: lambda kind=kind: sweep_of(kind, 20) for kind in RANGES},
    **{
        f"warm-up, {then}": lambda then=then: WarmUp(np.arange(1, 21), then=then)
        for then in (
            StepDecay(3), ExponentialDecay(0.9), CosineDecay(15), CosineRestarts(4, growth=2),
            OneCycle(15), ReduceOnPlateau(1, threshold=0.01),
        )
    },
}  # fmt: skip


@pytest.mark.parametrize("name", LONG)
def test_training_goes_on_in_the_middle(name):
    for batch_size in (None, 3):
        options = {"optimizer": Adam(0.05, schedule=LONG[name]()), "threads": 1,
                   "batch_size": batch_size}  # fmt: skip
        new = {"restarts": 20, "seed": 2, **options}
        whole = fastnn.train_many(NET, X, Y, epochs=EPOCHS, **new)
        for first in (1, 7, 20):
            part = fastnn.train_many(NET, X, Y, epochs=first, **new)
            rest = fastnn.train_many(
                NET, X, Y, continue_from=part, epochs=EPOCHS - first, **options
            )
            assert_same_bits(rest, whole)


def test_another_schedule_does_not_go_on():
    runs = fastnn.train_many(NET, X, Y, restarts=3, epochs=3,
                             optimizer=Adam(schedule=CosineDecay(9)))  # fmt: skip
    for other in (None, StepDecay(9), CosineRestarts(9), WarmUp(9, then=CosineDecay(9))):
        with pytest.raises(ValueError, match="continue_from: expected the same kind of optimizer"):
            fastnn.train_many(NET, X, Y, continue_from=runs, optimizer=Adam(schedule=other))


@pytest.mark.parametrize("kind", SCHEDULES)
def test_saved_and_loaded(kind, tmp_path):
    schedule = sweep_of(kind, 20)
    schedule = WarmUp(3, then=schedule) if kind is not WarmUp else schedule
    runs = fastnn.train_many(NET, X, Y, restarts=20, epochs=12, threads=1,
                             optimizer=Quickprop(0.1, schedule=schedule))  # fmt: skip
    runs.save(tmp_path / "runs.npz")
    again = fastnn.load(tmp_path / "runs.npz")
    assert repr(again.job.optimizer) == repr(runs.job.optimizer)
    np.testing.assert_array_equal(bits(again.restart(7).parameters), bits(runs.parameters[7]))


def schedules(*kinds):
    """Schedules of some kinds with any numbers."""

    @st.composite
    def make(draw):
        kind = draw(st.sampled_from(kinds))
        numbers = {}
        for name, (low, high) in RANGES[kind].items():
            whole = name in WHOLE
            numbers[name] = draw(st.integers(low, high) if whole else st.floats(low, high))
        if kind is WarmUp and draw(st.booleans()):
            numbers["then"] = draw(schedules(*(kind for kind in kinds if kind is not WarmUp)))
        return kind(**numbers)

    return make()


def factors_of(schedule, epochs, losses):
    """The factors of the epochs by the formula."""
    factor_in = numpy_factors(schedule, schedule_numbers(schedule))
    return np.array([factor_in(epoch, losses[epoch]) for epoch in range(epochs)])


@given(schedules(*SCHEDULES), st.integers(1, 50))
@settings(deadline=None, max_examples=150)
def test_the_kernels_have_the_factors_of_the_formulas(schedule, epochs):
    """On a bias alone whose target is so far that every step has the derivative of the first."""
    net = fastnn.Network([1, 1], activation="identity")
    far = 2.0**60
    optimizer = GradientDescent(2.0**-61, momentum=0.0, schedule=schedule)
    run = fastnn.train(net, [[0.0]], [[far]], init=[0.0, 0.0], epochs=epochs, optimizer=optimizer)
    expected = factors_of(schedule, epochs, [far**2] * epochs)
    # Each step is 2 * 2**60 * 2**-61 times the factor.
    assert run.parameters[0] == 0
    assert run.parameters[1] == pytest.approx(expected.sum(), rel=1e-12, abs=1e-12)
    last = run.state[2]
    following = factors_of(schedule, epochs + 1, [far**2] * (epochs + 1))[-1]
    assert last == pytest.approx(following, rel=1e-12, abs=1e-12)
    assert np.all((expected >= 0) & (expected <= 1))


losses_of_epochs = st.lists(st.integers(-50, 50).map(lambda n: n / 7), min_size=1, max_size=40)


@given(losses_of_epochs, schedules(ReduceOnPlateau))
@settings(deadline=None)
def test_a_plateau_is_where_the_loss_does_not_fall(losses, schedule):
    """The rule as it is described, for losses of any sign."""
    found, factor, best, bad = factors_of(schedule, len(losses), losses), 1.0, np.inf, 0
    for epoch, loss in enumerate(losses):
        assert found[epoch] == factor
        less = best - schedule.threshold * abs(best) if np.isfinite(best) else best
        if abs(loss - less) <= 1e-12 * abs(less) and schedule.threshold > 0:
            return  # decided by rounding
        best, bad = (loss, 0) if loss < less else (best, bad + 1)
        if bad > schedule.patience:
            factor, bad = max(factor * schedule.factor, schedule.floor), 0


def test_a_plateau_of_one_restart_leaves_others_alone():
    schedule = ReduceOnPlateau(2, factor=0.1, threshold=0.01)
    rates = np.array([0.0, 0.5] * 8)
    runs = fastnn.train_many(NET, X, Y, restarts=16, epochs=EPOCHS, threads=1,
                             optimizer=GradientDescent(rates, schedule=schedule))  # fmt: skip
    for k in range(4):
        run = fastnn.train(NET, X, Y, restart=k, epochs=EPOCHS,
                           optimizer=GradientDescent(rates[k], schedule=schedule))  # fmt: skip
        np.testing.assert_array_equal(bits(run.state), bits(runs.restart(k).state))
        if k % 2 == 0:  # nothing is learnt: every third epoch lowers the rate, but for the first
            assert run.state[NET.n_parameters] == pytest.approx(0.1**13, rel=1e-9, abs=0)
    np.testing.assert_array_equal(bits(runs.parameters), bits(fastnn.train_many(
        NET, X, Y, restarts=16, epochs=EPOCHS, chunk=5,
        optimizer=GradientDescent(rates, schedule=schedule),
    ).parameters))  # fmt: skip
