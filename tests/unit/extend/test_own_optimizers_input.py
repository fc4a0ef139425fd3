"""Functions that are no optimizers, and forged records of optimizers of one function."""

import json
from inspect import Parameter, Signature

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_own_optimizers import NET, ByHand, X, Y, scaled, scaled_by_hand

import fastnn
from fastnn.extend import add_optimizer, optimizer, pieces, remove
from fastnn.job.build import make_job
from fastnn.job.record import job_of, job_record
from fastnn.optimizers import OPTIMIZERS
from fastnn.optimizers.steps import record_step, step_of_data


def changed(record, path, value):
    """The record with something else at a path."""
    record = json.loads(json.dumps(record))
    *way, last = path
    part = record["optimizer"]
    for step in way:
        part = part[step]
    part[last] = value
    return record


FORGED = [
    (["definition", "name"], "not a name"),
    (["definition", "name"], 3),
    (["definition", "more"], 1),
    (["definition", "memory"], [["v", "nothing"]]),
    (["definition", "memory"], [["w", 0.0]]),
    (["definition", "memory"], [["v", True]]),
    (["definition", "memory"], []),
    (["definition", "memory", 0, 1], 0),
    (["definition", "numbers"], ["rate", "decay"]),
    (["definition", "numbers"], []),
    (["definition", "numbers", 0], "setup"),
    (["definition", "numbers", 0], "__class__"),
    (["definition", "defaults"], [1.0]),
    (["definition", "defaults", 0], "fast"),
    (["definition", "defaults", 0], []),
    (["definition", "bounds"], None),
    (["definition", "bounds", 0], [1.0, 2.0]),
    (["definition", "bounds", 0], ["a", None]),
    (["definition", "bounds", 0], [None]),
    (["definition", "results"], []),
    (["definition", "results", 0], 5),
    (["definition", "results", 0, "nodes", -1], ["system", 0]),
    (["definition", "results", 0, "arguments", 0], "x"),
    (["definition", "results", 1, "arguments", 1], "x"),
    (["definition"], None),
    (["definition"], "scaled"),
    (["definition"], {}),
    (["type"], "Adam"),
    (["type"], "ByHand"),
    (["values", "rate"], "fast"),
    (["values", "rate"], None),
    (["values", "more"], 1.0),
    (["values"], {"rate": 0.5}),
    (["values"], None),
    (["more"], 1.0),
]


def test_records():
    made = optimizer(scaled)
    job = make_job(NET, X, Y, restarts=3, optimizer=made(0.5), epochs=2)
    record, arrays = job_record(job)
    text = json.dumps(record, allow_nan=False)
    remove(made)
    again = job_of(json.loads(text), arrays, 3)
    assert type(again.optimizer) is made
    assert json.dumps(job_record(again)[0]) == text
    for path, value in FORGED:
        with pytest.raises(ValueError, match=r"expected|not valid"):
            job_of(changed(record, path, value), arrays, 3)
    # What is still an optimizer is read as one.
    renamed = job_of(changed(record, ["definition", "name"], "other"), arrays, 3).optimizer
    assert repr(renamed).startswith("other(rate=0.5, ")
    began = job_of(changed(record, ["definition", "memory", 0, 1], "decay"), arrays, 3).optimizer
    assert began.setup(NET, 1).slots[0] == (NET.n_parameters, "decay")
    assert job_of(changed(record, ["values", "rate"], 0.25), arrays, 3).optimizer.rate == 0.25


