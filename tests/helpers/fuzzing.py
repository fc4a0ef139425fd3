"""Random arguments of `train` and `train_many`: run by `test_fuzz` in its own process.

Each combination must end in a correct result, or in a documented exception.
"""

import faulthandler
import sys
import tempfile
import warnings

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

import fastnn
from fastnn import optimizers
from fastnn.rules import RULES
from fastnn.spec import activations, losses
from fastnn.starts import INITIALIZATIONS

DOCUMENTED = (ValueError, TypeError)
"""Nothing here is interrupted, or has workers that die or files that are damaged."""

junk = st.sampled_from(
    [None, -1, 0, 1.5, np.nan, np.inf, "x", b"x", [], {}, (), object(), True, 10**30, 1e300,
     np.zeros(3), np.zeros((2, 2)), np.array("x"), [[1], [2, 3]], 1j]
)  # fmt: skip


def or_junk(strategy):
    """Values of `strategy`, and now and then an invalid one."""
    return st.integers(0, 99).flatmap(lambda n: junk if n == 57 else strategy)


numbers = st.one_of(
    st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0, 2.0, 1e-300, 1e-8, 1e8, 1e150, 1e300, -1.0]),
    st.floats(0, 1),
    st.floats(allow_nan=True, allow_infinity=True),
)


COUNTS = ("epochs", "last", "patience", "every", "growth", "folds", "memory", "history")


def made(kinds):
    """Objects of one of the classes, with random arguments; with the defaults if these fail."""

    @st.composite
    def make(draw):
        kind = draw(st.sampled_from(kinds))
        names = [name for name in kind.__dataclass_fields__ if draw(st.integers(0, 4)) == 0]
        fields = {}
        for name in names:
            value = numbers
            if name in ("nesterov", "penalize_biases", "arctanh_error", "at_end"):
                value = st.booleans()
            elif name in COUNTS:
                value = st.integers(0, 12)
            elif name in ("schedule", "then"):
                value = made(optimizers.schedules.SCHEDULES)
            elif name == "variant":
                value = st.sampled_from(["plus", "minus", "iplus", "iminus", "rprop+", "x"])
            fields[name] = draw(or_junk(st.one_of(value, st.just(np.linspace(0, 1, 5)))))
        try:
            return kind(**fields)
        except DOCUMENTED:
            try:
                return kind()
            except TypeError:
                return kind(draw(st.sampled_from([0.1, 0.5])))

    return make()


networks = st.builds(
    lambda hidden, n_out, names, last, bias: (hidden, n_out, names, last, bias),
    st.lists(st.integers(1, 5), max_size=2),
    st.integers(1, 3),
    st.sampled_from(activations.NAMES[:-1]),
    st.sampled_from(activations.NAMES),
    st.booleans(),
)


@st.composite
def calls(draw):
    """A function and its arguments."""
    hidden, n_out, name, last, bias = draw(networks)
    n_in, samples = draw(st.integers(1, 3)), draw(st.integers(1, 9))
    net = fastnn.Network([n_in, *hidden, n_out], activation=[name] * len(hidden) + [last],
                         bias=bias)  # fmt: skip
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    X = rng.normal(size=(samples, n_in)) * draw(st.sampled_from([1, 1, 1, 1e3, 1e200]))
    y = rng.random((samples, n_out)) * draw(st.sampled_from([1, 1, 1, 1e3]))
    if last == "softmax":
        y /= y.sum(axis=1, keepdims=True)
    many = draw(st.booleans())
    restarts = draw(st.sampled_from([1, 2, 5, 9, 70]))
    p = net.n_parameters
    weights = st.sampled_from([
        rng.random(samples), rng.random((restarts, samples)), fastnn.Bootstrap(), fastnn.KFold(3),
    ])  # fmt: skip
    inits = st.one_of(
        made(INITIALIZATIONS),
        st.sampled_from([rng.normal(size=p), rng.normal(size=(restarts, p)), np.full(p, 1e200)]),
    )
    optional = {
        "optimizer": made(optimizers.OPTIMIZERS),
        "loss": st.one_of(made(losses.LOSSES), st.sampled_from(list(losses.BY_NAME))),
        "epochs": st.integers(0, 15),
        "target_sse": st.sampled_from([1e-300, 0.01, 0.5, 2.0, 1e9]),
        "stop": st.one_of(made(RULES), st.lists(made(RULES), max_size=3)),
        "validation": st.just((X[:2], y[:2])),
        "batch_size": st.integers(1, 10),
        "shuffle": st.booleans(),
        "sample_weight": weights,
        "seed": st.integers(0, 2**64 - 1),
        "init": inits,
        "dtype": st.sampled_from([np.float64, np.float32, "float32"]),
        "parallel": st.sampled_from(["restarts", "samples"]),
        "threads": st.integers(1, 3),
    }
    if many:
        optional |= {
            "first": st.integers(0, 2**62),
            "keep": st.sampled_from(
                ["all", "parameters", "outcomes", "statistics", fastnn.Best(3), ["loss"],
                 ["state", "epochs"]]
            ),
            "chunk": st.integers(1, 80),
            "progress": st.just(False),
            "grid": st.just(fastnn.Grid(learning_rate=[0.1, 0.5, 1e300], restarts_per_cell=3)),
            "time_limit": st.just(1e3),
            "out": st.just(True),
            "resume": st.booleans(),
        }  # fmt: skip
    else:
        optional |= {"restart": st.integers(0, 2**62), "history": st.sampled_from([True, False, 3])}
    arguments = {"epochs": 10}
    for key, strategy in optional.items():
        if draw(st.integers(0, 3)) == 0:
            arguments[key] = draw(or_junk(strategy))
    if many:
        arguments["restarts"] = draw(or_junk(st.just(restarts)))
    if draw(st.integers(0, 9)):
        fit(arguments, last, (X[:2], y[:2]))
    X, y, net = draw(or_junk(st.just(X))), draw(or_junk(st.just(y))), draw(or_junk(st.just(net)))
    return many, net, X, y, arguments


