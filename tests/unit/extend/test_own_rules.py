"""Stopping rules of one's own, each made of one comparison."""

import copy
import json
import math
import pickle
import re
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from conftest import assert_same_bits, bits, python

import fastnn
from fastnn import GradientDescent, Network, Status
from fastnn.extend import formulas, rule
from fastnn.rules.own_rules import OwnRule, class_of

thorough = pytest.mark.thorough

RNG = np.random.default_rng(5)
NET = Network([3, 4, 2], ["tanh", "identity"])
X, Y = RNG.normal(size=(20, 3)), 0.5 * RNG.normal(size=(20, 2))
OPTIONS = {"optimizer": GradientDescent(5e-3), "epochs": 60}
RESTARTS = 12


@rule(status="STALLED")
def slow(loss, last_loss, *, share=0.03):
    """Relative progress is small."""
    return last_loss - loss < share * last_loss


@rule
def low(loss, *, bound=5.0):
    return loss < bound


@rule(status=Status.GRADIENT)
def flat(last_gradient_norm, gradient_norm, *, share=0.99, most=4.0):
    return (gradient_norm > share * last_gradient_norm) & (gradient_norm < most)


@rule
def late(epoch, loss, *, first=7.0, each=0.01):
    return (epoch >= first) & (loss < 6.0 + each * epoch) | ~(epoch < 40.0)


def slows(loss, last_loss, norm, last_norm, epoch):
    return last_loss - loss < 0.03 * last_loss


def lows(loss, last_loss, norm, last_norm, epoch):
    return loss < 5.0


def flats(loss, last_loss, norm, last_norm, epoch):
    return norm > 0.99 * last_norm and norm < 4.0


def lates(loss, last_loss, norm, last_norm, epoch):
    return (epoch >= 7 and loss < 6.0 + 0.01 * epoch) or epoch >= 40


RULES = {slow: slows, low: lows, flat: flats, late: lates}


def naive_end(holds, history, norms):
    """The epoch at which a rule ends a restart with these losses and norms, and if it does."""
    last_loss = last_norm = math.inf
    for epoch, (loss, norm) in enumerate(zip(history, norms, strict=True)):
        if holds(loss, last_loss, norm, last_norm, epoch):
            return epoch, True
        last_loss, last_norm = loss, norm
    return len(history) - 1, False


def trajectory(k, **options):
    """The losses of a restart without rules, and the norms of its gradients."""
    history, norms = fastnn.train(NET, X, Y, restart=k, **options).history, []
    for epochs in range(options["epochs"] + 1):
        at = fastnn.train(NET, X, Y, restart=k, **(options | {"epochs": epochs}))
        norms.append(np.linalg.norm(fastnn.gradient(NET, at.parameters, X, Y)))
    return history.tolist(), norms


@pytest.mark.parametrize("kind", RULES, ids=lambda kind: kind.__name__)
def test_against_a_loop_over_the_history(kind):
    runs = fastnn.train_many(NET, X, Y, restarts=RESTARTS, stop=kind(), **OPTIONS)
    assert len({*runs.epochs.tolist()}) > 2
    for k in range(RESTARTS):
        epochs, ended = naive_end(RULES[kind], *trajectory(k, **OPTIONS))
        assert runs.epochs[k] == epochs
        assert runs.status[k] == (kind.status if ended else Status.EPOCH_LIMIT)
    for k in (0, 5):
        options = OPTIONS | {"epochs": int(runs.epochs[k])}
        expected = fastnn.train(NET, X, Y, restart=k, **options)
        np.testing.assert_array_equal(bits(runs.parameters[k]), bits(expected.parameters))


@thorough
@pytest.mark.parametrize(("kernels", "dtype", "batches"), [
    ("general", "float64", {}),
    ("general", "float32", {"batch_size": 6, "shuffle": True}),
    pytest.param(
        "special", "float64", {"batch_size": 6, "shuffle": True}, marks=pytest.mark.slow
    ),
    ("special", "float32", {}),
])  # fmt: skip
def test_alone_and_among_others(kernels, dtype, batches, monkeypatch):
    monkeypatch.setenv("FASTNN_KERNELS", kernels)
    options = OPTIONS | batches | {"dtype": dtype, "optimizer": GradientDescent(2e-3)}
    for stop in ([slow(0.01), flat()], [late(), fastnn.NoProgress(5, min_improvement=0.05), slow]):
        runs = fastnn.train_many(NET, X, Y, restarts=RESTARTS, stop=stop, **options)
        assert (runs.status != Status.EPOCH_LIMIT).any()
        again = fastnn.train_many(
            NET, X, Y, restarts=RESTARTS, stop=stop, threads=2, chunk=5, **options
        )
        assert_same_bits(again, runs)
        for k in range(0, RESTARTS, 3):
            run = fastnn.train(NET, X, Y, restart=k, stop=stop, **options)
            np.testing.assert_array_equal(bits(run.parameters), bits(runs.parameters[k]))
            assert (run.epochs, run.status) == (runs.epochs[k], runs.status[k])
            if dtype == "float64":
                expected = fastnn.reference.train(NET, X, Y, restart=k, stop=stop, **options)
                assert (expected.epochs, expected.status) == (run.epochs, run.status)