FIRST_TWO = "expected weight and gradient as the first two arguments"
BAD = [
    # arguments of `optimizer`, exception, message
    ((3,), {}, TypeError, r"function: expected a function, got 3; write def step\(w, g, v"),
    ((ByHand,), {}, TypeError, "function: expected a function"),
    ((lambda w, g, *, rate=0.1: w - rate * g,), {}, ValueError, "name: expected letters, .* '<lam"),
    ((scaled,), {"name": 3}, TypeError, "name: expected a str, got 3"),
    ((scaled,), {"name": "a b"}, ValueError, "name: expected letters, .* got 'a b'"),
    ((scaled,), {"name": "adam"}, ValueError, "adam: expected a new name, .* already exists; for"),
    ((scaled,), {"name": "Ad_Am"}, ValueError, "Ad_Am: expected a new name"),
    ((scaled,), {"name": "Huber"}, ValueError, "Huber: expected a new name"),
    ((scaled,), {"nam": "a"}, TypeError, "optimizer: unexpected argument nam; did you mean name"),
    ((scaled,), {"bounds": 3}, TypeError, "bounds: expected a dict, got 3"),
    ((scaled,), {"bounds": {"rat": (0, 1)}}, ValueError, "among rate, .* did you mean 'rate'"),
    ((scaled,), {"bounds": {"rate": 0}}, TypeError, r"bounds: expected \(low, high\) for rate,"),
    ((scaled,), {"bounds": {"rate": (1, 0)}}, ValueError, "bounds: expected low <= high for rate"),
    ((scaled,), {"bounds": {"rate": (1, 2)}}, ValueError, "rate: expected numbers from 1 to 2,"),
    ((lambda: 1,), {"name": "f"}, TypeError, f"f: {FIRST_TWO}, got"),
    ((lambda w, *, rate=0.1: w,), {"name": "f"}, TypeError, f"f: {FIRST_TWO}, got"),
    ((lambda w, g=0.0, *, rate=0.1: w,), {"name": "f"}, TypeError, f"f: {FIRST_TWO}, without def"),
    ((lambda w, g, *m, rate=0.1: w,), {"name": "f"}, TypeError, r"f: expected arguments .* \*m"),
    ((lambda w, g, **n: w,), {"name": "f"}, TypeError, r"f: expected arguments .* got \*\*"),
    ((lambda w, g: w - g,), {"name": "f"}, ValueError, "f: expected at least one number after"),
    ((lambda w, g, *, rate: w - rate * g,), {"name": "f"}, TypeError, "rate: expected a default"),
    ((lambda w, g, *, r="a": w - r * g,), {"name": "f"}, TypeError, "r: expected a number as def"),
    ((lambda w, g, *, r=True: w - r * g,), {"name": "f"}, TypeError, "r: expected a number as def"),
    ((lambda w, g, *, r=np.nan: w - r * g,), {"name": "f"}, ValueError, "r: expected finite"),
    ((lambda w, g, *, r=0.1, q=1.0: w - r * g,), {"name": "f"}, ValueError,
     "q: expected a number that the step of f uses, got one without effect"),
    ((lambda w, g, *, step=1, r=0.1: w - r * step * g,), {"name": "f"}, TypeError,
     "step: expected no default, as it counts"),
    ((lambda w, g, *, setup=0.1: w - setup * g,), {"name": "f"}, ValueError,
     "f: expected other names of numbers, got setup"),
    ((lambda w, g, *, _r=0.1: w - _r * g,), {"name": "f"}, ValueError, "f: expected other names"),
    ((lambda w, g, v, *, r=0.1: w - r * g,), {"name": "f"}, TypeError,
     "f: expected as results new w, new v, got 1"),
    ((lambda w, g, *, r=0.1: (w - r * g, g),), {"name": "f"}, TypeError,
     "f: expected as results new w, got 2"),
    ((lambda w, g, v, *, step, r=0.1: w - r * g * step,), {"name": "f"}, TypeError,
     "f: expected as results new w, new v, got 1"),
    ((lambda w, g, v="q", *, r=0.1: (w - r * g, v),), {"name": "f"}, ValueError,
     "v: expected as start a number, or the name of one of r, got 'q'"),
    ((lambda w, g, v=np.inf, *, r=0.1: (w - r * g, v),), {"name": "f"}, TypeError,
     "v: expected as start a finite number"),
    ((lambda w, g, v=None, *, r=0.1: (w - r * g, v),), {"name": "f"}, TypeError,
     "v: expected as start a finite number, or the name of a number, got None"),
    ((lambda w, g, *, r=0.1: w - r * max(g, 0.0),), {"name": "f"}, TypeError,
     r"f: expected a formula .* got one that fails: .* write select\(x > 0.0"),
    ((lambda w, g, *, r=0.1: w - r * g**2,), {"name": "f"}, TypeError, r"f: .* write x \* x"),
    ((lambda w, g, *, r=0.1: w - r * np.sqrt(g),), {"name": "f"}, TypeError, "f: .*fastnn.extend"),
    ((lambda w, g, *, r=0.1: g > r,), {"name": "f"}, TypeError, "f: .* got a comparison"),
    ((lambda w, g, *, r=0.1: None,), {"name": "f"}, TypeError, "f: expected a formula .* got None"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "options", "error", "message"), BAD, ids=range(len(BAD)))