def fit(arguments, last, validation):
    """Add other arguments that the arguments need, so that fewer calls are refused."""
    rules = arguments.get("stop", [])
    rules = rules if isinstance(rules, list) else [rules]
    if any(isinstance(rule, fastnn.Validation) for rule in rules):
        arguments["validation"] = validation
    elif "validation" in arguments:
        arguments["stop"] = fastnn.Validation(3)
    if arguments.get("shuffle"):
        arguments.setdefault("batch_size", 2)
    if arguments.get("resume"):
        arguments["out"] = True
    if last == "softmax":
        arguments["loss"] = "cross_entropy"
    elif isinstance(arguments.get("loss"), fastnn.CrossEntropy | str):
        arguments["loss"] = "huber"
    if "grid" in arguments:
        arguments["first"] = 0
        arguments["restarts"] = 7
        arguments["optimizer"] = fastnn.GradientDescent(momentum=0.5)


def same(one, other):
    """Return whether two arrays have the same bits."""
    return np.asarray(one).tobytes() == np.asarray(other).tobytes()


def check_run(run, net, X, y, arguments):
    """Check that a run's numbers are consistent, by textbook NumPy."""
    assert run.parameters.shape == (net.n_parameters,)
    with np.errstate(over="ignore"):
        largest = np.abs(run.parameters).max() * max(1.0, np.abs(run.job.X).max())
    if not largest < 1e4:  # rounding, and the sine of large numbers
        return
    if any(isinstance(rule, fastnn.Validation) for rule in run.job.rules):
        return  # the parameters are the best, their loss is not the last
    names = ("loss", "sample_weight", "dtype", "seed")
    options = {name: arguments[name] for name in names if name in arguments}
    weights = options.get("sample_weight")
    if isinstance(weights, np.ndarray) and weights.ndim == 2:
        options["sample_weight"] = run.job.weighting[0]
    with np.errstate(all="ignore"):
        again = fastnn.reference.train(
            net, X, y, init=run.parameters, epochs=0, restart=run.restart, **options
        )
    tolerance = 1e-9 if run.parameters.dtype == np.float64 else 1e-3
    if np.isfinite(run.loss) and np.isfinite(again.loss):
        np.testing.assert_allclose(run.loss, again.loss, rtol=tolerance, atol=tolerance)


def check(call):
    """Make a call; returns whether it was refused."""
    many, net, X, y, arguments = call
    with tempfile.TemporaryDirectory() as folder:
        if arguments.get("out") is True:
            arguments = arguments | {"out": folder}
        try:
            function = fastnn.train_many if many else fastnn.train
            result = function(net, X, y, **arguments)
        except DOCUMENTED as error:
            if isinstance(error, fastnn.DamagedFile) or not str(error):
                raise
            return True
        if not many:
            check_run(result, net, X, y, arguments)
            return False
        if isinstance(result, fastnn.StoredRuns):
            statistics = result.statistics
            assert result.complete
            assert statistics.restarts == len(result)
            kept = result.keep.best or result.keep.rows
            result = result.load() if kept else statistics
        if isinstance(result, fastnn.Statistics):
            str(result)
            return False
        assert (result.status != fastnn.Status.NOT_RUN).all()
        if len(result):
            str(result.summary())
            row = len(result) // 2
            run = result.restart(int(result.indices[row]))
            for name, values in result.columns.items():
                if name != "status":
                    assert same(getattr(run, name), values[row].astype(
                        np.asarray(getattr(run, name)).dtype)), name  # fmt: skip
            if "sample_weight" not in arguments:
                check_run(run, net, X, y, arguments)
    return False


def main(examples, random_seed):
    """Check a number of calls; prints how many were refused."""
    faulthandler.enable()
    warnings.simplefilter("error")
    warnings.simplefilter("ignore", fastnn.TrainingWarning)  # targets are random
    refused = []

    @seed(random_seed)
    @settings(
        max_examples=examples, deadline=None, database=None, print_blob=True,
        phases=[Phase.generate, Phase.shrink], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(calls())
    def check_all(call):
        refused.append(check(call))

    check_all()
    print(f"{len(refused)} calls, {sum(refused)} of them refused")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