@thorough
def test_samples_side_by_side():
    for stop in (slow(), flat()):
        for k in range(3):
            options = OPTIONS | {"restart": k, "stop": stop}
            run = fastnn.train(NET, X, Y, parallel="samples", **options)
            expected = fastnn.reference.train(NET, X, Y, **options)
            assert (run.epochs, run.status) == (expected.epochs, expected.status)


@thorough
@pytest.mark.parametrize("optimizer", [fastnn.LBFGS(), fastnn.LevenbergMarquardt()], ids=repr)
def test_searches(optimizer):
    stop = [slow(1e-3), flat(0.9, most=0.01)]
    for k in range(4):
        options = {"optimizer": optimizer, "epochs": 20, "stop": stop, "restart": k}
        run = fastnn.train(NET, X, Y, **options)
        expected = fastnn.reference.train(NET, X, Y, **options)
        assert (run.epochs, run.status) == (expected.epochs, expected.status)


@thorough
def test_several_rules_of_one_name():
    low_too = rule(lambda loss: loss < 7.0, name="low")
    other = rule(lambda last_loss: last_loss < 7.0, name="low")
    assert len({low, low_too, other}) == 3
    ends = [
        fastnn.train_many(NET, X, Y, restarts=RESTARTS, stop=stop, **OPTIONS).epochs
        for stop in (low(), low_too(), other(), [low(), low_too()], [other(), low_too(), low()])
    ]
    np.testing.assert_array_equal(ends[2] > ends[1], ends[1] < OPTIONS["epochs"])
    np.testing.assert_array_equal(ends[3], np.minimum(ends[0], ends[1]))
    np.testing.assert_array_equal(ends[4], np.minimum.reduce(ends[:3]))
    assert (ends[0] != ends[1]).any()


def test_numbers_do_not_compile_anew():
    ends = {
        share: fastnn.train(NET, X, Y, stop=slow(share), **OPTIONS).epochs
        for share in (0.5, 0.1, 0.05, 0.02)
    }
    assert [*ends.values()] == sorted(ends.values())
    assert len({*ends.values()}) > 2
    assert type(slow(0.5)) is type(slow(0.1))


def test_training_goes_on_as_if_it_had_not_stopped():
    whole = {"stop": [flat(0.97, most=3.0), late(first=30.0)], "optimizer": GradientDescent(5e-3)}
    runs = fastnn.train_many(NET, X, Y, restarts=RESTARTS, epochs=60, **whole)
    part = fastnn.train_many(NET, X, Y, restarts=RESTARTS, epochs=11, **whole)
    more = fastnn.train_many(NET, X, Y, continue_from=part, epochs=49, **whole)
    ongoing = part.status == Status.EPOCH_LIMIT
    assert ongoing.any()
    np.testing.assert_array_equal(more.epochs[ongoing], runs.epochs[ongoing])
    np.testing.assert_array_equal(bits(more.parameters[ongoing]), bits(runs.parameters[ongoing]))
    # What had ended ends again at once: there the rule sees the same numbers.
    np.testing.assert_array_equal(more.epochs[~ongoing], part.epochs[~ongoing])


def test_other_rules_begin_anew():
    run = fastnn.train(NET, X, Y, **OPTIONS)
    count = rule(lambda epoch: epoch >= 3.0, name="count")
    more = fastnn.train(NET, X, Y, continue_from=run, **OPTIONS, stop=count)
    assert more.epochs == OPTIONS["epochs"] + 3
    first = rule(lambda loss, last_loss: last_loss > 1e300 * loss, name="first")
    assert fastnn.train(NET, X, Y, **OPTIONS, stop=first).epochs == 0


def test_divergence_comes_first():
    never = rule(lambda loss: ~(loss < 1e300), name="never")
    options = OPTIONS | {"optimizer": GradientDescent(100.0), "stop": never}
    runs = fastnn.train_many(NET, X, Y, restarts=4, **options)
    expected = fastnn.reference.train_many(NET, X, Y, restarts=4, **options)
    np.testing.assert_array_equal(runs.status, expected.status)
    np.testing.assert_array_equal(runs.epochs, expected.epochs)


