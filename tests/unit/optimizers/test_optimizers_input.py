"""Invalid numbers of optimizers and schedules: an error that names the argument and value."""

import re

import numpy as np
import pytest

import fastnn
from fastnn import (
    LBFGS,
    RPROP,
    Adagrad,
    Adam,
    AdamW,
    AMSGrad,
    CosineDecay,
    CosineRestarts,
    ExponentialDecay,
    GradientDescent,
    LevenbergMarquardt,
    Lion,
    Nadam,
    OneCycle,
    PerLayer,
    Quickprop,
    ReduceOnPlateau,
    RMSProp,
    StepDecay,
    WarmUp,
)
from fastnn.optimizers.schedules import SCHEDULES as KINDS

NAN, INF = np.nan, np.inf
NET = fastnn.Network([2, 2, 1], bias=False)
TINY, BELOW_ONE = "1.17549435e-38", "0.99999994"

# Every number: its kind, its name, values out of bounds, and the bounds as the message has them.
NUMBERS = [
    (GradientDescent, "learning_rate", (-1,), ">= 0"),
    (GradientDescent, "momentum", (-0.1, 1.1), "from 0 to 1"),
    (GradientDescent, "clip", (0, -1, 1e-300), f">= {TINY}"),
    (RPROP, "increase", (0.99, -2), ">= 1"),
    (RPROP, "decrease", (-0.1, 1.01), "from 0 to 1"),
    (RPROP, "initial_step", (0, -1), f">= {TINY}"),
    (RPROP, "min_step", (0, -1), f">= {TINY}"),
    (RPROP, "max_step", (0, -1), f">= {TINY}"),
    (Quickprop, "learning_rate", (-1,), ">= 0"),
    (Quickprop, "max_growth", (0, -1), f">= {TINY}"),
    (Quickprop, "decay", (-1e-9,), ">= 0"),
    (Adam, "learning_rate", (-1,), ">= 0"),
    (Adam, "beta1", (-0.1, 1, 1 - 1e-12, 2), f"from 0 to {BELOW_ONE}"),
    (Adam, "beta2", (-0.1, 1, 1 - 1e-12, 2), f"from 0 to {BELOW_ONE}"),
    (Adam, "epsilon", (0, -1, 1e-300), f">= {TINY}"),
    (AdamW, "learning_rate", (-1,), ">= 0"),
    (AdamW, "beta1", (1,), f"from 0 to {BELOW_ONE}"),
    (AdamW, "weight_decay", (-1,), ">= 0"),
    (AMSGrad, "learning_rate", (-1,), ">= 0"),
    (AMSGrad, "beta2", (-0.1, 1), f"from 0 to {BELOW_ONE}"),
    (Nadam, "beta1", (-0.1, 1), f"from 0 to {BELOW_ONE}"),
    (Nadam, "momentum_decay", (-1,), ">= 0"),
    (RMSProp, "decay", (-0.1, 1), f"from 0 to {BELOW_ONE}"),
    (RMSProp, "epsilon", (0, 1e-300), f">= {TINY}"),
    (Adagrad, "epsilon", (0, -1), f">= {TINY}"),
    (Lion, "learning_rate", (-1,), ">= 0"),
    (Lion, "weight_decay", (-1,), ">= 0"),
    (StepDecay, "every", (0, -1), ">= 1"),
    (StepDecay, "factor", (-0.1, 1.1), "from 0 to 1"),
    (ExponentialDecay, "factor", (-0.1, 1.1), "from 0 to 1"),
    (CosineDecay, "epochs", (0, -1), ">= 1"),
    (CosineDecay, "floor", (-0.1, 1.1), "from 0 to 1"),
    (CosineRestarts, "epochs", (0, -1), ">= 1"),
    (CosineRestarts, "growth", (0, -1), ">= 1"),
    (CosineRestarts, "floor", (-0.1, 1.1), "from 0 to 1"),
    (OneCycle, "epochs", (0, -1), ">= 1"),
    (OneCycle, "rise", (-0.1, 1.1), "from 0 to 1"),
    (OneCycle, "start", (-0.1, 1.1), "from 0 to 1"),
    (OneCycle, "end", (-0.1, 1.1), "from 0 to 1"),
    (ReduceOnPlateau, "patience", (-1,), ">= 0"),
    (ReduceOnPlateau, "factor", (-0.1, 1.1), "from 0 to 1"),
    (ReduceOnPlateau, "threshold", (-0.1, 1), f"from 0 to {BELOW_ONE}"),
    (ReduceOnPlateau, "floor", (-0.1, 1.1), "from 0 to 1"),
    (WarmUp, "epochs", (0, -1), ">= 1"),
    (WarmUp, "start", (-0.1, 1.1), "from 0 to 1"),
]
WHOLE = ("every", "epochs", "growth", "patience")
NAMES = [f"{kind.__name__}.{name}" for kind, name, _, _ in NUMBERS]