def test_functions_that_are_none(arguments, options, error, message):
    before = list(OPTIMIZERS)
    with pytest.raises(error, match=message):
        optimizer(*arguments, **options)
    assert before == OPTIMIZERS


def changed_class(**changed):
    """A class that is none, made of one that is."""
    return type("Changed", (ByHand,), changed)


def test_classes_that_are_none():
    def raises(self, *_):
        raise RuntimeError("no")

    def empty(self, net, samples):
        return pieces.Setup({}, scaled_by_hand)

    def no_piece(self, net, samples):
        return pieces.Setup({"rate": 1.0}, raises)

    base = pieces.Optimizer
    no_step = changed_class(numpy_step=base.numpy_step)
    cases = [
        (3, TypeError, r"kind: expected a class that inherits .*, got 3"),
        (fastnn.Uniform, TypeError, r"kind: expected a class that inherits"),
        (ByHand(), TypeError, r"kind: expected a class .* got ByHand\("),
        (base, TypeError, r"Optimizer: expected a dataclass with frozen=True"),
        (ByHand, ValueError, r"ByHand: expected a new name"),
        (fastnn.Adam, ValueError, r"Adam: expected a new name"),
        (type("rprop", (ByHand,), {}), ValueError, r"rprop: expected a new name"),
        (type("Huber", (ByHand,), {}), ValueError, r"Huber: expected a new name"),
        (changed_class(setup=base.setup), TypeError, r"expected a method setup, got none"),
        (no_step, TypeError, r"expected a method numpy_step or numpy_search, got none"),
        (changed_class(__init__=raises), TypeError, r"Changed\(\) to make a setup, got no"),
        (changed_class(setup=raises), TypeError, r"Changed\(\) to make a setup, got no"),
        (changed_class(setup=lambda *_: 3), TypeError, r"setup: expected a Setup whose"),
        (changed_class(setup=no_piece), TypeError, r"setup: expected a Setup whose"),
        (changed_class(setup=empty), ValueError, r"setup: expected at least one hyper"),
    ]
    before = list(OPTIMIZERS)
    add_optimizer(ByHand)
    for kind, error, message in cases:
        with pytest.raises(error, match=message):
            add_optimizer(kind)
    remove(ByHand)
    assert before == OPTIMIZERS


@given(st.lists(st.sets(st.integers(0, 5)), min_size=1, max_size=4))
def test_memory_is_common_unless_a_weight_or_gradient_reaches_it(uses):
    """`uses` of each kind of memory: 0 is the weight, 1 the gradient, others are memory."""
    names = ["w", "g", *(f"m{i}" for i in range(len(uses)))]
    uses = [{place for place in sources if place < len(names)} for sources in uses]

    def step(*values, rate):
        return (values[0] - rate, *(sum((values[i] for i in one), rate) for one in uses))

    places = [Parameter(name, Parameter.POSITIONAL_ONLY) for name in names]
    step.__signature__ = Signature([*places, Parameter("rate", Parameter.KEYWORD_ONLY)])
    reached = {0, 1}
    for _ in uses:
        reached |= {place for place, one in enumerate(uses, start=2) if one & reached}
    made = record_step("step", step, ["rate"])
    assert set(made.own) == {names[place] for place in reached - {0, 1}}
    assert set(made.common) == set(names[2:]) - set(made.own)
    assert step_of_data(json.loads(json.dumps(made.data))).data == made.data