def test_text_and_equality():
    assert (slow.__name__, slow.__doc__) == ("slow", "Relative progress is small.")
    assert repr(flat(0.5)) == "flat(share=0.5, most=4.0)"
    assert slow(0.5) == slow(share=0.5) != slow(0.4)
    for one in (slow(0.5), flat(most=2.0)):
        for other in (pickle.loads(pickle.dumps(one)), copy.copy(one), copy.deepcopy(one)):
            assert other == one
            assert type(other) is type(one)
            assert hash(other) == hash(one)
    assert pickle.loads(pickle.dumps(slow)) is slow
    same = rule(lambda loss, last_loss, *, share=0.03: last_loss - loss < share * last_loss,
                name="slow", status="STALLED")  # fmt: skip
    assert same is slow


def test_any_order_and_form_of_arguments():
    forms = (
        rule(lambda epoch, /, loss: (loss < 6.5) & (epoch > 2.0), name="x"),
        rule(lambda *, loss, epoch: (loss < 6.5) & (epoch > 2.0), name="x"),
        rule(lambda loss, *, epoch: (loss < 6.5) & (epoch > 2.0), name="x"),
    )
    assert len({*forms}) == 1


@thorough
def test_files_hold_the_formula(tmp_path):
    options = {**OPTIONS, "restarts": 6, "stop": [slow(0.04), fastnn.LossBelow(1.0), flat]}
    runs = fastnn.train_many(NET, X, Y, **options)
    runs.save(tmp_path / "runs.npz")
    fastnn.train_many(NET, X, Y, out=tmp_path / "folder", **options)
    fastnn.train(NET, X, Y, stop=low(4.0), epochs=5).save(tmp_path / "run.npz")
    code = f"""
import fastnn
runs = fastnn.load({str(tmp_path / "runs.npz")!r})
assert runs.restart(4).epochs == runs.epochs[4]
assert runs.restart(4).loss == runs.loss[4]
stored = fastnn.open_run({str(tmp_path / "folder")!r})
assert stored.restart(5).epochs == stored.epochs[5] == runs.epochs[5]
print(runs.job.rules, fastnn.load({str(tmp_path / "run.npz")!r}).job.rules)
"""
    expected = "(slow(share=0.04), flat(share=0.99, most=4.0)) (low(bound=4.0),)\n"
    assert python(code).stdout == expected


@thorough
def test_other_processes_get_the_formula():
    local = rule(lambda loss, last_loss, *, by=0.1: last_loss - loss < by, name="local")
    options = {**OPTIONS, "restarts": 20, "chunk": 10, "stop": [local(0.2), flat()]}
    expected = fastnn.train_many(NET, X, Y, **options)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        runs = fastnn.train_many(NET, X, Y, executor=executor, **options)
    assert_same_bits(runs, expected)


NAMES = "loss, gradient_norm, epoch, last_loss, last_gradient_norm"
FAILS = "a: expected a formula made of operators, numbers and the functions of"
SHAPE = f"function: expected arguments among {NAMES}, and numbers with defaults"


def bad(function=None, **options):
    return lambda: rule(function, **{"name": "a", **options})