def raises(exception, message):
    return pytest.raises(exception, match="^" + re.escape(message))


@pytest.mark.parametrize(("kind", "name", "outside", "bounds"), NUMBERS, ids=NAMES)
def test_bounds(kind, name, outside, bounds):
    numbers = "whole numbers" if name in WHOLE else "numbers"
    for value in outside:
        message = f"{name}: expected {numbers} {bounds}, got {float(value)!r}"
        with raises(ValueError, message):
            kind(**{name: value})
        with raises(ValueError, message):  # an array, of which one is wrong
            kind(**{name: [1.0 if name in ("increase", *WHOLE) else 0.5, value, value]})


@pytest.mark.parametrize(("kind", "name", "outside", "bounds"), NUMBERS, ids=NAMES)
def test_other_types(kind, name, outside, bounds):
    for value, exception, message in [
        (True, TypeError, "real numbers, got dtype bool"),
        (np.array([True, False]), TypeError, "real numbers, got dtype bool"),
        ("fast", TypeError, "real numbers, got dtype <U4"),
        ({1: 2}, TypeError, "real numbers, got dtype object"),
        (1j, TypeError, "real numbers, got dtype complex128"),
        ([[1], [1, 2]], TypeError, "an array of numbers, got [[1], [1, 2]]"),
        (NAN, ValueError, "finite float64 numbers, got nan"),
        (INF, ValueError, "finite float64 numbers, got inf"),
        ([1, NAN], ValueError, "finite float64 numbers, got nan at index (1,)"),
        (
            np.ma.masked_array([1.0, 1.0], [0, 1]),
            ValueError,
            "numbers without a mask, got a masked",
        ),
        ([], ValueError, "a number or an array of shape (restarts,), got an array of shape (0,)"),
        ([[1.0]], ValueError, "a number or an array of shape (restarts,), got an array of shape"),
    ]:
        with raises(exception, f"{name}: expected {message}"):
            kind(**{name: value})
    if name != "clip":
        with raises(TypeError, f"{name}: expected real numbers, got dtype object"):
            kind(**{name: None})


@pytest.mark.parametrize(("kind", "name", "outside", "bounds"), NUMBERS, ids=NAMES)
def test_arrays_of_another_length(kind, name, outside, bounds):
    """Found by the call, which knows the number of restarts."""
    part = kind(**{name: np.full(3, 1.0 if name in ("increase", *WHOLE) else 0.5)})
    is_schedule = kind in KINDS
    for make in (GradientDescent, Adam, Quickprop) if is_schedule else (kind,):
        optimizer = make(schedule=part) if is_schedule else part
        where = f"{make.__name__}({'schedule.' * is_schedule}{name}=)"
        for restarts in (2, 4):
            message = (
                f"{where}: expected a number or an array of shape ({restarts},), one for each "
                "restart, got an array of shape (3,) and dtype float64"
            )
            with raises(ValueError, message):
                fastnn.train_many(NET, *fastnn.datasets.xor(), restarts=restarts, epochs=1,
                                  optimizer=optimizer)  # fmt: skip
        with raises(ValueError, f"{where}: expected a number or an array of shape (1,)"):
            fastnn.train(NET, *fastnn.datasets.xor(), optimizer=optimizer)


def train(optimizer, **options):
    return fastnn.train(NET, *fastnn.datasets.xor(), optimizer=optimizer, **options)


def many(optimizer, restarts=4):
    return fastnn.train_many(NET, *fastnn.datasets.xor(), restarts=restarts, optimizer=optimizer)


DECAYS = "StepDecay, ExponentialDecay, CosineDecay, CosineRestarts, OneCycle, ReduceOnPlateau"
SCHEDULES = f"schedule: expected one of {DECAYS}, WarmUp or None, got "
VARIANTS = "variant: expected one of Rprop-, iRprop-, Rprop+, iRprop+, got "
ARRAY = "an array of shape (3,) and dtype float64"
ONLY_FIRST_ORDER = "expected a number or an array of shape (restarts,), got PerLayer("

CASES = [
    # call, exception, beginning of the message
    (lambda: GradientDescent(nesterov=1), TypeError, "nesterov: expected True or False, got 1"),
    (lambda: GradientDescent(nesterov=None), TypeError, "nesterov: expected True or False, got No"),
    (lambda: GradientDescent(nesterov="y"), TypeError, "nesterov: expected True or False, got 'y'"),
    (lambda: GradientDescent(schedule=0.5), TypeError, f"{SCHEDULES}0.5"),
    (lambda: GradientDescent(schedule=True), TypeError, f"{SCHEDULES}True"),
    (lambda: GradientDescent(schedule="step"), TypeError, f"{SCHEDULES}'step'"),
    (lambda: GradientDescent(schedule=StepDecay), TypeError, f"{SCHEDULES}<class"),
    (lambda: GradientDescent(schedule=[StepDecay()]), TypeError, f"{SCHEDULES}[StepDecay("),
    (lambda: Adam(schedule=Adam()), TypeError, f"{SCHEDULES}Adam("),
    (lambda: Adam(schedule=lambda epoch: 1.0), TypeError, f"{SCHEDULES}<function"),
    (lambda: AdamW(schedule=False), TypeError, f"{SCHEDULES}False"),
    (lambda: Quickprop(schedule="cosine"), TypeError, f"{SCHEDULES}'cosine'"),
    (lambda: RPROP(schedule=StepDecay()), TypeError, "RPROP: unexpected argument schedule"),
    (lambda: WarmUp(then=0.5), TypeError, f"then: expected one of {DECAYS} or None, got 0.5"),
    (lambda: WarmUp(then=WarmUp()), TypeError, f"then: expected one of {DECAYS} or None, got Warm"),
    (lambda: WarmUp(then=StepDecay), TypeError, f"then: expected one of {DECAYS} or None, got <c"),
    (lambda: RPROP("Rprop"), ValueError, f"{VARIANTS}'Rprop'"),
    (lambda: RPROP("irprop-"), ValueError, f"{VARIANTS}'irprop-'"),
    (lambda: RPROP(None), ValueError, f"{VARIANTS}None"),
    (lambda: RPROP(True), ValueError, f"{VARIANTS}True"),
    (lambda: RPROP(["Rprop+"]), ValueError, f"{VARIANTS}['Rprop+']"),
    (lambda: RPROP(min_step=2.0, max_step=1.0), ValueError,
     "min_step, max_step: expected min_step <= max_step, got 2.0, 1.0"),
    (lambda: RPROP(min_step=[0.1, 0.2, 0.3], max_step=0.25), ValueError,
     f"min_step, max_step: expected min_step <= max_step, got {ARRAY}, 0.25"),
    (lambda: RPROP(min_step=[0.1, 0.2], max_step=[1.0] * 3), ValueError,
     "min_step, max_step: expected arrays of equal length, got 2 and 3"),
    (lambda: StepDecay(2.5), ValueError, "every: expected whole numbers >= 1, got 2.5"),
    (lambda: StepDecay([1, 2.5]), ValueError, "every: expected whole numbers >= 1, got 2.5"),
    (lambda: CosineDecay(1.5), ValueError, "epochs: expected whole numbers >= 1, got 1.5"),
    (lambda: PerLayer(), ValueError, "PerLayer: expected a number for each layer, got none"),
    (lambda: PerLayer("a"), TypeError, "PerLayer[0]: expected real numbers, got dtype <U1"),
    (lambda: PerLayer(1, True), TypeError, "PerLayer[1]: expected real numbers, got dtype bool"),
    (lambda: PerLayer(1, None), TypeError, "PerLayer[1]: expected real numbers, got dtype object"),
    (lambda: PerLayer(1, PerLayer(1)), TypeError, "PerLayer[1]: expected real numbers, got dtype"),
    (lambda: PerLayer(NAN), ValueError, "PerLayer[0]: expected finite float64 numbers, got nan"),
    (lambda: PerLayer(1, []), ValueError, "PerLayer[1]: expected a number or an array of shape"),
    (lambda: PerLayer([[1]]), ValueError, "PerLayer[0]: expected a number or an array of shape"),
    (lambda: GradientDescent(PerLayer(1, -1)), ValueError,
     "learning_rate[1]: expected numbers >= 0, got -1.0"),
    (lambda: GradientDescent(momentum=PerLayer(0, 2)), ValueError,
     "momentum[1]: expected numbers from 0 to 1, got 2.0"),
    (lambda: GradientDescent(clip=PerLayer(0, 1)), ValueError,
     f"clip[0]: expected numbers >= {TINY}, got 0.0"),
    (lambda: Adam(PerLayer(0, [1, -1])), ValueError, "learning_rate[1]: expected numbers >= 0"),
    (lambda: Adam(beta2=PerLayer(0, 1)), ValueError,
     f"beta2[1]: expected numbers from 0 to {BELOW_ONE}, got 1.0"),
    (lambda: AdamW(weight_decay=PerLayer(-1, 1)), ValueError, "weight_decay[0]: expected numbers"),
    (lambda: Quickprop(PerLayer(0, -1)), ValueError, "learning_rate[1]: expected numbers >= 0"),
    (lambda: Quickprop(slope_offset=PerLayer(0, 1)), TypeError,
     "slope_offset: expected a number, the same in all layers, got PerLayer(0.0, 1.0)"),
    (lambda: RPROP(initial_step=PerLayer(0, 1)), ValueError, "initial_step[0]: expected numbers"),
    (lambda: RPROP(min_step=PerLayer(0.1, 2), max_step=1.0), ValueError,
     "min_step, max_step: expected min_step <= max_step, got PerLayer(0.1, 2.0), 1.0"),
    (lambda: RPROP(min_step=PerLayer(0.1, 2), max_step=PerLayer(1.0, [3, 1])), ValueError,
     "min_step, max_step: expected min_step <= max_step, got PerLayer(0.1, 2.0), PerLayer(1.0, an"),
    (lambda: RPROP(min_step=PerLayer([1, 2], 2), max_step=[3, 4, 5]), ValueError,
     "min_step, max_step: expected arrays of equal length, got 2 and 3"),
    (lambda: LBFGS(c1=PerLayer(0.1, 0.2)), TypeError, f"c1: {ONLY_FIRST_ORDER}0.1, 0.2); only nu"),
    (lambda: LevenbergMarquardt(PerLayer(1, 2)), TypeError, f"damping: {ONLY_FIRST_ORDER}1.0, 2.0"),
    (lambda: StepDecay(PerLayer(1, 1)), TypeError, f"every: {ONLY_FIRST_ORDER}1.0, 1.0); a sched"),
    (lambda: WarmUp(start=PerLayer(1, 1)), TypeError, f"start: {ONLY_FIRST_ORDER}1.0, 1.0); a sc"),
    (lambda: PerLayer.divided_by_fan_in("a", NET), TypeError, "number: expected real numbers, got"),
    (lambda: PerLayer.divided_by_fan_in(1.0, [2, 2, 1]), TypeError,
     "net: expected a fastnn.Network, got [2, 2, 1]"),
    (lambda: PerLayer.divided_by_fan_in(1.0), TypeError, "PerLayer.divided_by_fan_in() missing 1"),
    (lambda: train(GradientDescent(PerLayer(1))), ValueError,
     "learning_rate: expected PerLayer of 2 numbers for Network([2, 2, 1]"),
    (lambda: many(GradientDescent(PerLayer(1, 2, 3))), ValueError,
     "learning_rate: expected PerLayer of 2 numbers for Network([2, 2, 1]"),
    (lambda: train(Quickprop(decay=PerLayer(1))), ValueError,
     "decay: expected PerLayer of 2 numbers for Network([2, 2, 1]"),
    (lambda: many(RPROP(initial_step=PerLayer(1, 1), increase=PerLayer(1, 2, 3))), ValueError,
     "increase: expected PerLayer of 2 numbers for Network([2, 2, 1]"),
    (lambda: many(Adam(beta1=PerLayer(0.5, [0.5, 0.6, 0.7]))), ValueError,
     "Adam(beta1[1]=): expected a number or an array of shape (4,)"),
    (lambda: many(GradientDescent(PerLayer(1, [1, 2, 3]))), ValueError,
     "GradientDescent(learning_rate[1]=): expected a number or an array of shape (4,)"),
    (lambda: many(GradientDescent([1, 2, 3], momentum=0.5)), ValueError,
     "GradientDescent(learning_rate=): expected a number or an array of shape (4,)"),
    (lambda: train(fastnn.SSE), TypeError, "optimizer: expected one of fastnn.GradientDesc"),
    (lambda: train(StepDecay()), TypeError, "optimizer: expected one of fastnn.GradientDescent"),
    (lambda: train(PerLayer(1, 1)), TypeError, "optimizer: expected one of fastnn.GradientDescent"),
    (lambda: train(GradientDescent(momentum=1e-60), dtype="f4"), ValueError,
     "GradientDescent: expected numbers that fit float32"),
    (lambda: train(RPROP(max_step=1e60), dtype="f4"), ValueError, "RPROP: expected numbers that f"),
    (lambda: train(Adam(schedule=StepDecay(1e60)), dtype="f4"), ValueError, "Adam: expected numb"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "exception", "message"), CASES, ids=range(len(CASES)))