BAD = [
    (bad(3), "function: expected a function, got 3"),
    (bad(OwnRule), "function: expected a function, got <class"),
    (bad(lambda loss: loss < 1.0, name=None), "name: expected a name for a function without one"),
    (bad(lambda loss: loss < 1.0, name="two words"), "name: expected letters, digits and"),
    (bad(lambda loss: loss < 1.0, name=3), "name: expected letters, digits and underscores, got 3"),
    (bad(lambda loss: loss < 1.0, name="if"), "rule: expected letters, digits and underscores"),
    (bad(lambda loss: loss < 1.0, status="VALIDATION"), "status: expected one of CONVERGED, STALL"),
    (bad(lambda loss: loss < 1.0, status="STALED"), "status: expected one of CONVERGED, STALLED, "
     "GRADIENT, got 'STALED'; did you mean 'STALLED'?"),
    (bad(lambda loss: loss < 1.0, status=Status.DIVERGED), "status: expected one of CONVERGED"),
    (bad(lambda loss: loss < 1.0, status=[]), "status: expected one of CONVERGED, STALLED, GRAD"),
    (bad(lambda: True), f"{SHAPE} after the *, such as *, share=0.01, got none"),
    (bad(lambda sse: sse < 1.0), f"{SHAPE} after the *, such as *, share=0.01, got sse"),
    (bad(lambda los: los < 1.0), f"{SHAPE} after the *, such as *, share=0.01, got los; did you "
     "mean 'loss'?"),
    (bad(lambda loss, share=0.1: loss < share), f"{SHAPE} after the *, such as *, share=0.01, got"),
    (bad(lambda loss=0.1: loss < 1.0), f"{SHAPE} after the *, such as *, share=0.01, got loss=0.1"),
    (bad(lambda *loss: loss[0] < 1.0), f"{SHAPE} after the *, such as *, share=0.01, got *loss"),
    (bad(lambda **loss: True), f"{SHAPE} after the *, such as *, share=0.01, got **loss"),
    (bad(lambda loss, *, q: loss < q), "function: expected a default for the number q, got none"),
    (bad(lambda loss, *, q="x": loss < q), "q: expected real numbers, got dtype <U1"),
    (bad(lambda loss, *, q=(1, 2): loss < q), "q: expected a number, got (1, 2)"),
    (bad(lambda loss, *, q=math.inf: loss < q), "q: expected finite float64 numbers, got inf"),
    (bad(lambda loss, *, q=True: loss < q), "q: expected a number, got True"),
    (bad(lambda loss, *, count=1.0: loss < count), "count: expected a name that rules do not use"),
    (bad(lambda loss, *, _q=1.0: loss < _q), "_q: expected a name that rules do not use, got '_q'"),
    (bad(lambda loss, *, q=1.0: loss < 1.0), "q: expected a number that the rule uses, got one"),
    (bad(lambda loss, *, q=1.0: q < 1.0), "rule: expected a comparison that depends on one of"),
    (bad(lambda loss: loss), f"{FAILS} fastnn.extend.formulas, got one that fails: write a compari"
     "son such as loss < 0.1, not a number"),
    (bad(lambda loss: None), f"{FAILS} fastnn.extend.formulas, got one that fails: write a compari"
     "son such as loss < 0.1, not None"),
    (bad(lambda loss: True), f"{FAILS} fastnn.extend.formulas, got one that fails: write a compari"
     "son such as loss < 0.1, not True"),
    (bad(lambda loss, epoch: loss < 1.0 and epoch > 3.0), FAILS),
    (bad(lambda loss: 0.0 < loss < 1.0), FAILS),
    (bad(lambda loss: math.log(loss) < 1.0), FAILS),
    (bad(lambda loss: loss == 1.0), FAILS),
    (lambda: slow(1, 2), "slow: expected only share by position, got 2"),
    (lambda: slow("a"), "share: expected real numbers, got dtype <U1"),
    (lambda: slow([0.1, 0.2]), "share: expected a number, got [0.1, 0.2]"),
    (lambda: slow(math.nan), "share: expected finite float64 numbers, got nan"),
    (lambda: slow(shar=1), "slow: unexpected argument shar; did you mean share?"),
    (lambda: fastnn.train(NET, X, Y, stop=slow(1e-60), dtype="float32"),
     "slow(share=): expected numbers that fit float32, got 1e-60"),
    (lambda: fastnn.train(NET, X, Y, stop=lambda loss: loss < 1.0),
     "stop: expected one rule or a list of rules (fastnn.LossBelow"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input(call, message):
    with pytest.raises((ValueError, TypeError), match="^" + re.escape(message)):
        call()


def test_a_plain_function_is_no_rule_yet():
    with pytest.raises(TypeError, match=r"make a rule of a formula with fastnn\.extend\.rule$"):
        fastnn.train(NET, X, Y, stop=lambda loss: loss < 1.0)


def formula_of(function, names="loss"):
    return fastnn.expressions.record(function, names.split()).to_data()


@pytest.mark.parametrize("change", [
    {"name": "no name"}, {"name": 3}, {"name": "class"}, {"status": "DIVERGED"}, {"status": 3},
    {"status": []}, {"defaults": {}}, {"defaults": []}, {"defaults": [1.0, 2.0]},
    {"defaults": ["x"]}, {"defaults": [None]}, {"defaults": [True]}, {"formula": 3},
    {"formula": {"arguments": ["a"], "nodes": []}}, {"more": 1},
    {"defaults": [], "formula": formula_of(lambda loss: loss)},
    {"defaults": [], "formula": formula_of(lambda loss: formulas.select(loss < 1.0, 2.0, 0.0))},
    {"defaults": [], "formula": formula_of(lambda loss: formulas.select(loss < 1.0, loss, 0.0))},
    {"formula": formula_of(lambda x, q: formulas.select(x < q, 1.0, 0.0), "loss holds")},
    {"formula": formula_of(lambda x, q: formulas.select(x < 1.0, 1.0, 0.0), "loss q")},
    {"formula": formula_of(lambda q: formulas.select(q < 1.0, 1.0, 0.0), "q")},
    {"defaults": [1.0] * 17, "formula": formula_of(
        lambda x, *q: formulas.select(x < sum(q, start=x), 1.0, 0.0),
        " ".join(["loss", *(f"q{i}" for i in range(17))]))},
])  # fmt: skip
def test_forged_definitions(change):
    definition = json.loads(json.dumps(slow.definition))
    assert class_of(definition) is slow
    with pytest.raises((ValueError, TypeError)):
        class_of(definition | change)
    with pytest.raises(ValueError, match=r"^rule: expected defaults, formula, name, status, got 3"):
        class_of(3)