def test_bad_input(call, exception, message, monkeypatch):
    def never(*args, **kwargs):
        raise AssertionError("a kernel was called")

    monkeypatch.setattr("fastnn.engine.launch.run_piece", never)
    with raises(exception, message):
        call()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_outermost_numbers_are_allowed(dtype):
    least = float(np.finfo(np.float32).tiny)
    below_one = float(np.nextafter(np.float32(1), np.float32(0)))
    for optimizer in (
        GradientDescent(0.0, momentum=1.0, nesterov=np.True_, clip=least),
        GradientDescent(PerLayer(0, 1), schedule=CosineDecay(1, floor=1.0)),
        GradientDescent(schedule=StepDecay(np.int64(1), factor=1)),
        GradientDescent(schedule=ExponentialDecay(0)),
        GradientDescent(schedule=CosineRestarts(1, growth=1, floor=1)),
        GradientDescent(schedule=OneCycle(1, rise=0, start=0, end=0)),
        GradientDescent(schedule=OneCycle(3, rise=1, start=1, end=1)),
        GradientDescent(schedule=ReduceOnPlateau(0, factor=0, threshold=below_one, floor=1)),
        Quickprop(schedule=WarmUp(1, start=0, then=ReduceOnPlateau(0, factor=1, threshold=0))),
        RPROP(increase=1, decrease=1, initial_step=1, min_step=1, max_step=1),
        RPROP(np.str_("Rprop+"), decrease=0, initial_step=least, min_step=least),
        Quickprop(0, max_growth=least, decay=0),
        Adam(0, beta1=0, beta2=0, epsilon=least),
        Adam(1e-3, beta1=below_one, beta2=below_one),
        AdamW(0, weight_decay=1e6),
        AMSGrad(0, beta1=0, beta2=0, epsilon=least),
        AMSGrad(1e-3, beta1=below_one, beta2=below_one),
        Nadam(0, beta1=0, beta2=0, epsilon=least, momentum_decay=0),
        Nadam(1e-3, beta1=below_one, beta2=below_one, momentum_decay=1e9),
        RMSProp(0, decay=0, epsilon=least),
        Adagrad(0, epsilon=least),
        Lion(0, beta1=0, beta2=below_one, weight_decay=1e6),
    ):
        run = train(optimizer, epochs=5, dtype=dtype)
        assert run.status == fastnn.Status.EPOCH_LIMIT
        assert np.isfinite(run.parameters).all()
        expected = fastnn.reference.train(
            NET, *fastnn.datasets.xor(), optimizer=optimizer, epochs=5, dtype=dtype
        )
        tolerance = 1e-9 if dtype == "float64" else 1e-3
        np.testing.assert_allclose(run.history, expected.history, rtol=tolerance)


def test_arrays_are_copied():
    rates = np.array([0.1, 0.2, 0.3, 0.4])
    optimizer = GradientDescent(PerLayer(rates, 0.1), momentum=rates, clip=rates)
    runs = many(optimizer)
    rates[:] = 9.0
    assert (many(optimizer).parameters == runs.parameters).all()
    with pytest.raises(ValueError, match="read-only"):
        optimizer.momentum[0] = 1.0
